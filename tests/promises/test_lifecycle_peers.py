# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0

"""With three other instrumentations, installed and removed in every order: each call is priced once while we are there."""

import itertools
import sys
from collections.abc import Iterator
from decimal import Decimal
from importlib import import_module

import pytest

pytest.importorskip("opentelemetry.instrumentation.openai", reason="needs Traceloop's instrumentation")
pytest.importorskip("opentelemetry.instrumentation.genai.openai")
pytest.importorskip("openinference.instrumentation.openai")
pytest.register_assert_rewrite("promises.crowd")

from opentelemetry.instrumentation.openai_cost._wrapping import is_ours  # noqa: E402
from promises.crowd import (  # noqa: E402
    Account,
    Turnstile,
    arguments,
    assert_answered,
    bill,
    kind_of,
    make_async_client,
    make_client,
    method_of,
    text_in,
    text_of,
)
from support.expect import COST  # noqa: E402

PACKAGES = {
    "ours": ("opentelemetry.instrumentation.openai_cost", "OpenAICostInstrumentor"),
    "official": ("opentelemetry.instrumentation.genai.openai", "OpenAIInstrumentor"),
    "openinference": ("openinference.instrumentation.openai", "OpenAIInstrumentor"),
    "traceloop": ("opentelemetry.instrumentation.openai", "OpenAIInstrumentor"),
}
ORDERS = list(itertools.permutations(PACKAGES))
CHAT, STREAM = 0, 1

# Their instruments of one name have other descriptions, and they use what is deprecated.
pytestmark = [pytest.mark.filterwarnings("ignore"), pytest.mark.parametrize("installed", ORDERS, ids="-".join)]

Places = dict[type, dict[str, object]]


def places() -> Places:
    """What stands in the dictionaries of the client's classes, where instrumentations put their wrappers."""
    import_module("openai.resources.beta")
    found: Places = {}
    for name, module in list(sys.modules.items()):
        if name.startswith(("openai.resources", "openai._base_client", "openai._client", "openai.lib.azure")):
            for one in vars(module).values():
                if isinstance(one, type) and one.__module__.startswith("openai."):
                    found[one] = dict(vars(one))
    return found


def restore(before: Places) -> None:
    """Takes off what anybody left."""
    for kind, entries in before.items():
        now = dict(vars(kind))
        for name, entry in now.items():
            if name not in entries:
                delattr(kind, name)
            elif entries[name] is not entry:
                setattr(kind, name, entries[name])


def different(before: Places) -> list[str]:
    """The places where something else stands now, and where no wrapper of ours stood before."""
    return [
        f"{kind.__name__}.{name}"
        for kind, entries in before.items()
        for name, entry in entries.items()
        if vars(kind).get(name) is not entry and not is_ours(entry) and not name.startswith(("__", "_abc"))
    ]


@pytest.fixture
def pristine() -> Iterator[Places]:
    before = places()
    yield before
    restore(before)


class Company:
    """The four packages, coming and going on one pair of providers, and a client that they all see."""

    def __init__(self, recorded: Turnstile) -> None:
        self._recorded = recorded
        self._on: dict[str, object] = {}

    def join(self, name: str) -> None:
        module, kind = PACKAGES[name]
        instrumentor = getattr(import_module(module), kind)()
        options = self._recorded.options if name == "ours" else self._recorded.providers
        instrumentor.instrument(skip_dep_check=True, **options)
        self._on[name] = instrumentor

    def leave(self, name: str) -> None:
        instrumentor = self._on.pop(name)
        instrumentor.uninstrument()

    def leave_all(self) -> None:
        for name in list(self._on):
            self.leave(name)

    def has(self, name: str) -> bool:
        return name in self._on


@pytest.fixture
def company(recorded, pristine):
    joined = Company(recorded)
    yield joined
    joined.leave_all()


def assert_priced_once(recorded, company, ask, number):
    """The call answers as without anybody, and is priced once if we are there; returns how many spans it has."""
    count, total = recorded.histogram(COST)
    spans = len(recorded.spans())
    ask(number)
    more, sum_now = recorded.histogram(COST)
    if company.has("ours"):
        assert more == count + 1
        assert abs(Decimal(sum_now) - Decimal(total) - bill(number)) < Decimal("1e-12")
    else:
        assert more == count
    return len(recorded.spans()) - spans


def asker(client):
    def ask(number):
        path, asked = arguments(number)
        reply = method_of(client, path)(**asked)
        if kind_of(number) == "stream":
            assert text_in(list(reply)) == text_of(number)
        else:
            assert_answered(number, reply)

    return ask


def test_each_call_is_priced_once_whoever_comes_and_goes(installed, company, recorded, pristine):
    with make_client(Account()) as client:
        ask = asker(client)
        for removed in ORDERS:
            for name in installed:
                company.join(name)
            for number in (CHAT, STREAM):
                assert_priced_once(recorded, company, ask, number)
            for name in removed:
                company.leave(name)
                assert_priced_once(recorded, company, ask, CHAT)
            restore(pristine)
    assert recorded.unpriced() == {}


def test_removing_ours_leaves_theirs_in_place_and_at_work(installed, company, recorded, pristine):
    with make_client(Account()) as client:
        ask = asker(client)
        for name in installed:
            company.join(name)
        with_ours = assert_priced_once(recorded, company, ask, CHAT)
        before = places()
        assert [entry for entries in before.values() for entry in entries.values() if is_ours(entry)]
        company.leave("ours")
        assert different(before) == []
        assert not [entry for entries in places().values() for entry in entries.values() if is_ours(entry)]
        without = assert_priced_once(recorded, company, ask, CHAT)
        # With the official package there is no span of ours; what is gone is nothing of theirs.
        assert without == with_ours == 3


async def test_asynchronous_calls_are_priced_once_too(installed, company, recorded, pristine):
    async with make_async_client(Account()) as client:
        for name in installed:
            company.join(name)
        for removed in (None, *installed):
            if removed is not None:
                company.leave(removed)
            count, _ = recorded.histogram(COST)
            path, asked = arguments(STREAM)
            reply = await method_of(client, path)(**asked)
            assert text_in([one async for one in reply]) == text_of(STREAM)
            assert recorded.histogram(COST)[0] == count + company.has("ours")


def test_of_the_spans_of_one_call_one_has_the_cost(installed, company, recorded, pristine):
    with make_client(Account()) as client:
        ask = asker(client)
        for name in installed:
            company.join(name)
        ask(CHAT)
        ask(STREAM)
    amounts = [span.amount for span in recorded.spans() if span.amount is not None]
    assert [Decimal(repr(amount)) for amount in amounts] == [bill(CHAT), bill(STREAM)]
