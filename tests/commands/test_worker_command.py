"""`ballast worker` says why it does not start."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.local.stack import NAMES, DidNotStart, Stack
from deploy.loopback import answers


@pytest.mark.parametrize(
    ("environment", "status", "said"),
    [
        ({"BALLAST_THREADS": "many"}, 2, "BALLAST_THREADS='many': expected a whole number of at least 1"),
        ({"BALLAST_THREADS": "0"}, 2, "BALLAST_THREADS='0': expected a whole number of at least 1"),
        ({"BALLAST_REJECT_UNKNOWN_TYPES": "maybe"}, 2, "expected true or false"),
        ({"TEMPORAL_ADDRESS": "127.0.0.1:1"}, 3, "Temporal cannot be reached; check TEMPORAL_ADDRESS"),
    ],
)
def test_a_worker_that_cannot_start_says_why(environment: dict[str, str], status: int, said: str) -> None:
    """One line with the setting to mend; 2 for a bad one, 3 for a Temporal that does not answer."""
    done = subprocess.run(
        [sys.executable, "-m", "deploy.cli", "worker"],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert done.returncode == status, done.stderr
    (line,) = (row for row in done.stderr.splitlines() if row.startswith("ballast worker: "))
    assert said in line
    assert "Traceback" not in done.stderr


def test_a_stack_that_does_not_start_leaves_nothing_running(tmp_path: Path) -> None:
    """Temporal and the simulator run already when the worker refuses its settings: they are stopped."""
    stack = Stack(tmp_path, worker={"BALLAST_THREADS": "0"})
    with pytest.raises(DidNotStart, match="BALLAST_THREADS='0'"):
        stack.up(["--hosts", "2", "--seed", "1"])
    assert not any((tmp_path / f"{name}.pid").exists() for name in NAMES)
    assert not any(answers(stack.ports[name]) for name in ("temporal", "simcloud"))
