# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0
"""Embeddings (``POST /embeddings``)."""

from __future__ import annotations

from opentelemetry.semconv._incubating.attributes import gen_ai_attributes as gen_ai
from opentelemetry.util.types import AttributeValue

from .. import semconv
from ..usage import Usage
from ._facts import Endpoint, Request, Response
from ._fields import Fields, text, tokens, whole
from ._gateway import in_usage


def read_request(body: Fields) -> Request:
    """Reads the JSON body of an embeddings request; its inputs are not looked at."""
    attributes: dict[str, AttributeValue] = {}
    if (dimensions := whole(body.get("dimensions"))) is not None:
        attributes[semconv.EMBEDDINGS_DIMENSION_COUNT] = dimensions
    if (encoding := text(body.get("encoding_format"))) is not None:
        attributes[gen_ai.GEN_AI_REQUEST_ENCODING_FORMATS] = [encoding]
    return Request(model=text(body.get("model")), attributes=attributes)


def read_response(body: Fields, request: Request) -> Response:
    """Reads an embeddings response; its vectors are not looked at."""
    used = body.get("usage")
    counts = tokens(used, has_output=False)
    return Response(
        model=text(body.get("model")),
        usage=None if counts is None else Usage(counts),
        reported=None if used is None else in_usage(used),
    )


EMBEDDINGS = Endpoint(
    name="embeddings",
    operation="embeddings",
    kind="embeddings",
    read_request=read_request,
    read_response=read_response,
    priced_by="tokens",
)
