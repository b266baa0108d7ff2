"""The typed starts for programs, as the example program in docs/ uses them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.live.stack import Live

EXAMPLE = Path(__file__).parents[2] / "docs" / "start_an_audit.py"


def test_the_example_program_runs(live: Live) -> None:
    """In about 15 lines it drains a host and puts everything back, and it says so."""
    lines = EXAMPLE.read_text().splitlines()
    assert sum(1 for line in lines if line and not line.startswith(('"""', "import", "from"))) <= 15
    before = live.where()
    done = subprocess.run(
        [sys.executable, str(EXAMPLE), "north-2"],
        env={**os.environ, **live.stack.environment},
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    said = done.stdout.splitlines()
    assert len(said) == 2, done.stderr
    assert said[0].startswith("plan/audit/drain SUCCEEDED: 2 actions done")
    assert said[1] == "2 actions done"
    moved = [server for server, host in before.items() if host == "north-2"]
    assert len(moved) == 1
    assert [r["server"] for r in live.moves()] == 2 * moved
    assert live.where() == before
