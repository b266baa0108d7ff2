"""`make devcloud-down`: stop what runs of the devcloud, by the recorded process ids. Its data stays."""

from __future__ import annotations

import argparse
from pathlib import Path

from deploy.devcloud.__main__ import ENVIRONMENT, ROOT
from deploy.devcloud.layout import Layout
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
    print(f"stopped: {', '.join(stopped)}" if stopped else "nothing of the devcloud was running")


if __name__ == "__main__":
    main()
