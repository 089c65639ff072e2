# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0
"""Reading the price data of genai-prices: Python literals, read through the syntax tree and never imported."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import cast

from ..pricing.keys import UNIT_KEYS
from ..pricing.schema import GENAI, LONG, BookError, Row, day, decimal, table

GENAI_KEYS = {
    "input_mtok": "input",
    "cache_read_mtok": "cache_read",
    "cache_write_mtok": "cache_write",
    "output_mtok": "output",
    "input_audio_mtok": "audio_input",
    "cache_audio_read_mtok": "audio_cache_read",
    "output_audio_mtok": "audio_output",
    "input_image_mtok": "image_input",
    "cache_image_read_mtok": "image_cache_read",
    "output_image_mtok": "image_output",
    "input_mchars": "characters",
    "audio_hours": "audio_seconds",
}
# Fees, which the book keeps apart, and the input side of a price already read from audio_hours.
GENAI_IGNORED = {"web_searches_kcount", "storage_searches_kcount", "input_audio_hours"}
GENAI_TIERS = {"flex": "flex", "priority": "priority", "fast": "priority"}


@dataclass(frozen=True, slots=True)
class Call:
    """A constructor call found in the data: its name and its keyword arguments, evaluated as literals."""

    name: str
    fields: Mapping[str, object]

    def __getitem__(self, key: str) -> object:
        return self.fields[key]

    def get(self, key: str) -> object:
        """The argument, or None when it was not given."""
        return self.fields.get(key)


@dataclass(frozen=True, slots=True)
class GenaiModel:
    """One model of genai-prices: its name there, how a model id is matched, and its rows."""

    name: str
    match: Call
    rows: tuple[Row, ...]


def literal(node: ast.expr) -> object:
    """The value of a literal expression, calls included; nothing is executed."""
    match node:
        case ast.Constant(value=value):
            return value
        case ast.List(elts=elements) | ast.Tuple(elts=elements):
            return [literal(element) for element in elements]
        case ast.Dict(keys=keys, values=values):
            return {literal(key): literal(value) for key, value in zip(keys, values, strict=True) if key is not None}
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() as value)):
            return -value
        case ast.Attribute(attr=attribute):
            return attribute
        case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name), args=args, keywords=keywords):
            values = [literal(argument) for argument in args]
            if name == "Decimal":
                return decimal(values[0])
            if name == "date":
                return "{:04d}-{:02d}-{:02d}".format(*values)
            return Call(name, {str(k.arg): literal(k.value) for k in keywords} | {"args": values})
        case _:
            raise BookError(f"genai-prices: line {node.lineno}: not a literal: {ast.dump(node)[:80]}")


def genai_matches(match: Call, model: str) -> bool:
    """Whether a clause of genai-prices accepts a model id."""
    match match.name:
        case "ClauseEquals":
            return model == match["equals"]
        case "ClauseStartsWith":
            return model.startswith(str(match["starts_with"]))
        case "ClauseEndsWith":
            return model.endswith(str(match["ends_with"]))
        case "ClauseContains":
            return str(match["contains"]) in model
        case "ClauseRegex":
            return re.search(str(match["regex"]), model) is not None
        case "ClauseOr":
            return any(genai_matches(clause, model) for clause in cast("list[Call]", match["or_"]))
        case "ClauseAnd":
            return all(genai_matches(clause, model) for clause in cast("list[Call]", match["and_"]))
        case _:
            raise BookError(f"genai-prices: unknown clause {match.name}")


def exact_ids(match: Call) -> Iterator[str]:
    """The ids that a clause names in full."""
    if match.name == "ClauseEquals":
        yield str(match["equals"])
    elif match.name == "ClauseOr":
        for clause in cast("list[Call]", match["or_"]):
            yield from exact_ids(clause)


def genai_ids(models: Iterable[GenaiModel]) -> set[str]:
    """All model ids that the data set names: in its clauses, and by the names of its entries."""
    named = {model.name for model in models if genai_matches(model.match, model.name)}
    return named.union(*(exact_ids(model.match) for model in models))


def genai_prices(model: str, prices: Call, threshold: int) -> dict[str, Decimal]:
    """Our price keys out of a ``ModelPrice(...)``."""
    found: dict[str, Decimal] = {}
    for name, value in prices.fields.items():
        if name == "args" or name in GENAI_IGNORED or value is None:
            continue
        key = GENAI_KEYS.get(name)
        if key is None:
            raise BookError(f"genai-prices: {model}: unknown price key {name}")
        if isinstance(value, Call):  # TieredPrices: a base rate and one rate for long prompts
            tiers = cast("list[Call]", value["tiers"])
            if len(tiers) != 1 or tiers[0]["start"] != threshold:
                raise BookError(f"genai-prices: {model}: {name}: unexpected price tiers")
            found[key] = cast("Decimal", value["base"])
            found[LONG + key] = cast("Decimal", tiers[0]["price"])
        elif key == "audio_seconds":
            found[key] = cast("Decimal", value) * UNIT_KEYS[key] / 3600
        else:
            found[key] = cast("Decimal", value)
    return found


def genai_rows(model: str, call: Call, threshold: int) -> tuple[Row, ...]:
    """All rows of one model.

    Variants (tiers, batch) carry the day on which somebody verified them, which is no day of a price change. A variant
    therefore holds as long as the standard price beside which it was seen: from the last change of that, if any.
    """
    rows: list[Row] = []
    prices = call["prices"]
    entries = cast("list[Call]", prices) if isinstance(prices, list) else [Call("ConditionalPrice", {"prices": prices})]
    start: str | None = None
    for entry in entries:
        constraint = entry.get("constraint")
        if isinstance(constraint, Call):
            start = day(constraint["start_date"])
        rows.append(Row("standard", genai_prices(model, cast("Call", entry["prices"]), threshold), start, source=GENAI))
    current = rows[-1]
    for variant in cast("list[Call]", call.get("price_variants") or []):
        when = table(variant["when"])
        if when == {"service_tier": "default"}:
            continue
        if when == {"processing": "batch"}:
            tier = "batch"
        elif list(when) == ["service_tier"] and when["service_tier"] in GENAI_TIERS:
            tier = GENAI_TIERS[str(when["service_tier"])]
        else:
            raise BookError(f"genai-prices: {model}: unknown variant {when}")
        # An empty variant says "the same rates as standard".
        found = genai_prices(model, cast("Call", variant["prices"]), threshold) or dict(current.prices)
        row = Row(tier, found, current.start, source=GENAI)
        if row not in rows:
            rows.append(row)
    if len({row.slot for row in rows}) != len(rows):
        raise BookError(f"genai-prices: {model}: two variants of one tier")
    return tuple(rows)


def read_genai(source: str, provider: str, threshold: int) -> list[GenaiModel]:
    """The models of one provider in the text of ``genai_prices/data.py``.

    Args:
        source: Text of the module; it is parsed, never executed.
        provider: The provider's id in that data set, ``openai`` or ``azure``.
        threshold: Input tokens above which long-context rates hold.
    """
    for statement in ast.parse(source).body:
        if isinstance(statement, (ast.Assign, ast.AnnAssign)) and isinstance(statement.value, ast.List):
            for element in statement.value.elts:
                if not isinstance(element, ast.Call):
                    continue
                arguments = {keyword.arg: keyword.value for keyword in element.keywords}
                if "id" not in arguments or literal(arguments["id"]) != provider:
                    continue
                calls = cast("list[Call]", literal(arguments["models"]))
                return [
                    GenaiModel(
                        str(call["id"]), cast("Call", call["match"]), genai_rows(str(call["id"]), call, threshold)
                    )
                    for call in calls
                ]
    raise BookError(f"genai-prices: no provider {provider}")
