"""How long pictures of clouds, and what was measured beside them, lie in the store."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from activities.memory.keeping import FORGOTTEN, UNUSED, Keeping


def sweep(keeping: Keeping, now: datetime, begun: datetime | None) -> int:
    """Let go of pictures that nobody comes back to; answers how many files those were.

    What a plan rests on stays until its time is over, everything for a day, the newest picture of each cloud,
    and whatever was there for an audit or a plan that still runs: `begun` is when the oldest of them began.
    """
    young = min(now - UNUSED, begun or now).timestamp()
    gone = [path for path in keeping.root.glob("models/*.json") if _is_over(path, now, begun)]
    for path in gone:
        path.unlink(missing_ok=True)  # another worker may sweep too
    wanted = set(_named(keeping.root))
    old = [path for path in keeping.root.glob("[0-9a-f][0-9a-f]/*.json") if _written(path) < young]
    # Whoever put one there again meanwhile comes back to it.
    pictures = [path for path in old if path.stem not in wanted and _written(path) < young]
    for path in pictures:
        path.unlink(missing_ok=True)
    return len(gone) + len(pictures)


def _is_over(path: Path, now: datetime, begun: datetime | None) -> bool:
    """Of the note of where a picture is. Those of before there was an end are kept as long as a plan's."""
    until, written = _read(path).get("until"), _written(path)
    end = datetime.fromisoformat(until).timestamp() if until else written + FORGOTTEN.total_seconds()
    return end < now.timestamp() and (begun is None or written < begun.timestamp())


def _named(root: Path) -> Iterator[str]:
    """The references in all notes that are left, and of the newest picture of each cloud."""
    for pattern in ("models/*.json", "newest/*.json"):
        yield from (_read(path).get("ref", "") for path in root.glob(pattern))


def _read(path: Path) -> dict[str, str]:
    """Nothing of what another worker has just let go of, or a dead host cut off."""
    try:
        return dict(json.loads(path.read_bytes()))
    except (FileNotFoundError, ValueError, TypeError):
        return {}


def _written(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return float("inf")
