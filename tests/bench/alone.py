"""One measurement in a process of its own: its peak memory is its own, and one processor does the work.

`python -m tests.bench.alone MODULE FUNCTION ARGUMENTS` calls a function with a list of arguments in JSON and
prints what it returns, with the peak of memory and all processor time of the process and its own added.
"""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

Row = dict[str, Any]
ONE = {f"{library}_NUM_THREADS": "1" for library in ("OPENBLAS", "OMP", "MKL")}


def alone(measure: Callable[..., Row], *arguments: Any) -> Row:
    """What `measure` returns in a new process, with `peak_mb` and `process_seconds`.

    Raises RuntimeError with what it said.
    """
    command = [sys.executable, "-m", __name__, measure.__module__, measure.__name__, json.dumps(arguments)]
    done = subprocess.run(command, env={**os.environ, **ONE}, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{measure.__module__}.{measure.__name__}{arguments}: {done.stderr[-2000:]}")
    row: Row = json.loads(done.stdout.splitlines()[-1])
    return row


def peak_mb() -> float:
    """The most memory that this process ever held (getrusage would count the parent's at the fork)."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return round(next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024, 1)


if __name__ == "__main__":
    found = getattr(importlib.import_module(sys.argv[1]), sys.argv[2])(*json.loads(sys.argv[3]))
    print(json.dumps({"peak_mb": peak_mb()} | found | {"process_seconds": round(sum(os.times()[:4]), 2)}))
