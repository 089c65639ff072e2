# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0
"""Decisions (``POST /decisions``)."""

from __future__ import annotations

from ..usage import Usage
from ._facts import Endpoint, Request, Response
from ._fields import Fields, text, tokens
from ._gateway import in_usage


def read_request(body: Fields) -> Request:
    """Reads the JSON body of a decision request; input and questions are not looked at."""
    return Request(model=text(body.get("model")))


def read_response(body: Fields, request: Request) -> Response:
    """Reads a decision; its answers are not looked at."""
    used = body.get("usage")
    counts = tokens(used)
    return Response(
        model=text(body.get("model")),
        usage=None if counts is None else Usage(counts),
        reported=None if used is None else in_usage(used),
    )


DECISIONS = Endpoint(
    name="decisions",
    operation="decisions",
    kind="other",
    read_request=read_request,
    read_response=read_response,
    priced_by="tokens, at rates of the endpoint's own",
)
