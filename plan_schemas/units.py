"""The units that a metric may be told in, and how many of its own each is."""

from __future__ import annotations

TIMES = {  # a metric's unit -> what a datasource may tell it in -> times what
    "percent": {"percent": 1.0, "ratio": 100.0},
    "MiB": {
        "B": 2.0**-20,
        "KiB": 2.0**-10,
        "MB": 1e6 * 2.0**-20,
        "MiB": 1.0,
        "GiB": 1024.0,
    },
}
CORES = "cores"  # CPU seconds per second: percent of as many as the subject has


def possible(unit: str) -> tuple[str, ...]:
    """What a metric of this unit may be told in."""
    return (*TIMES[unit], *([CORES] if unit == "percent" else []))
