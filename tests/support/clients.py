# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0

"""Real OpenAI clients that believe they talk to a public host while every request goes to the test's server.

Prices depend on the host of the base URL, so the client keeps it; only the connection is made elsewhere.
"""

from __future__ import annotations

import importlib
from typing import Any

import openai
import pytest

OPENAI_URL = "https://api.openai.com/v1"
OPENAI_VERSION = tuple(int(part) for part in openai.__version__.split(".")[:2])

needs_responses = pytest.mark.skipif(OPENAI_VERSION < (1, 66), reason="the client has no Responses API")
needs_late_responses = pytest.mark.skipif(
    OPENAI_VERSION < (1, 99), reason="the client's Responses API lacks some of this"
)
needs_helpers = pytest.mark.skipif(OPENAI_VERSION < (1, 92), reason="the client has no stream helper there")

# The client's own HTTP library: httpx2 since openai 3, httpx before.
http: Any = importlib.import_module("httpx2" if OPENAI_VERSION >= (3, 0) else "httpx")


def _rerouted(request: Any, origin: Any) -> Any:
    """A copy of the request with another destination and the same Host header."""
    url = request.url.copy_with(scheme=origin.scheme, host=origin.host, port=origin.port)
    return http.Request(
        request.method, url, headers=request.headers, stream=request.stream, extensions=request.extensions
    )


class ReroutingTransport(http.HTTPTransport):  # type: ignore[misc]
    """Connects to one origin, whatever the URL says."""

    def __init__(self, origin: str) -> None:
        super().__init__(verify=False)
        self._origin = http.URL(origin)

    def handle_request(self, request: Any) -> Any:
        return super().handle_request(_rerouted(request, self._origin))


class AsyncReroutingTransport(http.AsyncHTTPTransport):  # type: ignore[misc]
    """Connects to one origin, whatever the URL says."""

    def __init__(self, origin: str) -> None:
        super().__init__(verify=False)
        self._origin = http.URL(origin)

    async def handle_async_request(self, request: Any) -> Any:
        return await super().handle_async_request(_rerouted(request, self._origin))


def _arguments(base_url: str | None, options: dict[str, Any]) -> dict[str, Any]:
    arguments: dict[str, Any] = {"api_key": "test-key", "max_retries": 0, "timeout": 20.0, **options}
    if base_url is not None:
        arguments["base_url"] = base_url
    return arguments


def make_client(origin: str, base_url: str | None = OPENAI_URL, **options: Any) -> openai.OpenAI:
    """A synchronous client for ``base_url`` that connects to ``origin``."""
    http_client = http.Client(transport=ReroutingTransport(origin))
    return openai.OpenAI(http_client=http_client, **_arguments(base_url, options))


def make_async_client(origin: str, base_url: str | None = OPENAI_URL, **options: Any) -> openai.AsyncOpenAI:
    """An asynchronous client for ``base_url`` that connects to ``origin``."""
    http_client = http.AsyncClient(transport=AsyncReroutingTransport(origin))
    return openai.AsyncOpenAI(http_client=http_client, **_arguments(base_url, options))


def make_azure_client(
    origin: str, azure_endpoint: str = "https://acme.openai.azure.com", **options: Any
) -> openai.AzureOpenAI:
    """A synchronous Azure client for ``azure_endpoint`` that connects to ``origin``."""
    http_client = http.Client(transport=ReroutingTransport(origin))
    options.setdefault("api_version", "2025-04-01-preview")
    return openai.AzureOpenAI(http_client=http_client, azure_endpoint=azure_endpoint, **_arguments(None, options))


def make_async_azure_client(
    origin: str, azure_endpoint: str = "https://acme.openai.azure.com", **options: Any
) -> openai.AsyncAzureOpenAI:
    """An asynchronous Azure client for ``azure_endpoint`` that connects to ``origin``."""
    http_client = http.AsyncClient(transport=AsyncReroutingTransport(origin))
    options.setdefault("api_version", "2025-04-01-preview")
    return openai.AsyncAzureOpenAI(http_client=http_client, azure_endpoint=azure_endpoint, **_arguments(None, options))
