# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0

"""The client 0.28, set up as its applications do: by assigning to the module."""

from collections.abc import AsyncIterator, Iterator
from types import SimpleNamespace

import aiohttp
import openai
import pytest
from openai import api_requestor

from legacy.clients import AsyncSession, session
from support.server import Server

SETTINGS = {
    "api_key": "test-key",
    "api_base": "https://api.openai.com/v1",
    "api_type": "open_ai",
    "api_version": None,
    "organization": None,
}


@pytest.fixture
def api(server: Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """The server behind every host, for the synchronous methods."""
    for name, value in SETTINGS.items():
        monkeypatch.setattr(openai, name, value)
    with session(server.url) as made:
        monkeypatch.setattr(openai, "requestssession", made)
        vars(api_requestor._thread_context).clear()
        yield server
    vars(api_requestor._thread_context).clear()


@pytest.fixture
async def async_api(api: Server, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Server]:
    """The same for the asynchronous methods."""
    async with aiohttp.ClientSession() as inner:
        # A context variable would be the fixture's alone: tests have a context of their own.
        aiosession = SimpleNamespace(get=lambda: AsyncSession(inner, api.url))
        monkeypatch.setattr(openai, "aiosession", aiosession)
        yield api


@pytest.fixture
def azure(api: Server, monkeypatch: pytest.MonkeyPatch) -> Server:
    """The module set up for Azure."""
    monkeypatch.setattr(openai, "api_type", "azure")
    monkeypatch.setattr(openai, "api_base", "https://acme.openai.azure.com/")
    monkeypatch.setattr(openai, "api_version", "2023-05-15")
    return api
