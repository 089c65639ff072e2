# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0

"""The bench: a situation is run on it, and all that the application could see of it is kept."""

import asyncio
import contextlib
import gc
import inspect
import logging
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import openai
from opentelemetry.context import get_current
from opentelemetry.trace import get_current_span

from promises.description import describe, describe_error, kind, text
from support.clients import OPENAI_VERSION, make_async_client, make_client
from support.server import Answer, Server
from support.telemetry import Telemetry

T = TypeVar("T")
Act = Callable[["Bench"], Any]
_LOGGER = "opentelemetry.instrumentation.openai_cost"


@dataclass(frozen=True)
class Situation:
    """Something that an application does, and what the server answers.

    ``act`` is a function or a coroutine function of the bench; the answers are given in order, one a request.
    """

    name: str
    act: Act
    answers: Sequence[Answer]
    since: tuple[int, int] = (1, 26)
    """The first version of the client that has what is used."""

    @property
    def is_possible(self) -> bool:
        """Whether the installed client has what is used."""
        return self.since <= OPENAI_VERSION


class Situations(list[Situation]):
    """Collects situations: ``@given(answer, …)`` over a function makes one, named like the function."""

    def __call__(self, *answers: Answer, since: tuple[int, int] = (1, 26)) -> Callable[[Act], Act]:
        def add(act: Act) -> Act:
            self.append(Situation(act.__name__.replace("_", " "), act, answers, since))
            return act

        return add


@dataclass
class Observation:
    """What the application saw, did and left behind; two runs of a situation are the same if these are equal."""

    seen: list[Any] = field(default_factory=list)
    """What was looked at, in order: value, requests that the server had got by then, whether the context was the application's."""
    outcome: Any = None
    requests: list[Any] = field(default_factory=list)
    lent: list[Any] = field(default_factory=list)
    log: list[Any] = field(default_factory=list)
    warnings: list[Any] = field(default_factory=list)


class Bench:
    """What a situation works with: clients, and a pad for what it sees."""

    def __init__(self, server: Server, observation: Observation, stack: contextlib.ExitStack) -> None:
        self.server = server
        self._observation, self._stack = observation, stack
        self._lent: list[Any] = []
        self._context = get_current()
        self._async_clients: list[Any] = []

    def client(self, **options: Any) -> openai.OpenAI:
        """A synchronous client, closed when the run is over."""
        return self._stack.enter_context(make_client(self.server.url, **options))

    def async_client(self, **options: Any) -> openai.AsyncOpenAI:
        """An asynchronous client, closed when the run is over."""
        self._async_clients.append(make_async_client(self.server.url, **options))
        return self._async_clients[-1]

    def see(self, value: T) -> T:
        """Note a value and the circumstances in which it was seen."""
        is_own_context = get_current() == self._context and get_current_span() is get_current_span(self._context)
        self._observation.seen.append((describe(value), len(self.server.requests), is_own_context))
        return value

    def see_inside(self, value: T) -> T:
        """Note a value inside of a call, whose span is the current one there."""
        self._observation.seen.append((describe(value), len(self.server.requests)))
        return value

    def lend(self, value: T) -> T:
        """Give something to the client that must be the same afterwards."""
        self._lent.append(value)
        return value

    def give_back(self) -> list[Any]:
        """What was lent, as it is now; what an iterator has left."""
        return [
            [describe(item) for item in value] if inspect.isgenerator(value) else describe(value)
            for value in self._lent
        ]

    async def close_async_clients(self) -> None:
        """Close the asynchronous clients in the loop that used them."""
        for client in self._async_clients:
            await client.close()


class _Log(logging.Handler):
    def __init__(self, observation: Observation) -> None:
        super().__init__(logging.DEBUG)
        self._observation = observation

    def emit(self, record: logging.LogRecord) -> None:
        # What the transport logs, and what it logs first, depends on when the packets arrive.
        if not record.name.startswith(("httpcore", "asyncio")):
            self._observation.log.append((record.name, record.levelname, text(record.getMessage())))


def run(situation: Situation, server: Server, application: Telemetry) -> Observation:
    """Run a situation inside a span of the application, and keep what it could see."""
    observation = Observation()
    server.reset()
    server.queue(*situation.answers)
    tracer = application.tracer_provider.get_tracer("application")
    # Garbage is collected when the situation is over, not in the midst of it at random.
    gc.disable()
    with _logged(observation), _warned(observation), tracer.start_as_current_span("application"):
        with contextlib.ExitStack() as stack:
            bench = Bench(server, observation, stack)
            try:
                observation.outcome = "returned", describe(_act(situation, bench))
            except BaseException as error:
                if isinstance(error, (SystemExit, AssertionError)):
                    raise
                observation.outcome = "raised", describe_error(error)
            bench.see("over")
            observation.lent = bench.give_back()
        gc.collect()
    gc.enable()
    observation.requests = [
        (one.method, one.path, [(name, text(value)) for name, value in one.head], _form(one.headers, one.body))
        for one in server.requests
    ]
    return observation


def _act(situation: Situation, bench: Bench) -> Any:
    if not inspect.iscoroutinefunction(situation.act):
        return situation.act(bench)

    async def act() -> Any:
        try:
            return await situation.act(bench)
        finally:
            await bench.close_async_clients()

    return asyncio.run(act())


def _form(headers: Any, body: bytes) -> bytes:
    """The body; the random boundary of a form is replaced."""
    _, found, boundary = headers.get("content-type", "").partition("boundary=")
    return body.replace(boundary.encode(), b"(boundary)") if found else body


@contextlib.contextmanager
def _logged(observation: Observation) -> Iterator[None]:
    """Everything that is logged, from debug on; sorted, since calls may run beside each other."""
    root, handler = logging.getLogger(), _Log(observation)
    level = root.level
    kept = list(root.handlers)
    root.handlers[:] = [handler]
    root.setLevel(logging.DEBUG)
    try:
        yield
    finally:
        root.handlers[:] = kept
        root.setLevel(level)
        observation.log.sort()


@contextlib.contextmanager
def _warned(observation: Observation) -> Iterator[None]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield
    observation.warnings = [(kind(one.message)[0], text(one.message)) for one in caught]


def own_log(observation: Observation) -> list[Any]:
    """The lines that are ours."""
    return [line for line in observation.log if line[0].startswith(_LOGGER)]


def assert_same(observed: Observation, bare: Observation) -> None:
    """The two runs are the same; if not, say where they first differ."""
    found = _difference(vars(observed), vars(bare))
    assert found is None, found


def _difference(one: Any, other: Any, path: str = "") -> str | None:
    if one == other:
        return None
    if isinstance(one, dict) and isinstance(other, dict) and one.keys() == other.keys():
        pairs = [(key, one[key], other[key]) for key in one]
    elif isinstance(one, (list, tuple)) and isinstance(other, (list, tuple)):
        pairs = [(index, *pair) for index, pair in enumerate(zip(one, other, strict=False))]
    else:
        pairs = []
    for key, left, right in pairs:
        inner = _difference(left, right, f"{path}[{key}]")
        if inner is not None:
            return inner
    return f"{path}: {one!r:.3000} instead of {other!r:.3000}"
