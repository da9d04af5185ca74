"""Everything that lara_queue raises, drawn first and then defined.

::

    LaraQueueError
    ├── ConfigurationError          the program was set up wrongly: a URL, an option, a missing extra
    │   ├── UnknownDriver           no store speaks this URL scheme
    │   ├── MissingExtra            a package is not installed; says which extra brings it
    │   └── HandlerError            a handler was registered wrongly
    ├── StoreError                  the queue's store answered badly
    │   ├── StoreUnreachable        the store could not be reached, or the connection broke
    │   └── ScriptMissing           the server does not know a script yet (drivers send it then)
    ├── PayloadError                a job's bytes cannot be understood (the job is buried with them)
    │   ├── PhpUnserializeError     bad PHP serialization; carries the byte position
    │   ├── DecryptError            an encrypted command cannot be opened with the keys at hand
    │   └── SignatureError          a closure's signature does not match the application key
    ├── InvalidPayload              a value cannot be pushed: not serializable, or not valid UTF-8
    │   └── PhpSerializeError       a Python value has no PHP form
    ├── JobError                    why one attempt at a job did not succeed (recorded with the failed job)
    │   ├── MaxAttemptsExceeded     attempted too many times; the handler was not run
    │   │   └── TimeoutExceeded     the job ran longer than its timeout, and that ended it
    │   ├── ManuallyFailed          the handler called ``job.fail()``
    │   ├── NoHandler               nobody has registered for this job
    │   └── JobTypeError            a typed handler's model does not fit the job's properties; never retried
    └── JobTimeout                  raised inside a handler whose time is up

    Interrupted (BaseException)     the worker is being stopped now: the job goes back without using an attempt

``Interrupted`` is not an ``Exception`` so that a handler's ``except Exception`` cannot swallow it.
"""

from __future__ import annotations

__all__ = [
    "ConfigurationError",
    "DecryptError",
    "HandlerError",
    "Interrupted",
    "InvalidPayload",
    "JobError",
    "JobTimeout",
    "JobTypeError",
    "LaraQueueError",
    "ManuallyFailed",
    "MaxAttemptsExceeded",
    "MissingExtra",
    "NoHandler",
    "PayloadError",
    "PhpSerializeError",
    "PhpUnserializeError",
    "ScriptMissing",
    "SignatureError",
    "StoreError",
    "StoreUnreachable",
    "TimeoutExceeded",
    "UnknownDriver",
]


class LaraQueueError(Exception):
    """The root: catch this to catch whatever lara_queue raises on purpose."""


class ConfigurationError(LaraQueueError):
    """The program was set up wrongly; the message says what to change."""


class UnknownDriver(ConfigurationError):
    """No store of lara_queue speaks the URL's scheme."""


class MissingExtra(ConfigurationError):
    """Something needs a package that is not installed; the message has the ``pip install`` line."""


class HandlerError(ConfigurationError):
    """A handler was registered in a way that could never work."""


class StoreError(LaraQueueError):
    """The store refused a command (wrong type of key, out of memory, no permission, …)."""


class StoreUnreachable(StoreError):
    """The store cannot be reached, or the connection broke before it answered."""


class ScriptMissing(StoreError):
    """The server does not know the script's digest; nothing was done. Drivers send the text then."""


class PayloadError(LaraQueueError):
    """A job's bytes cannot be understood. The worker buries such a job with its bytes intact."""


class PhpUnserializeError(PayloadError):
    """Bytes that PHP's ``unserialize()`` would refuse.

    ``position`` is the offset in bytes at which reading failed; ``reason`` says what was expected there.
    """

    def __init__(self, reason: str, position: int) -> None:
        super().__init__(f"not PHP serialization at byte {position}: {reason}")
        self.reason = reason
        self.position = position


class DecryptError(PayloadError):
    """An encrypted command cannot be opened. The message never contains the payload or a key."""


class SignatureError(PayloadError):
    """A serialized closure is unsigned or its signature does not match the application key."""


class InvalidPayload(LaraQueueError):
    """A job cannot be pushed as it is; nothing was stored. Mirrors ``InvalidPayloadException``."""


class PhpSerializeError(InvalidPayload):
    """A Python value has no PHP form."""


class JobError(LaraQueueError):
    """One attempt at a job did not succeed, for a reason the worker itself found."""


class MaxAttemptsExceeded(JobError):
    """The job has been attempted too many times. Mirrors ``MaxAttemptsExceededException``."""

    def __init__(self, name: str) -> None:
        super().__init__(f"{name} has been attempted too many times.")


class TimeoutExceeded(MaxAttemptsExceeded):
    """The job ran out of time and has no attempt left. Mirrors ``TimeoutExceededException``."""

    def __init__(self, name: str) -> None:
        JobError.__init__(self, f"{name} has timed out.")


class ManuallyFailed(JobError):
    """The handler called ``job.fail()``. Mirrors ``ManuallyFailedException``."""


class NoHandler(JobError):
    """Nobody has registered a handler for this job."""


class JobTypeError(JobError):
    """A typed handler's model does not fit the job. It will not fit next time either, so no retry."""


class JobTimeout(LaraQueueError):
    """Raised inside a handler whose time is up; catch it to clean up, then let it pass."""


class Interrupted(BaseException):
    """The worker is being stopped now. The job in hand goes back without using an attempt."""
