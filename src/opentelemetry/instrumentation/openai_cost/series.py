# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0
"""Series: which series of every metric an operation is counted in, by the attributes of their measurements."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from opentelemetry.semconv._incubating.attributes import gen_ai_attributes as gen_ai
from opentelemetry.semconv.attributes.server_attributes import SERVER_ADDRESS, SERVER_PORT
from opentelemetry.util.types import AttributeValue

from . import semconv
from .attribution import OTHER
from .outcome import Attributes
from .provider import Server
from .vocabulary import Vocabulary

_MAX_MODELS = 500
_MAX_SERVERS = 200
_MAX_TIERS = 32
_MAX_REMEMBERED = 512
"""Combinations whose attributes are kept ready."""


class Series(NamedTuple):
    """Attributes of the measurements of all operations that are alike. Shared between them: to be copied, not changed.

    Attributes:
        exact: what the operation says of itself.
        common: the same as every metric carries it: only so many different models and servers, and of a sane length.
        tiered: with the service tier, where there is one.
        input: of input tokens.
        output: of output tokens.
        cost: of a cost in US dollars at our own prices.
    """

    exact: Attributes
    common: Attributes
    tiered: Attributes
    input: Attributes
    output: Attributes
    cost: Attributes


class AllSeries:
    """Finds the series of an operation; those of operations like earlier ones are not made again."""

    def __init__(self) -> None:
        self._models = Vocabulary("models", _MAX_MODELS)
        self._servers = Vocabulary("servers", _MAX_SERVERS)
        self._tiers = Vocabulary("service tiers", _MAX_TIERS)
        self._remembered: dict[tuple[object, ...], tuple[Series, object]] = {}

    def find(
        self,
        operation: str,
        server: Server,
        request_model: str | None,
        response_model: str | None,
        tier: str | None,
        labels: Mapping[str, AttributeValue] | None,
    ) -> Series:
        """The series that an operation is counted in.

        Args:
            operation: value of ``gen_ai.operation.name``.
            server: who answered.
            request_model: the model asked for.
            response_model: the model that answered.
            tier: the service tier that was billed.
            labels: whose money it is, as metrics carry it.
        """
        key = (operation, server.name, server.provider, request_model, response_model, tier, id(labels))
        known = self._remembered.get(key)
        if known is not None:
            return known[0]
        exact: Attributes = {**(labels or {}), gen_ai.GEN_AI_OPERATION_NAME: operation, **server.attributes}
        if request_model is not None:
            exact[gen_ai.GEN_AI_REQUEST_MODEL] = request_model
        if response_model is not None:
            exact[gen_ai.GEN_AI_RESPONSE_MODEL] = response_model
        common = self._bounded(exact, server, request_model, response_model)
        tiered = common if tier is None else {**common, semconv.OPENAI_RESPONSE_SERVICE_TIER: self._tiers[tier]}
        series = Series(
            exact,
            common,
            tiered,
            {**tiered, gen_ai.GEN_AI_TOKEN_TYPE: "input"},
            {**tiered, gen_ai.GEN_AI_TOKEN_TYPE: "output"},
            {**tiered, semconv.COST_CURRENCY: "USD", semconv.COST_SOURCE: semconv.COST_SOURCE_LOCAL},
        )
        if common is exact and (tier is None or tiered[semconv.OPENAI_RESPONSE_SERVICE_TIER] == tier):
            # Neither too many nor too long, so not of a server that makes names up.
            if len(self._remembered) >= _MAX_REMEMBERED:
                self._remembered.clear()
            # The labels are kept with their series, so that their id stays their own.
            self._remembered[key] = series, labels
        return series

    def _bounded(
        self, exact: Attributes, server: Server, request_model: str | None, response_model: str | None
    ) -> Attributes:
        changed: Attributes = {}
        if self._servers[server.name] != server.name:
            changed[SERVER_ADDRESS] = OTHER
        for name, model in (
            (gen_ai.GEN_AI_REQUEST_MODEL, request_model),
            (gen_ai.GEN_AI_RESPONSE_MODEL, response_model),
        ):
            if model is not None and (word := self._models[model]) != model:
                changed[name] = word
        if not changed:
            return exact
        common = {**exact, **changed}
        if SERVER_ADDRESS in changed:
            # So many hosts may have as many ports.
            del common[SERVER_PORT]
        return common
