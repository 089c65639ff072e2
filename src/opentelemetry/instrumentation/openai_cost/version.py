# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0

"""Version of the distribution."""

__version__ = "0.1b0.dev"
