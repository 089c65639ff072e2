# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0
"""Images (``POST /images/generations``, ``/images/edits`` and ``/images/variations``)."""

from __future__ import annotations

from dataclasses import replace

from opentelemetry.semconv._incubating.attributes import gen_ai_attributes as gen_ai
from opentelemetry.util.types import AttributeValue

from .. import semconv
from ..usage import ModelUsage, Tokens, Usage
from ._facts import Endpoint, Request, Response
from ._fields import Fields, fields, items, number, text, tokens, whole
from ._gateway import in_usage
from ._tools import svg_tokens
from ._usage_events import UsageEvents

_COMPLETED = frozenset({"image_generation.completed", "image_edit.completed"})
_MARKERS = (b"image_generation.completed", b"image_edit.completed", b"event: error", b'"error"')
_DEFAULTS = {"dall-e-2": ("standard", "1024x1024"), "dall-e-3": ("standard", "1024x1024")}
"""Quality and size of the models that are billed by the image, where nobody says otherwise (API reference, "Create image")."""
_MODEL_OF_VARIATIONS = "dall-e-2"


def read_request(body: Fields) -> Request:
    """Reads the body of an image request; prompt and pictures are not looked at."""
    attributes: dict[str, AttributeValue] = {}
    if (count := whole(body.get("n"))) is not None and count != 1:
        attributes[gen_ai.GEN_AI_REQUEST_CHOICE_COUNT] = count
    streamed = body.get("stream") is True
    if streamed:
        attributes[semconv.REQUEST_STREAM] = True
    for name, attribute in (("quality", semconv.OWN_IMAGE_QUALITY), ("size", semconv.OWN_IMAGE_SIZE)):
        if (wanted := text(body.get(name))) is not None:
            attributes[attribute] = wanted
    return Request(model=text(body.get("model")), stream=streamed, attributes=attributes)


def read_response(body: Fields, request: Request) -> Response:
    """Reads an image response; its pictures are counted and not looked at.

    A response without token counts is billed by the image: at the quality and size that it states, else those asked for. What is
    left to the model (``auto``) and not stated afterwards is not known.
    """
    made = len(items(body.get("data")))
    return _read(body, request, made, made or _asked_for(request))


def read_variation(body: Fields, request: Request) -> Response:
    """Reads the response to a request for variations, which only ``dall-e-2`` ever made."""
    if request.model is not None:
        return read_response(body, request)
    response = read_response(body, request._replace(model=_MODEL_OF_VARIATIONS))
    return response._replace(priced_model=response.model or _MODEL_OF_VARIATIONS)


def _read(body: Fields, request: Request, made: int, billed: int) -> Response:
    attributes: dict[str, AttributeValue] = {}
    if made:
        attributes[semconv.OWN_IMAGE_COUNT] = made
    default_quality, default_size = _DEFAULTS.get(request.model or "", (None, None))
    quality = _known(body.get("quality"), request.attributes.get(semconv.OWN_IMAGE_QUALITY), default_quality)
    size = _known(body.get("size"), request.attributes.get(semconv.OWN_IMAGE_SIZE), default_size)
    if quality is not None:
        attributes[semconv.OWN_IMAGE_QUALITY] = quality
    if size is not None:
        attributes[semconv.OWN_IMAGE_SIZE] = size
    used = body.get("usage")
    counts = tokens(used)
    units = ((f"images {quality} {size}", billed),) if counts is None and quality and size else ()
    return Response(
        model=text(body.get("model")),
        created=number(body.get("created")),
        usage=_usage(body, request, None if counts is None else _of_images(counts), units),
        attributes=attributes,
        reported=None if used is None else in_usage(used),
    )


def _usage(body: Fields, request: Request, counts: Tokens | None, units: tuple[tuple[str, int], ...]) -> Usage | None:
    drawn_by = fields(body.get("svg_usage"))
    if not drawn_by:
        return None if counts is None and not units else Usage(counts, units)
    models = (ModelUsage(text(drawn_by.get("model")), Usage(svg_tokens(drawn_by))),)
    if counts is None and not units:
        # What the picture itself cost is not known: the drawing alone is not the price.
        models = (ModelUsage(request.model, Usage()), *models)
    return Usage(counts, units, (), models)


def _asked_for(request: Request) -> int:
    return whole(request.attributes.get(gen_ai.GEN_AI_REQUEST_CHOICE_COUNT)) or 1


def _known(stated: object, asked: object, default: str | None) -> str | None:
    """What the response states, else what was asked for, else the default; ``auto`` is no answer."""
    value = text(stated)
    if value is None or value == "auto":
        value = text(asked) or default
    return None if value == "auto" else value


def _of_images(counts: Tokens) -> Tokens:
    """Output tokens that are not said to be text are the image's."""
    if counts.output is None or counts.image_output is not None:
        return counts
    return counts._replace(image_output=counts.output - (counts.text_output or 0))


class _ImageEvents(UsageEvents):
    """Folds the events of a stream: each finished image has an event with its own usage."""

    __slots__ = ("_completed",)

    def __init__(self, request: Request) -> None:
        super().__init__(request)
        self._completed = 0

    def _take(self, data: Fields) -> bool:
        if data.get("type") not in _COMPLETED and not data.get("usage"):
            return False
        before, self._completed = self._response, self._completed + 1
        done = _read(data, self._request, self._completed, 1)
        usage = done.usage if self._completed == 1 else _together(before.usage, done.usage)
        self._response = done._replace(created=number(data.get("created_at")), usage=usage)
        return self._completed >= _asked_for(self._request)

    def response(self) -> Response:
        usage = self._response.usage
        if usage is None or self._completed >= _asked_for(self._request):
            return self._response
        # Fewer images than were asked for: the others may have been billed.
        missing = ModelUsage(self._request.model, Usage())
        return self._response._replace(usage=usage._replace(models=(*usage.models, missing)))


def _together(first: Usage | None, second: Usage | None) -> Usage | None:
    if first is None or second is None:
        return None
    counts = first.tokens or second.tokens
    if first.tokens is not None and second.tokens is not None:
        pairs = zip(first.tokens, second.tokens, strict=True)
        counts = Tokens(*(None if one is None and other is None else (one or 0) + (other or 0) for one, other in pairs))
    return Usage(counts, first.units + second.units, (), first.models + second.models)


IMAGES = Endpoint(
    name="images",
    operation="generate_content",
    kind="other",
    read_request=read_request,
    read_response=read_response,
    events=_ImageEvents,
    markers=_MARKERS,
    ending=b".completed",
    attributes={gen_ai.GEN_AI_OUTPUT_TYPE: "image"},
    priced_by="tokens, and those of an SVG's author; by the image where none are reported",
)

IMAGE_VARIATIONS = replace(
    IMAGES, read_response=read_variation, events=None, markers=(), priced_by="the image, by quality and size"
)
