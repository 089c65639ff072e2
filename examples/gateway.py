# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0
"""Calls through a gateway: the cost that it reports is passed on, with the source ``provider``."""

import os

from openai import OpenAI

client = OpenAI(base_url=os.environ.get("GATEWAY_URL", "https://openrouter.ai/api/v1"))
answer = client.chat.completions.create(
    model="openai/gpt-4o-mini", messages=[{"role": "user", "content": "Why does my bicycle creak?"}]
)
print(answer.choices[0].message.content)
