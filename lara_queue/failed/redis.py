"""LaraQueue's dead letter list: failed jobs as JSON in a Redis list, newest at the end, each uuid at most once.

The entry is what LaraQueue 1.x writes, with keys of ours in front and behind, so that its tools can read it and we
theirs::

    {"uuid": …, "original_job": {…}, "error": {"type", "message", "timestamp"}, "retry_count", "max_retries",
     "failed_at", "queue", "connection", "exception"}

``original_job`` is the payload's text, character for character, so that a retried job is the job that failed; a payload
that is not a JSON object has ``{}`` there and its base64 under ``raw``.

A set beside the list (``KEY:uuids``) remembers what is in it, so that recording again is one cheap step. It is a hint,
not the truth: LaraQueue deletes the list without knowing of the set, so a uuid found in the set is looked for in the
list before a record is left out. On a cluster the key must carry a hash tag, so that both are in one slot.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from typing import Any, Final

from lara_queue.failed.records import exception_text, json_object, unix_time
from lara_queue.plans import Call, Plan
from lara_queue.ports import FailedJob, Failure

__all__ = ["RedisFailedStore"]

PAGE: Final = 200
"""Entries read at once: a page of large payloads must not hold up Redis."""

_FIND = """
-- The newest entry with this id, or nil. ``own`` is how an entry of ours with this id begins, so most need no decoding.
local function find(list, id, own)
  local last = redis.call('LLEN', list) - 1
  while last >= 0 do
    local page = redis.call('LRANGE', list, math.max(0, last - 99), last)
    for i = #page, 1, -1 do
      local entry = page[i]
      if string.sub(entry, 1, #own) == own then return entry end
      if string.sub(entry, 1, 9) ~= '{"uuid": ' then  -- somebody else's
        if string.find(entry, id, 1, true) then
          local ok, value = pcall(cjson.decode, entry)
          if ok and type(value) == 'table' then
            local job = value['original_job']
            if value['uuid'] == id or (type(job) == 'table' and job['uuid'] == id) then return entry end
          end
        elseif #id == 40 and redis.sha1hex(entry) == id then
          return entry
        end
      end
    end
    last = last - 100
  end
end
"""

# KEYS: list, uuids. ARGV: uuid, own beginning, entry. Answers 1 when the uuid is new, 0 when its entry was replaced.
RECORD: Final = (
    _FIND
    + """
local new, entry = redis.call('SADD', KEYS[2], ARGV[1]), nil
if new == 0 then entry = find(KEYS[1], ARGV[1], ARGV[2]) end
while entry do
  redis.call('LREM', KEYS[1], -1, entry)
  entry = find(KEYS[1], ARGV[1], ARGV[2])
end
redis.call('RPUSH', KEYS[1], ARGV[3])
return new
"""
)

# KEYS: list, uuids. ARGV: uuid, own beginning. Answers the entry or nil.
FIND: Final = _FIND + "return find(KEYS[1], ARGV[1], ARGV[2])\n"

# KEYS: list, uuids. ARGV: uuid, own beginning. Answers how many were removed: all entries with the uuid.
FORGET: Final = (
    _FIND
    + """
local removed, entry = 0, find(KEYS[1], ARGV[1], ARGV[2])
while entry do
  removed = removed + redis.call('LREM', KEYS[1], -1, entry)
  entry = find(KEYS[1], ARGV[1], ARGV[2])
end
redis.call('SREM', KEYS[2], ARGV[1])
return removed
"""
)

# KEYS: list, uuids. ARGV: uuid, own beginning, entry. Answers how many such entries were removed.
REMOVE_ENTRY: Final = (
    _FIND
    + """
local removed = redis.call('LREM', KEYS[1], -1, ARGV[3])
if not find(KEYS[1], ARGV[1], ARGV[2]) then redis.call('SREM', KEYS[2], ARGV[1]) end
return removed
"""
)

# KEYS: list, uuids. ARGV: uuid, entry, uuid, entry, … Answers how many were removed.
REMOVE: Final = """
local removed = 0
for i = 1, #ARGV, 2 do
  removed = removed + redis.call('LREM', KEYS[1], 0, ARGV[i + 1])
  redis.call('SREM', KEYS[2], ARGV[i])
end
return removed
"""

# KEYS: list, uuids. Answers how many there were.
FLUSH: Final = """
local length = redis.call('LLEN', KEYS[1])
redis.call('DEL', KEYS[1], KEYS[2])
return length
"""


class RedisFailedStore:
    """A failed-job store in a Redis list.

    Parameters:
        link: the link to Redis.
        key: the list's whole key, prefix included, such as ``laravel_database_queues:default:failed``.

    A failure is recorded, and forgotten, in one atomic step.
    """

    name = "redis"

    def __init__(self, link: Any, key: str) -> None:
        self.link = link
        self.key = key
        self._keys = (key, f"{key}:uuids")

    def record(self, failure: Failure) -> Plan[None]:
        """Keep it, in place of any entry with its uuid."""
        yield self._script(RECORD, failure.uuid, _beginning(failure.uuid), entry_of(failure))

    def all(self, *, queue: str | None = None, limit: int | None = None) -> Plan[list[FailedJob]]:
        """The failures, newest first, LaraQueue's own included."""
        found: dict[str, FailedJob] = {}
        last = int((yield Call(self.link, "LLEN", (self.key,)))) - 1
        while last >= 0 and (limit is None or len(found) < limit):
            page = yield Call(self.link, "LRANGE", (self.key, max(0, last - PAGE + 1), last))
            for entry in reversed(page):
                job = failed_job_of(_bytes(entry))
                if queue is None or job.queue == queue:
                    found.setdefault(job.id, job)  # removals meanwhile may show an entry on two pages
            last -= PAGE
        return list(found.values())[:limit]

    def ids(self, *, queue: str | None = None) -> Plan[list[str]]:
        """The ids, newest first; a list can only be read whole."""
        return [job.id for job in (yield from self.all(queue=queue))]

    def find(self, id: str) -> Plan[FailedJob | None]:
        """The failure with that uuid, or None."""
        entry = yield self._script(FIND, id, _beginning(id))
        return None if entry is None else failed_job_of(_bytes(entry))

    def forget(self, id: str) -> Plan[bool]:
        """True when there was one and it is gone."""
        removed: int = yield self._script(FORGET, id, _beginning(id))
        return removed > 0

    def remove(self, failed: FailedJob) -> Plan[bool]:
        """True when that very entry was there and is gone."""
        removed: int = yield self._script(REMOVE_ENTRY, failed.id, _beginning(failed.id), failed.receipt)
        return removed > 0

    def flush(self, *, before: float | None = None) -> Plan[int]:
        """How many were deleted: all in one step, or, page by page, those that failed at or before that Unix time."""
        if before is not None:
            return (yield from self._remove(before, also_at=True))
        removed: int = yield self._script(FLUSH)
        return removed

    def prune(self, before: float) -> Plan[int]:
        """How many were deleted because they failed before that Unix time."""
        return (yield from self._remove(before, also_at=False))

    def count(self, *, queue: str | None = None) -> Plan[int]:
        """How many there are; of one queue only by reading them all."""
        if queue is not None:
            return len((yield from self.all(queue=queue)))
        return int((yield Call(self.link, "LLEN", (self.key,))))

    def _remove(self, before: float, *, also_at: bool) -> Plan[int]:
        removed, last = 0, int((yield Call(self.link, "LLEN", (self.key,)))) - 1
        while last >= 0:
            page = yield Call(self.link, "LRANGE", (self.key, max(0, last - PAGE + 1), last))
            old: list[str | bytes] = []
            for entry in page:
                job = failed_job_of(_bytes(entry))
                if job.failed_at < before or (also_at and job.failed_at == before):
                    old += (job.id, _bytes(entry))
            if old:
                removed += int((yield self._script(REMOVE, *old)))
            last -= PAGE
        return removed

    def _script(self, script: str, *args: str | bytes) -> Call:
        return Call(self.link, "EVAL", (script, len(self._keys), *self._keys, *args))


def _bytes(entry: bytes | str) -> bytes:
    """The entry as bytes, whatever ``decode_responses`` the client was made with."""
    return entry if isinstance(entry, bytes) else entry.encode("utf-8", "surrogateescape")


def _beginning(uuid: str) -> str:
    """How an entry of ours with this uuid begins."""
    return f'{{"uuid": {json.dumps(uuid)}, "original_job": '


def entry_of(failure: Failure) -> str:
    """The failure as an entry of the list."""
    exact = json_object(failure.payload) is not None and failure.payload[:1] == b"{" and failure.payload[-1:] == b"}"
    rest: dict[str, Any] = {
        "error": {"type": failure.error_type, "message": failure.error_message, "timestamp": failure.failed_at},
        "retry_count": max(0, failure.attempts - 1),
        "max_retries": None if failure.max_tries is None else max(0, failure.max_tries - 1),
        "failed_at": failure.failed_at,
        "queue": failure.queue,
        "connection": failure.connection,
        "exception": exception_text(failure),
    }
    if not exact:
        rest["raw"] = base64.b64encode(failure.payload).decode()
    payload = failure.payload.decode() if exact else "{}"
    return f"{_beginning(failure.uuid)}{payload}, {json.dumps(rest)[1:]}"


def failed_job_of(entry: bytes) -> FailedJob:
    """The failure in an entry of ours, of LaraQueue's, or in anything else that may be in the list.

    >>> failed_job_of(b'{"original_job": {"uuid": "a", "n": 1.0}, "error": {"type": "E", "message": "m"}}').payload
    b'{"uuid": "a", "n": 1.0}'
    """
    value = json_object(entry)
    if value is None or not isinstance(value.get("original_job"), dict):
        return FailedJob(_sha1(entry), None, "redis", "", entry, "", 0.0, entry)
    original = value["original_job"]
    uuid = value.get("uuid") or original.get("uuid")
    uuid = uuid if isinstance(uuid, str) else None
    told = value.get("error")
    error: dict[str, Any] = told if isinstance(told, dict) else {}
    exception = value.get("exception") or f"{error.get('type', '')}: {error.get('message', '')}"
    return FailedJob(
        id=uuid or _sha1(entry),
        uuid=uuid,
        connection=str(value.get("connection") or "redis"),
        queue=str(value.get("queue") or ""),
        payload=_payload(entry, value),
        exception=str(exception),
        failed_at=unix_time(value.get("failed_at")),
        receipt=entry,
    )


def _sha1(entry: bytes) -> str:
    return hashlib.sha1(entry, usedforsecurity=False).hexdigest()


def _payload(entry: bytes, value: dict[str, Any]) -> bytes:
    """The payload's own bytes: from ``raw``, or cut out of the entry, or rewritten if its keys are in another order."""
    if isinstance(value.get("raw"), str):
        try:
            return base64.b64decode(value["raw"], validate=True)
        except (ValueError, binascii.Error):
            pass  # not ours
    text = entry.decode()
    name = '"original_job": '
    start = text.find(name)
    if start in (1, len(_beginning(str(value.get("uuid")))) - len(name)):
        start += len(name)
        end = json.JSONDecoder().raw_decode(text, start)[1]
        return text[start:end].encode()
    return json.dumps(value["original_job"]).encode()
