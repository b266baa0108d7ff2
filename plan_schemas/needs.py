"""Which metrics a strategy needs for an audit with these parameters, and over what time: said here alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from plan_schemas.catalog import Strategy
from plan_schemas.metric import Metric

PERIOD = 300.0  # seconds to aggregate over, unless a parameter says otherwise
_NODE = {"host": "compute_node", "instance": "instance"}  # Watcher's words for the kinds of subject


@dataclass(frozen=True, slots=True)
class Need:
    """One metric over the last `period` seconds, and its course over the last `hold`."""

    metric: str
    period: float = PERIOD
    aggregate: str = "mean"  # mean | max | min
    hold: float = 0.0  # seconds of which the course is needed, too; 0: none

    @property
    def over(self) -> str:
        """Over what time, such as `mean of 300 s`."""
        return f"{self.aggregate} of {self.period:g} s"


def names(strategy: Strategy, parameters: Mapping[str, Any]) -> tuple[str, ...]:
    """The metrics that it needs, in the order of its declaration.

    Where a parameter `metrics` names some, the others that it could have named are not needed, and neither
    are those that a parameter `instance_metrics` pairs with them.
    """
    chosen = parameters.get("metrics")
    if chosen is None:
        return strategy.metrics
    wanted = {chosen} if isinstance(chosen, str) else set(chosen)
    declared = strategy.parameters.get("properties", {}).get("metrics", {})
    allowed = declared.get("enum") or declared.get("items", {}).get("enum") or strategy.metrics
    pairs = parameters.get("instance_metrics") or {}
    spared = (set(allowed) | set(pairs.values())) - wanted - {pairs[one] for one in wanted if one in pairs}
    return tuple(name for name in strategy.metrics if name not in spared)


def of(strategy: Strategy, parameters: Mapping[str, Any], metrics: Mapping[str, Metric]) -> tuple[Need, ...]:
    """The same with period and aggregate of each, as Watcher's parameters say them."""
    hold = float(parameters.get("hold") or 0.0)
    return tuple(
        _need(metrics[name], parameters, hold if name in strategy.held else 0.0)
        for name in names(strategy, parameters)
    )


def of_result(
    strategy: Strategy, parameters: Mapping[str, Any], metrics: Mapping[str, Metric]
) -> tuple[Need, ...]:
    """The same once the plan has ended: what was before is asked in order to decide, a result is of now."""
    return tuple(replace(need, hold=0.0) for need in of(strategy, parameters, metrics))


def _need(metric: Metric, parameters: Mapping[str, Any], hold: float) -> Need:
    kind = _NODE[metric.subject]
    period = (parameters.get("periods") or {}).get(kind) or parameters.get("period") or PERIOD
    aggregates = parameters.get("aggregation_method") or {}
    return Need(metric.name, float(period), aggregates.get(kind) or "mean", hold)
