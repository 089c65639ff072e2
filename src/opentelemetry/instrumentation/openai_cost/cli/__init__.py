# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0
"""The command ``opentelemetry-openai-cost``: price a call, look into the price book, check a price file, bring the book up to date.

One module a subcommand. Each has ``add_to(subparsers)``, which names its options, and ``run(options)``, which prints and
returns the exit status; what they print is computed by pure functions beside them.
"""
