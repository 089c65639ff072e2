# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0
"""Legacy completions (``POST /completions``)."""

from __future__ import annotations

from ._chat_events import MARKERS, MIDWAY, ChunkReader
from ._facts import MAX_DOCUMENT, Endpoint, Request
from ._fields import Fields, text
from .chat import common_attributes, read_response


def read_request(body: Fields) -> Request:
    """Reads the JSON body of a legacy completion."""
    return Request(
        model=text(body.get("model")),
        stream=body.get("stream") is True,
        attributes=common_attributes(body),
    )


COMPLETIONS = Endpoint(
    name="completions",
    operation="text_completion",
    kind="inference",
    read_request=read_request,
    read_response=read_response,
    events=ChunkReader,
    markers=MARKERS,
    midway=MIDWAY,
    usage_if_asked=True,
    outlined_above=MAX_DOCUMENT,
    priced_by="tokens",
)
