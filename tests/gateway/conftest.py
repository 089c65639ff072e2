# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0

"""One LiteLLM proxy for all tests here, clients of it, and a price file that names its host."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import openai
import pytest

pytest.register_assert_rewrite("gateway.proxy")

from gateway.proxy import Proxy  # noqa: E402
from support.clients import make_async_client, make_client  # noqa: E402
from support.server import Server  # noqa: E402


@pytest.fixture(scope="session")
def proxy(_server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    """The proxy; behind one of its models is the test's HTTP server."""
    proxy = Proxy(tmp_path_factory.mktemp("litellm"), _server.url)
    yield proxy
    proxy.close()


@pytest.fixture
def gateway(proxy: Proxy) -> Iterator[openai.OpenAI]:
    """A synchronous client of the proxy."""
    with make_client(proxy.url, base_url=f"{proxy.url}/v1", api_key=proxy.key) as client:
        yield client


@pytest.fixture
async def async_gateway(proxy: Proxy) -> AsyncIterator[openai.AsyncOpenAI]:
    """An asynchronous client of the proxy."""
    async with make_async_client(proxy.url, base_url=f"{proxy.url}/v1", api_key=proxy.key) as client:
        yield client


@pytest.fixture
def prices(tmp_path: Path) -> Path:
    """A price file which says that OpenAI's prices hold at the proxy."""
    path = tmp_path / "prices.toml"
    path.write_text('[hosts."127.0.0.1"]\nprovider = "openai"\n', encoding="utf-8")
    return path
