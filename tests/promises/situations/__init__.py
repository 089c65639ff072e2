# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0

"""What applications do with the client: a file for each kind of thing, a function for each situation."""

from promises.bench import Situation
from promises.situations import answers, arguments, clients, endpoints, events, failures, raw, streams, waiting

SITUATIONS: list[Situation] = [
    one
    for module in (answers, arguments, clients, endpoints, events, failures, raw, streams, waiting)
    for one in module.given
    if one.is_possible
]
