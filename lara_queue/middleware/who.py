"""Which class a lock's name has: the command's, or what its ``displayName()`` says."""

from __future__ import annotations

from lara_queue.job import Job

__all__ = ["class_of", "own_display_name"]


def class_of(job: Job) -> str:
    """The class of the job object; of a string job its name."""
    return job.envelope.command_name or job.name


def own_display_name(job: Job) -> str | None:
    """What the class's ``displayName()`` method says; None when it has none, so that the envelope shows the class."""
    name, command = job.name, job.envelope.command_name
    return name if command is not None and name != command else None
