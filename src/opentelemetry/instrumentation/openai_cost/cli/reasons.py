# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0
"""Why something has no price, in words, and what would help."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from typing import cast

from ..pricing import Overrides, Quote, Terms, Unpriced
from ..pricing.arithmetic import LENGTHS
from .arguments import day_of
from .matching import found, models_of, steps, tier_name, tiers_in_force

_WORDS: Mapping[str, str] = {
    "unknown_model": "no price list in use names this model",
    "unknown_provider": "no bundled prices hold on this host",
    "missing_rate": "no price is published for a part of this call",
    "unknown_currency": "the prices of this call are in different currencies",
    "no_usage": "the response reports no usage",
    "inconsistent_usage": "the counts cannot all be true: a part is larger than its total, or a count is impossible",
}


def in_words(reason: str) -> str:
    """What a reason means."""
    return _WORDS.get(reason, "it could not be priced")


def what_is_missing(result: Unpriced) -> list[str]:
    """The parts without a price, each with what is known about it."""
    priced = _dimensions(result.partial)
    return [
        f"{name} (billed is at least the quantity above)"
        if name in priced
        else f"{name} (the prompt's tokens are not known)"
        if name == "input" and any(dimension.startswith("images ") for dimension in priced)
        else f"{name} (one of them may be long, which a sum does not tell)"
        if name == LENGTHS
        else f"{name} (no rate)"
        for name in dict.fromkeys(result.missing)
    ]


def _dimensions(quote: Quote | None) -> set[str]:
    return set() if quote is None else {item.dimension for item in quote.items}


def hints(result: Unpriced, terms: Terms, data: Mapping[str, object], overrides: Overrides) -> list[str]:
    """What would help, for a call that has no price at all."""
    provider = overrides.hosts.get(terms.host or "") or terms.price_list or ""
    models = models_of(data, provider)
    if result.reason == "unknown_model":
        return [
            *_similar(terms.model or "", [*models, *overrides.models]),
            "a price file (--prices) can name its prices",
        ]
    if result.reason == "unknown_provider":
        return [
            f'a price file (--prices) can say whose prices hold there, in [hosts."{terms.host}"]',
            "--provider openai prices the call as if it had gone to OpenAI",
        ]
    if result.reason == "missing_rate" and result.partial is None:
        return _other_terms(terms, data, provider, models)
    return []


def _similar(name: str, known: Iterable[str]) -> list[str]:
    close = get_close_matches(name, list(known), n=3, cutoff=0.75)
    return [f"similar names that have prices: {', '.join(close)}"] if close else []


def _other_terms(
    terms: Terms, data: Mapping[str, object], provider: str, models: Mapping[str, Mapping[str, object]]
) -> list[str]:
    """Under which other terms the model has prices."""
    hint: list[str] = []
    key = found(steps(terms.model or "", models))
    day = day_of(terms.at)
    if key is not None:
        tiers = tiers_in_force(models[key], day)
        if tier_name(terms.tier, terms.batch) not in tiers:
            hint.append(f"tiers of {key} that have prices on {day}: {', '.join(tiers) or 'none'}")
    section = cast(Mapping[str, Mapping[str, object]], data["providers"]).get(provider, {})
    regions = cast(Sequence[str], section.get("regions", ()))
    if terms.region is not None and terms.region not in regions:
        hint.append(f"regions known for {provider}: {', '.join(regions) or 'none'}")
    windows = cast(Mapping[str, object], section.get("windows", {}))
    if terms.window is not None and (terms.window not in windows or tier_name(terms.tier, terms.batch) != "standard"):
        hint.append(f"windows known for {provider}, on the standard tier: {', '.join(windows) or 'none'}")
    return hint
