"""The whole journey in a few seconds, with no server: what Laravel queued is run by Python, and a job goes back.

    python examples/first_run.py

The payloads in first_run.jsonl were written by real Laravel applications of five versions. The queue is the memory
driver; on Redis nothing below changes but the URL.
"""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape

from lara_queue import Job, Queue

PAYLOADS = Path(__file__).with_name("first_run.jsonl")

console = Console(highlight=False, soft_wrap=True)
queue = Queue("memory://", queue="python")
laravel_of: dict[str, str] = {}  # a job's uuid → the Laravel that wrote it
mail_server_answers = False


def show(job: Job, result: str = "[green]ran[/]") -> None:
    version = laravel_of.get(job.uuid or "", "?")
    console.print(f"[dim]Laravel {version:<8}[/] {result}  [bold]{escape(job.name)}[/] [dim]({job.kind})[/]")
    for name, value in job.data.items():
        console.print(f"    [cyan]{escape(name)}[/] = {escape(brief(value))}")


def brief(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 150 else text[:147] + "…"


def heading(text: str) -> None:
    console.print()
    console.print(f"[bold magenta]{text}[/]" if console.is_terminal else f"== {text}")


@queue.handler  # every job that has no handler of its own
def anything(job: Job) -> None:
    show(job)


@queue.handler("App\\Jobs\\ProcessPodcast", tries=3, backoff=0)
def process_podcast(job: Job) -> None:
    if job.attempts == 1:
        show(job, "[yellow]attempt 1 raises[/]")
        raise ConnectionError("the transcoder is restarting")
    show(job, f"[green]attempt {job.attempts} ran[/]")
    queue.push(
        "App\\Jobs\\PublishTranscript",
        {"podcastId": job.data["podcastId"], "text": "Liebe Hörerinnen und Hörer …"},
        queue="php",
        tries=3,
    )


@queue.handler("App\\Notifications\\InvoicePaid")
def invoice_paid(job: Job) -> None:
    if not mail_server_answers:
        raise TimeoutError("the mail server does not answer")
    show(job)


def main() -> None:
    global mail_server_answers
    logging.getLogger("lara_queue").setLevel(logging.CRITICAL)  # failures are shown below, without their tracebacks

    recorded = [json.loads(line) for line in PAYLOADS.read_text(encoding="utf-8").splitlines()]
    for each in recorded:
        laravel_of[json.loads(each["payload"])["uuid"]] = each["laravel"]
        queue.push_raw(each["payload"])
    heading(f"1. A worker takes {queue.size()} jobs that Laravel 8 to 13 queued")
    reason = queue.listen(stop_when_empty=True)
    console.print(f"[dim]the worker stopped: {reason}; jobs left: {queue.size()}[/]")

    heading("2. What failed is on record, as with artisan queue:failed")
    for failed in queue.failed.all():
        console.print(f"[red]failed[/] {escape(failed.exception.splitlines()[0])}")
    mail_server_answers = True
    console.print(f"and goes back with retry: {len(queue.failed.retry('all'))} job")
    queue.listen(stop_when_empty=True)

    heading("3. Python pushed a job that PHP runs; this is what waits in queue 'php'")
    for job in queue.pending_jobs("php"):
        console.print(f"[bold]{escape(job.name)}[/] tries={job.max_tries} uuid={job.uuid}")
        console.print(f"    {escape(job.payload['data']['command'])}")

    general = (queue.get_metrics() or {})["general"]
    heading("In short")
    attempts, retries = general["total_processed"], general["total_retries"]
    console.print(f"{attempts} attempts, {retries} retry, {queue.failed.count()} failed jobs left.")
    console.print("Next: a worker on your own Redis; the README has it in ten lines.")


if __name__ == "__main__":
    main()
