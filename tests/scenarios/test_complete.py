"""Every scenario of these sections is named by a test, or by the package's docstring with a reason."""

from __future__ import annotations

import re
from pathlib import Path

from tests import scenarios

CODES = """
PL 01 03 04 06 09 10 11
RD 01 02 03 05 06 10 11 14 16 17 20 21 22 26 27 28 29
WK 01 02 04 05 06 07 09 11 13 16 17 18 19 20 22 23 25 27
RT 01 03 04 06 08 09
TO 01
SG 02 03 04 07 08 10 12
FJ 01 02 05 07 08 09 11 13 15 16
QS 01 03 05 06
DL 01
CN 02 05 06 07
CX 02 04 05 06
LK 01 02 04 06 07 08 10
"""
AROUND_JOBS = """
FO 02
SY 01
CH 01 02 03 04 06 07 08 14 15 16 18 20 21 22 24
BA 01 03 04 05 06 08 12 14 15 16 17 18 19 21 22 23 29
UQ 01 02 03 04 05 08 10 12 14 15
DE 03 04 05 06 09 10 13 14 15 16
OV 01 02 04 06
RL 01 02 03 07 09 10 11 13 15 17
TE 01 02 03 04 08 09
MW 01 05 06 08 09
EN 01 02 04 05 08 09 10 11 13 15
LI 01 05 06 08 10 11 12 13
MS 01 05 06 07 08 10
AC 03 04
DP 02 03 04 07
"""
"""Chains, batches, locks, limits, middleware, encryption, listeners, models and dispatching."""

HERE = Path(__file__)


def wanted() -> set[str]:
    lines = (CODES + AROUND_JOBS).split("\n")
    return {f"{line[:2]}-{number}" for line in lines if line for number in line.split()[1:]}


def named() -> set[str]:
    """The codes in the tests, as ``WK-09`` or within a name as ``wk_09``."""
    pattern = re.compile(r"(?<![A-Za-z0-9])([A-Za-z]{2})[-_](\d\d)(?!\d)")
    files = [path for path in HERE.parents[1].rglob("test_*.py") if path != HERE]
    files.append(HERE.parents[2] / "lara_queue" / "testing" / "conformance.py")
    return {f"{a.upper()}-{b}" for path in files for a, b in pattern.findall(path.read_text(encoding="utf-8"))}


def listed() -> dict[str, str]:
    return dict(re.findall(r"^([A-Z]{2}-\d\d)  (.+)$", scenarios.__doc__ or "", re.M))


def test_there_are_as_many_as_in_the_list() -> None:
    assert len(wanted()) == 86 + 109


def test_every_scenario_is_named_by_a_test_or_listed_with_its_reason() -> None:
    assert sorted(wanted() - named() - listed().keys()) == []


def test_only_known_scenarios_are_listed() -> None:
    assert sorted(listed().keys() - wanted()) == []
    assert all(len(reason) > 20 for reason in listed().values())
