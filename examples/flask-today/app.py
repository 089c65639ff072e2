# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0
"""The application of ../flask-2023 on today's client. Nothing here counts tokens or money."""

from flask import Flask
from openai import OpenAI

from opentelemetry import trace

app = Flask(__name__)
client = OpenAI()
tracer = trace.get_tracer(__name__)


@app.route("/completion")
def completion() -> str:
    with tracer.start_as_current_span("do_work"):
        answer = client.responses.create(
            model="gpt-4o-mini",
            input="Why is Elastic an amazing observability tool?",
            max_output_tokens=20,
            temperature=0,
        )
        return answer.output_text.strip()
