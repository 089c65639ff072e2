# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0
"""Events of a stream that names no model: those with usage, and errors, are all that matters."""

from __future__ import annotations

from abc import ABC, abstractmethod

from ._chat_events import error_type
from ._facts import Request, Response
from ._fields import Fields


class UsageEvents(ABC):
    """Folds the events of such a stream."""

    __slots__ = ("_request", "_response")

    def __init__(self, request: Request) -> None:
        self._request = request
        self._response = Response()

    @property
    def identified(self) -> bool:
        """No event names the model; those without usage need not be read."""
        return True

    def read(self, data: Fields) -> bool:
        """Takes one event; an error is the last."""
        if error := data.get("error"):
            self._response = self._response._replace(error_type=error_type(error))
            return True
        return self._take(data)

    @abstractmethod
    def _take(self, data: Fields) -> bool:
        """Takes an event that is no error; returns whether it was the last that matters."""

    def response(self) -> Response:
        """The response as far as the events told."""
        return self._response
