# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0

"""Forks in the midst of calls: the child has none of the other threads, and what they held must neither stop nor bill it."""

import ast
import json
import os
from decimal import Decimal
from pathlib import Path

import pytest

pytest.register_assert_rewrite("coexist.process")

from coexist.process import finished  # noqa: E402
from support.expect import chat, streamed  # noqa: E402
from support.payloads import payload  # noqa: E402
from support.server import Gate, json_answer, sse_answer  # noqa: E402

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")

ONE = Decimal("0.035")
SOURCE = Path(__file__).parents[2] / "src"
FLAGS = {"_ending", "idle"}
"""Locks that nobody waits for."""


@pytest.fixture
def answers(server):
    """Streams that stop after their first event until somebody asks to go on, and documents."""
    gate = Gate()
    first, *rest = streamed()
    documents = {"/v1/containers": "container.json", "/v1/batches": "batch_created.json"}

    def answer(request):
        document = request.json if request.body else {}
        if document.get("user") == "go on":
            gate.open()
        if document.get("stream"):
            held = not document.get("stream_options")
            return sse_answer([first, gate, *rest] if held else [first, *rest])
        path = request.path
        if path in documents:
            return json_answer(payload(documents[path]))
        return json_answer(payload("batch_completed.json") if "/batches/" in path else chat())

    server.answer_to = answer
    yield server
    gate.open()
    del server.answer_to


def test_streams_that_threads_have_open_are_counted_by_the_parent_alone(answers):
    ended = finished("from promises.forks import in_the_midst_of_streams; in_the_midst_of_streams(8)", answers)
    first, second, ours = json.loads(ended.stdout)
    assert first == second == {"spans": 6, "amount": str(6 * ONE), "costs": 6, "unpriced": 0, "open": 0}
    assert ours == {"spans": 10, "amount": str(10 * ONE), "costs": 10, "unpriced": 0, "open": 0}
    assert ended.stderr == ""


@pytest.mark.parametrize("spans", ["own", "current"])
def test_no_lock_that_a_thread_holds_at_the_fork_stops_the_child(answers, tmp_path, spans):
    ended = finished(f"from promises.forks import *; while_every_lock_is_held({spans!r}, {str(tmp_path)!r})", answers)
    locks, in_child, before = json.loads(ended.stdout)
    assert locks > 12
    assert before == [5, 5]
    # The batch was counted before.
    assert in_child == [4, 4]
    assert "Traceback" not in ended.stderr


def test_what_the_parent_started_is_counted_by_the_parent_when_both_see_it_finished(answers):
    ended = finished("from promises.forks import with_a_batch_in_progress; with_a_batch_in_progress()", answers)
    in_child, in_parent = json.loads(ended.stdout)
    assert (in_child, in_parent) == (0, 1)


def test_children_of_a_crowd_of_threads_count_their_own_calls(answers):
    ended = finished("from promises.forks import in_a_crowd; in_a_crowd(6, 8)", answers)
    children, ours, average = json.loads(ended.stdout)
    assert [(told, calls, Decimal(total)) for told, calls, total in children] == [(6, 6, 6 * ONE)] * 8
    assert (ours, Decimal(average)) == (6, ONE)
    assert ended.stderr == ""


def test_locks_of_another_make_do_not_keep_the_others_from_being_free(answers):
    ended = finished("from promises.forks import with_locks_of_another_make; with_locks_of_another_make()", answers)
    assert json.loads(ended.stdout) == [True, False]
    assert ended.stderr == ""


def test_every_lock_that_somebody_waits_for_is_free_in_a_forked_child():
    held = [
        f"{path.name}:{made.lineno}"
        for path in SOURCE.rglob("*.py")
        if "demo" not in path.parts
        for statement in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(statement, (ast.Assign, ast.AnnAssign))
        for made in _unprotected(statement)
    ]
    assert held == []


def _unprotected(statement):
    """Calls of Lock and RLock in an assignment that are not handed to what frees them."""
    targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
    if any(getattr(target, "attr", getattr(target, "id", "")) in FLAGS for target in targets):
        return
    calls = [node for node in ast.walk(statement) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)]
    freed = {id(argument) for call in calls if call.func.id == "free_after_fork" for argument in call.args}
    yield from (call for call in calls if call.func.id in ("Lock", "RLock") and id(call) not in freed)
