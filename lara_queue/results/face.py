"""What a queue object of either face has for results; the waiting itself is in the two faces."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, Literal

from lara_queue.clock import Clock
from lara_queue.emitter import AsyncEmitter, Emitter
from lara_queue.errors import ConfigurationError
from lara_queue.pause import pause_for
from lara_queue.plans import Plan
from lara_queue.ports import Cache
from lara_queue.producer import Producer
from lara_queue.registry import Registry
from lara_queue.results.notes import wait_for
from lara_queue.results.producing import NotingProducer
from lara_queue.results.recording import Recorder
from lara_queue.results.values import Result

__all__ = ["KeepsResults"]


class KeepsResults:
    """Switches results on, for the whole queue or for one handler."""

    face: ClassVar[Literal["sync", "async"]]
    clock: Clock
    registry: Registry
    emitter: Emitter | AsyncEmitter
    _cache: Cache | None
    _producer: Producer
    _results: Recorder

    def _start_results(self, seconds: float | None) -> None:
        """Keep the results of every job for so many seconds; None for those whose handlers ask for it."""
        self._results = Recorder(self._cache, seconds, self.face, self.clock)
        if seconds is None:
            return
        if self._cache is None or not seconds > 0:
            raise ConfigurationError(
                "results= is for how many seconds to keep them in Laravel's cache; give cache= too."
            )
        self._results.attach(self.registry, self.emitter)
        self._producer = NotingProducer.of(self._producer, self._results)

    def _keep_results(self, register: Callable[[Any], Any], seconds: float) -> Callable[[Any], Any]:
        """The decorator, for a handler whose results are kept for so many seconds."""

        def registered(function: Any) -> Any:
            self._results.keep(function, seconds)
            self._results.attach(self.registry, self.emitter)
            register(function)
            # What is called is the function inside its plain middleware, where it has any.
            self._results.keep(self.registry._handlers[function].function, seconds)
            return function

        return registered

    def _result(self, uuid: str, timeout: float | None) -> Plan[Result]:
        """What is known of a job, see ``Queue.result``."""
        return wait_for(self._cache, uuid, timeout, self.clock, pause_for(self.face))
