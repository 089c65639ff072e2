# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0
"""How a model gets its prices: the search for it, and the row that answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

from ..pricing import Overrides, PriceBook, RateCard, Terms, Unpriced
from ..pricing.overrides import ModelOverride, OverrideRow
from ..provider import OPENAI
from .arguments import day_of
from .matching import Entry, RowVerdict, Step, found, models_of, steps, tier_name, verdicts

_NOTHING: Entry = {}


@dataclass(frozen=True, slots=True)
class Attempt:
    """A step of the search for the model: where was looked for which name, and what was found there."""

    where: str
    step: Step


@dataclass(frozen=True, slots=True)
class Explanation:
    """How a model gets its prices.

    Attributes:
        terms: the terms asked about.
        price_list: name of the list that holds on the host, or ``None``.
        because: why that list holds.
        attempts: the search for the model, in order.
        key: the entry of the book that answered, or ``None``.
        rows: the rows of that entry, each with the reason why it does not answer.
        retires: the day on which the model is announced to go.
        overrides: what the user's file says: about the name, then, if that is an alias, about the model it stands for.
        result: the rate card, or the reason why there is none.
    """

    terms: Terms
    price_list: str | None
    because: str
    attempts: tuple[Attempt, ...]
    key: str | None
    rows: tuple[RowVerdict, ...]
    retires: str | None
    overrides: tuple[ModelOverride, ...]
    result: RateCard | Unpriced

    @property
    def row(self) -> Entry:
        """The row of the book that answers; empty if none does."""
        return next((verdict.row for verdict in self.rows if verdict.why_not is None), _NOTHING)

    @property
    def own(self) -> list[tuple[ModelOverride, OverrideRow]]:
        """The prices of the user's file that hold, the nearest first."""
        found = ((override, override.row(self.tier, self.day)) for override in self.overrides)
        return [(override, row) for override, row in found if row is not None]

    @property
    def alias(self) -> str | None:
        """The name in whose place the model's name stands, by the user's file."""
        return self.overrides[0].alias if self.overrides else None

    @property
    def published(self) -> set[str]:
        """Dimensions with a rate of their own; the others stand in for one another."""
        return {*self.row, *(dimension for _, row in self.own for dimension in row.prices)}

    @property
    def published_long(self) -> set[str]:
        """The same for long prompts."""
        long = cast(Mapping[str, object], self.row.get("long", {}))
        return {*long, *(dimension for _, row in self.own for dimension in row.long)}

    @property
    def tier(self) -> str:
        """The tier as rows name it."""
        return tier_name(self.terms.tier, self.terms.batch)

    @property
    def day(self) -> str:
        """The UTC day, ISO date."""
        return day_of(self.terms.at)


def explain(terms: Terms, data: Mapping[str, object], overrides: Overrides) -> Explanation:
    """Takes the engine's steps in the open; the rates are the engine's own."""
    name = terms.model or ""
    stated = overrides.hosts.get(terms.host or "")
    price_list = stated or terms.price_list
    attempts: list[Attempt] = []
    base, chain = name, list[ModelOverride]()
    while overrides.models and len(chain) < 2:
        taken = steps(base, overrides.models)
        key = found(taken)
        attempts += [Attempt("your file", step) for step in taken if key is not None or not chain]
        if key is None:
            break
        chain.append(overrides.models[key])
        if chain[-1].alias is None:
            break
        base = chain[-1].alias
    # An alias is the user's word that OpenAI's list holds, wherever the call went.
    searched = OPENAI if price_list is None and base != name else price_list
    models = models_of(data, searched or "")
    taken = steps(base, models) if searched is not None else []
    attempts += [Attempt(f"{searched} list", step) for step in taken]
    key = found(taken)
    entry = _NOTHING if key is None else models[key]
    tier, day = tier_name(terms.tier, terms.batch), day_of(terms.at)
    return Explanation(
        terms,
        price_list,
        _because(terms, stated),
        tuple(attempts),
        key,
        tuple(verdicts(entry, tier, day, terms.endpoint)),
        cast("str | None", entry.get("retires")),
        tuple(chain),
        PriceBook(data, overrides).card(terms),
    )


def _because(terms: Terms, stated: str | None) -> str:
    if stated:
        return f"your file says so for {terms.host}"
    if terms.price_list is None:
        return f"no bundled prices hold at {terms.host}"
    return f"it holds at {terms.host}" if terms.host else "as asked"
