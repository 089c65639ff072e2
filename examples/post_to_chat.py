# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0
"""Tells a chat about every expensive call, from an asynchronous application.

The hook is a coroutine function: it is scheduled on the running loop, and the call does not wait for it. ``CHAT_WEBHOOK_URL`` is
what Slack, Mattermost and others call an incoming webhook: it takes ``{"text": …}``.
"""

import asyncio
import json
import os
import urllib.request
from decimal import Decimal

from openai import AsyncOpenAI

from opentelemetry.instrumentation.openai_cost import CostEvent, OpenAICostInstrumentor, cost_attributes

EXPENSIVE = Decimal(os.environ.get("EXPENSIVE", "0.25"))
URL = os.environ["CHAT_WEBHOOK_URL"]


def post(text: str) -> None:
    """Posts a message."""
    body = json.dumps({"text": text}).encode()
    request = urllib.request.Request(URL, body, {"Content-Type": "application/json"})
    urllib.request.urlopen(request, timeout=10).close()


async def tell(event: CostEvent) -> None:
    """Says what an expensive call has cost, and whose it was."""
    if event.amount is not None and event.amount >= EXPENSIVE:
        who = event.attributes.get("feature", "somebody")
        text = f"{who}: {event.response_model} cost {event.amount:.6f} {event.currency} in one call"
        await asyncio.to_thread(post, text)


async def main() -> None:
    OpenAICostInstrumentor().instrument(cost_hook=tell)
    async with AsyncOpenAI() as client:
        with cost_attributes(feature="search"):
            await client.chat.completions.create(
                model="gpt-4o-mini", messages=[{"role": "user", "content": "Why does my bicycle creak?"}]
            )
    # A server goes on running. This program would end before the message is sent.
    await asyncio.gather(*asyncio.all_tasks() - {asyncio.current_task()})


if __name__ == "__main__":
    asyncio.run(main())
