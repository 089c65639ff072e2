# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0
"""Opened: an operation in flight on a connection."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from ..endpoints import EventReader, Request, Response
from ..endpoints._fields import Fields
from ..operation import Operation
from ..recorder import Recorder

UNKNOWN = Response()
"""A response of which nothing is known yet."""


@dataclass(slots=True)
class Opened:
    """An operation in flight.

    Attributes:
        operation: writes the span and holds the request.
        recorder: the one it began with.
        known: the response as far as it is known.
        reader: folds the events of a response of the Responses API.
        lane: the stream or delegation that it belongs to.
        calls: calls of tools that its output named.
    """

    operation: Operation
    recorder: Recorder
    known: Response = UNKNOWN
    reader: EventReader | None = None
    lane: str | None = None
    calls: list[Fields] = field(default_factory=list[Fields])

    def end(self, response: Response, error: BaseException | None = None) -> None:
        """Ends the operation; whoever took it out of where it was open does so, and nobody else."""
        self.recorder.end(self.operation, response, error)

    def answer(self, read: Callable[[Fields, Request], Response], body: Fields) -> None:
        """Ends the operation with what its last event says."""
        try:
            response = read(body, self.operation.request)
        except Exception as error:
            self.recorder.failed_inside(error)
            response = self.known
        self.end(response)

    def abandon(self, error: BaseException | None) -> None:
        """Ends the operation with what is known."""
        self.end(self.known if self.reader is None else self.reader.response(), error)
