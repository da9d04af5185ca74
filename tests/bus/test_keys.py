"""The names of locks and counters for each Laravel; pure."""

from __future__ import annotations

import hashlib
import math

import pytest

from lara_queue.bus.keys import debounce_key, overlap_key, release_of, throttle_key, unique_key, xxh128
from lara_queue.errors import ConfigurationError

ROW = "App\\Jobs\\ImportRow"
SHOWN = "App\\Actions\\SyncInvoices"


def test_uq_04_the_lock_key() -> None:
    newest = release_of(None)
    assert unique_key(ROW, release=newest) == f"laravel_unique_job:{ROW}:"
    assert unique_key(ROW, "unique-id-1", release=newest) == f"laravel_unique_job:{ROW}:unique-id-1"


def test_uq_05_the_lock_key_with_a_display_name() -> None:
    key = unique_key(ROW, 7, display_name=SHOWN, release=release_of(None))
    assert key == "laravel_unique_job:c7c6aff7a5c5ae30ac8f2f21265820e4:7"


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        ("8.83", f"laravel_unique_job:{ROW}7"),
        (10, f"laravel_unique_job:{ROW}7"),
        ("11.0", f"laravel_unique_job:{ROW}:7"),
        ("12.40.9", f"laravel_unique_job:{ROW}:7"),
        ("12.41", f"laravel_unique_job:{SHOWN}:7"),
        ("12.53", f"laravel_unique_job:{SHOWN}:7"),
        ("12.54", "laravel_unique_job:c7c6aff7a5c5ae30ac8f2f21265820e4:7"),
        (13, "laravel_unique_job:c7c6aff7a5c5ae30ac8f2f21265820e4:7"),
    ],
)
def test_all_four_formulas(version: str | int, expected: str) -> None:
    assert unique_key(ROW, 7, display_name=SHOWN, release=release_of(version)) == expected


def test_ov_06_overlap_keys() -> None:
    newest = release_of(None)
    assert overlap_key(ROW, "key", release=newest) == f"laravel-queue-overlap:{ROW}:key"
    assert overlap_key(ROW, "key", shared=True, release=newest) == "laravel-queue-overlap:key"
    assert overlap_key(ROW, "key", prefix="prefix:", release=newest) == f"prefix:{ROW}:key"
    assert overlap_key(ROW, "key", prefix="prefix:", shared=True, release=newest) == "prefix:key"


def test_throttle_keys() -> None:
    md5 = hashlib.md5(ROW.encode(), usedforsecurity=False).hexdigest()
    assert throttle_key(ROW, release=release_of(11)) == f"laravel_throttles_exceptions:{md5}"
    assert throttle_key(ROW, release=release_of(12)).endswith(xxh128(ROW))
    assert throttle_key(ROW, uuid="u", release=release_of(12)) == "laravel_throttles_exceptions:u"


def test_debounce_keys_and_ids_as_php_joins_them() -> None:
    assert debounce_key(ROW, 5) == f"laravel_debounced_job:{ROW}:5"
    assert debounce_key(ROW, None) == f"laravel_debounced_job:{ROW}:"
    assert debounce_key(ROW, True).endswith(":1")


def test_releases() -> None:
    assert release_of("v11.44.2") == (11, 44)
    assert release_of(12) == (12, math.inf)
    with pytest.raises(ConfigurationError, match="newest"):
        release_of("newest")
