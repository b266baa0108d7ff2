"""From the unit that a datasource tells a metric in to the one that the metric has here. Pure."""

from __future__ import annotations

from plan_schemas.metric import Metric
from plan_schemas.model import Cluster
from plan_schemas.plan import Refused

_TIMES = {
    "percent": {"percent": 1.0, "ratio": 100.0},
    "MiB": {
        "B": 2.0**-20,
        "KiB": 2.0**-10,
        "MB": 1e6 * 2.0**-20,
        "MiB": 1.0,
        "GiB": 1024.0,
    },
}
_CORES = ("VCPU", "PCPU")


def constant(metric: Metric, unit: str) -> float | None:
    """The same for whatever subject; None where it depends on the subject's cores."""
    return _TIMES[metric.unit].get(unit)


def factor(metric: Metric, unit: str, cluster: Cluster, subject: str) -> float:
    """What a number of this subject is multiplied with. Raises Refused for one of something else."""
    if unit == "cores" and metric.unit == "percent":
        return 100.0 / (_cores(metric, cluster, subject) or 1)
    times = _TIMES[metric.unit].get(unit)
    if times is None:
        known = ", ".join(_TIMES[metric.unit]) + (", cores" if metric.unit == "percent" else "")
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
