"""Which metrics an audit needs is said in one place, by the strategy's YAML and the audit's parameters."""

from __future__ import annotations

from dataclasses import replace

import pytest

from plan_schemas import needs
from plan_schemas.catalog import load
from plan_schemas.frozen import freeze
from plan_schemas.needs import Need

CPU, RAM = "instance_cpu_usage", "instance_ram_usage"
HOST_CPU, HOST_RAM = "host_cpu_usage", "host_ram_usage"
PAIRS = {CPU: HOST_CPU, RAM: HOST_RAM}
DECLARED = freeze({"properties": {"metrics": {"type": "array", "items": {"enum": [CPU, RAM]}}}})
STRATEGY = replace(load().strategies["dummy"], parameters=DECLARED, metrics=(CPU, RAM, HOST_CPU, HOST_RAM))


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ({}, (CPU, RAM, HOST_CPU, HOST_RAM)),
        ({"metrics": [CPU], "instance_metrics": PAIRS}, (CPU, HOST_CPU)),
        ({"metrics": [CPU, RAM], "instance_metrics": PAIRS}, (CPU, RAM, HOST_CPU, HOST_RAM)),
        ({"metrics": RAM, "instance_metrics": PAIRS}, (RAM, HOST_RAM)),
        ({"metrics": RAM}, (RAM, HOST_CPU, HOST_RAM)),
    ],
)
def test_the_parameter_metrics_narrows_what_is_needed(
    parameters: dict[str, object], expected: tuple[str, ...]
) -> None:
    """What it could have named and does not is not needed, with its partner; what it cannot name stays."""
    assert needs.names(STRATEGY, freeze(parameters)) == expected


def test_watchers_parameters_say_period_and_aggregate() -> None:
    """`period` is for all; `periods` and `aggregation_method` have a word for each kind of subject."""
    known = load().metrics
    plain = needs.of(replace(STRATEGY, metrics=(CPU,)), freeze({"period": 7200}), known)
    assert plain == (Need(CPU, 7200.0, "mean"),)
    parameters = freeze(
        {"periods": {"instance": 720, "compute_node": 600}, "aggregation_method": {"compute_node": "max"}}
    )
    both = needs.of(replace(STRATEGY, metrics=(CPU, HOST_CPU)), parameters, known)
    assert both == (Need(CPU, 720.0, "mean"), Need(HOST_CPU, 600.0, "max"))
