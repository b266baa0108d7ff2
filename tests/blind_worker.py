"""A planted bug: `python -m tests.blind_worker worker` never looks whether it has asked before."""

from __future__ import annotations

from typing import Any

from activities.doing import execute, trace
from activities.doing.trace import Asked, Before
from activities.door import Door, Watch
from deploy import cli

_find = trace.find


def blind(door: Door, watch: Watch, *, known: Before | None, **of: Any) -> Asked | None:
    """Sees only what this very attempt has asked for."""
    return None if known is None or known == trace.hinted(watch) else _find(door, watch, known=known, **of)


def credulous(*_: Any) -> None:
    """The re-check finds nothing to object to."""


if __name__ == "__main__":
    trace.find = blind
    execute._why_not = credulous  # type: ignore[assignment]
    cli.main()
