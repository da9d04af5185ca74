"""redis-py by hand, with no queue library: ``floor.py one|pipelined``. What Redis and Python allow at best.

``one``: one job at a time, settled in the round trip that takes the next. ``pipelined``: fifty at a time.
Payloads are parsed as JSON and nothing more; nothing is kept safe.
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
prefix = "laravel_database_queues:bench"
pop = client.register_script(POP)
size = 1 if sys.argv[1] == "one" else 50
meter = Meter()
done: list[bytes] = []
while not meter.done:
    pipe = client.pipeline(transaction=False)
    if done:
        pipe.zrem(prefix + ":reserved", *done)
    pop(keys=[prefix, prefix + ":reserved"], args=[size, 9999999999], client=pipe)
    done = pipe.execute()[-1]
    for body in done:
        json.loads(body)
        meter.job()
