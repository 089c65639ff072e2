# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0
"""A ledger in SQLite: one row for every cost, written by the hook, and a bill for every tenant from it.

Each row is committed before the call returns. What is billed later (a batch, a response made in the background) gets its row
when it is seen finished, with the attributes of whoever started it.
"""

import json
import os
import sqlite3
import threading

from openai import OpenAI

from opentelemetry.instrumentation.openai_cost import CostEvent, OpenAICostInstrumentor, cost_attributes

SCHEMA = """
CREATE TABLE IF NOT EXISTS cost (
    at TEXT DEFAULT CURRENT_TIMESTAMP,
    tenant TEXT, operation TEXT, model TEXT, status TEXT, reason TEXT,
    amount TEXT, currency TEXT, items TEXT, response_id TEXT, trace_id TEXT
)
"""


class Ledger:
    """A table of costs. Amounts are text: SQLite would round them."""

    def __init__(self, path: str) -> None:
        # Reentrant: a stream that nobody closed ends when it is collected, which may be while the lock is held.
        self._lock = threading.RLock()
        self._connection = sqlite3.connect(path, check_same_thread=False)
        self._connection.execute(SCHEMA)

    def __call__(self, event: CostEvent) -> None:
        items = [] if event.quote is None else event.quote.items
        row = (
            event.attributes.get("tenant"),
            event.operation,
            event.response_model or event.request_model,
            event.status,
            event.reason,
            None if event.amount is None else str(event.amount),
            event.currency,
            json.dumps([[item.dimension, str(item.quantity), str(item.amount)] for item in items]),
            event.response_id,
            f"{event.span_context.trace_id:032x}",
        )
        columns = "tenant, operation, model, status, reason, amount, currency, items, response_id, trace_id"
        # The hook is called by whatever thread the call was made in.
        with self._lock, self._connection:
            self._connection.execute(f"INSERT INTO cost ({columns}) VALUES ({', '.join('?' * len(row))})", row)

    def bill(self) -> list[tuple[str, float, int, int]]:
        """Tenant, amount, calls, and calls without a price."""
        with self._lock:
            return self._connection.execute(
                "SELECT tenant, total(amount), count(*), count(reason) FROM cost GROUP BY tenant ORDER BY tenant"
            ).fetchall()


if __name__ == "__main__":
    ledger = Ledger(os.environ.get("LEDGER", "costs.sqlite"))
    OpenAICostInstrumentor().instrument(cost_hook=ledger)
    client = OpenAI()
    for tenant in ("acme", "globex", "acme"):
        with cost_attributes(tenant=tenant):
            client.chat.completions.create(
                model="gpt-4o-mini", messages=[{"role": "user", "content": "Why does my bicycle creak?"}]
            )
    for tenant, amount, calls, unpriced in ledger.bill():
        print(f"{tenant}: {amount:.7f} USD, {calls} calls, {unpriced} without a price")
