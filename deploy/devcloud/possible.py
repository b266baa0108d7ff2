"""Whether this machine can run the devcloud's tests: exit status 0, or 4 with the reason as one line.

What is missing and can be installed is: Debian's packages when we are root. The OpenStack services themselves
are installed by make, from hashes; here it is only tried whether one of them can be had.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from deploy.devcloud import debian
from deploy.devcloud.schemas import REQUIREMENTS

STAMP = Path(".venv-devcloud/.stamp")
MEMORY, DISK = 4.0, 3.0  # GiB that must be there: six hosts, their tests and Temporal; environment and data
NOT_HERE = 4


def main() -> int:
    why = obstacle()
    if why:
        print(why)
    return NOT_HERE if why else 0


def obstacle() -> str:
    """Why the devcloud cannot be had here; empty when it can."""
    if not sys.platform.startswith("linux"):
        return f"it needs Linux, and this is {sys.platform}"
    if available() < MEMORY:
        return f"it needs {MEMORY:g} GiB of free memory, and there are {available():.1f}"
    if free() < DISK:
        return f"it needs {DISK:g} GiB of free disk, and there are {free():.1f}"
    return _packages() or _registry()


def available() -> float:
    rows = dict(line.split(":", 1) for line in Path("/proc/meminfo").read_text().splitlines())
    return int(rows["MemAvailable"].split()[0]) / 1024**2


def free() -> float:
    found = os.statvfs(".")
    return found.f_bavail * found.f_frsize / 1024**3


def _packages() -> str:
    missing = debian.missing_packages()
    if not missing:
        return ""
    named = " ".join(missing)
    if os.geteuid() != 0:
        return f"Debian packages are missing ({named}), and only root can install them"
    if not debian.has_apt():
        return f"packages are missing ({named}), and there is no apt-get to install them with"
    print(f"installing Debian packages: {named}", file=sys.stderr)
    said = debian.install(missing)
    return f"Debian packages are missing ({named}), and apt-get cannot have them: {said}" if said else ""


def _registry() -> str:
    """Tried with one of the packages, unless all of them are installed."""
    if STAMP.exists() and STAMP.stat().st_mtime >= REQUIREMENTS.stat().st_mtime:
        return ""
    with tempfile.TemporaryDirectory() as away:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
        command += ["--no-deps", "--retries", "1", "--timeout", "15", "--dest", away, one()]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode == 0:
        return ""
    told = [line for line in done.stderr.splitlines() if line.startswith("ERROR:")]
    said = told[-1].removeprefix("ERROR:").strip() if told else f"pip ended with {done.returncode}"
    return f"the OpenStack services are not installed, and the package registry does not give them: {said}"


def one() -> str:
    """The smallest of the locked requirements, by name and version."""
    rows = (line.split()[0] for line in REQUIREMENTS.read_text().splitlines() if line[:1].isalpha())
    return next(row for row in rows if row.startswith("waitress=="))


if __name__ == "__main__":
    sys.exit(main())
