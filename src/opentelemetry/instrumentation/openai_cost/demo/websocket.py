# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0
"""A websocket on a connection of the HTTP server: the protocol is the websockets library's, the bytes are carried here."""

from __future__ import annotations

import json
from http.server import BaseHTTPRequestHandler
from typing import cast

from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.protocol import State
from websockets.server import ServerProtocol

from .answers.wire import Conversation, JsonObject


def converse(connection: BaseHTTPRequestHandler, conversation: Conversation) -> None:
    """Shakes hands and holds a conversation, until the client closes it or is gone.

    Args:
        connection: has read the request that asks for a websocket, and nothing after it.
        conversation: what is said.
    """
    socket = _Socket(connection)
    if socket.is_open:
        socket.say(*conversation.opening())
    while socket.is_open:
        for event in socket.hear():
            socket.say(*conversation.hear(event))


class _Socket:
    def __init__(self, connection: BaseHTTPRequestHandler) -> None:
        self._connection, self._protocol, self._message = connection, ServerProtocol(), b""
        # The protocol wants to read the request itself.
        lines = [connection.requestline, *(f"{name}: {value}" for name, value in connection.headers.items()), "", ""]
        self._protocol.receive_data("\r\n".join(lines).encode())
        for request in self._protocol.events_received():
            self._protocol.send_response(self._protocol.accept(cast(Request, request)))
        self._flush()

    @property
    def is_open(self) -> bool:
        """Whether there is something to wait for; whoever closes, it is for the server to hang up."""
        return self._protocol.state is State.OPEN

    def say(self, *events: JsonObject) -> None:
        """Sends events, one message each."""
        for event in events if self.is_open else ():
            self._protocol.send_text(json.dumps(event).encode())
        self._flush()

    def hear(self) -> list[JsonObject]:
        """Waits for the client: the events that have arrived."""
        data = self._connection.rfile.read1(65_536)  # type: ignore[attr-defined]  # a BufferedReader, as http.server makes it
        if data:
            self._protocol.receive_data(data)
        else:
            self._protocol.receive_eof()
        events: list[JsonObject] = []
        for frame in self._protocol.events_received():
            if isinstance(frame, Frame) and frame.opcode in (Opcode.TEXT, Opcode.CONT):
                self._message += frame.data
                if frame.fin:
                    events.append(json.loads(self._message))
                    self._message = b""
        # Answers to pings and to a closing handshake.
        self._flush()
        return events

    def _flush(self) -> None:
        for data in self._protocol.data_to_send():
            if data:
                self._connection.wfile.write(data)
