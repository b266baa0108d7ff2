"""`make devcloud-down`: stop what runs of the devcloud, by the recorded process ids. Its data stays."""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from deploy.devcloud.__main__ import ENVIRONMENT, ROOT
from deploy.devcloud.layout import COMPUTE, Layout
from deploy.devcloud.processes import alone, stop

BELOW = ("mariadb", "rabbitmq", "epmd", "memcached")  # stopped last: the others say goodbye through them


def main() -> None:
    parser = argparse.ArgumentParser(prog="make devcloud-down", description=__doc__)
    parser.add_argument("--directory", type=Path, default=ROOT)
    root = parser.parse_args().directory.resolve()
    if not root.exists():
        print("nothing of the devcloud was running")
        return
    with alone(root):
        recorded = Layout(root, ENVIRONMENT, {}, "").recorded()
        stopped = stop([process for process in recorded if process.name not in BELOW])
        stopped += stop([process for process in recorded if process.name in BELOW])
    print(f"stopped: {grouped(stopped)}" if stopped else "nothing of the devcloud was running")


def grouped(names: Sequence[str]) -> str:
    """Such as `nova-api, nova-compute x 100`: the hosts' own by their number alone."""
    counts = Counter(COMPUTE if name.startswith(f"{COMPUTE}-") else name for name in names)
    return ", ".join(f"{name} x {n}" if n > 1 else name for name, n in counts.items())


if __name__ == "__main__":
    main()
