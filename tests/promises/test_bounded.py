# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0

"""Bounded: whatever a server or a user makes up, the series of metrics do not grow without end."""

import contextlib
import logging
import re
import threading
from pathlib import Path

import openai
import pytest

from opentelemetry.instrumentation.openai_cost import attribution, cost_attributes, instruments, series
from opentelemetry.instrumentation.openai_cost.attribution import MAX_LENGTH, OTHER
from opentelemetry.instrumentation.openai_cost.config import Config
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


def test_hosts_are_bounded_and_their_ports_with_them(server, client, instrument, telemetry, caplog):
    one = client()
    instrument()
    server.answer_to = lambda request: json_answer(chat())
    for number in range(110):
        for port in (443, 8443):
            of_one_host = one.with_options(base_url=f"https://host-{number}.test:{port}/v1")
            ask(of_one_host)
    del server.answer_to
    counted = [(labels.get("server.address"), labels.get("server.port")) for labels, _ in telemetry.points(UNPRICED)]
    assert len(counted) == len(set(counted)) == 201
    assert (OTHER, None) in counted
    assert telemetry.point(UNPRICED, **{"server.address": OTHER})[1].value == 20
    assert {(span.attributes["server.address"], span.attributes["server.port"]) for span in telemetry.spans()} == {
        (f"host-{number}.test", port) for number in range(110) for port in (443, 8443)
    }
    assert warnings(caplog) == ["openai_cost: more than 200 different servers; on metrics, further ones are _other"]


def test_a_host_that_is_known_keeps_its_name_when_others_overflow(server, client, instrument, telemetry):
    one = client()
    instrument()
    server.answer_to = lambda request: json_answer(chat())
    ask(one)
    for number in range(210):
        ask(one.with_options(base_url=f"https://host-{number}.test/v1"))
    ask(one)
    del server.answer_to
    labels, point = telemetry.point(COST)
    assert (labels["server.address"], labels["server.port"], point.count) == ("api.openai.com", 443, 2)


def test_names_of_attribution_are_bounded_on_metrics_and_not_on_spans(server, client, instrument, telemetry, caplog):
    one = client()
    instrument()
    server.answer_to = lambda request: json_answer(chat())
    for number in range(70):
        with cost_attributes({f"made-up-{number}": "x"}):
            ask(one)
    del server.answer_to
    names = {name for labels, _ in telemetry.points(COST) for name in labels if name.startswith("made-up-")}
    assert names == {f"made-up-{number}" for number in range(64)}
    assert all(span.attributes[f"made-up-{number}"] == "x" for number, span in enumerate(telemetry.spans()))
    assert sum(point.count for _, point in telemetry.points(COST)) == 70
    assert warnings(caplog) == ["openai_cost: attribution has more than 64 names; metrics carry no further ones"]


LITERAL = {
    "gen_ai.operation.name",
    "gen_ai.provider.name",
    "gen_ai.usage.cost.currency",
    "gen_ai.usage.cost.source",
    "gen_ai.token.type",
    "gen_ai.token.modality",
    "openai_cost.unpriced.reason",
    "openai_cost.component",
    "openai_cost.token.kind",
}
"""Labels whose values are the package's own words, or the configuration's, whatever is sent and answered."""
BOUNDED = {
    "gen_ai.request.model",
    "gen_ai.response.model",
    "openai.response.service_tier",
    "server.address",
    "server.port",
    "error.type",
}


def test_no_other_label_has_a_value_that_anybody_makes_up(server, client, instrument, telemetry):
    one = client()
    instrument(component_metrics=True, chunk_metrics=True, token_metrics="latest", aliases="logfire,openlit")
    made_up = iter(range(10_000))

    def answer(request):
        more = {name: f"wild-{next(made_up)}" for name in ("id", "object", "currency", "provider", "status", "type")}
        usage = {"prompt_tokens": 7, "completion_tokens": 5, "currency": f"wild-{next(made_up)}", "cost": 0.5}
        return json_answer(chat(service_tier=f"wild-{next(made_up)}", usage=usage, **more), status=200)

    server.answer_to = answer
    for number in range(30):
        ask(one, user=f"wild-{number}", metadata={"currency": f"wild-{number}"}, service_tier=f"wild-{number}")
    del server.answer_to
    wild = {name for labels, _ in telemetry.all_points() for name, value in labels.items() if "wild" in str(value)}
    assert wild == {"openai.response.service_tier"}
    assert {name for labels, _ in telemetry.all_points() for name in labels} <= LITERAL | BOUNDED


def test_the_documentation_has_the_numbers():
    page = (Path(__file__).parents[2] / "docs/emitted.md").read_text(encoding="utf-8")
    said = dict(re.findall(r"^\| ([^|]+) \| (\d+)[^|]* \| [^|]+ \|$", page, re.MULTILINE))
    assert said == {
        "`gen_ai.request.model` and `gen_ai.response.model`, together": str(series._MAX_MODELS),
        "`server.address` with its `server.port`": str(series._MAX_SERVERS),
        "`openai.response.service_tier`": str(series._MAX_TIERS),
        "`error.type`": str(instruments._MAX_ERROR_TYPES),
        "a name of `cost_attributes` or baggage": str(Config().baggage_limit),
        "names of `cost_attributes` and baggage": str(attribution._MAX_NAMES),
    }
    assert f"of {MAX_LENGTH} characters at most" in page


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
