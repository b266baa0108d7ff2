"""From the unit that a datasource tells a metric in to the one that the metric has here. Pure."""

from __future__ import annotations

from plan_schemas.metric import Metric
from plan_schemas.model import Cluster
from plan_schemas.plan import Refused
from plan_schemas.units import CORES, TIMES, possible

_CORES = ("VCPU", "PCPU")


def constant(metric: Metric, unit: str) -> float | None:
    """The same for whatever subject; None where it depends on the subject's cores."""
    return TIMES[metric.unit].get(unit)


def factor(metric: Metric, unit: str, cluster: Cluster, subject: str) -> float:
    """What a number of this subject is multiplied with. Raises Refused for one of something else."""
    if unit == CORES and metric.unit == "percent":
        return 100.0 / (_cores(metric, cluster, subject) or 1)
    times = TIMES[metric.unit].get(unit)
    if times is None:
        known = ", ".join(possible(metric.unit))
        raise Refused(
            f"{metric.name} is in {metric.unit}, which {unit} cannot become", f"take one of {known}"
        )
    return times


def _cores(metric: Metric, cluster: Cluster, subject: str) -> int:
    if metric.subject == "instance":
        of = cluster.instances[subject].resources
        return sum(of.get(name, 0) for name in _CORES)
    inventory = cluster.hosts[subject].inventory
    return sum(inventory[name].total for name in _CORES if name in inventory)
