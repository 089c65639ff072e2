# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0

"""From the attributes of spans to sums, and to text."""

from decimal import Context, Decimal, localcontext

import pytest

from opentelemetry.instrumentation.openai_cost.spend import Call, Parts, Tokens, Totals
from opentelemetry.instrumentation.openai_cost.spend import table as spend_table
from opentelemetry.instrumentation.openai_cost.spend import totals as spend_totals
from opentelemetry.instrumentation.openai_cost.spend.table import WIDTH, money
from opentelemetry.instrumentation.openai_cost.spend.totals import in_order
from support.spans import FAILED, PARTIAL, UNPRICED

PRICED = {
    "gen_ai.operation.name": "chat",
    "gen_ai.request.model": "gpt-6-sol",
    "gen_ai.response.model": "gpt-6-sol",
    "gen_ai.usage.input_tokens": 3000,
    "gen_ai.usage.output_tokens": 500,
    "gen_ai.usage.cache_read.input_tokens": 1024,
    "gen_ai.usage.cache_write.input_tokens": 512,
    "gen_ai.usage.reasoning.output_tokens": 200,
    "gen_ai.usage.cost.amount": 0.0194128,
    "gen_ai.usage.cost.currency": "USD",
    "gen_ai.usage.cost.source": "local",
    "openai_cost.status": "priced",
    "openai_cost.input": 0.0044128,
    "openai_cost.cache_read": 0.0002048,
    "openai_cost.cache_write": 0.00128,
    "openai_cost.output": 0.005,
    "openai_cost.reasoning": 0.002,
    "openai_cost.tool": 0.01,
    "openai_cost.pricing.tier": "standard",
    "openai_cost.pricing.source": "bundled",
    "openai_cost.pricing.version": "2026-11-22",
}


def read(*spans: dict[str, object]) -> list[Call]:
    calls = [Call.from_attributes(span) for span in spans]
    assert None not in calls
    return calls


def render(calls: list[Call]) -> str:
    return spend_table.render(Totals.of(calls))


def test_a_priced_call_is_read_off_its_attributes_in_disjoint_parts():
    (call,) = read(PRICED)
    assert call == Call(
        model="gpt-6-sol",
        tokens=Tokens(input=3000, cached=1024, written=512, output=500, reasoning=200),
        amount=Decimal("0.0194128"),
        parts=Parts(
            input=Decimal("0.002928"),
            cache=Decimal("0.0014848"),
            output=Decimal("0.003"),
            reasoning=Decimal("0.002"),
            tools=Decimal("0.01"),
        ),
        price_list="bundled 2026-11-22",
    )


def test_the_parts_of_a_call_add_up_to_its_amount():
    (call,) = read(PRICED)
    parts = call.parts
    assert parts.input + parts.cache + parts.output + parts.reasoning + parts.tools + parts.other == call.amount


def test_an_amount_without_breakdown_is_one_part_of_its_own():
    whole = {name: value for name, value in PRICED.items() if not name.startswith("openai_cost.")}
    (call,) = read({**whole, "gen_ai.usage.cost.source": "provider"})
    assert call.parts == Parts(other=Decimal("0.0194128"))


def test_a_call_of_zero_cost_is_priced():
    (call,) = read({**UNPRICED, "openai_cost.status": "priced", "gen_ai.usage.cost.amount": 0.0})
    assert call.amount == 0
    assert "1 of 1 call." in render([call])


def test_a_call_without_an_amount_has_a_reason_and_perhaps_a_lower_bound():
    partial, unpriced = read(PARTIAL, UNPRICED)
    assert (partial.amount, partial.reason, partial.lower_bound) == (None, "missing_rate", Decimal("0.00305"))
    assert (unpriced.amount, unpriced.reason, unpriced.lower_bound) == (None, "unknown_model", None)


def test_the_lower_bound_of_a_priced_call_is_ignored():
    (call,) = read({**PRICED, "openai_cost.partial_amount": 0.5})
    assert call.lower_bound is None


def test_a_call_is_named_by_the_model_that_answered_and_by_a_special_tier():
    (call,) = read({**PRICED, "gen_ai.request.model": "fast", "openai_cost.pricing.tier": "priority"})
    assert call.label == "gpt-6-sol, priority"
    assert read({**UNPRICED, "gen_ai.request.model": ""})[0].label == "unknown model"


def test_a_call_without_a_model_is_named_as_the_price_list_names_it():
    made = {"gen_ai.operation.name": "create_container", "openai_cost.pricing.model": "containers"}
    assert read({**made, "openai_cost.status": "partial"})[0].label == "containers"


@pytest.mark.parametrize(
    "attributes",
    [
        {},
        {"http.request.method": "POST"},
        {"http.request.method": "POST", "error.type": "500"},
        {"gen_ai.operation.name": "invoke_agent"},
    ],
)
def test_a_span_that_is_no_call_is_no_row(attributes):
    assert Call.from_attributes(attributes) is None


@pytest.mark.parametrize("strange", [float("nan"), float("inf"), "0.5", True, None, (0.5,)])
def test_an_amount_that_is_no_number_is_no_amount(strange):
    assert read({**PRICED, "gen_ai.usage.cost.amount": strange})[0].amount is None


def test_a_failed_call_is_read_even_if_nothing_else_is_known_of_it():
    (call,) = read({"gen_ai.operation.name": "chat", "error.type": "openai.NotFoundError"})
    assert (call.model, call.error) == ("unknown model", "openai.NotFoundError")


def test_calls_of_one_model_and_tier_are_summed_exactly_and_the_dearest_comes_first():
    cheap = {**PRICED, "gen_ai.response.model": "gpt-6-luna", "gen_ai.usage.cost.amount": 0.1}
    calls = read(*[cheap] * 3, {**cheap, "gen_ai.response.model": "gpt-6-sol", "gen_ai.usage.cost.amount": 0.7})
    first, second = in_order(Totals.of(calls).models)
    assert (first.label, first.calls, first.money["USD"].amount) == ("gpt-6-sol", 1, Decimal("0.7"))
    assert (second.label, second.calls, second.money["USD"].amount) == ("gpt-6-luna", 3, Decimal("0.3"))
    assert second.tokens == Tokens(input=9000, cached=3072, written=1536, output=1500, reasoning=600)
    assert second.money["USD"].parts.tools == Decimal("0.03")


def test_tiers_of_one_model_are_lines_of_their_own():
    calls = read(PRICED, {**PRICED, "openai_cost.pricing.tier": "flex"})
    assert [line.label for line in in_order(Totals.of(calls).models)] == ["gpt-6-sol", "gpt-6-sol, flex"]


@pytest.mark.parametrize(
    ("amount", "places", "text"),
    [
        ("0", 4, "-"),
        ("1234.5", 2, "1,234.50"),
        ("0.00012345", 6, "0.000123"),
        ("0.0000001", 6, "<0.000001"),
    ],
)
def test_money_is_written_with_the_decimals_asked_for(amount, places, text):
    assert money(Decimal(amount), places) == text


def test_the_whole_table():
    dear = {**PRICED, "gen_ai.response.model": "gpt-5.5", "gen_ai.usage.cost.amount": 1.5, "openai_cost.input": 1.485}
    calls = read(PRICED, PRICED, dear, PARTIAL, UNPRICED, UNPRICED, FAILED)
    assert render(calls) == (
        "TOKENS                      calls      input     cached    written     output  reasoning\n"
        "----------------------------------------------------------------------------------------\n"
        "gpt-5.5                         1      3,000      1,024        512        500        200\n"
        "gpt-6-sol                       2      6,000      2,048      1,024      1,000        400\n"
        "acme-velo-1                     2          -          -          -          -          -\n"
        "gpt-5.5, flex                   1         10          -          -        100          -\n"
        "----------------------------------------------------------------------------------------\n"
        "total                           6      9,010      3,072      1,536      1,600        600\n"
        "\n"
        "USD                         input      cache     output  reasoning      tools      total\n"
        "----------------------------------------------------------------------------------------\n"
        "gpt-5.5                    1.4835     0.0015     0.0030     0.0020     0.0100     1.5000\n"
        "gpt-6-sol                  0.0059     0.0030     0.0060     0.0040     0.0200     0.0388\n"
        "----------------------------------------------------------------------------------------\n"
        "total                      1.4894     0.0045     0.0090     0.0060     0.0300     1.5388\n"
        "                            96.8%       0.3%       0.6%       0.4%       1.9%     100.0%\n"
        "\n"
        "NOT PRICED, and in no sum above: 3 calls\n"
        "  missing_rate: something in this call (tier, tool, kind of token) has no price or no known quantity\n"
        "    1 call  gpt-5.5, flex  at least 0.003050 USD\n"
        "  unknown_model: the price list does not know this model; a price file can name it (option prices)\n"
        "    2 calls  acme-velo-1\n"
        "\n"
        "ERRORS: 1 call\n"
        "    1 call  gpt-4o-mini  openai.RateLimitError\n"
        "\n"
        "1.5388 USD for 3 of 7 calls. An estimate, not an invoice.\n"
        "Prices: bundled 2026-11-22."
    )


def test_small_amounts_get_the_decimals_that_they_need():
    small = {
        "gen_ai.response.model": "text-embedding-3-small",
        "gen_ai.usage.input_tokens": 8,
        "gen_ai.usage.cost.amount": 1.6e-07,
        "openai_cost.input": 1.6e-07,
    }
    assert "0.00000016 USD for 1 of 1 call." in render(read(small))


def test_currencies_are_never_added_to_one_another():
    text = render(read(PRICED, {**PRICED, "gen_ai.usage.cost.currency": "EUR"}))
    assert "0.0194 EUR + 0.0194 USD for 2 of 2 calls." in text
    assert [line.split()[0] for line in text.splitlines() if line.endswith("tools      total")] == ["EUR", "USD"]


def test_lower_bounds_of_several_calls_are_shown_and_change_no_sum():
    with_bounds, without = render(read(PRICED, PARTIAL, PARTIAL)), render(read(PRICED))
    assert "2 calls  gpt-5.5, flex  at least 0.006100 USD" in with_bounds
    assert [line for line in with_bounds.splitlines() if line.startswith("total")][1:] == [
        line for line in without.splitlines() if line.startswith("total")
    ][1:]


def test_a_call_that_was_billed_and_failed_stands_in_both_places():
    text = render(read({**PRICED, "error.type": "openai.LengthFinishReasonError"}))
    assert "0.0194 USD for 1 of 1 call." in text
    assert "1 call  gpt-6-sol  openai.LengthFinishReasonError  (billed, and in the sums above)" in text


def test_amounts_that_are_not_billed_by_token_have_a_column_only_if_there_are_any():
    image = {"gen_ai.response.model": "gpt-image-1", "gen_ai.usage.cost.amount": 0.042, "openai_cost.other": 0.042}
    assert "other" in render(read(image))
    assert "other" not in render(read(PRICED))


def test_without_a_single_amount_there_is_no_table_of_money():
    text = render(read(UNPRICED, FAILED))
    assert "USD" not in text
    assert text.endswith("None of 2 calls has a price.")


def test_without_calls_there_is_no_table():
    assert render([]) == "No calls."


def test_the_table_is_ascii_and_keeps_to_its_width():
    long = {**PRICED, "gen_ai.response.model": "ft:gpt-4.1-mini-2025-04-14:acme-incorporated:help-desk:Bx3kQ9"}
    text = render(read(long, PARTIAL, UNPRICED, FAILED, {**UNPRICED, "openai_cost.unpriced.reason": "no_usage"}))
    assert text.isascii()
    assert max(map(len, text.splitlines())) <= WIDTH


@pytest.mark.parametrize(
    ("attributes", "label"),
    [
        ({"gen_ai.operation.name": "batch", "gen_ai.response.model": "gpt-6-luna"}, "gpt-6-luna, batch"),
        ({"gen_ai.request.model": "gpt-6-sol", "openai.response.service_tier": "default"}, "gpt-6-sol"),
        ({"gen_ai.request.model": "gpt-6-sol", "openai.response.service_tier": "flex"}, "gpt-6-sol, flex"),
        ({}, "unknown model"),
    ],
)
def test_what_the_metric_counted_is_a_call_of_one_part_and_without_tokens(attributes, label):
    call = Call.from_cost({"gen_ai.operation.name": "chat", "gen_ai.usage.cost.currency": "USD", **attributes}, 0.005)
    assert (call.label, call.amount, call.currency, call.tokens) == (label, Decimal("0.005"), "USD", None)
    assert call.parts == Parts(other=Decimal("0.005"))


def test_the_application_s_decimal_context_changes_no_sum():
    with localcontext(Context(prec=3)):
        text = render(read(PRICED, {**PRICED, "gen_ai.usage.cost.amount": 1234.5678, "openai_cost.input": 1234.553}))
    assert "1,234.5872 USD for 2 of 2 calls." in text


def test_one_point_of_the_metric_may_stand_for_many_calls():
    attributes = {"gen_ai.request.model": "gpt-6-sol", "gen_ai.usage.cost.currency": "USD"}
    (line,) = Totals.of([Call.from_cost(attributes, 0.5, 7)]).models.values()
    assert (line.calls, line.money["USD"].calls, line.money["USD"].amount) == (7, 7, Decimal("0.5"))


# --- by attribute ----------------------------------------------------------------------------------------------------


def by_feature() -> Totals:
    priced, partial, unpriced, failed = read(PRICED, PARTIAL, UNPRICED, FAILED)
    totals = Totals(["feature"])
    for call, feature in (
        (priced, "search"),
        (priced, "search"),
        (priced, "chat"),
        (partial, "chat"),
        (failed, "chat"),
    ):
        totals.add(call, {"feature": feature})
    totals.add(unpriced)
    return totals


def test_calls_are_added_up_by_the_value_of_an_attribute_too():
    lines = by_feature().by["feature"]
    assert {name: (line.calls, line.unpriced) for name, line in lines.items()} == {
        "search": (2, 0),
        "chat": (3, 1),
        "(none)": (1, 1),
    }
    assert lines["search"].money["USD"].amount == Decimal("0.0388256")


def test_the_table_by_attribute_says_whose_calls_have_no_price():
    text = spend_table.render(by_feature())
    assert "USD by feature              input      cache" in text
    assert "search                     0.0059" in text
    assert "NOT PRICED by feature\n    1 call  chat\n    1 call  (none)\n" in text


def test_values_beyond_the_limit_share_a_line(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(spend_totals, "MOST_LINES", 3)
    (call,) = read(PRICED)
    totals = Totals(["user.id"])
    for number in range(10):
        totals.add(call, {"user.id": f"user {number}"})
    assert {name: line.calls for name, line in totals.by["user.id"].items()} == {
        "user 0": 1,
        "user 1": 1,
        "user 2": 1,
        "_other": 7,
    }


def test_errors_beyond_the_limit_share_a_line(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(spend_totals, "MOST_LINES", 3)
    totals = Totals.of(read(*[{**FAILED, "error.type": f"made-up-{number}"} for number in (0, 1, 2, 3, 4, 0)]))
    assert {error: count for (_, error, _), count in totals.errors.items()} == {
        "made-up-0": 2,
        "made-up-1": 1,
        "made-up-2": 1,
        "_other": 2,
    }


def test_a_table_of_very_many_lines_is_cut_and_its_sum_is_not(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(spend_table, "_MOST_ROWS", 2)
    calls = [{**PRICED, "gen_ai.response.model": f"model-{number}"} for number in range(5)]
    text = render(read(*calls))
    assert "(3 more)                        3      9,000" in text
    assert "total                           5     15,000" in text
