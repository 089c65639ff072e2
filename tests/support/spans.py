# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0
"""Attributes of spans of calls without a full price, as an exporter hands them on."""

PARTIAL = {
    "gen_ai.operation.name": "chat",
    "gen_ai.response.model": "gpt-5.5",
    "gen_ai.usage.input_tokens": 10,
    "gen_ai.usage.output_tokens": 100,
    "openai_cost.status": "partial",
    "openai_cost.unpriced.reason": "missing_rate",
    "openai_cost.partial_amount": 0.00305,
    "openai_cost.pricing.tier": "flex",
}
UNPRICED = {
    "gen_ai.operation.name": "chat",
    "gen_ai.request.model": "acme-velo-1",
    "openai_cost.status": "unpriced",
    "openai_cost.unpriced.reason": "unknown_model",
}
FAILED = {
    "gen_ai.operation.name": "chat",
    "gen_ai.request.model": "gpt-4o-mini",
    "error.type": "openai.RateLimitError",
    "openai_cost.status": "unpriced",
    "openai_cost.unpriced.reason": "error",
}
