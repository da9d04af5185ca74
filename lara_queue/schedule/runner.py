"""Leading, pushing and noting, as plans over the cache and a way to push.

For each tick the order is: claim it in the cache (``add``), push the job, mark the tick as done, note it as the
entry's last one. A process may die between any two of these:

* before the push: the claim runs out after ``claim_for`` seconds and whoever leads then pushes, late but once;
* between the push and its mark: the claim runs out, too, and the tick is pushed a second time, as jobs are anyway
  when a worker dies; both carry the same ``scheduledFor``;
* after the mark: whoever leads next finds it, and only notes what is missing.

No tick is lost, and none is pushed twice by two processes that both live.
"""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final

from lara_queue.clock import Clock, new_id
from lara_queue.errors import ConfigurationError, InvalidPayload, StoreError
from lara_queue.plans import Plan
from lara_queue.ports import Cache
from lara_queue.schedule.entries import Entry
from lara_queue.schedule.keys import DONE, LEADER, note_key, tick_key
from lara_queue.schedule.ticks import next_ticks

__all__ = ["SCHEDULED_FOR", "Round", "Scheduler"]

logger = logging.getLogger("lara_queue")

SCHEDULED_FOR: Final = "scheduledFor"
"""The payload key that tells a handler which tick its job is for, a Unix time: ``job.payload["scheduledFor"]``."""

ONE_DAY: Final = 86400.0
NOTED_FOR: Final = 400 * ONE_DAY  # longer than a year, the longest usual way from tick to tick

Push = Callable[[Any, Any, Any], Plan[str]]
"""``Producer.push``: from name, data and options to the uuid."""


@dataclass(frozen=True, slots=True)
class Round:
    """What one look at the schedule came to.

    Attributes:
        leading: this process is the one that pushes.
        pushed: the uuids of the jobs that were pushed.
        next_at: Unix time at which to look again.
    """

    leading: bool
    pushed: tuple[str, ...]
    next_at: float


class Scheduler:
    """The schedule of one queue object.

    Parameters:
        cache: Laravel's cache, the same for every process that carries the schedule.
        queue: the queue's name.
        push: pushes a job.
        clock: tells the Unix time in seconds.
        owner: this process's name, unlike any other's.
        lead_for: seconds after which the lock of a leader that has died is free.
        claim_for: seconds after which a tick that was claimed and not pushed is free.
        grace: seconds for which a tick counts as on time; longer than ``lead_for`` and ``claim_for`` one after the
            other take, so that a leader's death does not make its tick a missed one.
    """

    def __init__(
        self,
        cache: Cache | None,
        queue: str,
        push: Push,
        clock: Clock,
        *,
        owner: str | None = None,
        lead_for: float = 30,
        claim_for: float = 30,
        grace: float = 90,
    ) -> None:
        self.cache = cache
        self.queue = queue
        self.push = push
        self.clock = clock
        self._owner = owner or f"owner-{new_id(16)}"
        self.lead_for = lead_for
        self.claim_for = claim_for
        self.grace = grace
        self.entries: dict[str, Entry] = {}
        self.lock_name = LEADER + queue

    @property
    def owner(self) -> str:
        """This process's name; one that was forked off has another."""
        return f"{self._owner}-{os.getpid()}"

    def add(self, entry: Entry) -> None:
        """Carry one entry more.

        Raises :class:`~lara_queue.errors.ConfigurationError` when there is no cache, or an entry of that key already.
        """
        self._need_cache()
        if entry.key in self.entries:
            raise ConfigurationError(
                f"{entry.cron.text!r} is scheduled for this job and queue already; give cron(key=…) to tell them apart."
            )
        self.entries[entry.key] = entry
        # Those who carry the same entries elect one leader. Another program on this queue, or the next release of this
        # one, carries others: it leads for itself, and what both carry the notes of the ticks keep apart.
        same = hashlib.sha256("\n".join(sorted(self.entries)).encode()).hexdigest()[:16]
        self.lock_name = f"{LEADER}{self.queue}:{same}"

    def round(self) -> Plan[Round]:
        """What one look came to: leads if nobody else does, and then pushes what is due.

        An entry whose job cannot be pushed is logged and passed over. Raises
        :class:`~lara_queue.errors.StoreError` when a store fails; what was not pushed is then still due.
        """
        if not self.entries:
            return Round(False, (), self.clock() + self.lead_for)
        if not (yield from self._lead()):
            return Round(False, (), self.clock() + self.lead_for / 3)
        entries = list(self.entries.values())
        notes = yield from self._need_cache().get_many([note_key(entry.key) for entry in entries])
        pushed: list[str] = []
        more = False
        for entry, note in zip(entries, notes, strict=True):
            more |= yield from self._entry(entry, note, pushed)
        return Round(True, tuple(pushed), self._next_at(entries, more))

    def once(self) -> Plan[list[str]]:
        """The uuids of everything that was due, for a process that looks in and leaves; nobody waits for its lead."""
        pushed: list[str] = []
        while True:
            done = yield from self.round()
            pushed += done.pushed
            if not done.pushed:
                break
        yield from self.resign()
        return pushed

    def resign(self) -> Plan[None]:
        """Let another lead at once, instead of after ``lead_for`` seconds."""
        if self.cache is not None and self.entries:
            yield from self.cache.unlock(self.lock_name, self.owner)

    def _lead(self) -> Plan[bool]:
        """True while this process is the one that pushes."""
        cache, name = self._need_cache(), self.lock_name
        if (yield from cache.refresh_lock(name, self.owner, self.lead_for)):
            return True
        return (yield from cache.lock(name, self.owner, self.lead_for))

    def _entry(self, entry: Entry, note: Any, pushed: list[str]) -> Plan[bool]:
        """True when some of it is due and still to be pushed."""
        cache, now = self._need_cache(), self.clock()
        if not isinstance(note, int):
            yield from cache.add(note_key(entry.key), int(now), NOTED_FOR)  # from now on its ticks count
            return False
        due = next_ticks(entry.cron, note, now, entry.missed, grace=self.grace)
        for tick in due.ticks:
            if not (yield from self._tick(entry, tick, pushed)):
                return True
            yield from cache.put(note_key(entry.key), tick, NOTED_FOR)
            if self.clock() - now > self.lead_for / 3:
                if not (yield from self._lead()):
                    return True
                now = self.clock()
        return due.more

    def _tick(self, entry: Entry, tick: int, pushed: list[str]) -> Plan[bool]:
        """True when the tick has been pushed, by this process or another; False while somebody else is about to."""
        cache, key = self._need_cache(), tick_key(entry.key, tick)
        if not (yield from cache.add(key, self.owner, self.claim_for)):
            return bool((yield from cache.get(key)) == DONE)
        headers = {**(entry.options.get("headers") or {}), SCHEDULED_FOR: tick}
        try:
            uuid = yield from self.push(entry.name, entry.data, {**entry.options, "headers": headers})
            if uuid:  # a unique job that waits already is not pushed again
                pushed.append(uuid)
        except StoreError:
            yield from cache.forget(key)
            raise
        except InvalidPayload as error:
            logger.error("The scheduled job %s of %r cannot be pushed: %s", entry.name, entry.cron.text, error)
        yield from cache.put(key, DONE, ONE_DAY)
        return True

    def _next_at(self, entries: Iterable[Entry], more: bool) -> float:
        now = self.clock()
        if more:
            return now + 1
        ticks = [tick for entry in entries if (tick := entry.cron.next_after(now)) is not None]
        return min([now + self.lead_for / 3, *ticks])

    def _need_cache(self) -> Cache:
        if self.cache is None:
            raise ConfigurationError(
                "A schedule keeps who leads and what was pushed in Laravel's cache; give Queue(cache=…)."
            )
        return self.cache
