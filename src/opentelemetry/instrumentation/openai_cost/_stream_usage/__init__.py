# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0
"""Usage on the caller's behalf: a stream is asked for its usage, and the answer is kept from the application.

Chat completions and completions report the usage of a stream only where ``stream_options.include_usage`` asks for it. With
``stream_usage="request"`` a copy of the request asks. The server then sends one more chunk, and says ``"usage":null`` in all
others (OpenAI API reference, "Create chat completion", ``stream_options``); both are taken out of the bytes again, after the
operation has seen them.

Reads internals of the SDK (the request options) and of httpx and httpx2 (``Response.stream`` and the content decoder), without
importing any of them.
"""

from .asking import StreamUsage
from .hiding import hide, hide_read

__all__ = ["StreamUsage", "hide", "hide_read"]
