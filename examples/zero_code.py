# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0
"""An application that knows nothing of telemetry; ``opentelemetry-instrument`` does the rest."""

from openai import OpenAI

answer = OpenAI().chat.completions.create(
    model="gpt-4o-mini", messages=[{"role": "user", "content": "Why does my bicycle creak?"}]
)
print(answer.choices[0].message.content)
