"""Payload texts that a queue may hold, with the attempts in them (None: not usable, and so kept as it is)."""

from __future__ import annotations

COMMAND = rb'"O:10:\"App\\Jobs\\X\":1:{s:1:\"n\";s:22:\",\"attempts\":7,{\"a\":[1]}\";}"'

USABLE: list[tuple[bytes, int]] = [
    # As PHP writes it: Laravel 8 to 11, and 12 with delay and context behind it.
    (b'{"uuid":"u","displayName":"X","data":{"commandName":"X","command":' + COMMAND + b'},"id":"i","attempts":0}', 0),
    (b'{"uuid":"u","data":{"command":' + COMMAND + b'},"createdAt":1,"id":"i","attempts":12,"delay":null}', 12),
    (b'{"data":{"command":""},"id":"i","attempts":3,"delay":null,"illuminate:log:context":{"data":{"attempts":9}}}', 3),
    # As cjson writes it: any order.
    (b'{"attempts":1,"data":{"command":' + COMMAND + b'},"id":"i"}', 1),
    (b'{"id":"i","attempts":1,"data":{"attempts":8},"uuid":"u"}', 1),
    (b'{"data":{"attempts":8},"attempts":2,"context":{"attempts":9}}', 2),
    (b'{"a":[{"attempts":1},"attempts",[[]]],"attempts":4,"b":[{"attempts":5}]}', 4),
    # As other producers may.
    (b'{"attempts": 5}', 5),
    (b'{"data":{"attempts" :8}, "attempts" :\n 6 , "x": {}}', 6),
    (b' \n{"x":{},"attempts":7,"y":{}}\n', 7),
    (b'{"attempts":1,"x":{},"attempts":2}', 2),
    (b'{"attempts":1,"attempts":2,"x":{"attempts":3},"y":{}}', 2),
    (b'{"x":"\\"attempts\\":9","attempts":1,"y":"}{,\\"attempts\\":9}"}', 1),
    (b'{"x":"\\\\","attempts":1,"y":"\\\\\\"attempts\\":9"}', 1),
    (b'{"a\\"attempts":5,"attempts":1,"z":{}}', 1),
    (b'{"x":{},"\\u0061ttempts":3,"y":{}}', 3),
    (b'{"x":"attempts","attempts":1,"y":["attempts"]}', 1),
    (b'{"attempts":"4"}', 4),
    (b'{"attempts":2.0}', 2),
    (b'{"attempts":1e1}', 10),
    (b'{"attempts":-1}', -1),
    (b'{"attempts":99999999999999,"x":{}}', 99999999999999),
    ('{"x":"é\u2028😀","attempts":0}'.encode(), 0),
    (b'{"x":"' + b"y" * 300 + b'","attempts":0,"z":"' + b"y" * 300 + b'","w":{}}', 0),
    (b'{"x":{"y":"' + b"}" * 300 + b'"},"attempts":9,"z":"' + b"{" * 300 + b'"}', 9),
]

UNUSABLE: list[bytes] = [
    b"",
    b"hello",
    b"[]",
    b'["attempts",1]',
    b'[{"attempts":1}]',
    b'"attempts"',
    b"{}",
    b'{"id":"i"}',
    b'{"data":{"attempts":3}}',
    b'{"data":"attempts"}',
    b'{"a\\"attempts":5}',
    b'{"attempts":null}',
    b'{"attempts":true,"x":{}}',
    b'{"attempts":"many"}',
    b'{"attempts":{"attempts":1}}',
    b'{"attempts":1.5}',
    b'{"attempts":1e300}',
    b'{"attempts":100000000000001}',
    b'{"attempts":1',
    b'{"x":"unended,"attempts":1',
    b'{"x":{},"attempts":1,"y":{}} and more',
    b"\xff\x00\xfe\x80",
    b"\x00\x00\x00\x02igbinary",
]
