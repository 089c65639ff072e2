# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0

"""The promises, as a suite of their own: no harm, nothing lost, nothing told. Each item is broken by an instrumentation today."""
