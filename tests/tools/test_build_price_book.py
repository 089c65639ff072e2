# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0
"""The tool that makes the price book, on small inputs; one test rebuilds the real book from the pinned inputs."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import sys
import zipfile
from decimal import Decimal
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]


def load_tool() -> ModuleType:
    spec = importlib.util.spec_from_file_location("build_price_book", ROOT / "tools/build_price_book.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


tool = load_tool()

# Would end any interpreter that imports it.
BOMB = "raise SystemExit('the data module was executed')\n"


def genai(models: str = "", azure: str = "") -> str:
    """Text of a data module in the form of genai-prices."""
    return (
        "from decimal import Decimal\n"
        + BOMB
        + "providers: list = [\n"
        + f"    Provider(id='azure', models=[{azure}]),\n"
        + f"    Provider(id='openai', models=[{models}]),\n]\n"
    )


def genai_model(name: str, prices: str, variants: str = "") -> str:
    """One entry: prices as keyword arguments of ModelPrice, or a list of conditional prices."""
    price = prices if prices.startswith("[") else f"ModelPrice({prices})"
    return f"ModelInfo(id='{name}', match=ClauseEquals(equals='{name}'), prices={price}, price_variants=[{variants}]),"


def variant(when: str, prices: str) -> str:
    """A variant with the date on which somebody verified it."""
    return (
        f"PriceVariant(when={when}, constraint=StartDateConstraint(start_date=datetime.date(2026, 10, 12)), "
        f"prices=ModelPrice({prices})),"
    )


def litellm(models: dict[str, dict[str, object]] | None = None) -> str:
    """Text of a price file in the form of LiteLLM."""
    return json.dumps({name: {"litellm_provider": "openai", "mode": "chat"} | m for name, m in (models or {}).items()})


def overlay(text: str = "", verdicts: str = "", azure: str = "") -> dict[str, object]:
    """A parsed overlay: sources and providers, plus what the test says of ``providers.openai``."""
    return tool.tomllib.loads(
        "reviewed = 2026-11-22\n"
        '[sources.genai-prices]\nversion = "1"\n[sources.litellm]\nversion = "2"\n'
        + verdicts
        + '\n[providers.openai]\ngenai-prices = "openai"\nlitellm = ""\nlong_context_above = 272000\n'
        + text
        + '\n[providers."azure.ai.openai"]\ngenai-prices = "azure"\nlitellm = "azure/"\nlong_context_above = 272000\n'
        + azure
    )


def verdict(take: str, keys: str, extra: str = "", tiers: str = "standard", model: str = "m") -> str:
    return (
        f'[[verdicts]]\nmodels = ["{model}"]\ntiers = ["{tiers}"]\nkeys = ["{keys}"]\ntake = "{take}"\n{extra}'
        'why = "w"\nevidence = "e"\ndate = 2026-11-22\n'
    )


def rates(book: dict[str, object], model: str, provider: str = "openai") -> list[dict[str, object]]:
    return book["providers"][provider]["models"][model]["rates"]  # type: ignore[index]


def build(genai_source: str, litellm_source: str, the_overlay: dict[str, object] | None = None) -> dict[str, object]:
    return tool.build(genai_source, litellm_source, the_overlay or overlay())


AGREED = (
    genai(genai_model("m", "input_mtok=Decimal('2'), output_mtok=Decimal('8')")),
    litellm({"m": {"input_cost_per_token": 2e-06, "output_cost_per_token": 8e-06}}),
)


# --- reading ---------------------------------------------------------------------------------------------------------


def test_the_data_module_is_read_and_never_executed() -> None:
    book = build(*AGREED)

    assert rates(book, "m") == [{"tier": "standard", "input": "2", "output": "8", "source": "genai-prices"}]


def test_a_data_module_with_something_else_than_literals_fails_the_build() -> None:
    source = genai(genai_model("m", "input_mtok=Decimal('2') * 2"))

    with pytest.raises(tool.BuildError, match="not a literal"):
        build(source, litellm())


def test_prices_by_the_token_become_exact_decimals_by_the_million() -> None:
    book = build(genai(), litellm({"m": {"input_cost_per_token": 1.375e-07, "output_cost_per_token": 4.4e-06}}))

    assert rates(book, "m")[0]["input"] == "0.1375"
    assert rates(book, "m")[0]["output"] == "4.4"


def test_prices_by_the_second_become_prices_by_the_minute() -> None:
    book = build(genai(), litellm({"m": {"input_cost_per_second": 0.000833333333333, "mode": "audio_transcription"}}))

    assert rates(book, "m")[0]["audio_seconds"] == {"price": "0.05", "per": 60}


def test_the_estimate_by_the_second_of_a_model_that_bills_tokens_is_no_price() -> None:
    book = build(genai(), litellm({"m": {"input_cost_per_token": 1e-06, "input_cost_per_second": 0.0001}}))

    assert "audio_seconds" not in rates(book, "m")[0]


def test_prices_per_image_are_gathered_under_their_model() -> None:
    book = build(genai(), litellm({"high/1024-x-1536/m": {"input_cost_per_image": 0.25}}))

    assert rates(book, "m")[0]["images"] == {"high 1024x1536": "0.25"}


def test_the_day_on_which_a_tier_was_verified_is_no_day_of_a_price_change() -> None:
    flex = variant("{'service_tier': 'flex'}", "input_mtok=Decimal('1'), output_mtok=Decimal('4')")
    source = genai(genai_model("m", "input_mtok=Decimal('2'), output_mtok=Decimal('8')", flex))

    book = build(source, litellm())

    assert rates(book, "m")[1] == {
        "tier": "flex",
        "input": "1",
        "output": "4",
        "source": "genai-prices",
        "confidence": "single-source",
    }


def test_a_tier_begins_when_the_standard_price_beside_it_began() -> None:
    steps = (
        "[ConditionalPrice(prices=ModelPrice(input_mtok=Decimal('4'), output_mtok=Decimal('16'))),"
        " ConditionalPrice(constraint=StartDateConstraint(start_date=datetime.date(2025, 6, 10)),"
        " prices=ModelPrice(input_mtok=Decimal('2'), output_mtok=Decimal('8')))]"
    )
    batch = variant("{'processing': 'batch'}", "input_mtok=Decimal('1'), output_mtok=Decimal('4')")

    book = build(genai(genai_model("m", steps, batch)), litellm())

    assert [row.get("from") for row in rates(book, "m")] == [None, "2025-06-10", "2025-06-10"]


def test_fast_and_priority_are_one_tier() -> None:
    prices = "input_mtok=Decimal('4'), output_mtok=Decimal('16')"
    variants = variant("{'service_tier': 'priority'}", prices) + variant("{'service_tier': 'fast'}", prices)

    book = build(genai(genai_model("m", "input_mtok=Decimal('2'), output_mtok=Decimal('8')", variants)), litellm())

    assert [row["tier"] for row in rates(book, "m")] == ["standard", "priority"]


def test_long_context_rates_stand_apart_from_the_short_ones() -> None:
    tiered = "TieredPrices(base=Decimal('{}'), tiers=[Tier(start=272000, price=Decimal('{}'))])"
    prices = f"input_mtok={tiered.format('2', '4')}, output_mtok={tiered.format('8', '12')}"

    book = build(genai(genai_model("m", prices)), litellm())

    assert rates(book, "m")[0]["long"] == {"input": "4", "output": "12"}


def test_an_unknown_price_key_of_either_data_set_fails_the_build() -> None:
    with pytest.raises(tool.BuildError, match="m: unknown price key rerank_mtok"):
        build(genai(genai_model("m", "rerank_mtok=Decimal('2')")), litellm())
    with pytest.raises(tool.BuildError, match="unknown price key input_cost_per_smell"):
        build(genai(), litellm({"m": {"input_cost_per_smell": 1e-06}}))


def test_moderation_is_known_to_be_free() -> None:
    book = build(
        genai(), litellm({"m": {"input_cost_per_token": 0.0, "output_cost_per_token": 0.0, "mode": "moderation"}})
    )

    assert rates(book, "m")[0]["requests"] == {"price": "0", "per": 1}


# --- disagreements and verdicts --------------------------------------------------------------------------------------

DIFFERENT = (
    genai(genai_model("m", "input_mtok=Decimal('2'), output_mtok=Decimal('8')")),
    litellm({"m": {"input_cost_per_token": 2e-06, "output_cost_per_token": 9e-06}}),
)


def test_a_disagreement_fails_the_build_and_names_model_and_key() -> None:
    with pytest.raises(tool.BuildError, match="openai: m: standard: output: genai-prices says 8, litellm says 9"):
        build(*DIFFERENT)


def test_a_key_that_only_one_of_two_has_is_a_disagreement() -> None:
    theirs = litellm(
        {"m": {"input_cost_per_token": 2e-06, "output_cost_per_token": 8e-06, "cache_read_input_token_cost": 1e-06}}
    )

    with pytest.raises(tool.BuildError, match="m: standard: cache_read: genai-prices says nothing, litellm says 1"):
        build(AGREED[0], theirs)


def test_all_disagreements_are_reported_at_once() -> None:
    theirs = litellm({"m": {"input_cost_per_token": 3e-06, "output_cost_per_token": 9e-06}})

    with pytest.raises(tool.BuildError) as failure:
        build(AGREED[0], theirs)

    assert str(failure.value).count("no verdict") == 2


@pytest.mark.parametrize(
    ("take", "extra", "price"),
    [("genai-prices", "", "8"), ("litellm", "", "9"), ("value", 'value = "10"\n', "10"), ("drop", "", None)],
)
def test_a_verdict_resolves_a_disagreement(take: str, extra: str, price: str | None) -> None:
    book = build(*DIFFERENT, overlay(verdicts=verdict(take, "output", extra)))

    assert rates(book, "m")[0].get("output") == price


def test_a_verdict_says_how_sure_the_row_is() -> None:
    extra = 'confidence = "disputed"\nnote = "two pages differ"\n'

    book = build(*DIFFERENT, overlay(verdicts=verdict("litellm", "output", extra)))

    assert rates(book, "m")[0]["confidence"] == "disputed"
    assert rates(book, "m")[0]["note"] == "two pages differ"


def test_a_verdict_that_decides_nothing_any_more_fails_the_build() -> None:
    with pytest.raises(tool.BuildError, match=r"the verdict on m \(litellm\) decides nothing"):
        build(*AGREED, overlay(verdicts=verdict("litellm", "output")))


def test_a_verdict_without_evidence_fails_the_build() -> None:
    bare = '[[verdicts]]\nmodels = ["m"]\ntake = "litellm"\nwhy = "w"\ndate = 2026-11-22\n'

    with pytest.raises(tool.BuildError, match="evidence is missing"):
        build(*DIFFERENT, overlay(verdicts=bare))


def test_a_row_that_one_data_set_alone_has_is_marked() -> None:
    book = build(genai(), litellm({"m": {"input_cost_per_token": 2e-06, "output_cost_per_token": 8e-06}}))

    assert rates(book, "m")[0]["source"] == "litellm"
    assert rates(book, "m")[0]["confidence"] == "single-source"


def test_what_the_other_data_set_cannot_express_is_no_disagreement() -> None:
    theirs = litellm(
        {
            "m": {
                "input_cost_per_token": 2e-06,
                "output_cost_per_token": 8e-06,
                "input_cost_per_token_ultrafast": 12e-06,
                "output_cost_per_token_ultrafast": 48e-06,
            }
        }
    )

    book = build(AGREED[0], theirs)

    assert [row["tier"] for row in rates(book, "m")] == ["standard", "ultrafast"]


def test_a_twelve_hour_write_is_written_only_where_it_is_not_twice_the_short_one() -> None:
    def write(long_write: float) -> dict[str, object]:
        theirs = litellm(
            {
                "m": {
                    "input_cost_per_token": 2e-06,
                    "output_cost_per_token": 8e-06,
                    "cache_creation_input_token_cost": 2.5e-06,
                    "cache_creation_input_token_cost_above_12hr": long_write,
                }
            }
        )
        return rates(build(genai(), theirs), "m")[0]

    assert "cache_write_12h" not in write(5e-06)
    assert write(6e-06)["cache_write_12h"] == "6"


# --- the overlay -----------------------------------------------------------------------------------------------------


def test_the_overlay_adds_a_model_that_neither_data_set_has() -> None:
    book = build(
        genai(), litellm(), overlay('[providers.openai.models.new]\nrates = [{ input = "8", output = "40" }]\n')
    )

    assert rates(book, "new") == [{"tier": "standard", "input": "8", "output": "40", "source": "overlay"}]


def test_the_overlay_puts_older_prices_before_those_of_the_data_sets() -> None:
    history = (
        '[providers.openai.models.m]\nsince = 2024-10-02\nrates = [{ from = 2024-05-13, input = "5", output = "15" }]\n'
    )

    book = build(*AGREED, overlay(history))

    assert [(row["from"], row["input"], row["source"]) for row in rates(book, "m")] == [
        ("2024-05-13", "5", "overlay"),
        ("2024-10-02", "2", "genai-prices"),
    ]


def test_the_overlay_may_not_replace_a_row_in_silence() -> None:
    text = '[providers.openai.models.m]\nrates = [{{ {} input = "3", output = "8" }}]\n'

    with pytest.raises(tool.BuildError, match="the overlay repeats a row"):
        build(*AGREED, overlay(text.format("")))
    assert rates(build(*AGREED, overlay(text.format("replaces = true,"))), "m")[0]["input"] == "3"


def test_an_unknown_key_in_the_overlay_fails_the_build() -> None:
    with pytest.raises(tool.BuildError, match="new: unknown key imput"):
        build(genai(), litellm(), overlay('[providers.openai.models.new]\nrates = [{ imput = "8" }]\n'))


def test_an_excluded_model_stays_out_and_a_stale_exclusion_is_reported() -> None:
    rule = '[[providers.openai.exclude]]\nmodels = ["{}"]\nwhy = "not sold"\n'

    assert "m" not in build(*AGREED, overlay(rule.format("m")))["providers"]["openai"]["models"]  # type: ignore[index]
    with pytest.raises(tool.BuildError, match="exclude other: no such model"):
        build(*AGREED, overlay(rule.format("other")))


def test_a_rule_for_a_model_that_is_gone_fails_the_build() -> None:
    with pytest.raises(tool.BuildError, match="gone: no such model"):
        build(*AGREED, overlay('[[providers.openai.class]]\nvalue = "reasoning"\nmodels = ["gone"]\n'))


def test_a_snapshot_that_costs_what_its_alias_costs_is_folded_into_it() -> None:
    prices: dict[str, object] = {"input_cost_per_token": 2e-06, "output_cost_per_token": 8e-06}
    dearer: dict[str, object] = {"input_cost_per_token": 5e-06, "output_cost_per_token": 15e-06}

    book = build(genai(), litellm({"m": prices, "m-2026-04-23": prices, "m-2024-05-13": dearer}))

    assert list(book["providers"]["openai"]["models"]) == ["m", "m-2024-05-13"]  # type: ignore[index]


def test_the_newest_snapshot_stands_for_an_alias_that_has_no_entry() -> None:
    def prices(amount: float) -> dict[str, object]:
        return {"input_cost_per_token": amount, "output_cost_per_token": amount}

    book = build(genai(), litellm({"m-2024-10-01": prices(9e-06), "m-2024-12-17": prices(4e-06)}))

    assert rates(book, "m")[0]["input"] == "4"
    assert rates(book, "m-2024-10-01")[0]["input"] == "9"


def test_azure_has_rows_of_its_own() -> None:
    theirs = json.dumps(
        {"azure/m": {"litellm_provider": "azure", "input_cost_per_token": 3e-06, "output_cost_per_token": 9e-06}}
    )

    book = build(AGREED[0], theirs)

    assert rates(book, "m", "azure.ai.openai")[0]["input"] == "3"
    assert rates(book, "m")[0]["input"] == "2"


def test_a_regional_uplift_unlike_that_of_the_data_set_must_be_stated() -> None:
    rule = '[[providers.openai.regional]]\nvalue = "1.1"\nmodels = ["m"]\n'

    with pytest.raises(tool.BuildError, match=r"m: regional uplift 1\.1, litellm says None"):
        build(*AGREED, overlay(rule))
    book = build(*AGREED, overlay(rule + 'unlike_litellm = ["m"]\n'))
    assert book["providers"]["openai"]["models"]["m"]["regional"] == "1.1"  # type: ignore[index]


def test_a_fee_needs_evidence_and_a_known_name() -> None:
    fee = '[[providers.openai.fees.{}]]\nprice = "10"\nper = 1000\n{}'

    book = build(genai(), litellm(), overlay(fee.format("web_search", 'evidence = "e"\n')))
    assert book["providers"]["openai"]["fees"] == {  # type: ignore[index]
        "web_search": [{"price": "10", "per": 1000, "source": "overlay"}]
    }
    limits = build(
        genai(),
        litellm(),
        overlay(fee.format("container_1g", 'minimum = 20\nblock = 20\nmaximum = 40\nevidence = "e"\n')),
    )
    assert limits["providers"]["openai"]["fees"] == {  # type: ignore[index]
        "container_1g": [{"price": "10", "per": 1000, "block": 20, "maximum": 40, "minimum": 20, "source": "overlay"}]
    }
    for wrong in ("block = 20", "maximum = 20", 'minimum = 20\nblock = "20"', "minimum = 0"):
        with pytest.raises(tool.BuildError, match="fee container_1g"):
            build(genai(), litellm(), overlay(fee.format("container_1g", f'{wrong}\nevidence = "e"\n')))
    with pytest.raises(tool.BuildError, match="fee web_search"):
        build(genai(), litellm(), overlay(fee.format("web_search", "")))
    with pytest.raises(tool.BuildError, match="unknown fee carrier_pigeon"):
        build(genai(), litellm(), overlay(fee.format("carrier_pigeon", 'evidence = "e"\n')))


# --- gates -----------------------------------------------------------------------------------------------------------

STANDARD = '{ input = "2", cache_read = "0.5", output = "8" }'


@pytest.mark.parametrize(
    ("rows", "complaint"),
    [
        ('{ input = "2", cache_read = "3", output = "8" }', "cache_read is above input"),
        ('{ input = "2", cache_write = "1", output = "8" }', "input is above cache_write"),
        ('{ input = "2", output = "8", audio_input = "1", audio_cache_read = "2" }', "audio_cache_read is above"),
        ('{ input = "-2", output = "8" }', "input is -2"),
        ('{ input = "2", output = "8", long = { input = "1", output = "8" } }', "long:input is below input"),
        ('{ input = "2", output = "8", long = { input = "4" } }', "long-context rates for output are one-sided"),
        ('{ tier = "express", input = "2", output = "8" }', "unknown tier"),
        ('{ endpoint = "elsewhere", input = "2", output = "8" }', "unknown endpoint elsewhere"),
        ('{ input = "2", output = "8", confidence = "certain" }', "unknown confidence certain"),
        ("{ }", "no price"),
        (
            STANDARD + ', { tier = "batch", input = "3", cache_read = "0.25", output = "4" }',
            "batch: input is above the standard rate",
        ),
        (
            STANDARD + ', { tier = "flex", input = "1", cache_read = "0.25", output = "9" }',
            "flex: output is above the standard rate",
        ),
        (
            STANDARD + ', { tier = "priority", input = "4", cache_read = "0.4", output = "16" }',
            "priority: cache_read is below the standard rate",
        ),
        (STANDARD + ', { tier = "batch", input = "1", output = "4" }', "batch: no cache_read, which the standard row"),
        (
            '{ input = "2", output = "8", long = { input = "4", output = "12" } },'
            ' { tier = "priority", input = "4", output = "16" }',
            "priority: no long-context rates, which the standard row has",
        ),
        (
            STANDARD + ', { from = 2026-01-01, input = "0.3", cache_read = "0.1", output = "8" }',
            "input goes from 2 to 0.3 on 2026-01-01",
        ),
        (
            STANDARD + ', { from = 2026-01-01, input = "11", cache_read = "0.5", output = "8" }',
            "input goes from 2 to 11 on 2026-01-01",
        ),
        (
            '{ until = 2026-02-01, input = "2", output = "8" }, { from = 2026-02-01, input = "3", output = "8" }',
            "rows overlap on 2026-02-01",
        ),
        ('{ from = 2026-02-01, until = 2026-01-01, input = "2", output = "8" }', "ends before it begins"),
    ],
)
def test_an_implausible_row_fails_the_build(rows: str, complaint: str) -> None:
    with pytest.raises(tool.BuildError, match=complaint.replace("(", r"\(")):
        build(genai(), litellm(), overlay(f"[providers.openai.models.m]\nrates = [{rows}]\n"))


@pytest.mark.parametrize("price", ["NaN", "Infinity", "two", "1e400000000"])
def test_a_price_that_is_no_plain_number_fails_the_build(price: str) -> None:
    with pytest.raises(tool.BuildError, match="not "):
        build(genai(), litellm(), overlay(f'[providers.openai.models.m]\nrates = [{{ input = "{price}" }}]\n'))


def test_a_steep_change_passes_when_the_overlay_states_it() -> None:
    text = (
        f"[providers.openai.models.m]\nrates = [{STANDARD},"
        ' { from = 2026-01-01, input = "0.2", cache_read = "0.05", output = "0.8" }]\n'
        '[[providers.openai.steps]]\nmodels = ["m"]\ntiers = ["standard"]\nfrom = 2026-01-01\nwhy = "announced"\n'
    )

    assert rates(build(genai(), litellm(), overlay(text)), "m")[1]["input"] == "0.2"


def test_a_rate_that_is_known_to_be_unpublished_may_be_left_out_and_is_marked() -> None:
    text = (
        f'[providers.openai.models.m]\nrates = [{STANDARD}, {{ tier = "batch", input = "1", output = "4" }}]\n'
        '[[providers.openai.incomplete]]\nmodels = ["m"]\ntiers = ["batch"]\nkeys = ["cache_read"]\n'
        'confidence = "disputed"\nnote = "billed as batch input"\n'
    )

    row = rates(build(genai(), litellm(), overlay(text)), "m")[1]

    assert (row["confidence"], row["note"]) == ("disputed", "billed as batch input")


def test_withheld_long_context_rates_are_an_empty_table() -> None:
    text = (
        "[providers.openai.models.m]\nrates = ["
        '{ input = "2", output = "8", long = { input = "4", output = "12" } },'
        ' { tier = "priority", input = "4", output = "16" }]\n'
        '[[providers.openai.withhold_long]]\nmodels = ["m"]\ntiers = ["priority"]\nwhy = "none published"\n'
    )

    assert rates(build(genai(), litellm(), overlay(text)), "m")[1]["long"] == {}


def test_a_book_that_grows_beyond_its_bound_fails_the_build(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tool, "MAX_BYTES", 100)

    with pytest.raises(tool.BuildError, match="more than 100"):
        build(*AGREED)


# --- the file --------------------------------------------------------------------------------------------------------


def wheel(path: Path, member: str, text: str) -> str:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(member, text)
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def arguments(tmp_path: Path) -> list[str]:
    """Command line for a build from two small wheels into a directory of the test."""
    digests = [
        wheel(tmp_path / "genai.whl", "genai_prices/data.py", AGREED[0]),
        wheel(tmp_path / "litellm.whl", "litellm/prices.json", AGREED[1]),
    ]
    (tmp_path / "overlay.toml").write_text(
        "reviewed = 2026-11-22\n"
        f'[sources.genai-prices]\nversion = "1"\nmember = "genai_prices/data.py"\nsha256 = "{digests[0]}"\n'
        f'[sources.litellm]\nversion = "2"\nmember = "litellm/prices.json"\nsha256 = "{digests[1]}"\n'
        '[providers.openai]\ngenai-prices = "openai"\nlitellm = ""\nlong_context_above = 272000\n'
    )
    page = f"# Prices\n\n{tool.BEGIN}\n{tool.END}\n\nThe end.\n"
    (tmp_path / "prices.md").write_text(page)
    return [
        f"--genai-prices={tmp_path / 'genai.whl'}",
        f"--litellm={tmp_path / 'litellm.whl'}",
        f"--overlay={tmp_path / 'overlay.toml'}",
        f"--output={tmp_path / 'prices.json'}",
        f"--page={tmp_path / 'prices.md'}",
    ]


def test_two_builds_of_the_same_inputs_are_equal_byte_for_byte(arguments: list[str], tmp_path: Path) -> None:
    assert tool.main(arguments) == 0
    first = (tmp_path / "prices.json").read_bytes()
    (tmp_path / "prices.json").unlink()

    assert tool.main(arguments) == 0

    assert (tmp_path / "prices.json").read_bytes() == first
    assert first.endswith(b"}\n")


def test_each_model_stands_on_a_line_of_its_own(arguments: list[str], tmp_path: Path) -> None:
    tool.main(arguments)

    lines = (tmp_path / "prices.json").read_text().splitlines()

    assert [line for line in lines if line.startswith('        "m": {"rates": [{"tier": "standard"')]


def test_check_passes_on_a_fresh_book_and_fails_on_an_edited_one(
    arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tool.main(arguments)
    assert tool.main([*arguments, "--check"]) == 0
    book = tmp_path / "prices.json"
    book.write_text(book.read_text().replace('"8"', '"9"'))

    assert tool.main([*arguments, "--check"]) == 1

    assert "prices.json is not what the pinned inputs give" in capsys.readouterr().err
    assert '"9"' in book.read_text()


def test_a_wheel_with_another_digest_is_refused(
    arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wheel(tmp_path / "genai.whl", "genai_prices/data.py", AGREED[0] + "# changed\n")

    assert tool.main(arguments) == 1

    assert "genai.whl: sha256 is" in capsys.readouterr().err
    assert not (tmp_path / "prices.json").exists()


def test_the_page_tells_what_the_book_holds(arguments: list[str], tmp_path: Path) -> None:
    tool.main(arguments)

    page = (tmp_path / "prices.md").read_text()

    assert "Reviewed on 2026-11-22; made from genai-prices 1, litellm 2 and the overlay." in page
    assert "| `openai` | 1 | 1 | 1 | 0 | 0 |" in page
    assert page.endswith("The end.\n")


# --- the committed book ----------------------------------------------------------------------------------------------

COMMITTED = tool.BOOK


def committed_rows() -> list[tuple[str, str, dict[str, object]]]:
    book = json.loads(COMMITTED.read_text(encoding="utf-8"))
    return [
        (provider, model, row)
        for provider, part in book["providers"].items()
        for model, entry in part["models"].items()
        for row in entry["rates"]
    ]


def test_the_committed_book_is_within_its_bound() -> None:
    assert COMMITTED.stat().st_size < tool.MAX_BYTES


def test_every_committed_row_names_a_source_and_holds_plain_decimals() -> None:
    for provider, model, row in committed_rows():
        assert row["source"] in ("genai-prices", "litellm", "overlay"), (provider, model)
        for key in tool.TOKEN_KEYS:
            if key in row:
                price = Decimal(str(row[key]))
                assert price.is_finite(), (provider, model, key)
                assert price >= 0, (provider, model, key)
                assert str(row[key]) == tool.plain(price), (provider, model, key)


def test_the_committed_book_carries_the_version_of_the_overlay() -> None:
    pins = tool.tomllib.loads(tool.OVERLAY.read_text(encoding="utf-8"))
    book = json.loads(COMMITTED.read_text(encoding="utf-8"))

    assert book["version"] == pins["reviewed"].isoformat()
    assert book["sources"] == {name: pin["version"] for name, pin in pins["sources"].items()}


@pytest.mark.network
def test_the_committed_book_equals_a_rebuild_from_the_pinned_inputs() -> None:
    assert tool.main(["--check"]) == 0
