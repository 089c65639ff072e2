# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0
"""Request, Response and Endpoint: what every API family tells the rest of the package."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from types import MappingProxyType
from typing import Literal, NamedTuple, Protocol

from opentelemetry.util.types import AttributeValue

from ..usage import Usage
from ._fields import Fields
from ._gateway import Reported

Kind = Literal["inference", "embeddings", "fetch", "other"]
Billing = Literal["now", "later", "fetch"]
"""When a call is billed: by its own response, by a later look at what it started, or not at all since it only looks."""


MAX_DOCUMENT = 8 * 1024 * 1024
"""A JSON document, or one event, is kept up to this size in bytes; of a larger one only the tail is searched for its usage."""


class Request(NamedTuple):
    """What a request says that matters to a span or to a price.

    Attributes:
        model: the model or deployment asked for.
        stream: whether events were asked for.
        attributes: span attributes of the request, beyond those every operation has.
        window: background completion window, such as ``2h`` (only the request tells).
        background: whether the response is made in the background.
        tools: ``type`` of each hosted tool asked for.
        container_memory: memory of the code interpreter's container, such as ``4g``.
        image_model: model of the hosted image generation tool.
        chat_search: whether web search was asked for in a chat completion.
        units: what the request alone says will be billed, such as ``("characters", 120)``.
    """

    model: str | None = None
    stream: bool = False
    attributes: Mapping[str, AttributeValue] = MappingProxyType({})
    window: str | None = None
    background: bool = False
    tools: tuple[str, ...] = ()
    container_memory: str | None = None
    image_model: str | None = None
    chat_search: bool = False
    units: tuple[tuple[str, int | Decimal], ...] = ()


class Response(NamedTuple):
    """What a response says that matters to a span or to a price.

    Attributes:
        id: the response's id.
        model: the model that answered.
        created: seconds since the epoch.
        service_tier: the tier that was billed.
        finish_reasons: one a choice.
        system_fingerprint: as OpenAI reports it.
        usage: what was used, ``None`` if the response does not say.
        status: ``queued``, ``completed``, … where the API has one.
        error_type: code of an error that the response itself carries.
        compacted: whether the response is a compaction of the conversation.
        attributes: span attributes of this API family alone.
        reported: what the call cost, where a gateway says so in the body.
        priced_model: the price book's name of the model, where it is not the model's own.
        is_job: whether it is billed when finished, and may be read many times.
        finished: whether a job has come to its end.
        is_unreported: whether a job did work that is billed, and does not say how much.
    """

    id: str | None = None
    model: str | None = None
    created: float | None = None
    service_tier: str | None = None
    finish_reasons: tuple[str, ...] = ()
    system_fingerprint: str | None = None
    usage: Usage | None = None
    status: str | None = None
    error_type: str | None = None
    compacted: bool = False
    attributes: Mapping[str, AttributeValue] = MappingProxyType({})
    reported: Reported | None = None
    priced_model: str | None = None
    is_job: bool = False
    finished: bool = False
    is_unreported: bool = False


class EventReader(Protocol):
    """Folds the server-sent events of one streamed response into a ``Response``."""

    @property
    def identified(self) -> bool:
        """Whether the opening events have been read; until then every event is handed in."""
        ...

    def read(self, data: Fields) -> bool:
        """Takes one event's JSON; returns whether it was the last that matters."""
        ...

    def response(self) -> Response:
        """The response as far as the events told."""
        ...


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One billable endpoint: how to read what goes in and what comes out.

    Attributes:
        name: short name, also the price book's word for rows of one endpoint only.
        operation: value of ``gen_ai.operation.name``.
        kind: which GenAI invocation of another instrumentation would describe it; ``other``: none.
        priced_by: what its price follows from, in a few words (README, "What you get").
        attributes: span attributes that hold for every call.
        billing: when it is billed.
        is_silent: whether it has no telemetry of its own (the conventions know no span for starting a job).
        counted_as: operation name under which the cost of a finished job is counted.
        without_body: reads a response whose body says nothing (audio bytes): what is billed is in the request.
        read_request: reads the JSON body (extra body merged in).
        read_response: reads a response, as JSON or as the SDK's model.
        events: makes a reader for a streamed response.
        usage_if_asked: whether a stream carries its usage only if ``stream_options.include_usage`` asks for it.
        is_read_whole: whether the price follows from more than usage, model and tier, which are all that is read of a large
            document of other endpoints.
        outlined_above: how large a document is, in bytes, of which no more is read than that.
        markers: byte strings of which an event that matters, after the opening, holds at least one.
        midway: byte strings of which an event that matters and may come long before the end holds at least one, where its JSON is
            written without spaces. Given, the other markers are searched for in the last events only.
        ending: what the last event that matters holds, if the stream may be left open after it; it is looked at as it passes.
    """

    name: str
    operation: str
    kind: Kind
    read_request: Callable[[Fields], Request]
    read_response: Callable[[Fields, Request], Response]
    events: Callable[[Request], EventReader] | None = None
    without_body: Callable[[Request], Response] | None = None
    markers: tuple[bytes, ...] = ()
    midway: tuple[bytes, ...] = ()
    ending: bytes = b""
    attributes: Mapping[str, AttributeValue] = field(default_factory=dict[str, AttributeValue])
    priced_by: str = ""
    billing: Billing = "now"
    counted_as: str = ""
    is_silent: bool = False
    usage_if_asked: bool = False
    is_read_whole: bool = False
    outlined_above: int = 256 * 1024
