# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0

"""A websocket server on the loopback interface: plays the events that a test prepared, keeps the client's."""

import contextlib
import json
import os
import queue
import socket
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import openai
from websockets.exceptions import ConnectionClosed
from websockets.sync.server import ServerConnection, serve

from support.server import Gate

OPENAI = "ws://api.openai.com/v1"


@dataclass(frozen=True)
class Heard:
    """Wait for a message of the client."""


@dataclass(frozen=True)
class Cut:
    """End the connection at once, without a closing handshake."""


@dataclass(frozen=True)
class Close:
    """Close the connection as the protocol has it."""

    code: int = 1000


Step = dict[str, Any] | Heard | Cut | Close | Gate
"""A dictionary is sent as an event."""


class Player:
    """Every connection gets the next script; when it has been played, the server waits for the client to go."""

    def __init__(self) -> None:
        self.paths: list[str] = []
        self.received: list[dict[str, Any]] = []
        self._scripts: queue.Queue[Sequence[Step]] = queue.Queue()
        self._server = serve(self._play, "127.0.0.1", 0, compression=None)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        self._port = self._server.socket.getsockname()[1]

    def close(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._thread.join(5)

    def play(self, *steps: Step) -> None:
        """Prepare the script of one connection."""
        self._scripts.put(steps)

    def options(self) -> dict[str, Any]:
        """Connection options that lead a synchronous client here, whatever its URL says."""
        return {"sock": socket.create_connection(("127.0.0.1", self._port))}

    def async_options(self) -> dict[str, Any]:
        """The same for an asynchronous client."""
        return {"host": "127.0.0.1", "port": self._port}

    def url(self) -> str:
        """The server's own address."""
        return f"ws://127.0.0.1:{self._port}/v1"

    def _play(self, connection: ServerConnection) -> None:
        assert connection.request is not None
        self.paths.append(connection.request.path)
        # What a client does to the connection, or a cut, ends the script.
        with contextlib.suppress(ConnectionClosed, OSError):
            for step in self._scripts.get(timeout=60):
                if isinstance(step, Heard):
                    self.received.append(json.loads(connection.recv()))
                elif isinstance(step, Gate):
                    step.pass_through()
                elif isinstance(step, Close):
                    connection.close(step.code)
                elif isinstance(step, Cut):
                    connection.socket.shutdown(socket.SHUT_RDWR)
                else:
                    connection.send(json.dumps(step))
            while True:
                self.received.append(json.loads(connection.recv()))


def client(url: str = OPENAI, **options: Any) -> openai.OpenAI:
    """A synchronous client for that websocket URL."""
    os.environ.setdefault("NO_PROXY", "*")
    return openai.OpenAI(api_key="test-key", websocket_base_url=url, **options)


def async_client(url: str = OPENAI, **options: Any) -> openai.AsyncOpenAI:
    """An asynchronous client for that websocket URL."""
    os.environ.setdefault("NO_PROXY", "*")
    return openai.AsyncOpenAI(api_key="test-key", websocket_base_url=url, **options)


def read(connection: Any, events: int) -> list[Any]:
    """Receive that many events."""
    return [connection.recv() for _ in range(events)]
