# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0

"""No harm: whatever an application does, it sees the same with the instrumentation and without it.

Each situation runs four times against the same server: bare, instrumented, instrumented with everything that can be switched on
while somebody's money is tracked, and after the instrumentation is gone. Compared are results, classes, headers, exceptions with
their tracebacks, the bytes of the requests and when they went out, the arguments afterwards, the current span between chunks, log
lines and warnings.
"""

import pytest

from opentelemetry.instrumentation.openai_cost import cost_attributes, track_cost
from promises.bench import Situation, assert_same, own_log, run
from promises.disclosure import EVERYTHING
from promises.situations import SITUATIONS
from support.clients import OPENAI_VERSION


@pytest.mark.parametrize("situation", SITUATIONS, ids=lambda situation: situation.name)
def test_the_application_sees_the_same(situation: Situation, server, application, instrument, telemetry):
    bare = run(situation, server, application)
    instrumentor = instrument()
    instrumented = run(situation, server, application)
    instrumentor.uninstrument()
    instrumentor = instrument(**{**EVERYTHING, "summary": False}, cost_hook=lambda event: None)
    with cost_attributes(team="blue"), track_cost():
        with_everything = run(situation, server, application)
    instrumentor.uninstrument()
    afterwards = run(situation, server, application)
    assert_same(instrumented, bare)
    assert_same(with_everything, bare)
    assert_same(afterwards, bare)
    assert own_log(instrumented) == own_log(with_everything) == []
    assert telemetry.open_spans() == []


@pytest.mark.skipif(OPENAI_VERSION < (1, 26), reason="the situations are those of later clients")
def test_there_are_enough_situations():
    names = [situation.name for situation in SITUATIONS]
    assert sorted(set(names)) == sorted(names)
    assert len(SITUATIONS) >= 70
