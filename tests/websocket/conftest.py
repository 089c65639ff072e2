# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0

"""Fixtures of the websocket tests, which are left out where the client has no such connections."""

from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import openai
import pytest

from support.clients import OPENAI_VERSION

if TYPE_CHECKING:
    from websocket.player import Player

collect_ignore = []
if find_spec("websockets") is None or OPENAI_VERSION < (1, 103):
    collect_ignore += ["test_realtime.py", "test_connections.py"]
if find_spec("websockets") is None or OPENAI_VERSION < (2, 22):
    collect_ignore.append("test_responses_connection.py")
if find_spec("websockets") is None or OPENAI_VERSION < (3, 12):
    collect_ignore.append("test_live.py")


@pytest.fixture
def player() -> "Iterator[Player]":
    """The websocket server."""
    from websocket.player import Player

    player = Player()
    yield player
    player.close()


@pytest.fixture(params=["realtime", "beta.realtime"])
def realtime(request: pytest.FixtureRequest) -> Any:
    """Gives the realtime resource of a client: the current one, then the beta."""

    def resource(of: openai.OpenAI | openai.AsyncOpenAI) -> Any:
        found: Any = of
        for name in request.param.split("."):
            found = getattr(found, name)
        return found

    import_module(f"openai.resources.{request.param}")
    return resource
