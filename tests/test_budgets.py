# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0
"""Budgets: gauges of what was spent and what is left, in this process; nothing is ever blocked."""

import os
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import pytest
from opentelemetry.context import attach, detach

from opentelemetry import baggage
from opentelemetry.instrumentation.openai_cost import Budget, OpenAICostInstrumentor, cost_attributes
from opentelemetry.instrumentation.openai_cost.budget import Budgets, show_budgets
from support.expect import ask, chat, money
from support.payloads import payload
from support.server import json_answer

SPENT, REMAINING, UNPRICED = "openai_cost.budget.spent", "openai_cost.budget.remaining", "openai_cost.budget.unpriced"


def standing(telemetry, name):
    """Spent, remaining and unpriced of a budget."""
    which = {"openai_cost.budget.name": name}
    spent, remaining, unpriced = (telemetry.point(metric, **which)[1].value for metric in (SPENT, REMAINING, UNPRICED))
    return money(spent), money(remaining), unpriced


def test_it_shows_what_was_spent_and_what_is_left(server, client, instrument, telemetry):
    instrument(budgets=[Budget("all", usd=50, per="month")])
    api = client()
    assert standing(telemetry, "all") == (0, 50, 0)
    server.queue(json_answer(chat()), json_answer(chat()))
    ask(api)
    ask(api)
    assert standing(telemetry, "all") == (Decimal("0.07"), Decimal("49.93"), 0)
    attributes, _ = telemetry.point(SPENT)
    assert attributes == {"openai_cost.budget.name": "all", "openai_cost.budget.period": "month"}
    assert [telemetry.metric(name).unit for name in (SPENT, REMAINING, UNPRICED)] == ["{cost}", "{cost}", "{operation}"]
    assert telemetry.metric(SPENT).kind == "Gauge"


def test_each_budget_counts_the_calls_that_it_names(server, client, instrument, telemetry):
    instrument(
        baggage_keys="tenant",
        baggage_limit=1,
        budgets=[
            Budget("search", usd=1, where={"feature": "search"}),
            Budget("acme", usd=1, where={"tenant": "acme"}),
            Budget("mini", usd=1, where={"gen_ai.response.model": "gpt-4o-mini"}),
            Budget("both", usd=1, where={"feature": "search", "tenant": "acme"}),
        ],
    )
    api = client()
    for tenant, feature, model in (
        ("first", "search", "gpt-5.5"),
        ("acme", "search", "gpt-5.5"),
        ("acme", "digest", "gpt-4o-mini"),
    ):
        server.queue(json_answer(chat(model=model, tokens=(1_000_000, 0))))
        token = attach(baggage.set_baggage("tenant", tenant))
        with cost_attributes(feature=feature):
            ask(api, model=model)
        detach(token)
    long, mini = Decimal(10), Decimal("0.15")
    spent = {name: standing(telemetry, name)[0] for name in ("search", "acme", "mini", "both")}
    assert spent == {"search": 2 * long, "acme": long + mini, "mini": mini, "both": long}


def test_more_than_the_budget_leaves_less_than_nothing_and_blocks_nothing(server, client, instrument, telemetry):
    instrument(budgets=[Budget("small", usd="0.01")])
    server.queue(json_answer(chat()))
    assert ask(client()).usage.total_tokens == 2000
    assert standing(telemetry, "small") == (Decimal("0.035"), Decimal("-0.025"), 0)


def test_calls_without_a_price_are_counted_apart(server, client, instrument, telemetry):
    instrument(budgets=[Budget("all", usd=1)])
    server.queue(json_answer(chat(model="nobody-knows-this")))
    ask(client(), model="nobody-knows-this")
    assert standing(telemetry, "all") == (0, 1, 1)


def test_a_job_is_spent_when_it_is_seen_finished_by_whoever_started_it(server, client, instrument, telemetry):
    instrument(budgets=[Budget("nightly", usd=1, where={"feature": "nightly"})])
    api = client()
    for name in ("batch_created.json", "batch_completed.json", "batch_completed.json"):
        server.queue(json_answer(payload(name)))
    with cost_attributes(feature="nightly"):
        api.batches.create(input_file_id="file-in", endpoint="/v1/chat/completions", completion_window="24h")
    api.batches.retrieve("batch_1")
    api.batches.retrieve("batch_1")
    assert standing(telemetry, "nightly")[0] == Decimal(1976 * 20 + 1024 * 2 + 500 * 100) / 10_000_000


def test_threads_spend_exactly(server, client, instrument, telemetry):
    instrument(budgets=[Budget("all", usd=100)])
    api = client()
    for _ in range(64):
        server.queue(json_answer(chat()))
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: ask(api), range(64)))
    assert standing(telemetry, "all") == (64 * Decimal("0.035"), 100 - 64 * Decimal("0.035"), 0)


@pytest.mark.parametrize(
    ("per", "still", "next_one"),
    [
        # 2026-11-22 is a Sunday.
        ("hour", "2026-11-22T14:59:59", "2026-11-22T15:00:00"),
        ("day", "2026-11-22T23:59:59", "2026-11-23T00:00:00"),
        ("week", "2026-11-22T23:59:59", "2026-11-23T00:00:00"),
        ("month", "2026-11-30T23:59:59", "2026-12-01T00:00:00"),
    ],
)
def test_a_period_ends_by_the_calendar_in_utc(telemetry, per, still, next_one):
    from datetime import datetime, timezone

    def at(text):
        return datetime.fromisoformat(text).replace(tzinfo=timezone.utc).timestamp()

    now = at("2026-11-22T14:30:00")
    budgets = Budgets([Budget("all", usd=1, per=per)], lambda: now)
    show_budgets(telemetry.meter_provider.get_meter("test"), lambda: budgets)
    budgets.add(Decimal("0.25"), "USD", {})
    now = at(still)
    assert standing(telemetry, "all")[0] == Decimal("0.25")
    now = at(next_one)
    assert standing(telemetry, "all") == (0, 1, 0)


def test_other_currencies_are_not_in_it(telemetry):
    budgets = Budgets([Budget("all", usd=1)])
    show_budgets(telemetry.meter_provider.get_meter("test"), lambda: budgets)
    budgets.add(Decimal(1), "EUR", {})
    assert standing(telemetry, "all") == (0, 1, 1)


def test_mistakes_are_one_logged_line_and_the_good_ones_hold(server, client, instrument, telemetry, caplog):
    instrument(
        budgets=[
            Budget("kept", usd=1),
            {"name": "also kept", "usd": 2, "per": "hour", "where": {"feature": "x"}},
            {"name": "no amount"},
            {"name": "forever", "usd": 1, "per": "forever"},
            {"name": "debt", "usd": -1},
            {"name": "kept", "usd": 3},
            "all",
        ]
    )
    [record] = caplog.records
    message = record.getMessage()
    assert "budgets=" in message
    for problem in ("usd", "per='forever'", "-1", "two budgets 'kept'"):
        assert problem in message
    assert {attributes["openai_cost.budget.name"] for attributes, _ in telemetry.points(SPENT)} == {"kept", "also kept"}


def test_a_declarative_configuration_names_them_as_mappings(instrument, telemetry):
    options = OpenAICostInstrumentor.configuration(
        budgets=[{"name": "all", "usd": 5}], baggage_keys=["tenant"], rollup=True, baggage_limit=7
    )
    assert (options.baggage_keys, options.rollup, options.baggage_limit) == (["tenant"], True, 7)
    instrument(budgets=options.budgets)
    assert standing(telemetry, "all") == (0, 5, 0)


def test_after_uninstrument_the_gauges_are_silent_and_a_new_one_starts_at_nothing(
    server, client, instrument, telemetry
):
    instrument(budgets=[Budget("all", usd=1)])
    server.queue(json_answer(chat()))
    ask(client())
    OpenAICostInstrumentor().uninstrument()
    assert telemetry.points(SPENT) == []
    instrument(budgets=[Budget("all", usd=1)])
    assert standing(telemetry, "all") == (0, 1, 0)


def test_without_budgets_there_are_no_gauges(instrument, telemetry):
    instrument()
    assert not [name for name in telemetry.metric_names() if "budget" in name]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there are no forks here")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_forked_process_begins_with_nothing_spent(telemetry):
    budgets = Budgets([Budget("all", usd=1)])
    show_budgets(telemetry.meter_provider.get_meter("test"), lambda: budgets)
    budgets.add(Decimal("0.25"), "USD", {})
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        budgets.add(Decimal("0.125"), "USD", {})
        os.write(writing, str(standing(telemetry, "all")[0]).encode())
        os._exit(0)
    os.waitpid(child, 0)
    assert os.read(reading, 100) == b"0.125"
    assert standing(telemetry, "all")[0] == Decimal("0.25")
    os.close(reading)
    os.close(writing)
