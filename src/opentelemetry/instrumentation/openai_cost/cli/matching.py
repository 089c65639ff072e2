# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0
"""Which entry of a book answers for a model, and which of its rows: every step that the engine takes, and what it found.

The engine keeps no record of what it tried. These functions take the same steps in the open; the tests hold them against it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from ..pricing.overrides import OverrideRow

Entry = Mapping[str, object]

_SNAPSHOT = re.compile(r"-(?:\d{4}-\d{2}-\d{2}|\d{8})$")
_FINE_TUNED_SNAPSHOT = re.compile(r"-(?:\d{4}-\d{2}-\d{2}|\d{8}|\d{4})$")
_TIER_NAMES = {"default": "standard", "auto": "standard", "": "standard", "fast": "priority"}


@dataclass(frozen=True, slots=True)
class Step:
    """One attempt to find a model.

    Attributes:
        rule: ``exact name``, ``listed snapshot``, ``base of the fine-tuned model`` or ``without its date``.
        tried: the name looked for.
        found: the name of the entry found, or ``None``.
    """

    rule: str
    tried: str
    found: str | None


@dataclass(frozen=True, slots=True)
class RowVerdict:
    """A row of the entry, and why it does not answer; ``None`` if it does."""

    row: Entry
    why_not: str | None


def tier_name(tier: str | None, batch: bool = False) -> str:
    """The tier as rows name it."""
    name = (tier or "").lower()
    return "batch" if batch else _TIER_NAMES.get(name, name)


def models_of(data: Mapping[str, object], provider: str) -> Mapping[str, Entry]:
    """The models of one provider, none of one that the book does not have."""
    section = cast(Mapping[str, Mapping[str, Mapping[str, Entry]]], data["providers"]).get(provider)
    return {} if section is None else section["models"]


def steps(name: str, models: Mapping[str, object]) -> list[Step]:
    """The attempts to find a name among the models, up to the one that succeeds."""
    taken: list[Step] = []
    if _try(taken, "exact name", name, name if name in models else None):
        return taken
    suffix = _SNAPSHOT
    if name.startswith("ft:"):
        base = ":".join(name.split(":")[:2])
        if base != name:
            taken += [
                Step("base of the fine-tuned model" if step.rule == "exact name" else step.rule, step.tried, step.found)
                for step in steps(base, models)
            ]
            return taken
        suffix = _FINE_TUNED_SNAPSHOT
    undated = suffix.sub("", name)
    if undated != name:
        _try(taken, "without its date", undated, undated if undated in models else None)
    return taken


def found(taken: Sequence[Step]) -> str | None:
    """The entry that the attempts led to."""
    return taken[-1].found if taken else None


def _try(taken: list[Step], rule: str, tried: str, entry: str | None) -> bool:
    taken.append(Step(rule, tried, entry))
    return entry is not None


def verdicts(model: Entry, tier: str, day: str, endpoint: str | None) -> list[RowVerdict]:
    """All rows of an entry in their order, each with the reason why it does not answer for a tier on a day."""
    judged = [(row, _objection(row, tier, day, endpoint)) for row in rows_of(model)]
    best: Entry | None = None
    for row, objection in judged:
        if objection is None and (best is None or _rank(row) >= _rank(best)):
            best = row
    return [RowVerdict(row, objection or (None if row is best else _beaten(row, best))) for row, objection in judged]


def row_in_force(model: Entry, tier: str, day: str, endpoint: str | None = None) -> Entry | None:
    """The row that answers, if any."""
    return next((verdict.row for verdict in verdicts(model, tier, day, endpoint) if verdict.why_not is None), None)


def rows_of(model: Entry) -> Sequence[Entry]:
    """The rows of an entry."""
    return cast(Sequence[Entry], model.get("rates", ()))


def tiers_in_force(model: Entry, day: str) -> list[str]:
    """The tiers for which the entry has a row on a day, in the order of its rows."""
    found = (row for row in rows_of(model) if _objection(row, str(row["tier"]), day, None) is None)
    return list(dict.fromkeys(str(row["tier"]) for row in found))


def _objection(row: Entry, tier: str, day: str, endpoint: str | None) -> str | None:
    since, until, only = row.get("from"), row.get("until"), row.get("endpoint")
    if row["tier"] != tier:
        return f"for the {row['tier']} tier"
    if only is not None and only != endpoint:
        return f"for the endpoint {only} only"
    if since is not None and str(since) > day:
        return f"begins on {since}"
    if until is not None and str(until) < day:
        return f"ended on {until}"
    return None


def _rank(row: Entry) -> tuple[bool, str]:
    return "endpoint" in row, str(row.get("from", ""))


def _beaten(row: Entry, best: Entry | None) -> str:
    assert best is not None
    if "endpoint" in best and "endpoint" not in row:
        return f"the row for the endpoint {best['endpoint']} goes before it"
    return f"replaced on {best.get('from')}"


def user_objection(row: OverrideRow, row_tier: str, tier: str, day: str) -> str | None:
    """Why a row of the user's file does not hold for a tier on a day; ``None`` if it does."""
    if row_tier != tier:
        return f"for the {row_tier} tier"
    if (row.since or "") > day:
        return f"begins on {row.since}"
    if (row.until or "9") < day:
        return f"ended on {row.until}"
    return None
