"""Where the options of payload, handler and worker meet: payload over handler over worker.

Mirrors ``Worker::timeoutForJob`` and the ``maxTries`` and ``backoff`` look-ups of ``Worker::process``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from lara_queue.laravel.envelope import Envelope
from lara_queue.lifecycle.backoff import Backoff, RetryConfig, from_list, parse_backoff
from lara_queue.lifecycle.decide import Rules
from lara_queue.options import HandlerOptions, WorkerOptions

__all__ = ["RuleBook"]


class RuleBook:
    """Answers what holds for a job; built once for each run of a worker.

    Parameters:
        options: the worker's options.
        retry: LaraQueue 1.x's retry settings, when the queue was made with any: they then take the place of the
            worker's ``tries`` and ``backoff``, unless ``listen()`` was given those (``explicit``).
        explicit: names of the options that were given to ``listen()``.
    """

    def __init__(
        self, options: WorkerOptions, retry: RetryConfig | None = None, explicit: frozenset[str] = frozenset()
    ) -> None:
        self._tries = options.tries
        self._backoff: Backoff = from_list(parse_backoff(options.backoff))
        self._timeout = options.timeout
        self._retries: Callable[[BaseException], bool] | None = None
        if retry is not None:
            if "tries" not in explicit:
                self._tries = retry.max_retries + 1
            if "backoff" not in explicit:
                self._backoff = retry.calculate_delay
            if retry.retry_exceptions is not None:
                self._retries = retry.retries
        self._plain = Rules(self._tries, None, None, self._timeout, False, self._backoff, self._retries)

    def rules(self, envelope: Envelope, handler: HandlerOptions | None = None) -> Rules:
        """What holds for the job with this envelope, taken by a handler registered with those options."""
        if handler is None and envelope.says_nothing:
            return self._plain  # the common case costs no allocation
        given = handler or _NOTHING
        return Rules(
            max_tries=_first(self._tries, envelope.max_tries, given.tries),
            retry_until=envelope.retry_until,
            max_exceptions=_first(given.max_exceptions, envelope.max_exceptions),
            timeout=_first(self._timeout, envelope.timeout, given.timeout),
            fail_on_timeout=envelope.fail_on_timeout or bool(given.fail_on_timeout),
            backoff=self._backoff_of(envelope, given),
            retries=_only(given.retry_exceptions) if given.retry_exceptions is not None else self._retries,
        )

    def _backoff_of(self, envelope: Envelope, handler: HandlerOptions) -> Backoff:
        if envelope.backoff is not None:
            return from_list(envelope.backoff)
        if handler.backoff is None:
            return self._backoff
        if callable(handler.backoff):
            return handler.backoff
        return from_list(parse_backoff(handler.backoff))


T = TypeVar("T")
_NOTHING = HandlerOptions()


def _first(default: T, *values: T | None) -> T:
    """The first value that is not None, else the default."""
    for value in values:
        if value is not None:
            return value
    return default


def _only(kinds: Sequence[type[BaseException]]) -> Callable[[BaseException], bool]:
    wanted = tuple(kinds)
    return lambda error: isinstance(error, wanted)
