# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0

"""Fixtures that every test may use; what they give is documented in ``support``."""

from __future__ import annotations

import gc
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from inspect import iscoroutinefunction
from pathlib import Path
from typing import Any

import pytest

pytest.register_assert_rewrite("support")

import openai  # noqa: E402

from support.clients import (  # noqa: E402
    OPENAI_VERSION,
    make_async_azure_client,
    make_async_client,
    make_azure_client,
    make_client,
)
from support.lacks import lack  # noqa: E402
from support.server import Server  # noqa: E402
from support.telemetry import Telemetry, instrumenting  # noqa: E402


def pytest_ignore_collect(collection_path: Path) -> bool | None:
    """The client 0.28 has nothing in common with the later ones: neither one's tests can be imported with the other."""
    here = Path(__file__).parent
    if collection_path == here or not collection_path.is_relative_to(here):
        return None
    is_legacy = collection_path.relative_to(here).parts[0] == "legacy"
    return True if is_legacy != (OPENAI_VERSION < (1, 0)) else None


def pytest_collection_finish() -> None:
    """What is loaded by now stays: the collections that tests ask for need not look at it each time."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(tryfirst=True)
def pytest_pycollect_makeitem(collector: pytest.Collector, name: str, obj: object) -> None:
    """Every coroutine function is a test for anyio's plugin, whose own mode for that is younger than the oldest clients."""
    if iscoroutinefunction(obj):
        pytest.mark.anyio(obj)


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call() -> Generator[None, object, object]:
    """A test that needs what an old client lacks is skipped with a word."""
    try:
        return (yield)
    except Exception as error:
        missing = lack(error)
        if missing is None:
            raise
        pytest.skip(missing)


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Asynchronous tests run on asyncio."""
    return "asyncio"


@pytest.fixture(scope="session")
def _server() -> Iterator[Server]:
    with Server() as server:
        yield server


@pytest.fixture
def server(_server: Server) -> Iterator[Server]:
    """The HTTP server, without answers and requests of an earlier test."""
    _server.reset()
    yield _server
    _server.reset()


@pytest.fixture
def client(server: Server) -> Iterator[Callable[..., openai.OpenAI]]:
    """Makes synchronous clients: ``client(base_url=…, max_retries=0, …)``."""
    made: list[openai.OpenAI] = []

    def make(*args: Any, **options: Any) -> openai.OpenAI:
        made.append(make_client(server.url, *args, **options))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
async def async_client(server: Server) -> AsyncIterator[Callable[..., openai.AsyncOpenAI]]:
    """Makes asynchronous clients: ``async_client(base_url=…, max_retries=0, …)``."""
    made: list[openai.AsyncOpenAI] = []

    def make(*args: Any, **options: Any) -> openai.AsyncOpenAI:
        made.append(make_async_client(server.url, *args, **options))
        return made[-1]

    yield make
    for one in made:
        await one.close()


@pytest.fixture
def azure_client(server: Server) -> Iterator[Callable[..., openai.AzureOpenAI]]:
    """Makes synchronous Azure clients: ``azure_client(azure_endpoint=…, …)``."""
    made: list[openai.AzureOpenAI] = []

    def make(*args: Any, **options: Any) -> openai.AzureOpenAI:
        made.append(make_azure_client(server.url, *args, **options))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
async def async_azure_client(server: Server) -> AsyncIterator[Callable[..., openai.AsyncAzureOpenAI]]:
    """Makes asynchronous Azure clients: ``async_azure_client(azure_endpoint=…, …)``."""
    made: list[openai.AsyncAzureOpenAI] = []

    def make(*args: Any, **options: Any) -> openai.AsyncAzureOpenAI:
        made.append(make_async_azure_client(server.url, *args, **options))
        return made[-1]

    yield make
    for one in made:
        await one.close()


@pytest.fixture
def telemetry() -> Iterator[Telemetry]:
    """Providers of the test's own, and what was recorded through them."""
    telemetry = Telemetry()
    yield telemetry
    telemetry.close()


@pytest.fixture
def instrument(telemetry: Telemetry) -> Iterator[Callable[..., Any]]:
    """``instrument(**options)`` instruments with the test's providers; undone afterwards whatever happens."""
    from opentelemetry.instrumentation.openai_cost import OpenAICostInstrumentor

    yield from instrumenting(OpenAICostInstrumentor(), telemetry)
