# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0

"""Run where only the wheel and its dependencies are: it must import, load its prices and price a call."""

import sys
from decimal import Decimal
from importlib.metadata import entry_points

from opentelemetry.instrumentation.openai_cost.pricing import PriceBook, Quote, Terms, bundled_data
from opentelemetry.instrumentation.openai_cost.usage import Tokens, Usage


def main() -> int:
    """Load what the entry points name, and price 1000 tokens in and 1000 out of gpt-5.5 at list price."""
    for group in ("opentelemetry_instrumentor", "opentelemetry_environment_variables"):
        (entry_point,) = entry_points(group=group, name="openai_cost")
        entry_point.load()
    assert "openai" not in sys.modules, "importing the instrumentor imported the client"
    book = PriceBook(bundled_data())
    at = 1_795_000_000  # 2026-11-18
    quote = book.quote(Usage(tokens=Tokens(input=1000, output=1000)), Terms(model="gpt-5.5", at=at))
    assert isinstance(quote, Quote), quote
    assert quote.amount == Decimal("0.035"), quote.amount
    print(f"gpt-5.5, 1000 tokens in and 1000 out: {quote.amount} {quote.currency}, price book {book.version}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
