# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0
"""The dashboard: which questions it asks, in which order, and how the answers are drawn."""

from __future__ import annotations

import string
from collections.abc import Sequence
from dataclasses import dataclass

import queries as q
from grafana_foundation_sdk.builders import common, dashboard, heatmap, prometheus, stat, table, timeseries
from grafana_foundation_sdk.models import common as models
from grafana_foundation_sdk.models import dashboard as model
from grafana_foundation_sdk.models import heatmap as heatmap_models
from grafana_foundation_sdk.models.prometheus import PromQueryFormat
from naming import SERVICE, Naming

PLUGIN = "prometheus"
DATASOURCE = model.DataSourceRef(type_val=PLUGIN, uid="${datasource}")
PERCENT = "percentunit"
SECONDS = "s"
COMPONENTS = "Needs component_metrics=True (OTEL_INSTRUMENTATION_OPENAI_COST_COMPONENT_METRICS=true)."
ESTIMATE = "An estimate at list price, not an invoice."
NAMES_OF_OURS = "gen_ai|openai|otel_|otel[.]|server|error|le$|__name__$|instance$"

Panel = stat.Panel | timeseries.Panel | table.Panel | heatmap.Panel


@dataclass(frozen=True, slots=True)
class Ask:
    """One query of a panel.

    Attributes:
        expr: PromQL.
        legend: template of the series' names.
        exemplars: whether traces behind the numbers are asked for too.
    """

    expr: str
    legend: str = "__auto"
    exemplars: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """A heading, and the panels under it."""

    title: str
    panels: Sequence[Panel]


def build(naming: Naming) -> model.Dashboard:
    """The dashboard in one spelling of the names."""
    ask = q.Queries(naming)
    board = (
        dashboard.Dashboard(naming.title)
        .uid(naming.uid)
        .description(
            f"What the calls of the OpenAI client cost. {ESTIMATE} For metrics of"
            f" opentelemetry-instrumentation-openai-cost named like {naming.example}. increase() sees a series from its"
            " second scrape on and extrapolates to the edges of the range: over a range, sums are close, not to the cent."
        )
        .tags(["openai", "opentelemetry", "cost"])
        .time("now-24h", "now")
        .refresh("1m")
        .editable()
        .tooltip(model.DashboardCursorSync.CROSSHAIR)
        .variables(_variables(naming, ask))
    )
    number = 0
    for row in _rows(naming, ask):
        number += 1
        board.with_row(dashboard.Row(row.title).id(number))
        for panel in row.panels:
            number += 1
            board.with_panel(panel.id(number))
    return board.build()


def _rows(naming: Naming, ask: q.Queries) -> Sequence[Row]:
    model_of = "{{" + naming.key(q.MODEL) + "}}"

    def named(label: str) -> str:
        return "{{" + naming.key(label) + "}}"

    return (
        Row(
            "Spend ($currency)",
            (
                _number("Spend in the range", [Ask(ask.spend())], f"{ESTIMATE} Calls without a price are in no sum."),
                _number("A day before", [Ask(ask.spend(offset="1d"))], "The same range, one day earlier."),
                _number("A week before", [Ask(ask.spend(offset="1w"))], "The same range, one week earlier."),
                _number(
                    "30 days at this rate",
                    [Ask(ask.spend_rate(seconds=q.MONTH, window=q.RANGE))],
                    "The mean rate of the range, over 30 days.",
                ),
                _number(
                    "Since the processes started",
                    [Ask(ask.spend_since_start())],
                    "The counters themselves: exact, of the processes that run at the end of the range.",
                ),
                _number(
                    "Calls", [Ask(ask.calls())], "All calls in the range, failed and unpriced ones included.", "short"
                ),
                _lines(
                    "Spend per hour, and a day and a week before",
                    [
                        Ask(ask.spend_rate(), "now"),
                        Ask(ask.spend_rate(offset="1d"), "a day before"),
                        Ask(ask.spend_rate(offset="1w"), "a week before"),
                    ],
                ),
                _lines("Spend per hour by model", [Ask(ask.spend_rate(by=q.MODEL), model_of)], stacked=True),
                _lines(
                    "Spend per hour by service",
                    [Ask(ask.spend_rate(by=SERVICE), named(SERVICE))],
                    stacked=True,
                    width=8,
                ),
                _lines(
                    "Spend per hour by operation",
                    [Ask(ask.spend_rate(by=q.OPERATION), named(q.OPERATION))],
                    stacked=True,
                    width=8,
                ),
                _lines(
                    "Spend per hour by service tier",
                    [Ask(ask.spend_rate(by=q.TIER), named(q.TIER))],
                    "The tier that the responses name; no name: the response named none.",
                    stacked=True,
                    width=8,
                ),
                _lines(
                    "Spend per hour by part",
                    [Ask(ask.component_rate(), named(q.COMPONENT))],
                    f"Disjoint parts of the cost. {COMPONENTS}",
                    stacked=True,
                ),
                _table(
                    "Models in the range",
                    [
                        Ask(ask.spend(by=q.MODEL)),
                        Ask(ask.calls(by=q.MODEL)),
                        Ask(ask.tokens(by=q.MODEL)),
                        Ask(ask.cost_per_call(by=q.MODEL, window=q.RANGE)),
                    ],
                    ["Spend", "Calls", "Tokens", "Cost per call"],
                    {naming.key(q.MODEL): "Model"},
                ),
            ),
        ),
        Row(
            "Who spends it",
            (
                _lines(
                    "Spend per hour by $attribution",
                    [Ask(ask.spend_rate_by_key("$attribution"))],
                    "By the label chosen above: the service, a name given to cost_attributes, or a baggage key in baggage_keys.",
                    stacked=True,
                ),
                _table(
                    "Top ten by $attribution in the range",
                    [Ask(ask.top_by_key("$attribution"))],
                    ["Spend"],
                    {},
                ),
            ),
        ),
        Row(
            "Budgets",
            (
                _lines(
                    "Share of the budget that is spent",
                    [Ask(ask.budget_share(), f"{named(q.BUDGET)} a {named(q.PERIOD)}, {named(SERVICE)}")],
                    "Needs budgets=[…]. Of all processes of a service together, in the period that is now (UTC).",
                    PERCENT,
                ),
                _table(
                    "Budgets",
                    [
                        Ask(ask.budget_spent()),
                        Ask(ask.budget_left()),
                        Ask(ask.budget_share()),
                        Ask(ask.budget_unpriced()),
                    ],
                    ["Spent (USD)", "Left (USD)", "Share spent", "Calls not in it"],
                    {SERVICE: "Service", naming.key(q.BUDGET): "Budget", naming.key(q.PERIOD): "Period"},
                ),
            ),
        ),
        Row(
            "A call",
            (
                _lines(
                    "Cost of a call ($currency)",
                    [Ask(ask.cost_quantile(quantile), f"p{quantile * 100:g}") for quantile in (0.5, 0.95, 0.99)]
                    + [Ask(ask.cost_per_call(), "mean")],
                    "Quantiles are interpolated between buckets that are four times as wide each.",
                    width=8,
                ),
                _lines(
                    "Latency",
                    [Ask(ask.duration_quantile(quantile), f"p{quantile * 100:g}") for quantile in (0.5, 0.95)],
                    unit=SECONDS,
                    width=8,
                ),
                _lines(
                    "Time to first chunk",
                    [Ask(ask.first_chunk_quantile(quantile), f"p{quantile * 100:g}") for quantile in (0.5, 0.95)],
                    "Of streams.",
                    unit=SECONDS,
                    width=8,
                ),
                _lines("Mean cost of a call by model", [Ask(ask.cost_per_call(by=q.MODEL), model_of)]),
                _heatmap("Calls by cost", Ask(ask.cost_distribution(), "{{le}}")),
                _lines(
                    "Top traces: p99 of a call, with exemplars",
                    [Ask(ask.cost_quantile(0.99), "p99", exemplars=True)],
                    "Each dot is a call; its trace id leads to the trace if the data source says where traces are. Exemplars"
                    " need OTLP into a store that keeps them (Prometheus: --enable-feature=exemplar-storage): the Prometheus"
                    " exporter of OpenTelemetry for Python does not pass them on.",
                    width=24,
                ),
            ),
        ),
        Row(
            "Tokens and cache",
            (
                _lines(
                    "Tokens per hour, in and out",
                    [Ask(ask.token_rate(), named(q.TOKEN_TYPE))],
                    unit="short",
                    stacked=True,
                ),
                _lines(
                    "Tokens per hour by kind",
                    [Ask(ask.token_kind_rate(), named(q.TOKEN_KIND))],
                    f"Disjoint kinds. {COMPONENTS}",
                    unit="short",
                    stacked=True,
                ),
                _number("Saved by the cache", [Ask(ask.saved())], f"In the range, $currency. {COMPONENTS}", height=8),
                _number(
                    "Input read from the cache",
                    [Ask(ask.cache_hit_share(window=q.RANGE))],
                    f"Share of input tokens, in the range. {COMPONENTS}",
                    PERCENT,
                    height=8,
                ),
                _lines(
                    "Cache hit share by model",
                    [Ask(ask.cache_hit_share(by=q.MODEL), model_of)],
                    COMPONENTS,
                    PERCENT,
                    width=8,
                ),
                _lines(
                    "Saved per hour by model",
                    [Ask(ask.saved_rate(by=q.MODEL), model_of)],
                    COMPONENTS,
                    stacked=True,
                    width=8,
                ),
            ),
        ),
        Row(
            "Can it be trusted",
            (
                _number(
                    "Calls without a price",
                    [Ask(ask.unpriced_share())],
                    "Share of the calls in the range that are in no sum above although they did not fail.",
                    PERCENT,
                    height=8,
                ),
                _number(
                    "Age of the price list",
                    [Ask(ask.book_age(), named(SERVICE))],
                    "Days since it was reviewed.",
                    "d",
                    height=8,
                ),
                _lines(
                    "Unpriced calls by reason",
                    [Ask(ask.unpriced(), named(q.REASON))],
                    "error: the call failed before anything was known of its usage.",
                    unit="short",
                    stacked=True,
                    width=8,
                ),
                _lines(
                    "Failed calls by error", [Ask(ask.errors(), named(q.ERROR))], unit="short", stacked=True, width=8
                ),
                _table(
                    "Unpriced models in the range",
                    [Ask(ask.unpriced(by=q.MODEL, window=q.RANGE))],
                    ["Calls"],
                    {naming.key(q.MODEL): "Model"},
                    width=8,
                ),
                _table(
                    "Billed and still raised, in the range ($currency)",
                    [Ask(ask.raised())],
                    ["Spend"],
                    {naming.key(q.ERROR): "Error"},
                    width=8,
                ),
                _lines(
                    "Calls that outlived the span above them",
                    [Ask(ask.late(by=q.MODEL), model_of)],
                    "Needs rollup=True. They are in every sum here, and in no total (openai_cost.rollup.amount) of that span.",
                    unit="short",
                    stacked=True,
                    width=8,
                ),
            ),
        ),
    )


def _variables(naming: Naming, ask: q.Queries) -> list[dashboard.cogbuilder.Builder[model.VariableModel]]:
    everything = model.VariableOption(selected=True, text="All", value="$__all")

    def choice(name: str, text: str, label: str, values: str) -> dashboard.QueryVariable:
        return (
            dashboard.QueryVariable(name)
            .label(text)
            .datasource(DATASOURCE)
            .query(f"query_result({values})")
            .regex(f'/{naming.key(label).replace(".", "[.]")}"?="([^"]*)"/')
            .refresh(model.VariableRefresh.ON_TIME_RANGE_CHANGED)
            .sort(model.VariableSort.ALPHABETICAL_ASC)
        )

    def many(variable: dashboard.QueryVariable) -> dashboard.QueryVariable:
        return variable.multi(True).include_all(True).all_value(".*").current(everything)

    return [
        dashboard.DatasourceVariable("datasource").label("Data source").type(PLUGIN),
        many(choice("service", "Service", SERVICE, ask.services())),
        many(choice("model", "Model", q.MODEL, ask.models())),
        choice("currency", "Currency", q.CURRENCY, ask.currencies()),
        dashboard.QueryVariable("attribution")
        .label("By")
        .description(
            "The label by which spend is attributed: the service, or a name of cost_attributes or baggage_keys."
        )
        .datasource(DATASOURCE)
        .query(f"label_names({ask.label_names()})")
        .regex(f"/^(?!{NAMES_OF_OURS})(.+)$/")
        .refresh(model.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(model.VariableSort.ALPHABETICAL_ASC),
    ]


def _target(ask: Ask, number: int) -> prometheus.Dataquery:
    target = prometheus.Dataquery().expr(ask.expr).legend_format(ask.legend).ref_id(string.ascii_uppercase[number])
    return target.datasource(DATASOURCE).exemplar(ask.exemplars)


def _number(title: str, asks: Sequence[Ask], description: str, unit: str = "none", *, height: int = 4) -> stat.Panel:
    panel = stat.Panel().title(title).description(description).datasource(DATASOURCE).unit(unit).span(4).height(height)
    panel = panel.graph_mode(models.BigValueGraphMode.NONE).color_mode(models.BigValueColorMode.NONE).no_value("-")
    for number, ask in enumerate(asks):
        panel = panel.with_target(_target(ask, number).instant())
    return panel


def _lines(
    title: str,
    asks: Sequence[Ask],
    description: str = "",
    unit: str = "none",
    *,
    stacked: bool = False,
    width: int = 12,
) -> timeseries.Panel:
    panel = timeseries.Panel().title(title).description(description).datasource(DATASOURCE).unit(unit)
    panel = panel.span(width).height(8).min(0).fill_opacity(20 if stacked else 5)
    panel = panel.tooltip(
        common.VizTooltipOptions().mode(models.TooltipDisplayMode.MULTI).sort(models.SortOrder.DESCENDING)
    )
    if stacked:
        panel = panel.stacking(common.StackingConfig().mode(models.StackingMode.NORMAL))
    for number, ask in enumerate(asks):
        panel = panel.with_target(_target(ask, number).range())
    return panel


def _heatmap(title: str, ask: Ask) -> heatmap.Panel:
    target = _target(ask, 0).range().format(PromQueryFormat.HEATMAP)
    panel = heatmap.Panel().title(title).datasource(DATASOURCE).span(12).height(8).calculate(False)
    panel = panel.y_axis(heatmap.YAxisConfig().unit("none"))
    panel = panel.color(
        heatmap.HeatmapColorOptions().mode(heatmap_models.HeatmapColorMode.SCHEME).scheme("Oranges").steps(64)
    )
    return panel.with_target(target)


def _table(
    title: str, asks: Sequence[Ask], columns: Sequence[str], labels: dict[str, str], *, width: int = 12
) -> table.Panel:
    panel = table.Panel().title(title).datasource(DATASOURCE).span(width).height(8).unit("none")
    for number, ask in enumerate(asks):
        panel = panel.with_target(_target(ask, number).instant().format(PromQueryFormat.TABLE))
    values = (
        ["Value"] if len(asks) == 1 else [f"Value #{string.ascii_uppercase[number]}" for number in range(len(asks))]
    )
    renamed = {**labels, **dict(zip(values, columns, strict=True))}
    if len(asks) > 1:
        panel = panel.with_transformation(model.DataTransformerConfig(id_val="merge", options={}))
    organize = {"excludeByName": {"Time": True}, "indexByName": {}, "renameByName": renamed}
    panel = panel.with_transformation(model.DataTransformerConfig(id_val="organize", options=organize))
    return panel.sort_by([common.TableSortByFieldState().display_name(columns[0]).desc(True)])
