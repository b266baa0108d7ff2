"""Where the devcloud cannot be had, `python -m deploy.devcloud.possible` says why in one line."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

NOBODY = 65534
# What it asks of the machine is the first thing it looks at: less or more than any machine has.
CONTENT, GREEDY = "0.0", "1e9"
ASK = """
import os, sys
from deploy.devcloud import possible
possible.MEMORY, possible.DISK = {memory}, {disk}
if {drop} and os.geteuid() == 0:
    os.seteuid({nobody})
sys.exit(possible.main())
"""


def said(path: Path, *, memory: str = CONTENT, disk: str = CONTENT, drop: bool = False) -> str:
    """What it prints where only the programs of this directory are found."""
    code = ASK.format(memory=memory, disk=disk, drop=drop, nobody=NOBODY)
    done = subprocess.run(
        [sys.executable, "-c", code], env={"PATH": str(path)}, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (4, "")
    (line,) = done.stdout.splitlines()
    return line


@pytest.mark.parametrize("what", ["memory", "disk"])
def test_too_little_memory_or_disk_is_told_with_both_numbers(what: str, tmp_path: Path) -> None:
    """What it needs and what there is."""
    line = said(tmp_path, **{what: GREEDY})  # type: ignore[arg-type]
    assert line.startswith(f"it needs 1e+09 GiB of free {what}, and there are ")
    assert float(line.rsplit(" ", 1)[1]) > 0


def test_whoever_may_not_install_reads_which_packages_are_missing(tmp_path: Path) -> None:
    """They are named, and that it takes root."""
    line = said(tmp_path, drop=True)
    assert "Debian packages are missing (" in line
    assert "memcached" in line
    assert line.endswith("), and only root can install them")
