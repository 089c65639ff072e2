# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0

"""Series: operations that are alike share their attributes, others never do, and what is remembered of them is bounded."""

import gc

import pytest

from opentelemetry.instrumentation.openai_cost.provider import server
from opentelemetry.instrumentation.openai_cost.series import AllSeries

OPENAI = server("https", "api.openai.com", None)
TEAM = {"team": "search"}
CALL = {
    "operation": "chat",
    "server": OPENAI,
    "request_model": "gpt-5",
    "response_model": "gpt-5-2025-08-07",
    "tier": "default",
    "labels": TEAM,
}


def test_operations_that_are_alike_share_their_attributes():
    every = AllSeries()
    assert every.find(**CALL) is every.find(**CALL)


def test_what_each_measurement_carries():
    common = {
        "team": "search",
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "server.address": "api.openai.com",
        "server.port": 443,
        "gen_ai.request.model": "gpt-5",
        "gen_ai.response.model": "gpt-5-2025-08-07",
    }
    tiered = {**common, "openai.response.service_tier": "default"}
    assert AllSeries().find(**CALL)._asdict() == {
        "exact": common,
        "common": common,
        "tiered": tiered,
        "input": {**tiered, "gen_ai.token.type": "input"},
        "output": {**tiered, "gen_ai.token.type": "output"},
        "cost": {**tiered, "gen_ai.usage.cost.currency": "USD", "gen_ai.usage.cost.source": "local"},
    }


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("operation", "embeddings"),
        ("server", server("https", "eu.api.openai.com", None)),
        ("server", server("https", "api.openai.com", 8443)),
        ("server", server("https", "api.openai.com", None, is_azure_client=True)),
        ("request_model", "gpt-5.5"),
        ("request_model", None),
        ("response_model", "gpt-5.5"),
        ("response_model", None),
        ("tier", "flex"),
        ("tier", None),
        ("labels", {"team": "billing"}),
        ("labels", None),
    ],
)
def test_operations_that_differ_in_anything_do_not(name, value):
    every = AllSeries()
    one, other = every.find(**CALL), every.find(**{**CALL, name: value})
    assert other == AllSeries().find(**{**CALL, name: value})
    for attributes, others in zip(one, other, strict=True):
        # What has no tier is the same with each.
        assert attributes != others or name == "tier"
    assert one.tiered != other.tiered
    assert every.find(**CALL) is one


def test_labels_that_come_after_others_are_not_taken_for_them():
    every = AllSeries()
    for number in range(3000):
        labels = {"user": f"user-{number}"}
        assert every.find(**{**CALL, "labels": labels}).common["user"] == f"user-{number}"
        del labels
        gc.collect(0)


def test_so_many_combinations_are_remembered_and_no_more():
    every = AllSeries()
    for number in range(2000):
        every.find(**{**CALL, "labels": {"user": f"user-{number}"}})
        assert len(every._remembered) <= 512


def test_what_is_too_long_or_one_too_many_is_not_remembered():
    every = AllSeries()
    every.find(**{**CALL, "response_model": "m" * 100_000})
    every.find(**{**CALL, "tier": "t" * 100_000})
    for number in range(600):
        every.find(**{**CALL, "request_model": f"model-{number}"})
    assert all(len(str(part)) < 200 for key in every._remembered for part in key)
    assert len(every._remembered) < 500
