# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0

"""An application that Prometheus scrapes, beside eight days of the past of another one."""

from dataclasses import dataclass

from dashboards.prometheus import Prometheus


@dataclass(frozen=True)
class Monitored:
    """What the tests ask about."""

    prometheus: Prometheus
    now: float
    """The end of the known past."""
    scraped: float
    """When everything that the scraped application did was known."""
    batches: int
    """Batches of calls that the scraped application made."""
