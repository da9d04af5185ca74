"""Where a retry is decided: values in, a value out."""

from __future__ import annotations

import pytest

from lara_queue.errors import JobTypeError, MaxAttemptsExceeded, TimeoutExceeded
from lara_queue.lifecycle.backoff import RetryConfig, RetryStrategy, from_list, parse_backoff
from lara_queue.lifecycle.decide import Bury, Release, Rules, after_error, after_timeout, exceeded, out_of_attempts

NOW = 1_700_000_000.0
BOOM = ValueError("boom")


def rules(**changes: object) -> Rules:
    plain: dict[str, object] = {
        "max_tries": 1,
        "retry_until": None,
        "max_exceptions": None,
        "timeout": 60,
        "fail_on_timeout": False,
        "backoff": from_list((0,)),
    }
    return Rules(**{**plain, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("attempts", "max_tries", "retry_until", "expected"),
    [
        (1, 1, None, False),
        (2, 1, None, True),  # RT-03: too many attempts already
        (3, 3, None, False),
        (4, 3, None, True),
        (99, 0, None, False),  # 0 is no limit
        (99, 1, NOW + 1, False),  # retryUntil switches tries off
        (1, 1, NOW, False),  # RT-04: reached exactly, it still runs
        (1, 0, NOW - 1, True),
    ],
)
def test_whether_a_job_may_run_at_all(attempts: int, max_tries: int, retry_until: float | None, expected: bool) -> None:
    assert exceeded(attempts, rules(max_tries=max_tries, retry_until=retry_until), NOW) is expected


@pytest.mark.parametrize(
    ("attempts", "changes", "exceptions", "expected"),
    [
        (1, {"max_tries": 1}, None, Bury(BOOM)),
        (1, {"max_tries": 2, "backoff": from_list((10,))}, None, Release(10)),  # RT-01
        (2, {"max_tries": 10}, None, Release(0)),  # RT-06
        (1, {"max_tries": 0}, None, Release(0)),
        (1, {"retry_until": NOW, "max_tries": 5}, None, Bury(BOOM)),  # RT-04
        (9, {"retry_until": NOW + 1, "max_tries": 1}, None, Release(0)),
        (1, {"max_tries": 0, "max_exceptions": 3}, 2, Release(0)),
        (1, {"max_tries": 0, "max_exceptions": 3}, 3, Bury(BOOM)),
        (1, {"max_tries": 0, "max_exceptions": 3}, None, Release(0)),  # nobody counts
        (1, {"max_tries": 5, "retries": lambda error: False}, None, Bury(BOOM)),  # RT-08
        (1, {"max_tries": 5, "backoff": from_list((-5,))}, None, Release(0)),  # RD-22: never negative
    ],
)
def test_what_becomes_of_a_job_whose_handler_raised(
    attempts: int, changes: dict[str, object], exceptions: int | None, expected: object
) -> None:
    assert after_error(BOOM, attempts, exceptions, rules(**changes), NOW) == expected


def test_a_job_that_does_not_fit_its_type_is_never_retried() -> None:
    error = JobTypeError("Job App\\Jobs\\X: amount should be int, not str.")
    assert after_error(error, 1, None, rules(max_tries=0), NOW) == Bury(error)


@pytest.mark.parametrize(
    ("changes", "buried"),
    [
        ({"max_tries": 1}, True),
        ({"max_tries": 2}, False),
        ({"max_tries": 2, "fail_on_timeout": True}, True),
        ({"max_tries": 0, "max_exceptions": 1}, True),
    ],
)
def test_what_becomes_of_a_job_whose_time_was_up(changes: dict[str, object], buried: bool) -> None:
    verdict = after_timeout("App\\Jobs\\X", 1, 1, rules(**changes), NOW)
    assert isinstance(verdict, Bury if buried else Release)
    if isinstance(verdict, Bury):
        assert isinstance(verdict.error, TimeoutExceeded)


def test_rt_09_the_failure_texts() -> None:
    tried = out_of_attempts("App\\Jobs\\ImportRow").error
    assert isinstance(tried, MaxAttemptsExceeded)
    assert str(tried) == "App\\Jobs\\ImportRow has been attempted too many times."
    assert str(TimeoutExceeded("App\\Jobs\\ImportRow")) == "App\\Jobs\\ImportRow has timed out."


@pytest.mark.parametrize(
    ("strategy", "expected"),
    [
        (RetryStrategy.EXPONENTIAL, [2, 4, 8, 16, 20]),
        (RetryStrategy.LINEAR, [2, 4, 6, 8, 10]),
        (RetryStrategy.FIXED, [2, 2, 2, 2, 2]),
        (RetryStrategy.CUSTOM, [1, 4, 9, 16, 20]),
    ],
)
def test_the_strategies_of_laraqueue(strategy: RetryStrategy, expected: list[int]) -> None:
    config = RetryConfig(
        retry_strategy=strategy,
        retry_delay=2,
        retry_max_delay=20,
        retry_jitter=False,
        retry_custom_function=lambda attempt: attempt**2,
    )
    assert [config.calculate_delay(n) for n in range(1, 6)] == expected


def test_jitter_adds_ten_to_thirty_percent_and_never_passes_the_cap() -> None:
    least = RetryConfig(retry_delay=100, retry_max_delay=120, chance=lambda: 0.0)
    most = RetryConfig(retry_delay=100, retry_max_delay=120, chance=lambda: 1.0)
    assert (least.calculate_delay(1), most.calculate_delay(1)) == (110, 120)


def test_a_thousandth_retry_is_still_a_number() -> None:
    assert RetryConfig(retry_jitter=False).calculate_delay(5000) == 300


def test_only_the_listed_exceptions_are_retried() -> None:
    config = RetryConfig(max_retries=3, retry_exceptions=[ConnectionError])
    assert config.should_retry(1, ConnectionResetError())
    assert not config.should_retry(1, ValueError())
    assert not config.should_retry(4, ConnectionResetError())


@pytest.mark.parametrize(
    ("given", "expected"), [("1,5,9", (1, 5, 9)), ("30", (30,)), (7, (7,)), ([1, 2], (1, 2)), ("", (0,)), (None, (0,))]
)
def test_the_forms_of_a_backoff_option(given: object, expected: tuple[float, ...]) -> None:
    assert parse_backoff(given) == expected  # type: ignore[arg-type]
