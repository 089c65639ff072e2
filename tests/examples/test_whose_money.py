# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0

"""The examples about whose money it is, run as the README says, against servers on this machine."""

import json
import re
import sqlite3
import sys
from collections.abc import Iterator
from decimal import Decimal

import pytest

from opentelemetry.instrumentation.openai_cost.demo.server import DemoServer
from support.expect import chat, money
from support.processes import console_spans, environment, needs_current_client, run
from support.server import bytes_answer, json_answer

pytestmark = [needs_current_client]
if sys.version_info < (3, 11):
    # The demo's price file is TOML.
    pytest.importorskip("tomli")

ONE = Decimal("0.15e-6") * 1000 + Decimal("0.6e-6") * 1000
"""1000 tokens in and 1000 out of gpt-4o-mini."""


@pytest.fixture
def demo() -> Iterator[DemoServer]:
    with DemoServer() as server:
        yield server


@pytest.fixture
def settings(server) -> dict[str, str]:
    """The server answers every chat with ``ONE``'s worth of tokens."""
    server.route("POST", "/v1/chat/completions", json_answer(chat("gpt-4o-mini")))
    return environment(f"{server.url}/v1")


def test_the_ledger_has_a_row_for_every_call_and_a_bill_for_every_tenant(settings, tmp_path):
    path = tmp_path / "costs.sqlite"
    output = run("python examples/ledger_hook.py", {**settings, "LEDGER": str(path)}).stdout
    assert output.splitlines() == [
        f"acme: {2 * ONE:.7f} USD, 2 calls, 0 without a price",
        f"globex: {ONE:.7f} USD, 1 calls, 0 without a price",
    ]
    connection = sqlite3.connect(path)
    rows = connection.execute("SELECT tenant, model, status, amount, currency, items, response_id FROM cost").fetchall()
    connection.close()
    assert [row[0] for row in rows] == ["acme", "globex", "acme"]
    for _, model, status, amount, currency, items, response_id in rows:
        assert (model, status, Decimal(amount), currency) == ("gpt-4o-mini", "priced", ONE, "USD")
        assert sum(Decimal(item[2]) for item in json.loads(items)) == ONE
        assert response_id == chat()["id"]


def test_the_ledger_says_what_has_no_price(server, settings, tmp_path):
    server.queue(json_answer(chat("nobody-knows-this")))
    output = run("python examples/ledger_hook.py", {**settings, "LEDGER": str(tmp_path / "costs.sqlite")}).stdout
    assert f"acme: {ONE:.7f} USD, 2 calls, 1 without a price" in output


def test_the_runaway_is_stopped_after_the_step_that_goes_over_the_limit(server, settings):
    output = run("python examples/stop_runaway.py", {**settings, "LIMIT": str(ONE * 2)}).stdout
    assert output.splitlines()[-1] == f"stopped: {3 * ONE:.6f} USD in 3 calls, 0 of them without a price"
    assert len(server.requests) == 3


def test_the_runaway_is_stopped_too_when_nobody_knows_what_it_costs(server, settings):
    server.route("POST", "/v1/chat/completions", json_answer(chat("nobody-knows-this")))
    output = run("python examples/stop_runaway.py", settings).stdout
    assert output.splitlines()[-1] == "stopped: 0.000000 USD in 3 calls, 3 of them without a price"


def test_the_chat_hears_of_an_expensive_call(server, settings):
    server.route("POST", "/hooks/costs", bytes_answer(b"ok"))
    hook = {"CHAT_WEBHOOK_URL": f"{server.url}/hooks/costs"}
    run("python examples/post_to_chat.py", {**settings, **hook, "EXPENSIVE": "0.0001"})
    assert [request.path for request in server.requests] == ["/v1/chat/completions", "/hooks/costs"]
    assert server.requests[-1].json == {"text": f"search: gpt-4o-mini cost {ONE:.6f} USD in one call"}


def test_the_chat_does_not_hear_of_a_cheap_one(server, settings):
    run("python examples/post_to_chat.py", {**settings, "CHAT_WEBHOOK_URL": f"{server.url}/hooks/costs"})
    assert [request.path for request in server.requests] == ["/v1/chat/completions"]


def test_attribution_totals_and_budget_are_in_the_telemetry(demo):
    result = run("python examples/attribution.py", environment(demo.base_url))
    calls = [span for span in console_spans(result.stdout) if span["name"] == "chat gpt-4o-mini"]
    (request,) = [span for span in console_spans(result.stdout) if span["name"] == "GET /search"]
    assert [(span["attributes"]["tenant.id"], span["attributes"]["feature"]) for span in calls] == [
        ("acme", "search")
    ] * 2
    total = sum(money(span["attributes"]["gen_ai.usage.cost.amount"]) for span in calls)
    assert money(request["attributes"]["openai_cost.rollup.amount"]) == total
    assert request["attributes"]["openai_cost.rollup.calls"] == 2
    said = re.search(r"^(\S+) USD in 2 calls", result.stdout, re.M)
    assert said is not None
    assert Decimal(said[1]) == total
    assert "openai_cost.budget.remaining" in result.stderr
    assert '"tenant.id": "acme"' in result.stderr
