"""Chains and batches, with no server: jobs that follow each other, jobs that are counted together.

Run it as ``python examples/chains_and_batches.py``. With ``batches="sqlite:///…"``, Laravel's table ``job_batches``,
and the application's ``app_key`` the same chains and batches run on PHP's workers, too.
"""

from __future__ import annotations

from lara_queue import Job, Queue
from lara_queue.middleware import SkipIfBatchCancelled

queue = Queue("memory://", queue="python", batches="memory://", app_key="base64:" + "a" * 43 + "=")


@queue.handler(middleware=[SkipIfBatchCancelled()])
def handle(job: Job) -> None:
    """Any job: say what it is, and fail where a broken picture comes by."""
    print(" ", job.name.rpartition("\\")[2], job.data)
    if job.data.get("broken"):
        raise ValueError("not a picture")


def show(title: str) -> None:
    """Run what is waiting."""
    print(title)
    queue.listen(stop_when_empty=True, sleep=0)


def main() -> None:
    """Three chains and two batches."""
    order = {"order": 7}
    queue.chain([("App\\Jobs\\Pack", order), ("App\\Jobs\\Ship", order), ("App\\Jobs\\Thank", order)]).dispatch()
    show("a chain:")

    broken = ("App\\Jobs\\Resize", {"broken": True})
    queue.chain([broken, "App\\Jobs\\Publish"]).catch(("App\\Jobs\\TellSomebody", {"about": "pictures"})).dispatch()
    show("a chain that breaks:")

    pictures = [("App\\Jobs\\Resize", {"picture": number}) for number in range(3)]
    batch = (
        queue.batch(pictures).name("thumbnails").then("App\\Jobs\\Publish").finally_("App\\Jobs\\CleanUp").dispatch()
    )
    show(f"a batch of {batch.total_jobs}:")
    print(" ", batch.fresh().progress(), "percent done")

    batch = queue.batch([broken, *pictures]).allow_failures().catch("App\\Jobs\\TellSomebody").dispatch()
    show("a batch that allows failures:")
    fresh = batch.fresh()
    print(f"  {fresh.processed_jobs} of {fresh.total_jobs} done, {fresh.failed_jobs} failed")

    release = queue.batch([["App\\Jobs\\Build", "App\\Jobs\\Sign"], "App\\Jobs\\WriteNotes"]).name("release")
    queue.chain(["App\\Jobs\\Tag", release, "App\\Jobs\\Announce"]).dispatch()
    show("a batch in a chain, with a chain in it:")


if __name__ == "__main__":
    import logging

    logging.getLogger("lara_queue").setLevel(logging.CRITICAL)  # it logs the failure with its traceback
    main()
