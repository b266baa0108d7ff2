"""`make demo-down`: stop what `KEEP=1 make demo` left running."""

from __future__ import annotations

from pathlib import Path

from deploy.local.stack import Stack

DIRECTORY = Path("var/demo")


def main() -> None:
    stopped = Stack(DIRECTORY.resolve()).down()
    print(f"stopped: {', '.join(stopped)}" if stopped else "nothing of the demo was running")


if __name__ == "__main__":
    main()
