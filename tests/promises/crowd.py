# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0

"""Thousands of numbered calls, a provider that keeps its own account of them, and a meter of what they recorded.

The number of a call travels in its ``user`` field and decides everything: what is asked for, how many tokens it takes, what it
costs. The provider answers inside the process, so that the load is the client's and ours and not a server's, or over the loopback
interface; what it bills is arithmetic of this file's own, on the prices of this file.

``CROWD_CALLS`` in the environment says how many calls a crowd makes: 10,000 is the full size.
"""

import asyncio
import gc
import json
import os
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import openai
import pytest
from opentelemetry.context import Context
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor, TracerProvider
from opentelemetry.trace import get_current_span

from opentelemetry.instrumentation.openai_cost import CostEvent
from support.clients import OPENAI_URL, OPENAI_VERSION, http
from support.expect import COST, DURATION, UNPRICED
from support.payloads import DONE, event, payload
from support.server import Answer, Request, Server, json_answer, sse_answer

CALLS = int(os.environ.get("CROWD_CALLS", "2000"))
"""How many calls a crowd makes; a multiple of 2,000."""

MODEL = "crowd-1"
UNHEARD = "gpt-99-unheard-of"

INPUT, CACHED, OUTPUT = Decimal("1.37"), Decimal("0.11"), Decimal("9.73")
"""USD per million tokens, with as many digits as make rounding show."""

PRICES = f"""
[models."{MODEL}"]
input = "{INPUT}"
cache_read = "{CACHED}"
output = "{OUTPUT}"
"""

KINDS = (
    "chat",
    "stream",
    "embedding",
    "raw",
    "stream",
    "closed",
    "chat",
    "refused",
    "stream",
    "unheard",
    "dropped",
    *(("response", "response_stream") if OPENAI_VERSION >= (1, 66) else ("chat", "stream")),
)
"""What a call is, by its number; as many kinds as share no factor with the tokens' periods."""

REASONS = {"closed": "no_usage", "dropped": "no_usage", "refused": "error", "unheard": "unknown_model"}
"""Why a call of that kind has no price."""

CHUNKS = 6


def kind_of(number: int) -> str:
    """What the call of that number is."""
    return KINDS[number % len(KINDS)]


def tokens_of(number: int) -> tuple[int, int, int]:
    """Tokens in, of them from the cache, and out."""
    into = 11 + number * 7919 % 4001
    return into, number * 31 % into, 1 + number * 104_729 % 997


def bill(number: int) -> Decimal:
    """What the call of that number costs, in USD."""
    into, cached, out = tokens_of(number)
    if kind_of(number) == "embedding":
        return into * INPUT / 1_000_000
    return ((into - cached) * INPUT + cached * CACHED + out * OUTPUT) / 1_000_000


def text_of(number: int) -> str:
    """The answer that the application must get."""
    return f"the answer to call {number}"


# --- the provider ---


def _chat_usage(number: int) -> dict[str, Any]:
    into, cached, out = tokens_of(number)
    details = {"cached_tokens": cached}
    return {
        "prompt_tokens": into,
        "completion_tokens": out,
        "total_tokens": into + out,
        "prompt_tokens_details": details,
    }


def _response_body(number: int, **changes: Any) -> dict[str, Any]:
    into, cached, out = tokens_of(number)
    usage = {
        "input_tokens": into,
        "input_tokens_details": {"cached_tokens": cached, "cache_write_tokens": 0},
        "output_tokens": out,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": into + out,
    }
    text = {"type": "output_text", "text": text_of(number), "annotations": [], "logprobs": []}
    message = {"id": f"msg_{number}", "type": "message", "role": "assistant", "status": "completed", "content": [text]}
    return payload("response_simple.json", id=f"call-{number}", model=MODEL, usage=usage, output=[message], **changes)


def _chat_events(number: int) -> list[bytes]:
    chunk = {"id": f"call-{number}", "object": "chat.completion.chunk", "created": 1_795_000_000, "model": MODEL}
    words = text_of(number)
    size = -(-len(words) // CHUNKS)
    parts = [words[start : start + size] for start in range(0, len(words), size)]
    choices = [{"index": 0, "delta": {"content": part}, "finish_reason": None} for part in parts]
    return [
        *(event({**chunk, "choices": [choice], "usage": None}) for choice in choices),
        event({**chunk, "choices": [], "usage": _chat_usage(number)}),
        DONE,
    ]


def _response_events(number: int) -> list[bytes]:
    begun = _response_body(number, status="in_progress") | {"usage": None, "output": []}
    delta = {
        "type": "response.output_text.delta",
        "item_id": f"msg_{number}",
        "output_index": 0,
        "content_index": 0,
        "delta": text_of(number),
        "logprobs": [],
        "sequence_number": 1,
    }
    return [
        event({"type": "response.created", "sequence_number": 0, "response": begun}, "response.created"),
        event(delta, "response.output_text.delta"),
        event({"type": "response.completed", "sequence_number": 2, "response": _response_body(number)}),
    ]


def answer(number: int) -> tuple[int, dict[str, Any] | list[bytes]]:
    """Status, and the JSON body or the events of the stream."""
    kind = kind_of(number)
    if kind == "refused":
        return 429, payload("error_429.json")
    if kind in ("stream", "closed", "dropped"):
        return 200, _chat_events(number)
    if kind == "response_stream":
        return 200, _response_events(number)
    if kind == "response":
        return 200, _response_body(number)
    if kind == "embedding":
        into, _, _ = tokens_of(number)
        usage = {"prompt_tokens": into, "total_tokens": into}
        return 200, payload("embeddings.json", model=MODEL, usage=usage)
    choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text_of(number)}}
    model = UNHEARD if kind == "unheard" else MODEL
    body = payload("chat_completion_minimal_usage.json", id=f"call-{number}", model=model, choices=[choice])
    return 200, {**body, "usage": _chat_usage(number)}


class Account:
    """What the provider billed: each number once, when it sent the usage."""

    def __init__(self) -> None:
        self._billed: deque[int] = deque()

    def charge(self, number: int) -> None:
        """The answer with the usage has gone out."""
        if kind_of(number) not in REASONS:
            self._billed.append(number)

    @property
    def amounts(self) -> Counter[Decimal]:
        """How often which amount was billed."""
        return Counter(bill(number) for number in self._billed)

    @property
    def total(self) -> Decimal:
        """Everything that was billed, in USD."""
        return sum((bill(number) for number in self._billed), Decimal(0))


class _Events(http.SyncByteStream):  # type: ignore[misc]
    """Like a wire: whoever iterates again gets what is left."""

    def __init__(self, events: list[bytes], number: int, account: Account) -> None:
        self._left, self._number, self._account = iter(events), number, account

    def __iter__(self) -> Iterator[bytes]:
        for sent in self._left:
            time.sleep(0)  # lets another thread go first
            if b'"total_tokens"' in sent:
                self._account.charge(self._number)
            yield sent


class _AsyncEvents(http.AsyncByteStream):  # type: ignore[misc]
    """Like a wire: whoever iterates again gets what is left."""

    def __init__(self, events: list[bytes], number: int, account: Account) -> None:
        self._left, self._number, self._account = iter(events), number, account

    async def __aiter__(self) -> Any:
        for sent in self._left:
            await asyncio.sleep(0)  # lets another task go first
            if b'"total_tokens"' in sent:
                self._account.charge(self._number)
            yield sent


class Provider(http.BaseTransport, http.AsyncBaseTransport):  # type: ignore[misc]
    """Answers every request inside the process.

    Args:
        account: where it writes what it billed.
    """

    def __init__(self, account: Account) -> None:
        self._account = account

    def handle_request(self, request: Any) -> Any:
        return self._respond(json.loads(request.read()), _Events)

    async def handle_async_request(self, request: Any) -> Any:
        body = json.loads(await request.aread())
        await asyncio.sleep(0)
        return self._respond(body, _AsyncEvents)

    def _respond(self, asked: dict[str, Any], events: Any) -> Any:
        number = int(asked["user"])
        status, said = answer(number)
        if isinstance(said, list):
            stream = events(said, number, self._account)
            return http.Response(status, headers={"content-type": "text/event-stream"}, stream=stream)
        self._account.charge(number)
        return http.Response(status, json=said)


class InterruptedProvider(Provider):
    """Does something in the midst of a call, whenever so many requests have come in, however busy the machine is.

    Args:
        account: where it writes what it billed.
        every: after how many requests.
        interrupt: what is done, by one thread at a time.
    """

    def __init__(self, account: Account, every: int, interrupt: Callable[[], object]) -> None:
        super().__init__(account)
        self._every, self._interrupt = every, interrupt
        self._requests = 0
        self._lock = threading.Lock()

    def _respond(self, asked: dict[str, Any], events: Any) -> Any:
        with self._lock:
            self._requests += 1
            if self._requests % self._every == 0:
                self._interrupt()
        return super()._respond(asked, events)


class LoopbackProvider(Server):
    """The same provider behind a real connection.

    Args:
        account: where it writes what it billed.
    """

    def __init__(self, account: Account) -> None:
        super().__init__()
        self._account = account

    def answer_to(self, request: Request) -> Answer:
        """The answer to the call of that number."""
        number = int(request.json["user"])
        status, said = answer(number)
        self._account.charge(number)
        return sse_answer(said) if isinstance(said, list) else json_answer(said, status=status)


def make_client(account: Account, provider: Provider | None = None) -> openai.OpenAI:
    """A client of the public host, whose requests the provider answers inside the process."""
    http_client = http.Client(transport=provider or Provider(account))
    return openai.OpenAI(base_url=OPENAI_URL, api_key="k", max_retries=0, http_client=http_client)


def make_async_client(account: Account, provider: Provider | None = None) -> openai.AsyncOpenAI:
    """The same, asynchronous."""
    http_client = http.AsyncClient(transport=provider or Provider(account))
    return openai.AsyncOpenAI(base_url=OPENAI_URL, api_key="k", max_retries=0, http_client=http_client)


# --- the application ---


def arguments(number: int) -> tuple[str, dict[str, Any]]:
    """The method of the call of that number, and its arguments."""
    kind, user = kind_of(number), str(number)
    if kind == "embedding":
        return "embeddings.create", {"model": MODEL, "input": "x", "encoding_format": "float", "user": user}
    if kind.startswith("response"):
        return "responses.create", {"model": MODEL, "input": "x", "user": user, "stream": kind != "response"}
    method = "chat.completions.with_raw_response.create" if kind == "raw" else "chat.completions.create"
    model = UNHEARD if kind == "unheard" else MODEL
    asked: dict[str, Any] = {"model": model, "messages": [{"role": "user", "content": "x"}], "user": user}
    if kind in ("stream", "closed", "dropped"):
        asked |= {"stream": True, "extra_body": {"stream_options": {"include_usage": True}}}
    return method, asked


def method_of(client: Any, path: str) -> Any:
    """The method that the path names."""
    for name in path.split("."):
        client = getattr(client, name)
    return client


def text_in(events: list[Any]) -> str:
    """The text that the events of a stream add up to."""
    parts = []
    for one in events:
        if choices := getattr(one, "choices", None):
            parts.append(choices[0].delta.content)
        elif getattr(one, "type", "") == "response.output_text.delta":
            parts.append(one.delta)
    return "".join(parts)


def assert_answered(number: int, reply: Any) -> None:
    """The application got what the provider sent."""
    kind = kind_of(number)
    if kind == "raw":
        assert reply.headers["content-type"] == "application/json"
        reply = reply.parse()
    if kind == "embedding":
        assert type(reply) is openai.types.CreateEmbeddingResponse
        assert reply.usage.prompt_tokens == tokens_of(number)[0]
    elif kind == "response":
        assert reply.output_text == text_of(number)
    else:
        assert reply.choices[0].message.content == text_of(number)


STREAMED = {"stream", "response_stream", "closed", "dropped"}


def run_calls(client: openai.OpenAI, numbers: Iterable[int], side_by_side: int = 3) -> None:
    """Makes the calls of those numbers in this thread; up to three streams are read in turn, chunk by chunk."""
    current = get_current_span()
    open_streams: list[tuple[int, Any, list[Any]]] = []
    for number in numbers:
        path, asked = arguments(number)
        kind = kind_of(number)
        if kind == "refused":
            with pytest.raises(openai.RateLimitError):
                method_of(client, path)(**asked)
            continue
        reply = method_of(client, path)(**asked)
        if kind not in STREAMED:
            assert_answered(number, reply)
        else:
            open_streams.append((number, reply, [next(reply)]))
        while len(open_streams) >= side_by_side:
            open_streams = _advance(open_streams)
        assert get_current_span() is current
    while open_streams:
        open_streams = _advance(open_streams)
    assert get_current_span() is current


def _advance(streams: list[tuple[int, Any, list[Any]]]) -> list[tuple[int, Any, list[Any]]]:
    """Reads one more event of each stream; those that are at their end, or left, are gone."""
    still = []
    for number, stream, seen in streams:
        kind = kind_of(number)
        if kind == "closed":
            stream.close()
        elif kind != "dropped":
            try:
                seen.append(next(stream))
            except StopIteration:
                assert text_in(seen) == text_of(number)
            else:
                still.append((number, stream, seen))
    return still


async def run_calls_async(client: openai.AsyncOpenAI, numbers: Iterable[int]) -> None:
    """Makes the calls of those numbers in this task; the streams of all tasks take turns at every chunk."""
    current = get_current_span()
    for number in numbers:
        path, asked = arguments(number)
        kind = kind_of(number)
        if kind == "refused":
            with pytest.raises(openai.RateLimitError):
                await method_of(client, path)(**asked)
            continue
        reply = await method_of(client, path)(**asked)
        if kind not in STREAMED:
            assert_answered(number, reply)
        elif kind in ("closed", "dropped"):
            await anext(reply)
            if kind == "closed":
                await reply.close()
            del reply
        else:
            seen = []
            async for one in reply:
                assert get_current_span() is current
                seen.append(one)
            assert text_in(seen) == text_of(number)
        assert get_current_span() is current


def in_threads(client: openai.OpenAI, calls: int, threads: int, first: int = 0) -> None:
    """Spreads the calls over so many threads; what one of them raises is raised here."""
    problems: list[BaseException] = []
    each = calls // threads

    def work(start: int) -> None:
        try:
            run_calls(client, range(start, start + each))
        except BaseException as problem:
            problems.append(problem)

    workers = [threading.Thread(target=work, args=(first + index * each,)) for index in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    if problems:
        raise problems[0]


async def in_tasks(client: openai.AsyncOpenAI, calls: int, tasks: int, first: int = 0) -> None:
    """Spreads the calls over so many tasks of this loop."""
    each = calls // tasks
    await asyncio.gather(
        *(run_calls_async(client, range(start, start + each)) for start in range(first, first + calls, each))
    )


def collect() -> None:
    """Collects the streams that were dropped, which is their end: a first time what closes them, and then what they leave."""
    gc.collect()
    gc.collect()


async def collect_async() -> None:
    """The same; the loop closes their generators in tasks of its own."""
    collect()
    for _ in range(10):
        await asyncio.sleep(0)


# --- what was recorded ---


@dataclass(frozen=True)
class Ended:
    """What a load needs to know of a span that has ended."""

    response: str | None
    amount: float | None
    reason: str | None


class _Gate(SpanProcessor):
    """Counts the spans that pass, and keeps of each no more than a line."""

    def __init__(self, keep: bool) -> None:
        self._keep = keep
        self._lock = threading.Lock()
        self.open: set[int] = set()
        self.ended: list[Ended] = []
        self.ended_twice = 0

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        with self._lock:
            self.open.add(span.get_span_context().span_id)

    def on_end(self, span: ReadableSpan) -> None:
        said = span.attributes or {}
        line = Ended(
            said.get("gen_ai.response.id"),
            said.get("gen_ai.usage.cost.amount"),
            said.get("openai_cost.unpriced.reason"),
        )
        with self._lock:
            try:
                self.open.remove(span.get_span_context().span_id)
            except KeyError:
                self.ended_twice += 1
            if self._keep:
                self.ended.append(line)


class Turnstile:
    """Providers that count; ``prices`` is the path of the price file of this crowd.

    Args:
        directory: where the price file goes.
        keep: whether a line is kept of every span, and of every amount; else what is recorded leaves nothing behind.
    """

    def __init__(self, directory: Path, keep: bool = True) -> None:
        self._gate = _Gate(keep)
        self._keep = keep
        self.amounts: deque[Decimal] = deque()
        """What the hook was told, of the calls that have a price."""
        self._reader = InMemoryMetricReader()
        self.tracer_provider = TracerProvider(shutdown_on_exit=False)
        self.tracer_provider.add_span_processor(self._gate)
        self.meter_provider = MeterProvider([self._reader], shutdown_on_exit=False)
        self.prices = directory / "crowd.toml"
        self.prices.write_text(PRICES)

    @property
    def options(self) -> dict[str, Any]:
        """Arguments of our ``instrument()``."""
        return {**self.providers, "prices": str(self.prices), "cost_hook": self._hook}

    @property
    def providers(self) -> dict[str, Any]:
        """Arguments of anybody's ``instrument()``."""
        return {"tracer_provider": self.tracer_provider, "meter_provider": self.meter_provider}

    def _hook(self, event: CostEvent) -> None:
        if self._keep and event.amount is not None:
            self.amounts.append(event.amount)

    def close(self) -> None:
        """Shut the providers down."""
        self.tracer_provider.shutdown()
        self.meter_provider.shutdown()

    def spans(self) -> list[Ended]:
        """The spans that have ended; none may be open, and none may have ended twice."""
        assert self._gate.open == set()
        assert self._gate.ended_twice == 0
        return self._gate.ended

    def points(self, name: str) -> list[tuple[dict[str, Any], Any]]:
        """The data points of a metric."""
        data = self._reader.get_metrics_data()
        return [
            (dict(point.attributes or {}), point)
            for resource in (data.resource_metrics if data is not None else ())
            for scope in resource.scope_metrics
            for metric in scope.metrics
            if metric.name == name
            for point in metric.data.data_points
        ]

    def histogram(self, name: str) -> tuple[int, float]:
        """Number and sum of the records of a histogram."""
        points = [point for _, point in self.points(name)]
        return sum(point.count for point in points), sum(point.sum for point in points)

    def unpriced(self) -> Counter[str]:
        """How many operations had no price, by reason."""
        counted: Counter[str] = Counter()
        for attributes, point in self.points(UNPRICED):
            counted[attributes["openai_cost.unpriced.reason"]] += point.value
        return counted


def assert_exact(recorded: Turnstile, account: Account, numbers: range) -> None:
    """Every one of these calls was recorded once, as what it was, and at what the provider billed for it."""
    spans = recorded.spans()
    assert len(spans) == len(numbers)
    amounts = Counter(Decimal(repr(span.amount)) for span in spans if span.amount is not None)
    assert amounts == account.amounts
    assert sum(amounts.elements(), Decimal(0)) == account.total
    assert Counter(recorded.amounts) == account.amounts
    assert sum(recorded.amounts, Decimal(0)) == account.total
    reasons = Counter(REASONS[kind] for kind in map(kind_of, numbers) if kind in REASONS)
    assert Counter(span.reason for span in spans if span.amount is None) == reasons
    assert recorded.unpriced() == reasons
    assert_amounts_are_those_of_their_calls(spans)
    count, total = recorded.histogram(COST)
    assert count == account.amounts.total()
    assert abs(Decimal(total) - account.total) <= account.total * Decimal("1e-9")
    assert recorded.histogram(DURATION)[0] == len(numbers)


def assert_amounts_are_those_of_their_calls(spans: list[Ended]) -> None:
    """No span carries the cost of another call; embeddings have no id by which to tell."""
    named = [span for span in spans if span.response is not None]
    ids = Counter(span.response for span in named)
    assert not [name for name, count in ids.items() if count > 1]
    for span in named:
        if span.amount is not None:
            assert Decimal(repr(span.amount)) == bill(int(str(span.response).removeprefix("call-")))
