"""How a bench is run and told: a measurement that fails, and what several costs tell together."""

from __future__ import annotations

from typing import Any

import pytest

from tests.bench import __main__ as bench
from tests.bench import costs, jobs
from tests.bench.alone import Row
from tests.bench.jobs import SIZES, Job
from tests.bench.table import Goal, last_line, verdicts


def doubled(number: int) -> Row:
    if number < 0:
        raise ValueError(f"{number} has no double")
    return {"double": 2 * number}


def test_a_failed_measurement_hides_no_other(capsys: pytest.CaptureFixture[str]) -> None:
    """All others are told, it is told with its reason, and how far all is stands on stderr."""
    todo = [Job(doubled, (n,), lambda row: [row], quiet=n > 1) for n in (1, -1, 2)]
    answers = {job.arguments[0]: answer for job, answer in jobs.run(todo)}
    assert "-1 has no double" in str(answers.pop(-1))
    assert {n: row["double"] for n, row in answers.items() if isinstance(row, dict)} == {1: 2, 2: 4}
    assert "3 of 3 measurements" in capsys.readouterr().err


def test_costs_tell_how_they_grow_and_their_share_of_a_repack() -> None:
    """The exponent of each decision and seed, and relief beside the repack of the same cloud."""
    rows = [
        {"cost": of, "hosts": hosts, "seed": 1, "seconds": factor * hosts**power, "peak_mb": hosts / 10}
        for of, factor, power in (("consolidation", 1e-3, 1.5), ("relief", 1e-4, 1.0))
        for hosts in SIZES
    ]
    found = list(costs.derived(rows))
    assert [row["ratio"] for row in found if row["goal"] == "P6 growth"] == [1.5, 1.0]
    share = next(row["ratio"] for row in found if row["goal"] == "P6 relief")
    assert share == pytest.approx(0.1 / SIZES[-1] ** 0.5, abs=1e-4)
    told = costs.table([*rows, *found])
    assert "500 MB" in told
    assert "1.50 1.50; 1.50 1.50" in told


def test_the_last_line_names_every_goal_that_is_missed() -> None:
    goals = [Goal("P1", "x", worst=1.0, median=1.0), Goal("P2", "y", worst=0.9, better="higher")]
    rows = [{"goal": "P1", "seed": 1, "ratio": 1.25}, {"goal": "P2", "seed": 1, "ratio": 0.95}]
    said = last_line(verdicts(goals, rows), failed=2)
    assert said == (
        "1 of 2 goals are met; NOT met: P1 (worst 1.25 for 1, median 1.25 for 1); 2 measurements FAILED"
    )


def test_every_file_of_goals_names_what_it_measures() -> None:
    """Each has goals of names that no other has, and jobs whose functions another process finds."""
    goals, todo = bench.wanted(bench.files(), [1], quick=True)
    assert len({goal.name for goal in goals}) == len(goals)
    assert {job.measure.__module__.split(".")[0] for job in todo} == {"tests"}
    assert len(bench.wanted(bench.files(), [1, 2], quick=False)[1]) > 2 * len(bench.files())


@pytest.mark.parametrize("name", [name for name in bench.files() if name != "collection"])
def test_answers_become_rows_of_goals_that_are_set(name: str) -> None:
    """Whatever a file measures is of one of its goals or a cost; each function is tried, on little."""
    goals, todo = bench.wanted([name], [1], quick=True)
    size = 4 if name == "violations" else 20

    def little(given: Any) -> Any:
        if isinstance(given, tuple):
            return [size]
        return size if type(given) is int and given != 1 else given

    for job in {job.measure: job for job in todo}.values():
        rows = list(job.told(job.measure(*map(little, job.arguments))))
        assert rows
        assert {row["goal"] for row in rows if "goal" in row} <= {goal.name for goal in goals}
        assert all("ratio" in row for row in rows if "goal" in row)
