# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0
"""A FastAPI application that hands an answer on while it is being written."""

from collections.abc import AsyncIterator

from fastapi import FastAPI
from fastapi.responses import StreamingResponse
from openai import AsyncOpenAI

app = FastAPI()
client = AsyncOpenAI()


@app.get("/ask")
async def ask(question: str) -> StreamingResponse:
    """Streams the answer; its span ends, with the cost, when the last word has been read."""
    stream = await client.chat.completions.create(
        model="gpt-4o-mini",
        messages=[{"role": "user", "content": question}],
        stream=True,
        stream_options={"include_usage": True},
    )

    async def words() -> AsyncIterator[str]:
        async with stream:
            async for chunk in stream:
                # The last chunk carries the usage and no choices.
                if chunk.choices and chunk.choices[0].delta.content:
                    yield chunk.choices[0].delta.content

    return StreamingResponse(words(), media_type="text/plain")
