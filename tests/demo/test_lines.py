# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0

"""The lines that the demo prints while it makes its calls."""

from dataclasses import replace

from opentelemetry.instrumentation.openai_cost.demo.table import call_header, call_line
from opentelemetry.instrumentation.openai_cost.spend import Call
from support.spans import FAILED, PARTIAL, UNPRICED

PRICED = {
    "gen_ai.operation.name": "chat",
    "gen_ai.response.model": "gpt-6-sol",
    "gen_ai.usage.input_tokens": 3000,
    "gen_ai.usage.output_tokens": 500,
    "gen_ai.usage.cost.amount": 0.0194128,
    "gen_ai.usage.cost.currency": "USD",
}


def test_one_call_is_one_line():
    calls = [Call.from_attributes(span) for span in (PRICED, PARTIAL, UNPRICED, FAILED)]
    calls.append(replace(calls[0], currency="EUR"))
    lines = [call_header(), *(call_line(f"call {number}", call) for number, call in enumerate(calls))]
    assert lines == [
        "CALL                           MODEL                        INPUT  OUTPUT  USD",
        "call 0                         gpt-6-sol                    3,000     500  0.019413",
        "call 1                         gpt-5.5, flex                   10     100  at least 0.003050",
        "call 2                         acme-velo-1                                 no price: unknown_model",
        "call 3                         gpt-4o-mini                                 error: RateLimitError",
        "call 4                         gpt-6-sol                    3,000     500  0.019413 EUR",
    ]
