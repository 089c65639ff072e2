# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0
"""A deployment on Azure: its name says nothing of the model, so the model that the response names is priced.

Needs AZURE_OPENAI_ENDPOINT, AZURE_OPENAI_API_KEY and OPENAI_API_VERSION in the environment.
"""

from openai import AzureOpenAI

answer = AzureOpenAI().chat.completions.create(
    model="our-deployment", messages=[{"role": "user", "content": "Why does my bicycle creak?"}]
)
print(answer.choices[0].message.content)
