# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0

"""What the package instruments, as the tools of OpenTelemetry's contributed instrumentations read it."""

_instruments = ("openai >= 0.28, < 4",)
_supports_metrics = True
