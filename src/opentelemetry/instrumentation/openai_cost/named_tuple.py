# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0
"""Named tuples of a call: made past the function that their class makes them with, which takes twice as long."""

from __future__ import annotations

new = tuple[object, ...].__new__
"""``new(Kind, values)``, with a value for every field, in their order."""
