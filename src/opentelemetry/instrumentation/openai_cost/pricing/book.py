# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0
"""PriceBook: which rates hold for a model, under which terms, on which day."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import date, timedelta
from decimal import localcontext
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple, cast

from ..money import EXACT
from ..usage import Usage
from .arithmetic import price, price_sum, with_nested
from .compiler import NO_MODEL, Compiler
from .overrides import ModelOverride, Overrides
from .quote import Quote, Reason, Unpriced
from .rates import RateCard

BUNDLED = Path(__file__).with_name("prices.json")
_TIER_NAMES = {"default": "standard", "auto": "standard", "": "standard", "fast": "priority"}
_SNAPSHOT = re.compile(r"-(?:\d{4}-\d{2}-\d{2}|\d{8})$")
_FINE_TUNED_SNAPSHOT = re.compile(r"-(?:\d{4}-\d{2}-\d{2}|\d{8}|\d{4})$")
_MODEL_FREE_ENDPOINTS = frozenset({"containers"})
OPENAI = "openai"
_MAX_CARDS = 2048
_EPOCH = date(1970, 1, 1)
_END_OF_TIME = 253_402_300_800
"""The year 10000, after which dates have no name; seconds since the epoch."""


class Terms(NamedTuple):
    """What decides, besides the usage, at which rates an operation is billed.

    Attributes:
        model: the model that answered, as the response names it (else as requested).
        requested_model: the model or deployment asked for.
        price_list: provider whose list applies (``openai``, ``azure.ai.openai``), ``None`` on hosts we know no prices of.
        host: host name of the base URL; the user's file may say whose list applies there.
        tier: service tier of the response; ``None`` is the default tier.
        batch: whether it ran in a batch.
        window: background completion window, such as ``2h``.
        region: label before ``api.openai.com`` on a regional host.
        endpoint: name of the endpoint, for models priced apart on one endpoint.
        at: when the response was created, seconds since the epoch.
    """

    model: str | None
    requested_model: str | None = None
    price_list: str | None = "openai"
    host: str | None = None
    tier: str | None = None
    batch: bool = False
    window: str | None = None
    region: str | None = None
    endpoint: str | None = None
    at: float = 0.0


class PriceBook:
    """The bundled price list with the user's file merged over it. Immutable: a change of prices is a new book.

    Args:
        data: the parsed ``prices.json`` (its schema is described in ``docs/prices.md``).
        overrides: the user's file, if any.
    """

    def __init__(self, data: Mapping[str, object], overrides: Overrides | None = None) -> None:
        self._overrides = overrides or Overrides()
        self._providers = cast(Mapping[str, Mapping[str, object]], data["providers"])
        self._reviewed = str(data["version"])
        self._cards: dict[tuple[object, ...], RateCard | Unpriced] = {}

    @property
    def version(self) -> str:
        """The day the bundled list was reviewed, and a digest of the user's file where there is one."""
        return f"{self._reviewed}+{self._overrides.digest}" if self._overrides.digest else self._reviewed

    def age(self, today: date) -> int:
        """Days since the bundled list was reviewed."""
        return (today - date.fromisoformat(self._reviewed)).days

    def quote(self, usage: Usage, terms: Terms) -> Quote | Unpriced:
        """Prices one operation.

        Args:
            usage: what was used.
            terms: model, tier, time and the rest that decides the rates.

        Returns:
            The quote, or the reason why there is none. Never raises for any usage or terms.
        """
        # Terms that were priced before are found without another call.
        card = self._cards.get((terms[:-1], terms[-1] // 86400)) or self.card(terms)
        if isinstance(card, Unpriced):
            return card
        if usage.is_sum:
            result = price_sum(usage, card, are_short=self._overrides.short_batches)
        else:
            result = price(usage, card)
        return self._add_nested(usage, terms, result) if usage.models else result

    def card(self, terms: Terms) -> RateCard | Unpriced:
        """The rate card for the terms, compiled on first use; also remembers what it cannot price."""
        at = terms[-1]
        if not 0 <= at < _END_OF_TIME:
            return Unpriced("missing_rate", missing=("a day",))
        key = (terms[:-1], at // 86400)
        card = self._cards.get(key)
        if card is None:
            with localcontext(EXACT):
                card = self._compile(terms)
            if len(self._cards) >= _MAX_CARDS:
                self._cards.clear()
            self._cards[key] = card
        return card

    def _add_nested(self, usage: Usage, terms: Terms, result: Quote | Unpriced) -> Quote | Unpriced:
        quotes: list[Quote] = []
        missing: list[str] = []
        for part in usage.models:
            alone = terms._replace(model=part.model, requested_model=None, tier=None, endpoint=None)
            inner = self.quote(part.usage, alone)
            if isinstance(inner, Quote):
                quotes.append(inner)
            elif inner.reason == "inconsistent_usage":
                return inner
            else:
                missing.append(part.model or "model")
                if inner.partial is not None:
                    quotes.append(inner.partial)
        outer = result if isinstance(result, Quote) else result.partial
        if outer is None and quotes:
            # Nothing of the operation's own could be priced; what the tools cost is a lower bound all the same.
            outer = quotes.pop(0)
        if outer is not None and any(quote.currency != outer.currency for quote in quotes):
            return Unpriced("unknown_currency", outer)
        whole = None if outer is None else with_nested(outer, quotes)
        if isinstance(result, Quote) and whole is not None and not missing:
            return whole
        missing[:0] = () if isinstance(result, Quote) else result.missing
        reason: Reason = "missing_rate" if isinstance(result, Quote) else result.reason
        return Unpriced(reason, whole, tuple(missing))

    def _compile(self, terms: Terms) -> RateCard | Unpriced:
        name = self._overrides.hosts.get(terms.host or "") or terms.price_list
        provider = self._providers.get(name or "")
        day = (_EPOCH + timedelta(days=int(terms.at // 86400))).isoformat()
        tier = (terms.tier or "").lower()
        tier = "batch" if terms.batch else _TIER_NAMES.get(tier, tier)
        compiler = Compiler(self._overrides, self.version, day, tier, terms.endpoint)
        if not terms.model:
            if provider is None or terms.endpoint not in _MODEL_FREE_ENDPOINTS:
                return Unpriced("unknown_model" if provider is not None else "unknown_provider")
            return compiler.card(terms.endpoint, provider, NO_MODEL, (), "", None, None)
        overrides = self._override(terms)
        if provider is None and not overrides:
            return Unpriced("unknown_provider")
        base = terms.model
        if overrides:
            alias = overrides[0].alias
            if alias is not None:
                base = alias
                # An alias in the user's file is the user's word that OpenAI's list holds, wherever the call went.
                name, provider = (name, provider) if provider is not None else (OPENAI, self._providers[OPENAI])
            elif terms.requested_model == overrides[0].name:
                base = overrides[0].name
        models: Mapping[str, Mapping[str, object]] = {} if provider is None else _models(provider)
        key = _match(base, models) if provider is not None else None
        if key is None and base != terms.model and provider is not None and overrides[0].alias is None:
            key = _match(terms.model, models)
        model = models.get(key) if key is not None else None
        if model is None and not any(override.rows for override in overrides):
            return Unpriced("unknown_model")
        named = overrides[0].name if key is None else key
        return compiler.card(named, provider or {}, model or {}, overrides, terms.model, terms.region, terms.window)

    def _override(self, terms: Terms) -> tuple[ModelOverride, ...]:
        """The user's rows for the model that answered, else for the name asked for if only the user knows that name.

        Returns:
            The row itself, then, if it is an alias of another model of the file, that model's row.
        """
        models = self._overrides.models
        if not models or terms.model is None:
            return ()
        key = _match(terms.model, models)
        if key is not None and key != terms.model and self._has_entry(terms.model):
            # A snapshot with prices of its own is another version than the alias that the user prices.
            key = None
        if key is None and terms.requested_model is not None and terms.requested_model in models:
            row = models[terms.requested_model]
            if row.alias is not None or not self._is_listed(terms.requested_model):
                key = terms.requested_model
        if key is None:
            return ()
        row = models[key]
        target = None if row.alias is None else _match(row.alias, models)
        return (row,) if target is None else (row, models[target])

    def _has_entry(self, model: str) -> bool:
        return any(model in _models(provider) for provider in self._providers.values())

    def _is_listed(self, model: str) -> bool:
        return any(_match(model, _models(provider)) for provider in self._providers.values())

    @property
    def overrides(self) -> Overrides:
        """The user's file as merged over the list."""
        return self._overrides


def _models(provider: Mapping[str, object]) -> Mapping[str, Mapping[str, object]]:
    return cast(Mapping[str, Mapping[str, object]], provider["models"])


def _match(name: str, models: Mapping[str, object]) -> str | None:
    """The book's key for a model name: itself, the alias of a dated snapshot, the base of a fine-tune.

    An undated row answers for its own dated snapshots, never for another version.
    """
    if name in models:
        return name
    suffix = _SNAPSHOT
    if name.startswith("ft:"):
        base = ":".join(name.split(":")[:2])
        if base != name:
            return _match(base, models)
        suffix = _FINE_TUNED_SNAPSHOT
    undated = suffix.sub("", name)
    if undated != name and undated in models:
        return undated
    return None


@lru_cache(maxsize=1)
def bundled_data() -> Mapping[str, object]:
    """The price list that ships with the package, parsed once, on first need."""
    return cast(Mapping[str, object], json.loads(BUNDLED.read_bytes()))
