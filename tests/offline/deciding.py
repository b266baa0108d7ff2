"""`python -m tests.offline.deciding CASES PLANS`: the command `ballast propose` on every exported case.

A case is `NAME.audit.yaml` and `NAME.snapshot.yaml`; PLANS gets `NAME.yaml`, and what was refused or left
alone stands in `NAME.json` with all its reasons.
"""

from __future__ import annotations

import contextlib
import io
import sys
from pathlib import Path

from deploy import cli


def decide(cases: Path, plans: Path) -> None:
    for audit in sorted(cases.glob("*.audit.yaml")):
        name = audit.name.removesuffix(".audit.yaml")
        snapshot = cases / f"{name}.snapshot.yaml"
        told = io.StringIO()
        with contextlib.redirect_stdout(told):
            plan = ["--output", str(plans / f"{name}.yaml")]
            cli.run(["propose", str(audit), "--snapshot", str(snapshot), *plan, "--json"])
        (plans / f"{name}.json").write_text(told.getvalue(), encoding="utf-8")


if __name__ == "__main__":
    decide(Path(sys.argv[1]), Path(sys.argv[2]))
