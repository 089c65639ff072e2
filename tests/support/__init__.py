# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0

"""What the tests stand on: a real HTTP server, real OpenAI clients, and real OpenTelemetry providers."""
