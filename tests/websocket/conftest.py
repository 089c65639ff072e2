# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0

"""Fixtures of the websocket tests; all are skipped where the client has no websockets."""

from collections.abc import Iterator
from importlib import import_module
from typing import Any

import openai
import pytest

from support.clients import OPENAI_VERSION

pytest.importorskip("websockets.sync.server", reason="needs websockets")
pytest.register_assert_rewrite("websocket.player", "websocket.sessions")

from websocket.player import Player  # noqa: E402

collect_ignore = []
if OPENAI_VERSION < (1, 103):
    collect_ignore += ["test_realtime.py", "test_connections.py"]
if OPENAI_VERSION < (2, 22):
    collect_ignore.append("test_responses_connection.py")
if OPENAI_VERSION < (3, 12):
    collect_ignore.append("test_live.py")


@pytest.fixture
def player() -> Iterator[Player]:
    """The websocket server."""
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
