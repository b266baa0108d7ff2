"""`ballast worker` says why it does not start."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest


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
        timeout=60,
        check=False,
    )
    assert done.returncode == status, done.stderr
    (line,) = (row for row in done.stderr.splitlines() if row.startswith("ballast worker: "))
    assert said in line
    assert "Traceback" not in done.stderr
