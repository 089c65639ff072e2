# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0

"""What old clients lack. A test that runs into such a lack is skipped, and says into which one.

Only an error that the client itself raises, and only where its version explains it, counts as a lack: a marker on every test that
needs a newer client would be hundreds of them.
"""

import re

from support.clients import OPENAI_VERSION

_NO_ATTRIBUTE = "object has no attribute '{}'"
_NO_ARGUMENT = "unexpected keyword argument '{}'"

LACKS = (
    # before which version, the error's message, what is missing
    ((1, 1), _NO_ATTRIBUTE.format("(speech|beta)"), "speech and assistants"),
    ((1, 1), _NO_ARGUMENT.format("(seed|tools)"), "seeds and tools"),
    ((1, 1), r"Images\.\w+\(\) got an " + _NO_ARGUMENT.format("(model|quality|style)"), "models of images"),
    ((1, 4), _NO_ATTRIBUTE.format("body"), "the body of an error"),
    ((1, 5), _NO_ARGUMENT.format("(top_)?logprobs"), "log probabilities of chat completions"),
    ((1, 6), r"'(Async)?Stream' " + _NO_ATTRIBUTE.format("close"), "streams that can be closed"),
    ((1, 6), r"^__a?enter__$|'(Async)?Stream' object does not support", "streams that can be entered"),
    ((1, 7), "Invalid state, expected <class 'object'>", "bodies handed over as they are"),
    ((1, 8), _NO_ATTRIBUTE.format("with_streaming_response"), "responses on the wire"),
    ((1, 14), "Object of type generator is not JSON serializable", "messages from a generator"),
    ((1, 14), r"Runs\.create\(\) got an " + _NO_ARGUMENT.format("stream"), "streamed runs"),
    ((1, 16), r"'(Async)?Runs' " + _NO_ATTRIBUTE.format(r"(stream|\w+_and_poll)"), "helpers of runs"),
    ((1, 18), _NO_ATTRIBUTE.format("batches"), "batches"),
    ((1, 26), _NO_ARGUMENT.format("stream_options"), "stream options"),
    ((1, 26), r"'(ChatCompletionChunk|Completion)' " + _NO_ATTRIBUTE.format("usage"), "the usage of chunks"),
    ((1, 81), r"Responses\.create\(\) got an " + _NO_ARGUMENT.format("background"), "responses in the background"),
    ((1, 66), r"OpenAI' " + _NO_ATTRIBUTE.format("responses"), "the Responses API"),
)


def lack(error: Exception) -> str | None:
    """What this client lacks, if that is why it raised the error."""
    if not isinstance(error, (AttributeError, TypeError, RuntimeError)):
        return None
    for since, message, missing in LACKS:
        if since > OPENAI_VERSION and re.search(message, str(error)):
            return f"the client lacks {missing}, which came with {'.'.join(map(str, since))}"
    return None
