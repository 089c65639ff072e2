# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0
"""Environment variables; ``opentelemetry-instrument`` offers each as a command line flag."""

OTEL_INSTRUMENTATION_OPENAI_COST_PRICES = "OTEL_INSTRUMENTATION_OPENAI_COST_PRICES"
"""Path of a price file of your own, TOML or JSON."""
OTEL_INSTRUMENTATION_OPENAI_COST_SPANS = "OTEL_INSTRUMENTATION_OPENAI_COST_SPANS"
"""``own`` (default), ``current`` or ``none``."""
OTEL_INSTRUMENTATION_OPENAI_COST_BREAKDOWN = "OTEL_INSTRUMENTATION_OPENAI_COST_BREAKDOWN"
"""``true`` (default) or ``false``: the cost by part on spans."""
OTEL_INSTRUMENTATION_OPENAI_COST_COMPONENT_METRICS = "OTEL_INSTRUMENTATION_OPENAI_COST_COMPONENT_METRICS"
"""``true`` or ``false`` (default): counters of cost and tokens by disjoint part."""
OTEL_INSTRUMENTATION_OPENAI_COST_CHUNK_METRICS = "OTEL_INSTRUMENTATION_OPENAI_COST_CHUNK_METRICS"
"""``true`` or ``false`` (default): time per streamed chunk."""
OTEL_INSTRUMENTATION_OPENAI_COST_TOKEN_METRICS = "OTEL_INSTRUMENTATION_OPENAI_COST_TOKEN_METRICS"
"""``compat`` (default) or ``latest``."""
OTEL_INSTRUMENTATION_OPENAI_COST_PROVIDER_COST_CURRENCY = "OTEL_INSTRUMENTATION_OPENAI_COST_PROVIDER_COST_CURRENCY"
"""ISO 4217 code of amounts that a gateway reports in a field whose currency is not documented."""
