"""A slice of the fault matrix (`make fault-matrix`), and that it notices what is planted."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

from tests.faults.kinds import KNOWN, kinds
from tests.faults.matrix import cells, runs
from tests.faults.moments import Moment
from tests.faults.run import Run
from tests.faults.verdict import reached

ROOT = Path(__file__).parents[2]


def _matrix(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tests.faults", "--count", "1", *words]
    return subprocess.run(
        command, cwd=ROOT, env=os.environ, capture_output=True, text=True, timeout=500, check=False
    )


def test_every_action_that_touches_the_cloud_is_in_the_matrix() -> None:
    """Ten faults over all moments and kinds of actions; only what cannot happen is left out."""
    assert kinds() == KNOWN
    found = cells()
    left_out = {
        (str(cell.trouble.name), str(cell.moment))
        for cell in found
        if len([c for c in found if (c.trouble, c.moment) == (cell.trouble, cell.moment)]) < len(KNOWN)
    }
    assert left_out == {("409", Moment.AFTER)}, "only a cold migration is written to after its do"
    assert ("409", Moment.BEFORE) not in {(c.trouble.name, c.moment) for c in found}, "reads are no conflict"
    assert len(found) * 3 >= 200


def test_every_way_to_a_moment_is_tried() -> None:
    """A cell with four ways has at least four runs, and a run that missed its moment keeps to its way."""
    drawn = runs(cells(), 3)
    for cell in cells():
        mine = [run for run in drawn if run.cell == cell]
        assert {run.trap for run in mine} == {*cell.ways}
        assert len(mine) == max(3, len(cell.ways))
        again = replace(mine[0], tries=1)
        assert again.trap == mine[0].trap


def test_a_burst_that_never_came_is_no_burst() -> None:
    """A killed worker whose undo met no 5xx has not been in the moment of that cell."""
    (cell, *_) = [cell for cell in cells("kill worker + 5xx") if cell.ways[0].reads is False]
    run = Run(cell, 0, faults=[1, 2], killed=1.5)
    held = {"faults": [1], "event": "held", "wall_time": "1970-01-01T00:00:01+00:00"}
    struck = {"faults": [2], "event": "rejected", "wall_time": "1970-01-01T00:00:02+00:00"}
    assert not reached(run, [held])
    assert reached(run, [held, struck])


def test_a_killed_cloud_forgets_nothing_and_is_asked_once() -> None:
    """kill -9 of the cloud between a request and its answer: one accepted change each, plans SUCCEEDED."""
    done = _matrix("--only", "kill simulator", "--moment", "during do")
    assert done.returncode == 0, done.stdout + done.stderr
    last = done.stdout.strip().splitlines()[-1]
    assert last.endswith(" cells: 0 doubled, 0 lost, 0 hanging, 0 untrue, 0 unreached")
    assert int(last.split()[0]) >= 6  # one or two runs for each type that asks the cloud for something


def test_a_planted_double_is_noticed() -> None:
    """With a worker that never looks what it asked before, the matrix exits 1 and counts the double."""
    words = ("--only", "kill worker", "--moment", "during do", "--break", "idempotency")
    done = _matrix(*words)
    assert done.returncode == 1, done.stdout + done.stderr
    assert " 0 doubled" not in done.stdout.strip().splitlines()[-1]
