"""The referee under test: Laravel runs its own jobs here, and a comparison that should fail does."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from lara_queue.php import PhpEnum, PhpObject, PhpReference, dumps, loads, protected

from .laravel import Laravel
from .php_server import PhpFailed
from .tagged import assert_job, matches, mismatches, untag

pytestmark = pytest.mark.live

N = {"t": "str", "v": "n"}


def test_laravel_runs_what_laravel_pushed(laravel: Laravel) -> None:
    pushed = {
        job.uuid: job for job in laravel.push_all(["floats", "enums", "carbon", "visibility", "readonly", "cycle"])
    }
    ran = laravel.work()

    assert ran.status == 0
    assert ran.by_uuid().keys() == pushed.keys()
    for uuid, record in ran.by_uuid().items():
        assert record["props"] == [prop for prop in pushed[uuid].expect["props"] if prop["name"] != "job"]
        assert (record["attempts"], record["queue"]) == (1, "default")
    assert laravel.keys() == []


def test_artisan_is_laravels(laravel: Laravel) -> None:
    laravel.push_raw(failing_payload("11111111-1111-4111-8111-111111111111"))
    laravel.push_raw(failing_payload("22222222-2222-4222-8222-222222222222"))
    worked = laravel.artisan("queue:work", "--stop-when-empty", "--sleep=0")
    assert (worked.returncode, worked.stdout.count("Failed:")) == (0, 2), worked.stderr

    assert "22222222-2222-4222-8222-222222222222" in laravel.artisan("queue:failed").stdout
    assert "deleted successfully" in laravel.artisan("queue:forget", "22222222-2222-4222-8222-222222222222").stdout
    assert "pushed back" in laravel.artisan("queue:retry", "all").stdout
    assert laravel.counts()["ready"] == 1
    assert "Cleared 1 job" in laravel.artisan("queue:clear", "--queue=default", "--force").stdout
    assert laravel.artisan("queue:flush").returncode == 0
    assert laravel.artisan("queue:restart").returncode == 0
    assert laravel.cache_redis.exists(f"{laravel.cache_key_prefix}illuminate:queue:restart")


def test_a_worker_of_its_own(laravel: Laravel) -> None:
    worker = laravel.start_worker()
    worker.wait_for("started")
    laravel.push("plain")
    (record,) = worker.wait_for("handled")
    assert record["class"] == "App\\Jobs\\Plain"
    assert worker.stop() == 0


def test_php_says_what_went_wrong(laravel: Laravel) -> None:
    with pytest.raises(PhpFailed, match="There is no case nonsense"):
        laravel.push("nonsense")


ALTERATIONS: dict[str, tuple[str, Any]] = {
    "null": ("payload", 0),
    "ints": ("payload", [0, 1, -1, 2**31, -(2**31), 2**53, 2**63 - 1, -(2**63)]),
    "floats": (
        "payload",
        [0.1, 1, -0.0, 1e100, 1.5e-7, 5e-324, 1 / 3, 3.141592653589793, 1.7976931348623157e308, 1e15, 1.0],
    ),
    "list": ("payload", {0: "a", 2: "b", 1: "c"}),
    "map": ("payload", {"to": "ada@example.com", "ok": True, "count": 3}),
    "bool-null-mix": ("payload", {0: 1, 1: False, 2: None, 3: [None, [True]], "x": False}),
    "empty-array": ("payload", None),
    "unicode": ("payload", ["Zoe"]),
    "enums": ("payload", {"suit": PhpEnum("App\\Enums\\Suit", "Clubs")}),
    "nested-objects": ("payload", PhpObject("App\\Support\\Customer", {"name": "Zoë"})),
    "carbon": ("payload", {}),
}


@pytest.mark.parametrize("case", ALTERATIONS)
def test_a_difference_is_seen(laravel: Laravel, case: str) -> None:
    expect, command = pushed(laravel, case)
    assert_job(expect, command)
    name, value = ALTERATIONS[case]
    command[name]  # the property exists: it is the value that differs
    command.__php_vars__[name] = value
    with pytest.raises(AssertionError, match="PHP and Python disagree"):
        assert_job(expect, command)


def test_negative_zero_and_order_and_visibility_count(laravel: Laravel) -> None:
    assert not matches({"t": "float", "v": "-0", "hex": "8000000000000000"}, 0.0)
    assert matches({"t": "float", "v": "-0", "hex": "8000000000000000"}, -0.0)
    assert not matches({"t": "int", "v": "1"}, True)
    assert not matches({"t": "bool", "v": True}, 1)
    assert not matches({"t": "str", "v": "a"}, b"a")
    expect, command = pushed(laravel, "visibility")
    changed = copy.deepcopy(command)
    changed.__php_vars__["\0*\0open"] = changed.__php_vars__.pop("open")
    with pytest.raises(AssertionError, match="open"):
        assert_job(expect, changed)


def test_identity_counts(laravel: Laravel) -> None:
    expect, command = pushed(laravel, "shared-object")
    assert_job(expect, command)
    twin: Any = copy.deepcopy(command["payload"][0])  # type: ignore[index]
    command["payload"][1] = twin  # type: ignore[index]
    with pytest.raises(AssertionError, match="same as"):
        assert_job(expect, command)

    expect, command = pushed(laravel, "references")
    assert_job(expect, command)
    command["payload"][1] = PhpReference(1)  # type: ignore[index]
    with pytest.raises(AssertionError, match="same as"):
        assert_job(expect, command)


def test_identity_counts_the_other_way_round() -> None:
    """PHP has two equal objects, or two slots of their own: Python must not have one."""
    node = PhpObject("App\\Support\\Node", {"label": "n"})
    described = {"t": "object", "class": node.class_name, "props": [{"name": "label", "vis": "public", "value": N}]}
    pair = {"t": "array", "v": [[{"t": "int", "v": "0"}, described], [{"t": "int", "v": "1"}, described]]}
    assert matches(pair, [node, copy.deepcopy(node)])
    assert not matches(pair, [node, node])
    slots = {"t": "array", "v": [[{"t": "int", "v": "0"}, N], [{"t": "int", "v": "1"}, N]]}
    cell = PhpReference("n")
    assert matches(slots, [PhpReference("n"), "n"])
    assert not matches(slots, [cell, cell])


def test_partial_comparison_still_compares(laravel: Laravel) -> None:
    tagged = pushed(laravel, "nested-objects")[0]["props"][0]["value"]
    part = PhpObject("App\\Support\\Customer", {"name": "Zoë"})
    assert matches(tagged, part, partial=True)
    assert not matches(tagged, part)
    assert not matches(tagged, PhpObject("App\\Support\\Customer", {"name": "Zoe"}), partial=True)
    assert not matches(tagged, PhpObject("App\\Support\\Customer", {protected("name"): "Zoë"}), partial=True)


def test_untag_is_what_loads_gives(laravel: Laravel) -> None:
    cases = ["floats", "numeric-string-keys", "shared-object", "own-serialize", "serializable-c", "carbon", "enums"]
    for case in cases:
        expect, command = pushed(laravel, case)
        (tagged,) = (prop["value"] for prop in expect["props"] if prop["name"] == "payload")
        made = untag(tagged, "$/payload")
        assert made == command["payload"], case
        assert dumps(made) == dumps(command["payload"]), case
        assert mismatches({"t": "null"}, made)


def pushed(laravel: Laravel, case: str) -> tuple[dict[str, Any], PhpObject]:
    """What PHP says of a case, and the command as the codec reads it, without any worker."""
    job = laravel.push(case)
    body = json.loads(laravel.ready()[-1])
    assert body["uuid"] == job.uuid
    command = loads(body["data"]["command"].encode())
    assert isinstance(command, PhpObject)
    return job.expect, command


def failing_payload(uuid: str) -> str:
    command = dumps(PhpObject("App\\Jobs\\Failing", {"message": "as told"})).decode()
    return json.dumps(
        {
            "uuid": uuid,
            "displayName": "App\\Jobs\\Failing",
            "job": "Illuminate\\Queue\\CallQueuedHandler@call",
            "data": {"commandName": "App\\Jobs\\Failing", "command": command},
            "id": uuid,
            "attempts": 0,
        }
    )
