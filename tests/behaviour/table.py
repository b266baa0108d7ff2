"""Scenario by cloud: what of the suite passed where, remembered from run to run in pytest's own cache."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

CLOUDS = ("simulator", "devcloud")
ROOM = "tests/behaviour/"
Outcomes = dict[str, str]  # node id -> passed, failed, skipped


def key(cloud: str) -> str:
    return f"ballast/behaviour/{cloud}"


def note(outcomes: Outcomes, report: pytest.TestReport) -> None:
    """A scenario is as good as the worst of its set-up, its call and its sweeping."""
    if not report.nodeid.startswith(ROOM):
        return
    if report.when == "call" or report.outcome != "passed":
        outcomes[report.nodeid] = report.outcome


def remember(config: pytest.Config, cloud: str, outcomes: Outcomes) -> None:
    """Scenarios that this run left out keep what was last seen of them."""
    if outcomes and config.cache is not None:
        config.cache.set(key(cloud), {**config.cache.get(key(cloud), {}), **outcomes})


def lines(config: pytest.Config, scenarios: list[str]) -> Iterator[str]:
    """One line for each scenario: its outcome on either cloud, and then its name."""
    assert config.cache is not None
    seen: dict[str, Outcomes] = {cloud: config.cache.get(key(cloud), {}) for cloud in CLOUDS}
    yield "  ".join(f"{cloud:9}" for cloud in CLOUDS) + "  scenario"
    for scenario in scenarios:
        told = "  ".join(f"{seen[cloud].get(scenario, 'not run'):9}" for cloud in CLOUDS)
        yield f"{told}  {title(scenario)}"
    for cloud in CLOUDS:
        passed = sum(seen[cloud].get(scenario) == "passed" for scenario in scenarios)
        yield f"{cloud}: {passed} of {len(scenarios)} passed"


def title(scenario: str) -> str:
    """tests/behaviour/test_live_moves.py::test_a_b[c] -> live moves: a b [c]"""
    file, _, name = scenario.removeprefix(ROOM).partition("::")
    plain, bracket, case = name.partition("[")
    subject = file.removeprefix("test_").removesuffix(".py")
    return f"{subject}: {plain.removeprefix('test_')}".replace("_", " ") + (f" [{case}" if bracket else "")
