"""The bench of large plans runs on the workflows as they are: its first activity had failed unnoticed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_a_small_plan_is_measured_to_its_end() -> None:
    """Every case ends, and each is told beside the outline."""
    words = [sys.executable, "-m", "tests.bench.size", "--actions", "40"]
    said = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=500, check=False)
    assert said.returncode == 0, said.stderr
    rows = [json.loads(line) for line in said.stdout.splitlines() if line.startswith("{")]
    assert [row["case"] for row in rows if "case" in row] == ["free", "moves", "outline"]
    assert [row["ratio"] for row in rows if "ratio" in row] == ["free", "moves"]
    assert "Traceback" not in said.stderr
