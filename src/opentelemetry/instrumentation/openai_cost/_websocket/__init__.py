# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0
"""The third door: connections over a websocket (realtime, live, ``responses.connect``), which never pass the client's two methods.

Reads openai's connection classes, whose modules are never imported from here: they are wrapped when the application's first use
loads them. ``parse_event`` is where an event becomes an object, however it was received; most events are let through after a look
at their type. Of websockets, only the URL that was connected to and the close code are read.

What is not seen: events that the application receives as bytes and never hands to ``parse_event``, and translation sessions, in
which no event says what was used.
"""

from .patch import SocketPatch

__all__ = ["SocketPatch"]
