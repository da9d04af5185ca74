"""OpenTelemetry: a span for each push and each attempt, joined through the payload; and nothing when it is off."""

from __future__ import annotations

import asyncio
import functools
import logging
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Any, Literal

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from lara_queue import Job
from lara_queue.errors import MissingExtra
from lara_queue.registry import Handler
from lara_queue.tracing import PUSHES_REMEMBERED, instrument
from tests.worker.faces import Face

KINDS: list[Literal["sync", "async"]] = ["sync", "async"]
TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
FROM_PHP = {"traceparent": f"00-{TRACE}-{SPAN}-01", "tracestate": "php=1"}


class Lab:
    """An instrumented queue and the spans it has made."""

    def __init__(self, kind: Literal["sync", "async"], **options: Any) -> None:
        self.memory = InMemorySpanExporter()
        self.provider = TracerProvider()
        self.provider.add_span_processor(SimpleSpanProcessor(self.memory))
        self.face: Any = Face(kind, queue="mail", connection="redis", **options.pop("queue", {}))
        self.undo = instrument(self.face.queue, tracer_provider=self.provider, **options)

    def spans(self, operation: str = "process") -> list[ReadableSpan]:
        return [span for span in self.memory.get_finished_spans() if span.name.startswith(operation)]

    def run(self, handler: Any, count: int = 1, **payload: Any) -> None:
        """Have so many jobs run, with these further members in their payloads."""
        self.face.queue.handler(handler)
        for n in range(count):
            self.face.push("App\\Jobs\\X", {"n": n}, headers=payload)
        self.face.listen(max_jobs=count)

    def close(self) -> None:
        self.face.close()
        self.provider.shutdown()


@pytest.fixture(params=KINDS)
def lab(request: pytest.FixtureRequest) -> Iterator[Lab]:
    made = Lab(request.param)
    yield made
    made.close()


def context_of(span: ReadableSpan) -> trace.SpanContext:
    found = span.get_span_context()
    assert found is not None
    return found


# -- running -----------------------------------------------------------------------------------------------------------


def test_a_trace_that_began_in_php_goes_on(lab: Lab) -> None:
    lab.run(lambda job: None, **FROM_PHP)
    (span,) = lab.spans()
    assert span.name == "process mail"
    assert span.kind is SpanKind.CONSUMER
    assert f"{context_of(span).trace_id:032x}" == TRACE
    assert span.parent is not None
    assert f"{span.parent.span_id:016x}" == SPAN
    assert context_of(span).trace_state.get("php") == "1"
    assert span.links == ()
    assert span.status.status_code is StatusCode.UNSET
    job = dict(span.attributes or {})
    uuid, size = job.pop("messaging.message.id"), job.pop("messaging.message.body.size")
    assert isinstance(uuid, str)
    assert len(uuid) == 36
    assert isinstance(size, int)
    assert size > 100
    assert job == {
        "messaging.system": "laravel_queue",
        "messaging.operation.name": "process",
        "messaging.operation.type": "process",
        "messaging.destination.name": "mail",
        "laravel.job.name": "App\\Jobs\\X",
        "laravel.job.attempts": 1,
        "laravel.connection": "redis",
    }


@pytest.mark.parametrize("kind", KINDS)
def test_a_trace_of_its_own_with_a_link(kind: Literal["sync", "async"]) -> None:
    lab = Lab(kind, link_only=True)
    lab.run(lambda job: None, **FROM_PHP)
    (span,) = lab.spans()
    assert span.parent is None
    assert f"{context_of(span).trace_id:032x}" != TRACE
    assert [f"{link.context.span_id:016x}" for link in span.links] == [SPAN]
    lab.close()


@pytest.mark.parametrize("traceparent", ["nonsense", "", 7, None, ["x"]])
def test_a_bad_traceparent_begins_a_new_trace(lab: Lab, traceparent: Any) -> None:
    lab.run(lambda job: None, traceparent=traceparent)
    (span,) = lab.spans()
    assert span.parent is None


class Handlers:
    """One handler of each sort; each notes the span that is current in it."""

    def __init__(self) -> None:
        self.seen: list[int] = []
        self.threads: set[int] = set()

    def note(self) -> None:
        self.seen.append(trace.get_current_span().get_span_context().span_id)
        self.threads.add(threading.get_ident())

    def plain(self, job: Job) -> None:
        self.note()

    async def coroutine(self, job: Job) -> None:
        self.note()
        await asyncio.sleep(0)
        self.note()

    def gives_a_coroutine(self, job: Job) -> Any:
        return self.coroutine(job)


@pytest.mark.parametrize("sort", ["plain", "coroutine", "gives_a_coroutine"])
def test_the_span_is_current_in_the_handler(lab: Lab, sort: str) -> None:
    handlers = Handlers()
    lab.run(functools.partial(getattr(handlers, sort)), count=3)
    spans = {context_of(span).span_id for span in lab.spans()}
    assert len(spans) == 3
    assert set(handlers.seen) == spans
    assert len(handlers.seen) == (3 if sort == "plain" else 6)
    assert not trace.get_current_span().get_span_context().is_valid
    if lab.face.kind == "async" and sort == "plain":
        assert threading.get_ident() not in handlers.threads


@pytest.mark.parametrize("is_async", [False, True])
def test_an_exception_is_recorded(lab: Lab, is_async: bool) -> None:
    def handle(job: Job) -> None:
        raise KeyError("no such customer")

    async def handle_async(job: Job) -> None:
        raise KeyError("no such customer")

    lab.run(handle_async if is_async else handle)
    (span,) = lab.spans()
    assert span.status.status_code is StatusCode.ERROR
    assert span.attributes is not None
    assert span.attributes["error.type"] == "KeyError"
    (event,) = span.events
    assert event.attributes is not None
    assert (event.name, event.attributes["exception.type"]) == ("exception", "KeyError")
    assert len(lab.face.queue_failed()) == 1


def test_a_job_that_does_not_fit_its_handlers_model_is_an_error_of_the_attempt(lab: Lab) -> None:
    import dataclasses

    @dataclasses.dataclass
    class X:
        customer: int

    def handle(job: X) -> None:
        raise AssertionError("never called")

    handle.__annotations__["job"] = X
    lab.face.queue.handler("App\\Jobs\\X")(handle)
    lab.face.push("App\\Jobs\\X", {"n": 1})
    lab.face.listen(max_jobs=1)
    (span,) = lab.spans()
    assert span.attributes is not None
    assert span.attributes["error.type"] == "JobTypeError"


@pytest.mark.parametrize(("wish", "attribute"), [("release", "laravel.job.released"), ("fail", "error.type")])
def test_what_the_handler_asked_for(lab: Lab, wish: str, attribute: str) -> None:
    lab.run(lambda job: getattr(job, wish)())
    (span,) = lab.spans()
    assert span.attributes is not None
    assert attribute in span.attributes
    assert (span.status.status_code is StatusCode.ERROR) == (wish == "fail")


def test_several_handlers_of_one_job_share_its_span(lab: Lab) -> None:
    handlers = Handlers()
    lab.face.queue.handler("App\\Jobs\\X")(handlers.plain)
    lab.face.queue.handler("App\\Jobs\\X")(handlers.coroutine)
    lab.face.push("App\\Jobs\\X")
    lab.face.listen(max_jobs=1)
    (span,) = lab.spans()
    assert handlers.seen == [context_of(span).span_id] * 3


def test_each_attempt_has_a_span_in_the_same_trace(lab: Lab) -> None:
    @lab.face.queue.handler
    def handle(job: Job) -> None:
        if job.attempts == 1:
            raise ValueError("not yet")

    lab.face.push("App\\Jobs\\X", tries=2)
    lab.face.listen(max_jobs=2)
    first, second = lab.spans()
    assert context_of(first).trace_id == context_of(second).trace_id
    assert [span.attributes["laravel.job.attempts"] for span in (first, second) if span.attributes] == [1, 2]


def test_a_job_that_nobody_handles_makes_no_span(lab: Lab) -> None:
    lab.face.push("App\\Jobs\\Nobody")
    lab.face.listen(max_jobs=1)
    assert lab.spans() == []


def test_a_timeout_ends_the_span() -> None:
    lab = Lab("async")

    async def handle(job: Job) -> None:
        await asyncio.Event().wait()

    lab.face.queue.handler("App\\Jobs\\X", timeout=0.01)(handle)
    lab.face.push("App\\Jobs\\X")
    lab.face.listen(max_jobs=1)
    (span,) = lab.spans()
    assert span.status.status_code is StatusCode.ERROR
    assert span.attributes is not None
    assert span.attributes["error.type"] == "CancelledError"
    lab.close()


# -- pushing -----------------------------------------------------------------------------------------------------------


def pending(lab: Lab) -> list[dict[str, Any]]:
    return [job.payload for job in lab.face.pending_jobs()]


def test_a_push_has_a_span_and_the_payload_carries_it(lab: Lab) -> None:
    tracer = lab.provider.get_tracer("web")
    with tracer.start_as_current_span("request") as request:
        uuid = lab.face.push("App\\Jobs\\X")
    (span,) = lab.spans("push")
    assert span.kind is SpanKind.PRODUCER
    assert span.parent is not None
    assert span.parent.span_id == request.get_span_context().span_id
    assert span.attributes is not None
    assert span.attributes["messaging.message.id"] == uuid
    assert span.attributes["messaging.operation.type"] == "send"
    assert span.attributes["messaging.destination.name"] == "mail"
    (payload,) = pending(lab)
    context = context_of(span)
    assert payload["traceparent"] == f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"
    assert context.trace_flags.sampled


def test_push_and_attempt_are_one_trace_and_so_is_what_the_handler_pushes(lab: Lab) -> None:
    blocking = lab.face.kind == "sync"

    async def push_async() -> None:
        await lab.face.queue.push("App\\Jobs\\Next", queue="other")

    @lab.face.queue.handler("App\\Jobs\\X")
    def handle(job: Job) -> Any:
        return lab.face.queue.push("App\\Jobs\\Next", queue="other") if blocking else push_async()

    lab.face.push("App\\Jobs\\X")
    lab.face.listen(max_jobs=1)
    first, second = lab.spans("push")
    (attempt,) = lab.spans()
    assert attempt.parent is not None
    assert attempt.parent.span_id == context_of(first).span_id
    assert second.parent is not None
    assert second.parent.span_id == context_of(attempt).span_id
    assert len({context_of(span).trace_id for span in (first, second, attempt)}) == 1


def test_bulk_has_a_span_for_each(lab: Lab) -> None:
    uuids = lab.face.bulk(["App\\Jobs\\A", "App\\Jobs\\B"])
    assert [span.attributes["messaging.message.id"] for span in lab.spans("push") if span.attributes] == uuids
    assert len({payload["traceparent"] for payload in pending(lab)}) == 2


def test_a_raw_payload_stays_as_it_is(lab: Lab) -> None:
    lab.face.push_raw(b'{"job":"A@b"}')
    assert pending(lab) == [{"job": "A@b"}]
    assert lab.spans("push") == []


def test_pushes_that_fail_are_forgotten_in_the_end(lab: Lab) -> None:
    def push(*_: Any, **__: Any) -> Any:
        raise RuntimeError("the store is full")
        yield

    lab.face.queue.driver.push = push
    for _ in range(PUSHES_REMEMBERED + 5):
        with pytest.raises(RuntimeError, match="full"):
            lab.face.push("App\\Jobs\\X")
    assert len(lab.spans("push")) == 5


# -- off, and broken ---------------------------------------------------------------------------------------------------


def test_undone_it_is_as_if_it_had_never_been(lab: Lab) -> None:
    assert lab.face.queue.registry.around is not None
    lab.undo()
    assert lab.face.queue.registry.around is None
    assert lab.face.queue.emitter.listeners("job.queued") == []
    seen = []
    lab.face.queue.handler(lambda job: seen.append(job.handlers))
    lab.face.push("App\\Jobs\\X")
    assert "traceparent" not in pending(lab)[0]
    lab.face.listen(max_jobs=1)
    assert lab.memory.get_finished_spans() == ()
    assert all(isinstance(handler, Handler) for handler in seen[0])


def test_a_tracer_that_breaks_harms_no_job(lab: Lab, caplog: pytest.LogCaptureFixture) -> None:
    class Broken:
        def start_span(self, *_: Any, **__: Any) -> Any:
            raise RuntimeError("no spans today")

    lab.undo()

    class Provider:
        def get_tracer(self, *_: Any, **__: Any) -> Any:
            return Broken()

    instrument(lab.face.queue, tracer_provider=Provider())  # type: ignore[arg-type]
    seen = []
    lab.run(lambda job: seen.append(job.name))
    assert seen == ["App\\Jobs\\X"]
    assert caplog.text.count("A span could not be made") == 2
    assert lab.face.size() == 0


def test_an_exception_without_text_harms_nothing(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    class BadError(Exception):
        def __str__(self) -> str:
            raise RuntimeError("no text")

        def __repr__(self) -> str:
            return "BadError()"

    exceptions = []
    lab.face.queue.on("job.exception_occurred")(lambda event: exceptions.append(type(event.exception)))

    def handle(job: Job) -> None:
        job.delete()  # so that nobody has to write the exception down
        raise BadError

    monkeypatch.setattr(logging.getLogger("lara_queue"), "propagate", False)  # pytest's own handler raises it
    lab.run(handle)
    assert exceptions == [BadError]
    assert len(lab.spans()) == 1


def test_without_the_api_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry", None)
    with pytest.raises(MissingExtra, match=r"lara-queue\[otel\]"):
        instrument(Face("sync").queue)


def test_nothing_of_opentelemetry_is_loaded_unless_asked_for() -> None:
    code = "import lara_queue, lara_queue.tracing, lara_queue.cli.commands, sys; "
    code += "sys.exit(any(name.startswith(('opentelemetry', 'prometheus_client')) for name in sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
