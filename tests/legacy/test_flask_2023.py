# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0

"""The Flask application of 2023 tells what its calls cost, without a line of its own for that."""

from decimal import Decimal

import pytest

from opentelemetry.instrumentation.openai_cost.demo.server import DemoServer
from support.expect import money
from support.flask_app import attributes, needs_flask, visit
from support.processes import needs_entry_point

pytestmark = [needs_entry_point, needs_flask]

PRICE = Decimal("0.02") / 1000
"""US dollars a token of davinci in 2023, prompt and completion alike."""


@pytest.fixture(scope="module")
def visited(_server):
    with DemoServer() as demo:
        _server.reset()
        return visit("flask-2023", demo, _server, calls=2), demo.ledger


def test_the_span_beneath_do_work_says_model_tokens_and_cost(visited):
    sent, ledger = visited
    calls = [span for span in sent.spans if span.name == "text_completion text-davinci-003"]
    parents = {span.span_id: span.name for span in sent.spans}
    assert [parents[call.parent_span_id] for call in calls] == ["do_work"] * 2
    for call, entry in zip(calls, ledger, strict=True):
        said = attributes(call)
        used = entry.usage
        assert said["gen_ai.request.model"] == said["gen_ai.response.model"] == "text-davinci-003"
        assert said["gen_ai.usage.input_tokens"] == used["prompt_tokens"]
        assert said["gen_ai.usage.output_tokens"] == used["completion_tokens"]
        assert money(said["gen_ai.usage.cost.amount"]) == PRICE * used["total_tokens"]
        assert said["gen_ai.usage.cost.currency"] == "USD"


def test_the_metrics_say_how_many_calls_tokens_and_dollars(visited):
    sent, ledger = visited
    (duration,) = sent.metrics["gen_ai.client.operation.duration"]
    assert duration.count == 2
    tokens = {attributes(point)["gen_ai.token.type"]: point.sum for point in sent.metrics["gen_ai.client.token.usage"]}
    assert tokens == {
        "input": sum(entry.usage["prompt_tokens"] for entry in ledger),
        "output": sum(entry.usage["completion_tokens"] for entry in ledger),
    }
    (cost,) = sent.metrics["gen_ai.client.operation.cost"]
    assert money(cost.sum) == PRICE * sum(entry.usage["total_tokens"] for entry in ledger)
    assert attributes(cost)["gen_ai.response.model"] == "text-davinci-003"


def test_telemetry_is_sent_with_the_key(visited):
    sent, _ = visited
    assert sent.authorizations == {"Bearer your-key"}
