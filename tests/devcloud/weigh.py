"""How much memory a running devcloud takes: `python -m tests.devcloud.weigh --directory var/devcloud`.

Proportional set sizes, so that what forked processes share counts once.
"""

from __future__ import annotations

import argparse
import os
import re
from collections import Counter
from contextlib import suppress
from pathlib import Path

from deploy.devcloud.layout import Layout


def pss(pid: int) -> int:
    """KiB of one process."""
    found = re.search(r"^Pss:\s+(\d+) kB", Path(f"/proc/{pid}/smaps_rollup").read_text(), re.M)
    return int(found[1]) if found else 0


def weigh(root: Path) -> tuple[Counter[str], Counter[str]]:
    """KiB and number of processes by service; each leads a session of its own."""
    leaders = {one.pid: one.name for one in Layout(root.resolve(), Path(), {}, "").recorded() if one.pid}
    sizes, numbers = Counter[str](), Counter[str]()
    for entry in Path("/proc").iterdir():
        with suppress(ProcessLookupError, FileNotFoundError):  # it has ended meanwhile
            if entry.name.isdigit() and (name := leaders.get(os.getsid(int(entry.name)))):
                service = "nova-compute" if name.startswith("nova-compute-") else name
                sizes[service] += pss(int(entry.name))
                numbers[service] += 1
    return sizes, numbers


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.devcloud.weigh", description=__doc__)
    parser.add_argument("--directory", type=Path, default=Path("var/devcloud"))
    sizes, numbers = weigh(parser.parse_args().directory)
    for service, size in sizes.most_common():
        print(f"{service:<18} {numbers[service]:>4} processes {size / 1024:>8.0f} MiB")
    print(f"{'in all':<18} {numbers.total():>4} processes {sizes.total() / 1024:>8.0f} MiB")


if __name__ == "__main__":
    main()
