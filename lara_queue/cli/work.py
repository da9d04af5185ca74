"""``work``: run a worker, or several under a supervisor.

The queue object with its handlers comes from the user's code. What is not given on the command line is not passed to
``listen()`` either, so that its defaults, which are artisan's, and the queue's own settings hold.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import sys
from collections.abc import Callable
from typing import Any

import click

from lara_queue.cli.locate import locate
from lara_queue.cli.metrics import HIGHEST_PORT, check_ports, serve_metrics
from lara_queue.cli.options import general_options
from lara_queue.cli.output import safe, wants_colour
from lara_queue.cli.program import leave_now, state
from lara_queue.cli.progress import Progress
from lara_queue.cli.push import seconds_list
from lara_queue.cli.session import Session
from lara_queue.events import WorkerLooping
from lara_queue.lifecycle.stop import StopReason, exit_code_of
from lara_queue.logs import JobFilter, JsonFormatter, log_jobs
from lara_queue.options import WorkerOptions
from lara_queue.worker.child import Parent
from lara_queue.worker.reload import Watcher
from lara_queue.worker.supervisor import Supervisor

__all__ = ["work"]

logger = logging.getLogger("lara_queue")
SECONDS = click.FloatRange(min=0)
COUNT = click.IntRange(min=0)
PASSED_ON = (
    *("name", "queue", "tries", "backoff", "timeout", "sleep", "rest", "max_jobs", "max_time", "memory"),
    *("stop_when_empty", "stop_when_empty_for", "once", "force", "health_file", "shutdown_timeout", "unhandled"),
)


@click.command()
@click.argument("target", metavar="MODULE[:ATTR]")
@click.option(
    "--queue", metavar="NAMES", help="Comma list of queues, in order of priority.  [default: the queue object's]"
)
@click.option("--name", help="The worker's name, for the strategy of pop_using().  [default: default]")
@click.option(
    "--concurrency", type=click.IntRange(min=1), help="Jobs at once: threads of a Queue, tasks of an AsyncQueue."
)
@click.option("--processes", type=click.IntRange(min=1), default=1, help="Worker processes under a supervisor.")
@click.option("--tries", type=COUNT, help="Attempts at a job that does not say; 0 for no limit.  [default: 1]")
@click.option("--backoff", callback=seconds_list, help="Seconds before a retry, or a comma list.  [default: 0]")
@click.option("--timeout", type=SECONDS, help="Seconds a job may run; 0 for no limit.  [default: 60]")
@click.option("--sleep", type=SECONDS, help="Seconds to wait when there is no job.  [default: 3]")
@click.option("--rest", type=SECONDS, help="Seconds to rest after each job.  [default: 0]")
@click.option("--max-jobs", type=COUNT, help="Stop after so many jobs (each process); 0 for no limit.")
@click.option("--max-time", type=SECONDS, help="Stop after so many seconds; 0 for no limit.")
@click.option("--memory", type=SECONDS, help="Stop with exit code 12 at so many MiB; 0 for no limit.  [default: 128]")
@click.option("--stop-when-empty", is_flag=True, help="Stop when there is no job.")
@click.option("--stop-when-empty-for", type=SECONDS, metavar="SECONDS", help="Stop when there was no job for so long.")
@click.option("--once", is_flag=True, help="Take one job and stop.")
@click.option("--force", is_flag=True, help="Run in maintenance mode, too.")
@click.option("--reload", is_flag=True, help="Restart when a .py file below the current directory changes.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON line for each event, as artisan does.")
@click.option(
    "--log-json", is_flag=True, help="Log to stderr in JSON, a line for each job too, instead of lines for people."
)
@click.option("-q", "--quiet", is_flag=True, help="Print nothing about jobs.")
@click.option(
    "--health-file",
    type=click.Path(dir_okay=False),
    help="Touched while the loop turns, for liveness probes; with --processes the others touch FILE.2, FILE.3, ...",
)
@click.option("--shutdown-timeout", type=SECONDS, help="Seconds that jobs in hand get after TERM.  [default: no limit]")
@click.option("--unhandled", type=click.Choice(["release", "fail"]), help="A job nobody handles.  [default: release]")
@click.option("--no-leases", is_flag=True, help="Do not renew the reservation of a job that runs long.")
@click.option(
    "--metrics-port",
    type=click.IntRange(1, HIGHEST_PORT),
    help="Serve /metrics and /health on it; of --processes N, on N ports from it on.",
)
@click.option("--connection", metavar="URL", help="Sets LARA_QUEUE_URL for the module to read.")
@general_options
def work(
    target: str,
    processes: int,
    reload: bool,
    connection: str | None,
    **given: Any,
) -> int:
    """Run the jobs of the queue object ATTR (default: queue) in MODULE, which is looked for in the current directory.

    ATTR is a Queue or an AsyncQueue, or a function without arguments that makes one. TERM, INT or QUIT lets the jobs in
    hand finish and ends with exit code 0; a second one leaves at once, and the unfinished jobs go back to the queue
    unharmed. USR2 pauses, CONT resumes. With --processes a child that dies is replaced.

    \b
    Example:
        lara-queue work app:queue --queue high,default --tries 3 --backoff 1,5,30
        lara-queue work app:queue --processes 4 --concurrency 10 --json
        lara-queue work app:queue --reload -v
    """
    if connection is not None:
        os.environ["LARA_QUEUE_URL"] = connection
    check_ports(given["metrics_port"], processes)
    parent = Parent.of()
    if parent is None and (processes > 1 or reload):
        _log(given["log_json"])
        command = (sys.executable, "-m", "lara_queue", *state.arguments)
        watcher = Watcher(os.getcwd()) if reload else None
        timeout = given["shutdown_timeout"]
        return Supervisor(command, processes, shutdown_timeout=timeout, watcher=watcher, say=logger.warning).run()
    with Session(lambda: locate(target), target, loop_factory=_fast_loop()) as session:
        _log(given["log_json"])
        reason, code = _work(session, parent, **given)
        if parent is not None:
            parent.stopped(reason.value)
        if reason is StopReason.INTERRUPTED and state.own_process:
            # Closing would wait for handlers that are stuck in threads; the worker has given their jobs back.
            leave_now(code)
    return code


def _work(
    session: Session,
    parent: Parent | None,
    *,
    concurrency: int | None,
    as_json: bool,
    log_json: bool,
    quiet: bool,
    no_leases: bool,
    metrics_port: int | None,
    **given: Any,
) -> tuple[StopReason, int]:
    """Why the worker stopped, and its exit code."""
    queue = session.queue
    options = {name: given[name] for name in PASSED_ON if given[name] is not None and given[name] is not False}
    if no_leases:
        options["keep_leases"] = False
    if concurrency is not None:
        queue.max_concurrent_jobs = concurrency
    queues = options.get("queue", queue.queue)
    session.do(queue.driver.ping())  # a server that is not there is told now; one that goes away is waited for
    if metrics_port is not None:
        serve_metrics(queue, metrics_port + (parent.index if parent is not None else 0), queues.split(","))
    if parent is not None:
        child = parent
        queue.emitter.once(WorkerLooping.name, lambda _event: child.ready())
    with contextlib.ExitStack() as listening:
        if log_json and not quiet:
            listening.enter_context(log_jobs(queue.emitter))
        if not quiet and (as_json or not log_json):
            listening.enter_context(Progress(queue, as_json=as_json, queues=queues))
            if not as_json and (parent is None or parent.index == 0):
                _introduce(queues)
        reason = session.ask(queue.listen(**options))
    return reason, exit_code_of(reason, WorkerOptions.of(options))


def _introduce(queues: str) -> None:
    plural = "s" if "," in queues else ""
    badge = click.style(" INFO ", bg="blue", fg="white") if wants_colour() else "INFO"
    click.echo(f"\n  {badge} Processing jobs from the [{safe(queues)}] queue{plural}.\n")


def _log(as_json: bool) -> None:
    """Log to stderr, unless the user's module has set up logging itself; in JSON, where asked for, all the same."""
    root = logging.getLogger()
    if not root.handlers:
        logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s: %(message)s", level=logging.WARNING)
    if as_json:
        for handler in root.handlers:
            handler.setFormatter(JsonFormatter())
            handler.addFilter(JobFilter())  # lines that handlers write say which job they are about
        logger.setLevel(logging.INFO)
    if state.verbosity:
        logger.setLevel(logging.INFO if state.verbosity == 1 else logging.DEBUG)


def _fast_loop() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """uvloop's loop where it is installed (the ``uvloop`` extra)."""
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop
