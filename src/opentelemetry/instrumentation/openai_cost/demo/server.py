# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0
"""An OpenAI-compatible server on loopback, for the demo and for tests: standard library only, except for websockets.

This file is HTTP; what is answered stands in :mod:`.answers`.
"""

from __future__ import annotations

import json
import secrets
import socket
import socketserver
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from urllib.parse import parse_qsl, urlsplit

from .answers import answer, conversation
from .answers.provider import LedgerEntry, Provider
from .answers.wire import Reply, Request

HOST = "127.0.0.1"


class DemoServer:
    """The server, running in threads of its own while the context is entered.

    ::

        with DemoServer() as server:
            client = openai.OpenAI(base_url=server.base_url, api_key="demo")

    Attributes:
        base_url: Where the client must point, ``/v1`` included. The port is a free one.
    """

    def __init__(self) -> None:
        self._provider = Provider()
        self._server = _Server((HOST, 0), _Connection, self._provider)
        self.base_url = f"http://{HOST}:{self._server.server_port}/v1"
        self._thread = threading.Thread(target=self._server.serve_forever, name="demo-server", daemon=True)

    @property
    def ledger(self) -> tuple[LedgerEntry, ...]:
        """What was reported for every billed call so far, in order."""
        return self._provider.ledger

    @property
    def requests(self) -> tuple[tuple[str, str], ...]:
        """Method and path of every request so far, in order."""
        return tuple(self._server.requests)

    def __enter__(self) -> DemoServer:
        self._thread.start()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, address: tuple[str, int], handler: type[_Connection], provider: Provider) -> None:
        self.provider = provider
        self.requests: list[tuple[str, str]] = []
        super().__init__(address, handler)

    def server_bind(self) -> None:
        # Not HTTPServer's: it asks the resolver for this host's name, which takes seconds on some machines.
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = HOST, self.socket.getsockname()[1]

    def handle_error(self, request: socket.socket | tuple[bytes, socket.socket], client_address: object) -> None:
        # A client may go away at any time: between two requests, or in the middle of a stream.
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


class _Connection(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server  # pyright: ignore[reportIncompatibleVariableOverride]

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def _serve(self) -> None:
        started = time.perf_counter()
        url = urlsplit(self.path)
        request = Request(
            method=self.command,
            path=url.path,
            headers={name.lower(): value for name, value in self.headers.items()},
            body=self.rfile.read(int(self.headers.get("content-length") or 0)),
            query=dict(parse_qsl(url.query)),
        )
        self.server.requests.append((request.method, request.path))
        if request.headers.get("upgrade", "").lower() == "websocket":
            held = conversation(request, self.server.provider)
            if not isinstance(held, Reply):
                from .websocket import converse

                converse(self, held)
                self.close_connection = True
                return
            reply = held
        else:
            reply = answer(request, self.server.provider)
        self.send_response(reply.status)
        self.send_header("x-request-id", f"req_{secrets.token_hex(16)}")
        self.send_header("openai-version", "2020-10-01")
        self.send_header("openai-processing-ms", str(round(1000 * (time.perf_counter() - started))))
        if reply.events is None:
            self._send_document(reply)
        else:
            self._send_events(reply.events)

    def _send_document(self, reply: Reply) -> None:
        content = json.dumps(reply.document).encode() if reply.content is None else reply.content
        self.send_header("content-type", reply.content_type)
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _send_events(self, events: tuple[str, ...]) -> None:
        self.send_header("content-type", "text/event-stream; charset=utf-8")
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        for event in events:
            data = event.encode()
            self.wfile.write(b"%x\r\n%b\r\n" % (len(data), data))
        self.wfile.write(b"0\r\n\r\n")

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing: stderr belongs to the application."""
