"""A second corpus: jobs of other classes with other values, written by Laravel 8, 10, 11, 12 and 13.

Queued closures, mailables, notifications, listeners, broadcasts and commands, with models, enums, readonly and
inherited properties, dates, intervals, periods, SPL containers, ``__serialize``, ``__sleep``, ``Serializable``,
references and cycles in them, made at random and chosen so that every class and every turn of the format is there at
least once. Each line has the command and what PHP itself says is in it (``wire``, the tagged form of the first corpus).
"""

from __future__ import annotations

import base64
from typing import Any

import pytest

from lara_queue.php import PhpObject, dumps, loads
from lara_queue.php.exact_reader import ExactReader
from lara_queue.php.exact_writer import ExactWriter
from lara_queue.php.limits import DEFAULT

from .test_php_golden import Comparison, lines

RECORDS = lines("second/jobs.jsonl")


def command(record: dict[str, Any]) -> bytes:
    text = record.get("serialized")
    return base64.b64decode(record["serialized_b64"]) if text is None else str(text).encode()


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: f"{record['laravel']}-{record['case']}")
def test_another_job_is_read_exactly_and_written_back_to_the_byte(record: dict[str, Any]) -> None:
    data = command(record)
    for job in (loads(data), ExactReader(data, DEFAULT).read()):
        Comparison(job).same(job, record["wire"])
        assert dumps(job) == data
        assert ExactWriter().write(job) == data


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: f"{record['laravel']}-{record['case']}")
def test_another_chain_is_read_link_by_link(record: dict[str, Any]) -> None:
    job = loads(command(record))
    assert isinstance(job, PhpObject)
    links = job.get("chained", [])
    assert isinstance(links, list)
    for link in links:
        assert isinstance(link, (str, bytes))
        text = link.encode() if isinstance(link, str) else link
        member = loads(text)
        assert isinstance(member, PhpObject)
        assert dumps(member) == text


def test_every_version_and_every_kind_of_job_is_there() -> None:
    assert {record["laravel"].split(".")[0] for record in RECORDS} == {"8", "10", "11", "12", "13"}
    assert len({record["case"] for record in RECORDS}) >= 25
    everything = b"".join(map(command, RECORDS))
    for mark in (b"r:", b";R:", b"C:", b"E:", b"d:NAN;", b"d:-INF;", b"d:-0;", b"E+", b"E-", b"ModelIdentifier"):
        assert mark in everything, mark
