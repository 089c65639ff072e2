# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0
"""An application of 2023, on the client 0.28: a page that asks text-davinci-003. Nothing here counts tokens or money."""

import os

import openai
from flask import Flask

from opentelemetry import trace

openai.api_key = os.environ["OPENAI_API_KEY"]
app = Flask(__name__)
tracer = trace.get_tracer(__name__)


@app.route("/completion")
def completion() -> str:
    with tracer.start_as_current_span("do_work"):
        answer = openai.Completion.create(
            model="text-davinci-003",
            prompt="Why is Elastic an amazing observability tool?",
            max_tokens=20,
            temperature=0,
        )
        return answer.choices[0].text.strip()
