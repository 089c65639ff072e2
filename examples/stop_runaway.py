# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0
"""Stops an agent that runs away. The instrumentation only counts; to stop is your code's decision, between two steps."""

import os

from openai import OpenAI

from opentelemetry.instrumentation.openai_cost import OpenAICostInstrumentor, track_cost


class OverBudget(Exception):
    """The work costs more than it may."""


def agent(client: OpenAI, limit: str, unpriced: int = 3) -> None:
    """Never comes to an end by itself.

    Args:
        client: the client.
        limit: USD that the work may cost. The step that goes over it is paid; the next one is not made.
        unpriced: steps without a price after which to stop as well: what they cost, nobody knows.
    """
    messages = [{"role": "user", "content": "Think about it again."}]
    with track_cost(limit=limit) as cost:
        while True:
            answer = client.chat.completions.create(model="gpt-4o-mini", messages=messages)
            print(f"step {cost.calls}: {cost.total:.6f} USD so far")
            if cost.exceeded or cost.unpriced >= unpriced:
                raise OverBudget(f"{cost.total:.6f} USD in {cost.calls} calls, {cost.unpriced} of them without a price")
            messages = [{"role": "user", "content": answer.choices[0].message.content or "Again."}]


if __name__ == "__main__":
    OpenAICostInstrumentor().instrument()
    try:
        agent(OpenAI(), os.environ.get("LIMIT", "0.0001"))
    except OverBudget as reason:
        print(f"stopped: {reason}")
