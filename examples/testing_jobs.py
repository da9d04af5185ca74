"""Tests of a program that pushes and handles jobs; docs/testing.md has more.

Run it: python examples/testing_jobs.py, or with pytest, which needs no more than the functions below.
"""

from __future__ import annotations

from lara_queue import Job, Queue
from lara_queue.testing import fake, make_job

# -- the program -------------------------------------------------------------------------------------------------------

queue = Queue("redis://localhost:6379/0")  # no test ever connects to it


def order(number: int, email: str) -> None:
    queue.chain([("App\\Jobs\\Charge", {"order": number}), ("App\\Jobs\\Ship", {"order": number})]).dispatch()
    queue.push("App\\Jobs\\SendEmail", {"to": email}, queue="mail", delay=60)


@queue.handler("App\\Jobs\\Charge", tries=3)
def charge(job: Job) -> None:
    if job.attempts == 1:
        raise TimeoutError("the bank is slow")


@queue.handler("App\\Jobs\\Ship")
def ship(job: Job) -> None:
    if job.data["order"] < 0:
        job.fail("there is no such order")


@queue.handler("App\\Jobs\\SendEmail")
async def send_email(job: Job) -> None:
    if job.data["to"].endswith("@greylisted.example.com"):
        job.release(delay=300)


# -- its tests ---------------------------------------------------------------------------------------------------------


def test_a_handler_by_itself() -> None:
    job = make_job("App\\Jobs\\Ship", {"order": -1})
    ship(job)
    assert str(job.failed_with) == "there is no such order"


def test_an_order_is_charged_and_then_shipped() -> None:
    with fake(queue) as pushed:
        order(7, "ada@example.com")
        pushed.assert_pushed_with_chain("Charge", [("App\\Jobs\\Ship", {"order": 7})])
        pushed.assert_pushed_on("mail", "SendEmail", lambda job: job.delay == 60)
        pushed.assert_count(2)


def test_a_slow_bank_is_asked_again() -> None:
    with fake(queue) as pushed:
        order(7, "ada@example.com")
        ran = [(each.job.name.rpartition("\\")[2], each.state) for each in pushed.run_pushed()]
    assert ran == [("Charge", "released"), ("Charge", "processed"), ("Ship", "processed")]


def test_a_greylisted_address_is_tried_again_later() -> None:
    with fake(queue) as pushed:
        queue.push("App\\Jobs\\SendEmail", {"to": "joe@greylisted.example.com"}, tries=2)
        assert [each.state for each in pushed.run_pushed()] == ["released"]
        assert queue.delayed_size() == 1


if __name__ == "__main__":
    for name, test in list(globals().items()):
        if name.startswith("test_"):
            test()
            print("passed:", name)
