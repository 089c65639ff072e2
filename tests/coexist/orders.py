# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0

"""Two instrumentations, in either order."""

from collections.abc import Callable
from typing import Any

ORDERS = ("theirs first", "ours first")


def in_order(order: str, start_theirs: Callable[..., Any], start_ours: Callable[..., Any]) -> Callable[..., None]:
    """Gives ``both(theirs=options of theirs, **options of ours)``, which instruments with the two."""

    def both(theirs: dict[str, Any] | None = None, **options: Any) -> None:
        steps = [lambda: start_theirs(**(theirs or {})), lambda: start_ours(**options)]
        for step in steps if order == ORDERS[0] else reversed(steps):
            step()

    return both
