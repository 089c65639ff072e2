# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0

"""Disclosure: everything that is switched on and told of calls, and what of it was against the rules."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

import pytest
from opentelemetry.baggage import set_baggage
from opentelemetry.context import attach, detach
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import use_span

from opentelemetry.instrumentation.openai_cost import (
    Budget,
    CostEvent,
    OpenAICostInstrumentor,
    cost_attributes,
    track_cost,
)
from opentelemetry.instrumentation.openai_cost.spend import table
from opentelemetry.instrumentation.openai_cost.tracking import Cost
from promises.canaries import CANARY, canary, found
from support.telemetry import Telemetry

_MODEL = r"(request|response)\.(\w+\.)*model"
_OF_CONNECTIONS = r"response\.(session|(event\.)?response)\.(\w+\.)*model"
_TIER = r"(request|response)\.(\w+\.)*service_tier"
_ID = r"response\.(event\.)?(response\.|session\.)?id|response\.response_id|path"
TOLD = {
    "name": f"request\\.model|{_OF_CONNECTIONS}",
    "gen_ai.request.model": f"request\\.model|{_OF_CONNECTIONS}",
    "gen_ai.response.model": r"response\.(event\.)?(response\.|session\.|decision\.)?(\w+\.)*model",
    "gen_ai.response.id": _ID,
    "gen_ai.realtime_session.id": r"response\.session\.id",
    "gen_ai.response.finish_reasons": r"response\.(event\.)?(response\.)?"
    r"(choices\.\d+\.finish_reason|incomplete_details\.reason|status_details\.reason|reason)",
    "gen_ai.response.status": r"response\.status",
    "gen_ai.request.stop_sequences": r"request\.stop(\.\d+)?",
    "gen_ai.request.reasoning.level": r"(request|response(\.event)?\.response)\.reasoning(_effort|\.effort)",
    "gen_ai.request.previous_response.id": r"(request|response(\.event)?\.response)\.previous_response_id",
    "gen_ai.request.encoding_formats": r"request\.encoding_format",
    "gen_ai.conversation.id": r"request\.conversation(\.id)?",
    "gen_ai.prompt.name": r"request\.prompt\.id",
    "gen_ai.prompt.version": r"request\.prompt\.version",
    "openai.request.service_tier": r"request\.service_tier",
    "openai.response.service_tier": r"response\.(event\.)?(response\.)?service_tier",
    "openai.response.system_fingerprint": r"response\.system_fingerprint",
    "error.type": r"response\.(event\.)?(response\.)?(status_details\.)?(error\.)?(code|type)",
    "openai_cost.batch.id": r"response\.id",
    "openai_cost.batch.status": r"response\.status",
    "openai_cost.batch.endpoint": r"response\.endpoint",
    "gen_ai.speech.voice": r"request\.voice(\.id)?",
    "gen_ai.speech.input.language": r"request\.language|response\.session\.audio\.input\.transcription\.language",
    "openai_cost.image.quality": r"(request|response)\.quality",
    "openai_cost.image.size": r"(request|response)\.size",
    "team": r"attribution\.team",
    "tenant.id": r"baggage\.tenant",
    "event": f"{_MODEL}|{_TIER}|{_ID}|attribution\\.team|baggage\\.tenant"
    r"|request\.(quality|size)|response\.memory_limit|response\.(response\.)?output\.\d+\.container_id",
    "tracked": _MODEL,
    "summary": f"{_MODEL}|{_TIER}|" + r"response\.(event\.)?(response\.)?(error\.)?(code|type)",
}
"""What an attribute may repeat: names, identifiers and settings, as the conventions or this package define it.

The last ones are what the application itself is told: an event of the hook, what was tracked, and the table at the end.
"""

EVERYTHING: dict[str, Any] = {
    "component_metrics": True,
    "chunk_metrics": True,
    "token_metrics": "latest",
    "count_foreign": True,
    "rollup": True,
    "summary": True,
    "aliases": ("logfire", "openinference", "openlit", "langfuse"),
    "baggage_keys": ("tenant.id",),
    "budgets": [Budget("canary-free", usd=1, where={"team": canary("attribution.team")})],
}
"""Every option that emits something."""


class Disclosure:
    """What was told since everything was switched on.

    Args:
        telemetry: what was emitted.
        caplog: what was logged.
        capsys: what was printed.
    """

    def __init__(
        self, telemetry: Telemetry, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
    ) -> None:
        self.telemetry, self._caplog, self._capsys = telemetry, caplog, capsys
        self.events: list[CostEvent] = []
        self.cost: Cost | None = None

    def calls(self) -> list[ReadableSpan]:
        """The spans of calls; that of the application is not among them."""
        return [span for span in self.telemetry.spans() if span.name != "work"]

    def call(self) -> ReadableSpan:
        """The only one."""
        (span,) = self.calls()
        return span

    def log(self) -> list[str]:
        """What we logged, with what an error says of itself."""
        return [
            f"{line.getMessage()} {line.exc_text} {line.exc_info}"
            for line in self._caplog.records
            if line.name.startswith("opentelemetry")
        ]

    def _tracked(self) -> list[object]:
        cost = self.cost
        return [] if cost is None else [cost, cost.by_model, cost.reasons, cost.by_currency, cost.tokens]

    def against_the_rules(self) -> set[tuple[str, str]]:
        """By where it was told, each canary that has no place there. Ends the instrumentation, so that its table is printed."""
        told = found(self.telemetry) | _in("event", self.events) | _in("tracked", self._tracked())
        # No name is cut in the table, a canary least of all.
        with mock.patch.object(table, "_MODEL_WIDTH", 10_000):
            OpenAICostInstrumentor().uninstrument()
        told |= _in("summary", [self._capsys.readouterr()]) | _in("log", self.log())
        return {(name, place) for name, place in told if not re.fullmatch(TOLD.get(name, "nothing"), place)}


def _in(name: str, values: list[Any]) -> set[tuple[str, str]]:
    return {(name, word.removeprefix("canary:")) for value in values for word in CANARY.findall(repr(value))}


@contextmanager
def disclosure(
    instrument: Callable[..., object],
    telemetry: Telemetry,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
    **options: Any,
) -> Iterator[Disclosure]:
    """Switches everything on, in a span of the application's, with canaries for whose money it is and in baggage."""
    told = Disclosure(telemetry, caplog, capsys)
    instrument(cost_hook=told.events.append, **{**EVERYTHING, **options})
    token = attach(set_baggage("tenant.id", canary("baggage.tenant"), set_baggage("user", canary("baggage.unnamed"))))
    try:
        span = telemetry.tracer_provider.get_tracer("application").start_span("work")
        with use_span(span), cost_attributes(team=canary("attribution.team")), track_cost() as cost:
            told.cost = cost
            yield told
    finally:
        detach(token)
