# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0

"""The Grafana dashboard asks Prometheus questions, and the answers are right."""

import math
import re
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest

from dashboards import history
from dashboards.application import (
    BATCH,
    BUDGETS,
    CALLS,
    EMBEDDINGS,
    FEATURES,
    FLEX,
    LATE,
    RAISED,
    TENANT,
    UNPRICED,
    UNPRICED_TOKENS,
    total,
)
from dashboards.monitoring import Monitored
from dashboards.panels import GRAFANA, Query, dashboard, fill, queries
from dashboards.prometheus import Sample
from dashboards.shop import SERVICE

UID = "openai-cost"
QUERIES = queries(UID)
DAY = history.DAY
BATCHES_A_DAY = DAY // history.STEP
VALUES = {"model": ".*", "currency": "USD", "attribution": "job", "datasource": "prometheus"}
LIVE = {**VALUES, "service": SERVICE, "__rate_interval": "1m", "__range": "5m"}
PAST = {**VALUES, "service": history.SERVICE, "__rate_interval": "20m", "__range": "1d"}


def ids(query: Query) -> str:
    return query.name


def ask(monitored: Monitored, panel: str, ref: str = "A", **values: str) -> list[Sample]:
    """What the panel shows of the past application."""
    [query] = [query for query in QUERIES if (query.panel, query.ref) == (panel, ref)]
    return monitored.prometheus.query(query.filled({**PAST, **values}), monitored.now)


def number(samples: list[Sample]) -> float:
    """The only number of an answer."""
    [sample] = samples
    return sample.value


def by(samples: list[Sample], label: str) -> dict[str, float]:
    """The numbers of an answer by a label."""
    return {sample.labels.get(label, ""): sample.value for sample in samples}


def money(amount: Decimal, times: float = 1) -> object:
    """An amount that a float of Prometheus must equal."""
    return pytest.approx(float(amount) * times, rel=1e-9)


@pytest.mark.parametrize("uid", ["openai-cost", "openai-cost-otlp"])
def test_the_committed_dashboard_is_what_the_generator_writes(uid: str, tmp_path: Path) -> None:
    pytest.importorskip("grafana_foundation_sdk", reason="needs grafana-foundation-sdk and Python 3.11")
    subprocess.run([sys.executable, GRAFANA / "generate.py", "--to", tmp_path], check=True)
    assert (tmp_path / f"{uid}.json").read_bytes() == (GRAFANA / f"{uid}.json").read_bytes()


@pytest.mark.parametrize("uid", ["openai-cost", "openai-cost-otlp"])
def test_every_panel_has_an_id_of_its_own_and_overlaps_no_other(uid: str) -> None:
    panels = dashboard(uid)["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    cells = [
        (x, y)
        for panel in panels
        for place in [panel["gridPos"]]
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]
    assert len(set(cells)) == len(cells)
    assert all(x < 24 for x, _ in cells)


def test_both_dashboards_ask_the_same_questions() -> None:
    assert [query.name for query in QUERIES] == [query.name for query in queries("openai-cost-otlp")]


@pytest.mark.parametrize("query", QUERIES, ids=ids)
def test_every_query_answers_about_the_past(monitored: Monitored, query: Query) -> None:
    samples = monitored.prometheus.query(query.filled(PAST), monitored.now)
    assert samples
    assert all(math.isfinite(sample.value) for sample in samples)


@pytest.mark.parametrize("query", [query for query in QUERIES if not query.looks_back], ids=ids)
def test_every_query_answers_about_the_scraped_application(monitored: Monitored, query: Query) -> None:
    samples = monitored.prometheus.query(query.filled(LIVE), monitored.scraped)
    assert samples
    assert all(math.isfinite(sample.value) for sample in samples)


@pytest.mark.parametrize("query", [query for query in QUERIES if not query.instant], ids=ids)
def test_every_graph_has_a_line(monitored: Monitored, query: Query) -> None:
    series = monitored.prometheus.query_range(query.filled(PAST), monitored.now - 3600, monitored.now, 300)
    assert any(len(each["values"]) > 10 for each in series)


def test_the_total_is_what_the_server_sent(monitored: Monitored) -> None:
    [query] = [query for query in QUERIES if query.panel == "Since the processes started"]
    spent = number(monitored.prometheus.query(query.filled(LIVE), monitored.scraped))
    assert spent == money(total(), monitored.batches)


def test_tokens_and_calls_are_what_the_server_sent(monitored: Monitored) -> None:
    def counted(metric: str) -> float:
        return number(monitored.prometheus.query(f'sum({metric}{{job="{SERVICE}"}})', monitored.scraped))

    tokens = sum(call.input + call.output for call in BATCH) + 2 * UNPRICED_TOKENS
    assert counted("gen_ai_client_token_usage_sum") == tokens * monitored.batches
    assert counted("gen_ai_client_operation_cost_count") == len(BATCH) * monitored.batches
    assert counted("gen_ai_client_operation_duration_seconds_count") == CALLS * monitored.batches
    assert counted("openai_cost_cost_total") == money(total(), monitored.batches)


def test_spend_in_the_range_a_day_and_a_week_before(monitored: Monitored) -> None:
    assert number(ask(monitored, "Spend in the range")) == money(total(), 2 * BATCHES_A_DAY)
    assert number(ask(monitored, "A day before")) == money(total(), BATCHES_A_DAY)
    assert number(ask(monitored, "A week before")) == money(total(), BATCHES_A_DAY / 2)


def test_spend_per_hour_now_a_day_and_a_week_before(monitored: Monitored) -> None:
    panel = "Spend per hour, and a day and a week before"
    hourly = 3600 // history.STEP
    answers = [number(ask(monitored, panel, ref)) for ref in "ABC"]
    assert answers == [money(total(), times * hourly) for times in (2, 1, 0.5)]


def test_thirty_days_at_this_rate(monitored: Monitored) -> None:
    assert number(ask(monitored, "30 days at this rate")) == money(total(), 30 * 2 * BATCHES_A_DAY)


@pytest.mark.parametrize(
    ("panel", "label", "expected"),
    [
        (
            "Spend per hour by model",
            "gen_ai_request_model",
            {call.model: total([each for each in BATCH if each.model == call.model]) for call in BATCH},
        ),
        ("Spend per hour by service", "job", {history.SERVICE: total()}),
        (
            "Spend per hour by operation",
            "gen_ai_operation_name",
            {"chat": total() - EMBEDDINGS.cost, "embeddings": EMBEDDINGS.cost},
        ),
        (
            "Spend per hour by service tier",
            "openai_response_service_tier",
            {"default": total() - EMBEDDINGS.cost - FLEX.cost, "flex": FLEX.cost, "": EMBEDDINGS.cost},
        ),
    ],
)
def test_spend_per_hour_is_divided_rightly(
    monitored: Monitored, panel: str, label: str, expected: dict[str, Decimal]
) -> None:
    hourly = 2 * 3600 // history.STEP
    assert by(ask(monitored, panel), label) == {name: money(amount, hourly) for name, amount in expected.items()}


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("feature", {feature: total(calls) for feature, calls in FEATURES.items()}),
        ("tenant_id", {TENANT: total()}),
        ("job", {history.SERVICE: total()}),
    ],
)
def test_spend_is_attributed(monitored: Monitored, key: str, expected: dict[str, Decimal]) -> None:
    hourly = by(ask(monitored, "Spend per hour by $attribution", attribution=key), key)
    assert hourly == {name: money(amount, 2 * 3600 // history.STEP) for name, amount in expected.items()}
    top = by(ask(monitored, "Top ten by $attribution in the range", attribution=key), key)
    assert top == {name: money(amount, 2 * BATCHES_A_DAY) for name, amount in expected.items()}


def test_budgets_of_the_scraped_application(monitored: Monitored) -> None:
    def shown(ref: str) -> dict[str, float]:
        [query] = [query for query in QUERIES if (query.panel, query.ref) == ("Budgets", ref)]
        return by(monitored.prometheus.query(query.filled(LIVE), monitored.scraped), "openai_cost_budget_name")

    spent = {name: total(calls) * monitored.batches for name, (_, _, calls) in BUDGETS.items()}
    amounts = {name: Decimal(usd) for name, (usd, _, _) in BUDGETS.items()}
    assert shown("A") == {name: money(amount) for name, amount in spent.items()}
    assert shown("B") == {name: money(amounts[name] - amount) for name, amount in spent.items()}
    assert shown("C") == {name: money(amount / amounts[name]) for name, amount in spent.items()}
    assert shown("D")["everything"] == (len(UNPRICED) + 1) * monitored.batches


def test_the_parts_add_up_to_the_spend(monitored: Monitored) -> None:
    parts = by(ask(monitored, "Spend per hour by part"), "openai_cost_component")
    assert set(parts) == {"input_uncached", "cache_read", "output_visible"}
    assert sum(parts.values()) == money(total(), 2 * 3600 // history.STEP)


def test_models_that_are_not_chosen_are_left_out(monitored: Monitored) -> None:
    minis = [call for call in BATCH if call.model == "gpt-5-mini"]
    assert number(ask(monitored, "Spend in the range", model="gpt-5-mini")) == money(total(minis), 2 * BATCHES_A_DAY)


def test_money_in_other_currencies_is_in_no_sum(monitored: Monitored) -> None:
    assert ask(monitored, "Spend in the range", currency="EUR") == []


def test_calls_are_counted_with_and_without_a_price(monitored: Monitored) -> None:
    assert number(ask(monitored, "Calls")) == pytest.approx(CALLS * 2 * BATCHES_A_DAY)
    calls = by(ask(monitored, "Models in the range", "B"), "gen_ai_request_model")
    assert calls == {
        "gpt-5.5": pytest.approx(4 * 2 * BATCHES_A_DAY),
        "gpt-5-mini": pytest.approx(2 * 2 * BATCHES_A_DAY),
        "text-embedding-3-small": pytest.approx(2 * BATCHES_A_DAY),
        "acme-gpt": pytest.approx(2 * BATCHES_A_DAY),
    }


def test_the_mean_cost_of_a_call(monitored: Monitored) -> None:
    assert number(ask(monitored, "Cost of a call ($currency)", "D")) == money(total(), 1 / len(BATCH))


def test_the_median_cost_lies_in_the_bucket_of_the_third_of_five_calls(monitored: Monitored) -> None:
    # Costs: 1.6e-7, 0.0005875, 0.00125, 0.01675 and 0.035; half of the calls are done in the bucket from 0.001 to 0.004.
    assert 0.001 < number(ask(monitored, "Cost of a call ($currency)", "A")) <= 0.004


def test_the_cache_saved_money_and_its_share_of_the_input_is_known(monitored: Monitored) -> None:
    saved = sum((call.saved for call in BATCH), Decimal())
    assert number(ask(monitored, "Saved by the cache")) == money(saved, 2 * BATCHES_A_DAY)
    share = sum(call.cached for call in BATCH) / sum(call.input for call in BATCH)
    assert number(ask(monitored, "Input read from the cache")) == pytest.approx(share)


def test_unpriced_calls_are_shown_with_their_reason_and_failed_ones_are_not_in_the_share(monitored: Monitored) -> None:
    assert number(ask(monitored, "Calls without a price")) == pytest.approx(len(UNPRICED) / (CALLS - 1))
    reasons = by(ask(monitored, "Unpriced calls by reason"), "openai_cost_unpriced_reason")
    assert reasons == {reason: pytest.approx(2 * 1200 / history.STEP) for reason in (*UNPRICED, "error")}


def test_failed_calls_are_shown_with_their_error(monitored: Monitored) -> None:
    errors = by(ask(monitored, "Failed calls by error"), "error_type")
    each = pytest.approx(2 * 1200 / history.STEP)
    assert errors == {"openai.RateLimitError": each, "openai.LengthFinishReasonError": each}


def test_money_of_calls_that_were_billed_and_still_raised(monitored: Monitored) -> None:
    spent = by(ask(monitored, "Billed and still raised, in the range ($currency)"), "error_type")
    assert spent == {"openai.LengthFinishReasonError": money(RAISED.cost, 2 * BATCHES_A_DAY)}


def test_calls_that_outlived_the_span_above_them(monitored: Monitored) -> None:
    late = by(ask(monitored, "Calls that outlived the span above them"), "gen_ai_request_model")
    assert sum(late.values()) == pytest.approx(LATE * 2 * 1200 / history.STEP)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("service", {SERVICE, history.SERVICE}),
        ("model", {*(call.model for call in BATCH), *UNPRICED.values()}),
        ("currency", {"USD"}),
    ],
)
def test_variables_offer_what_there_is(monitored: Monitored, name: str, expected: set[str]) -> None:
    variable = variables()[name]
    asked = re.fullmatch(r"query_result\((.*)\)", variable["query"])
    assert asked
    samples = monitored.prometheus.query(fill(asked[1], {**PAST, "service": ".*", "__range": "1h"}))
    pattern = re.compile(variable["regex"].strip("/"))
    # Grafana shows a result of a query so, and reads the value out of it.
    shown = ["{" + ",".join(f'{key}="{value}"' for key, value in sample.labels.items()) + "} 1" for sample in samples]
    assert {found[1] for text in shown if (found := pattern.search(text))} == expected


def test_spend_can_be_attributed_by_service_and_by_what_the_application_names(monitored: Monitored) -> None:
    variable = variables()["attribution"]
    asked = re.fullmatch(r"label_names\((.*)\)", variable["query"])
    assert asked
    labels = monitored.prometheus.api("labels", **{"match[]": fill(asked[1], {"service": ".*"})})
    pattern = re.compile(variable["regex"].strip("/"))
    assert [label for label in labels if pattern.search(label)] == ["feature", "job", "tenant_id"]


def variables() -> dict[str, dict[str, str]]:
    """The dashboard's variables by name."""
    return {variable["name"]: variable for variable in dashboard(UID)["templating"]["list"]}
