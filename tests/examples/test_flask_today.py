# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0

"""The Flask application on today's client tells what its calls cost, without a line of its own for that."""

from decimal import Decimal

import pytest

from opentelemetry.instrumentation.openai_cost.demo.server import DemoServer
from support.clients import OPENAI_VERSION
from support.expect import money
from support.flask_app import attributes, needs_flask, visit
from support.processes import needs_entry_point

pytestmark = [
    needs_entry_point,
    needs_flask,
    pytest.mark.skipif(OPENAI_VERSION < (1, 66), reason="the client has no Responses API"),
]


def test_the_call_beneath_do_work_is_priced_and_counted(server):
    with DemoServer() as demo:
        sent = visit("flask-today", demo, server, calls=2)
        used = [entry.usage for entry in demo.ledger]
    calls = [span for span in sent.spans if span.name == "chat gpt-4o-mini"]
    parents = {span.span_id: span.name for span in sent.spans}
    assert [parents[call.parent_span_id] for call in calls] == ["do_work"] * 2
    prices = [Decimal("0.15e-6") * each["input_tokens"] + Decimal("0.6e-6") * each["output_tokens"] for each in used]
    assert [money(attributes(call)["gen_ai.usage.cost.amount"]) for call in calls] == prices
    (cost,) = sent.metrics["gen_ai.client.operation.cost"]
    assert (cost.count, money(cost.sum)) == (2, sum(prices))
    (duration,) = sent.metrics["gen_ai.client.operation.duration"]
    assert duration.count == 2
    assert sent.authorizations == {"Bearer your-key"}
