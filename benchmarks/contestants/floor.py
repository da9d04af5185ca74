"""redis-py by hand, with no queue library: ``floor.py one|pipelined|script``. What Redis and Python allow at best.

``one``: one job at a time, settled in the round trip that takes the next. ``pipelined``: fifty of these in a pipeline.
``script``: one script that takes fifty, one ZREM for fifty. Payloads are parsed as JSON and nothing more; nothing is
kept safe.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
import redis
from meter import Meter

POP = """
local taken = redis.call('LPOP', KEYS[1], ARGV[1])
if not taken then return {} end
for _, body in ipairs(taken) do redis.call('ZADD', KEYS[2], ARGV[2], body) end
return taken
"""

client = redis.Redis.from_url(os.environ["BENCH_URL"])
ready = "laravel_database_queues:bench"
reserved = ready + ":reserved"
pop = client.register_script(POP)
way = sys.argv[1]
at_once, in_a_script = {"one": (1, 1), "pipelined": (50, 1), "script": (1, 50)}[way]
meter = Meter()
done: list[bytes] = []
while not meter.done:
    pipe = client.pipeline(transaction=False)
    if way == "script" and done:
        pipe.zrem(reserved, *done)
    for number in range(at_once):
        if way != "script" and number < len(done):
            pipe.zrem(reserved, done[number])
        pop(keys=[ready, reserved], args=[in_a_script, 9999999999], client=pipe)
    answers = pipe.execute()
    done = [body for answer in answers if isinstance(answer, list) for body in answer]
    for body in done:
        json.loads(body)
        meter.job()
