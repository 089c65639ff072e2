# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0

"""Bounded: whatever a server or a user makes up, the series of metrics do not grow without end."""

import contextlib
import logging
import threading

import openai
import pytest

from opentelemetry.instrumentation.openai_cost.attribution import MAX_LENGTH, OTHER
from opentelemetry.instrumentation.openai_cost.vocabulary import Vocabulary
from support.expect import COST, DURATION, UNPRICED, ask, chat, streamed
from support.payloads import event, payload
from support.server import json_answer, sse_answer

OURS = "opentelemetry.instrumentation.openai_cost"


def values(telemetry, name):
    return {attributes[name] for attributes, _ in telemetry.all_points() if name in attributes}


def warnings(caplog):
    return [line.getMessage() for line in caplog.records if line.name == OURS]


def test_models_made_up_by_a_server_are_so_many_and_then_one(server, client, instrument, telemetry, caplog):
    one = client()
    instrument()
    for number in range(520):
        server.queue(json_answer(chat(model=f"made-up-{number}")))
        ask(one)
    models = values(telemetry, "gen_ai.response.model")
    assert len(models) == 500
    assert OTHER in models
    assert sum(point.value for _, point in telemetry.points(UNPRICED)) == 520
    spans = {span.attributes["gen_ai.response.model"] for span in telemetry.spans()}
    assert spans == {f"made-up-{number}" for number in range(520)}
    assert warnings(caplog) == ["openai_cost: more than 500 different models; on metrics, further ones are _other"]


def test_models_made_up_by_users_are_bounded_as_well(server, client, instrument, telemetry):
    one = client()
    instrument()
    for number in range(520):
        server.queue(json_answer({"error": {"message": "no such model"}}, status=404))
        with pytest.raises(Exception, match="no such model"):
            ask(one, model=f"user-made-{number}")
    models = values(telemetry, "gen_ai.request.model")
    assert len(models) == 501
    assert OTHER in models
    assert sum(point.count for _, point in telemetry.points(DURATION)) == 520


def test_a_model_that_is_known_keeps_its_name_when_others_overflow(server, client, instrument, telemetry):
    one = client()
    instrument()
    server.queue(json_answer(chat()))
    ask(one)
    for number in range(510):
        server.queue(json_answer(chat(model=f"made-up-{number}")))
        ask(one)
    server.queue(json_answer(chat()))
    ask(one)
    assert telemetry.point(COST, **{"gen_ai.response.model": "gpt-5.5"})[1].count == 2


def test_a_long_model_is_cut_in_metrics(server, client, instrument, telemetry):
    instrument()
    server.queue(json_answer(chat(model="m" * 100_000)))
    ask(client())
    assert values(telemetry, "gen_ai.response.model") == {"m" * (MAX_LENGTH - 1) + "…"}


def test_service_tiers_are_bounded(server, client, instrument, telemetry):
    one = client()
    instrument()
    for number in range(50):
        server.queue(json_answer(chat(service_tier=f"tier-{number}")))
        ask(one)
    assert len(values(telemetry, "openai.response.service_tier")) == 33
    assert OTHER in values(telemetry, "openai.response.service_tier")


def test_types_of_errors_are_bounded(server, client, instrument, telemetry):
    one = client()
    instrument()
    for number in range(220):
        server.queue(sse_answer([streamed()[0], event({"error": {"message": "no", "code": f"error-{number}"}})]))
        with contextlib.suppress(openai.APIError):  # the oldest clients do not raise it
            list(ask(one, stream=True))
    assert len(values(telemetry, "error.type")) == 201
    assert "_OTHER" in values(telemetry, "error.type")


def test_half_a_character_is_written_as_a_question_mark(server, client, instrument, telemetry):
    body = payload("chat_completion_minimal_usage.json", model="gpt-\ud83d", service_tier="\udfff", id="\ud83dx")
    instrument()
    server.queue(json_answer(body))
    ask(client())
    attributes = telemetry.attributes()
    assert attributes["gen_ai.response.model"] == "gpt-?"
    assert attributes["gen_ai.response.id"] == "?x"
    assert values(telemetry, "openai.response.service_tier") == {"?"}


def test_a_count_beyond_all_counts_is_not_added_to_a_histogram(server, client, instrument, telemetry):
    instrument(token_metrics="latest", component_metrics=True)
    server.queue(json_answer(chat(usage={"prompt_tokens": 10**400, "completion_tokens": 10**13})))
    ask(client())
    assert telemetry.points("gen_ai.client.token.usage") == []
    assert telemetry.point(UNPRICED)[0]["openai_cost.unpriced.reason"] == "inconsistent_usage"


def test_words_are_admitted_from_many_threads_at_once(caplog):
    caplog.set_level(logging.DEBUG)
    vocabulary = Vocabulary("things", 100)
    start = threading.Barrier(8)
    given = [[] for _ in range(8)]

    def ask_for(mine):
        start.wait()
        mine.extend(vocabulary[f"thing-{number}"] for number in range(300))

    threads = [threading.Thread(target=ask_for, args=(mine,)) for mine in given]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(vocabulary) == 100
    assert {word for mine in given for word in mine} == {*vocabulary, OTHER}
    assert len(warnings(caplog)) == 1
