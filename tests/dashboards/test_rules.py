# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0

"""The rules for Prometheus: valid, right in promtool's unit tests, and answered by a real server."""

import math
from typing import Any

import pytest

from dashboards import history
from dashboards.application import BATCH, CALLS, UNPRICED, total
from dashboards.distribution import Tools
from dashboards.monitoring import Monitored
from dashboards.panels import RULES
from dashboards.prometheus import Sample, promtool, wait_until
from dashboards.shop import SERVICE

FILES = sorted(file.name for file in RULES.glob("*.rules.yml"))
PAST = {"job": history.SERVICE}


@pytest.fixture(scope="module")
def rules(monitored: Monitored) -> list[dict[str, Any]]:
    """Every rule as the server reports it, after all of them have been evaluated upon one another."""

    def reported() -> list[dict[str, Any]]:
        groups = monitored.prometheus.api("rules")["groups"]
        return [rule for group in groups for rule in group["rules"]]

    def recorded() -> bool:
        records = {rule["name"] for rule in reported() if rule["type"] == "recording"}
        return all(monitored.prometheus.query(f'{{__name__="{name}"}}') for name in records)

    wait_until(recorded, "every recording rule has data", monitored.prometheus.log)
    return reported()


def past(monitored: Monitored, rules: list[dict[str, Any]], name: str) -> list[Sample]:
    """What a recording rule says of the past application."""
    [rule] = [rule for rule in rules if rule["name"] == name]
    samples = monitored.prometheus.query(rule["query"], monitored.now)
    return [sample for sample in samples if sample.labels.get("job") == history.SERVICE]


def test_the_rules_are_valid(tools: Tools) -> None:
    assert promtool(tools, "check", "rules", *FILES, directory=RULES).count("SUCCESS") == len(FILES) == 2


def test_the_unit_tests_pass(tools: Tools) -> None:
    assert "SUCCESS" in promtool(tools, "test", "rules", "openai-cost.tests.yml", directory=RULES)


def test_every_alert_has_a_unit_test(rules: list[dict[str, Any]]) -> None:
    tests = (RULES / "openai-cost.tests.yml").read_text(encoding="utf-8")
    alerts = {rule["name"] for rule in rules if rule["type"] == "alerting"}
    assert alerts
    assert {name for name in alerts if f"alertname: {name}\n" not in tests} == set()


def test_every_rule_is_evaluated_without_an_error(rules: list[dict[str, Any]]) -> None:
    assert len(rules) == sum((RULES / file).read_text(encoding="utf-8").count("expr:") for file in FILES)
    assert [(rule["name"], rule["lastError"]) for rule in rules if rule["health"] != "ok"] == []


def test_every_recording_rule_says_something_finite(monitored: Monitored, rules: list[dict[str, Any]]) -> None:
    for rule in rules:
        if rule["type"] == "recording":
            samples = monitored.prometheus.query(f'{{__name__="{rule["name"]}"}}')
            assert [sample for sample in samples if math.isfinite(sample.value)], rule["name"]


def test_every_alert_has_something_to_compare(monitored: Monitored, rules: list[dict[str, Any]]) -> None:
    for rule in rules:
        if rule["type"] == "alerting":
            # With bool a comparison says 0 or 1 instead of leaving out what does not hold.
            assert monitored.prometheus.query(rule["query"].replace(" > ", " > bool ")), rule["name"]


@pytest.mark.parametrize(
    ("window", "a_day"),
    [("30m", 2.0), ("1h", 2.0), ("2h", 2.0), ("6h", 2.0), ("1d", 2.0)],
)
def test_spend_is_recorded_per_second(
    monitored: Monitored, rules: list[dict[str, Any]], window: str, a_day: float
) -> None:
    [sample] = past(monitored, rules, f"job_currency:openai_cost_spend:rate{window}")
    assert sample.labels == {**PAST, "gen_ai_usage_cost_currency": "USD"}
    assert sample.value == pytest.approx(float(total()) * a_day / history.STEP)


def test_the_same_hour_of_the_past_days(monitored: Monitored, rules: list[dict[str, Any]]) -> None:
    # Six days of one batch a step, and the seventh back of one half.
    batch = float(total()) / history.STEP
    mean = (6 + 0.5) / 7
    [average] = past(monitored, rules, "job_currency:openai_cost_spend_same_hour:avg7d")
    [spread] = past(monitored, rules, "job_currency:openai_cost_spend_same_hour:stddev7d")
    assert average.value == pytest.approx(batch * mean)
    assert spread.value == pytest.approx(batch * math.sqrt((6 * (1 - mean) ** 2 + (0.5 - mean) ** 2) / 7))


def test_the_cost_of_a_call_by_model(monitored: Monitored, rules: list[dict[str, Any]]) -> None:
    of_model = {call.model: [each for each in BATCH if each.model == call.model] for call in BATCH}
    expected = {model: pytest.approx(float(total(calls)) / len(calls)) for model, calls in of_model.items()}
    for name in ("per_call:ratio_rate1h", "per_call_week_before:ratio_rate1d"):
        samples = past(monitored, rules, f"job_currency_model:openai_cost_{name}")
        assert {sample.labels["gen_ai_request_model"]: sample.value for sample in samples} == expected


def test_the_share_of_unpriced_calls(monitored: Monitored, rules: list[dict[str, Any]]) -> None:
    [sample] = past(monitored, rules, "job:openai_cost_unpriced:ratio_rate1h")
    assert sample.value == pytest.approx(len(UNPRICED) / (CALLS - 1))


def test_an_alert_fires_on_the_scraped_application(monitored: Monitored) -> None:
    # A third of its calls that do not fail have no price; the alert only waits for its half hour.
    def pending() -> bool:
        alerts = monitored.prometheus.api("alerts")["alerts"]
        return any(
            alert["labels"]["alertname"] == "OpenAICallsUnpriced" and alert["labels"]["job"] == SERVICE
            for alert in alerts
        )

    wait_until(pending, "OpenAICallsUnpriced is pending", monitored.prometheus.log)
