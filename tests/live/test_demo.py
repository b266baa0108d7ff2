"""`make demo`: what a newcomer sees first."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_demo_tells_its_story_to_the_end(tmp_path: Path) -> None:
    """An audit frees a host, an action is skipped while the plan runs, and all of it is undone."""
    command = [sys.executable, "-m", "deploy.local.demo", "--hosts", "5", "--directory", str(tmp_path)]
    told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert told.returncode == 0, f"{told.stdout}\n{told.stderr}"
    story = [" ".join(line.split()) for line in told.stdout.splitlines()]
    for said in (
        "plan/audit/demo is RECOMMENDED: Release 1 host with 7 moves",
        "will not run",
        "plan/audit/demo SUCCEEDED: 7 actions done, 1 skipped",
        "plan/rollback/plan/audit/demo SUCCEEDED: 7 actions done",
        "all 52 servers are where they were before the audit",
    ):
        rest = [n for n, line in enumerate(story) if said in line]
        assert rest, f"{said!r} does not come, or too early:\n{told.stdout}"
        story = story[rest[0] :]
