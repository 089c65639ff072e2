# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0

"""An HTTP/1.1 server on the loopback interface: gives the answers a test prepared, keeps the requests."""

import contextlib
import json
import socket
import threading
import time
import zlib
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any

GATE_TIMEOUT = 60.0
"""Seconds after which a gate that no test opened opens by itself."""


@dataclass(frozen=True)
class Request:
    """A request as it came over the wire."""

    method: str
    path: str
    """Path and query."""
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes
    head: tuple[tuple[str, str], ...] = ()
    """Names and values of the headers as they were sent, in that order."""

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


@dataclass(frozen=True)
class Pause:
    """Wait before the next step."""

    seconds: float


@dataclass(frozen=True)
class Cut:
    """End the connection at once, in the middle of the answer."""


@dataclass(frozen=True, eq=False)
class Gate:
    """Wait until the test opens it; the test can wait until the server stands before it."""

    _reached: threading.Event = field(default_factory=threading.Event)
    _opened: threading.Event = field(default_factory=threading.Event)

    def open(self) -> None:
        """Let the server go on."""
        self._opened.set()

    def wait_until_reached(self, timeout: float = GATE_TIMEOUT) -> None:
        """Return when the server has sent everything before the gate."""
        assert self._reached.wait(timeout), "the server did not reach the gate"

    def pass_through(self) -> None:
        """The server's side."""
        self._reached.set()
        self._opened.wait(GATE_TIMEOUT)


Step = bytes | Pause | Gate | Cut
"""Bytes are sent as one chunk of the transfer encoding."""


@dataclass(frozen=True)
class Answer:
    """An answer of the server: what it does before the head, the head, and the steps of its body."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    steps: Sequence[Step] = ()
    chunked: bool = False
    before: Sequence[Pause | Gate | Cut] = ()
    is_raw: bool = False
    """The steps are all that goes over the wire, head and framing included; the connection ends after them."""


def json_answer(
    body: Any,
    *,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    before: Sequence[Pause | Gate | Cut] = (),
    gzip: bool = False,
) -> Answer:
    """A JSON body."""
    return bytes_answer(
        json.dumps(body).encode(),
        content_type="application/json",
        status=status,
        headers=headers,
        before=before,
        gzip=gzip,
    )


def bytes_answer(
    body: bytes,
    *,
    content_type: str = "application/octet-stream",
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    before: Sequence[Pause | Gate | Cut] = (),
    gzip: bool = False,
) -> Answer:
    """A body of any kind, with its length."""
    head = {"content-type": content_type, **(headers or {})}
    if gzip:
        head["content-encoding"] = "gzip"
        body = b"".join(_gzipped([body]))
    return Answer(status=status, headers=head, steps=(body,), before=before)


def sse_answer(
    steps: Iterable[Step],
    *,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    before: Sequence[Pause | Gate | Cut] = (),
    split: int | None = None,
    cut_after: int | None = None,
    gzip: bool = False,
) -> Answer:
    """A stream of server-sent events.

    Args:
        steps: the events, and what happens between them; each ``bytes`` is sent as one chunk.
        split: send chunks of that many bytes instead, across the boundaries of events where they fall.
        cut_after: end the connection after that many bytes of the body.
        gzip: compress the body; each event can be read when its bytes have arrived.
    """
    head = {"content-type": "text/event-stream; charset=utf-8", **(headers or {})}
    if gzip:
        head["content-encoding"] = "gzip"
        steps = _gzipped(steps)
    if cut_after is not None:
        steps = _cut(steps, cut_after)
    if split is not None:
        steps = _split(steps, split)
    return Answer(status=status, headers=head, steps=tuple(steps), chunked=True, before=before)


def wire_answer(*steps: Step) -> Answer:
    """The very bytes that go over the wire, head and framing included; the connection ends after them."""
    return Answer(steps=steps, is_raw=True)


def drop_answer() -> Answer:
    """No answer: the connection ends as soon as the request has been read."""
    return Answer(before=(Cut(),))


def _gzipped(steps: Iterable[Step]) -> Iterator[Step]:
    compressor = zlib.compressobj(wbits=31)
    for step in steps:
        if isinstance(step, bytes):
            yield compressor.compress(step) + compressor.flush(zlib.Z_SYNC_FLUSH)
        else:
            yield step
    yield compressor.flush()


def _cut(steps: Iterable[Step], limit: int) -> Iterator[Step]:
    for step in steps:
        if not isinstance(step, bytes):
            yield step
        elif len(step) < limit:
            limit -= len(step)
            yield step
        else:
            yield step[:limit]
            break
    yield Cut()


def _split(steps: Iterable[Step], size: int) -> Iterator[Step]:
    rest = b""
    for step in steps:
        if isinstance(step, bytes):
            rest += step
            while len(rest) >= size:
                yield rest[:size]
                rest = rest[size:]
        else:
            if rest:
                yield rest
                rest = b""
            yield step
    if rest:
        yield rest


class _Connection(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: "_HTTPServer"

    def setup(self) -> None:
        super().setup()
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def answer(self) -> None:
        length = int(self.headers.get("content-length", 0))
        body = self._chunked_body() if "transfer-encoding" in self.headers else self.rfile.read(length)
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = Request(self.command, self.path, headers, body, tuple(self.headers.items()))
        try:
            self._send(self.server.owner.answer_to(request))
        except (_Cut, OSError):
            self.close_connection = True
            self._hang_up()

    do_GET = do_POST = do_DELETE = answer

    def _chunked_body(self) -> bytes:
        parts: list[bytes] = []
        while size := int(self.rfile.readline(), 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def _send(self, answer: Answer) -> None:
        for step in answer.before:
            self._wait(step)
        if answer.is_raw:
            self._send_raw(answer.steps)
            return
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        if answer.chunked:
            self.send_header("transfer-encoding", "chunked")
        else:
            self.send_header("content-length", str(sum(len(step) for step in answer.steps if isinstance(step, bytes))))
        self.end_headers()
        self.wfile.flush()
        for step in answer.steps:
            if not isinstance(step, bytes):
                self._wait(step)
            elif not answer.chunked:
                self.wfile.write(step)
            elif step:
                self.wfile.write(b"%x\r\n%s\r\n" % (len(step), step))
        if answer.chunked:
            self.wfile.write(b"0\r\n\r\n")

    def _send_raw(self, steps: Sequence[Step]) -> None:
        for step in steps:
            if isinstance(step, bytes):
                self.wfile.write(step)
            else:
                self._wait(step)
        raise _Cut

    def _wait(self, step: Pause | Gate | Cut) -> None:
        if isinstance(step, Pause):
            time.sleep(step.seconds)
        elif isinstance(step, Gate):
            step.pass_through()
        else:
            raise _Cut

    def _hang_up(self) -> None:
        with contextlib.suppress(OSError):  # the client hung up first
            self.connection.shutdown(socket.SHUT_RDWR)

    def log_message(self, format: str, *args: Any) -> None:
        """The tests look at ``Server.requests`` instead."""


class _Cut(Exception):
    """The prepared answer says that the connection ends here."""


class _HTTPServer(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128  # of connections that are made at the same time
    owner: "Server"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up is what many tests are about, not an error of the server."""


class Server:
    """The server: answers in the order in which they were queued, then by route; anything else is a 500.

    ``url`` is its origin; ``requests`` holds what it got, oldest first.
    """

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self._queue: deque[Answer] = deque()
        self._routes: dict[tuple[str, str], Answer] = {}
        self._gates: list[Gate] = []
        self._lock = threading.Lock()
        self._http = _HTTPServer(("127.0.0.1", 0), _Connection)
        self._http.owner = self
        self.url = f"http://127.0.0.1:{self._http.server_port}"
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True)

    def __enter__(self) -> "Server":
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.reset()
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    def queue(self, *answers: Answer) -> None:
        """Give these answers to the next requests, in this order."""
        with self._lock:
            self._queue.extend(answers)
            self._remember_gates(answers)

    def route(self, method: str, path: str, answer: Answer) -> None:
        """Give this answer to every request of that method and path that finds the queue empty."""
        with self._lock:
            self._routes[method, path] = answer
            self._remember_gates([answer])

    def reset(self) -> None:
        """Open all gates, and forget requests and answers."""
        with self._lock:
            for gate in self._gates:
                gate.open()
            self._gates.clear()
            self._queue.clear()
            self._routes.clear()
            self.requests.clear()

    def answer_to(self, request: Request) -> Answer:
        """The prepared answer; the request is remembered."""
        with self._lock:
            self.requests.append(request)
            if self._queue:
                return self._queue.popleft()
            path = request.path.partition("?")[0]
            answer = self._routes.get((request.method, path))
        if answer is not None:
            return answer
        message = f"the test prepared no answer to {request.method} {request.path}"
        return json_answer({"error": {"message": message, "type": "unexpected_request"}}, status=500)

    def _remember_gates(self, answers: Iterable[Answer]) -> None:
        for answer in answers:
            self._gates += [step for step in (*answer.before, *answer.steps) if isinstance(step, Gate)]
