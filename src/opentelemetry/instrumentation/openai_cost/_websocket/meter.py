# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0
"""Meter: the seconds of a live session."""

from __future__ import annotations

from decimal import Decimal
from threading import Lock

from ..endpoints._fields import seconds
from ..money import EXACT
from .opened import Opened


class Meter:
    """What a live session has used so far, by its own cumulative count, and what of that is charged."""

    __slots__ = ("charged", "idle", "is_closed", "open", "used", "watchers")

    def __init__(self) -> None:
        self.used: object = None
        self.charged = Decimal(0)
        self.is_closed = False
        self.idle = Lock()
        self.open: list[Opened] = []
        self.watchers: set[int] = set()

    def due(self) -> object:
        """The seconds that are charged now; what is no duration is returned as it is."""
        used = seconds(self.used)
        if used is None:
            return self.used
        charged, self.charged = self.charged, max(used, self.charged)
        return EXACT.subtract(self.charged, charged)
