"""PURE: how long one run of a workflow may become before the next one goes on.

A server terminates a workflow whose history reaches 51,200 events or 50 MiB, without any undo, and takes no
more than 2,000 updates and 10,000 signals. Every change of runs waits for what is under way, so that it comes
as seldom as is safe.
"""

from __future__ import annotations

EVENTS, BYTES = 10_000, 8 * 1024 * 1024
UPDATES, SIGNALS = 1_500, 5_000
USUAL = 4_096  # events at which a server suggests an end, unless it is configured otherwise


def is_full(events: int, size: int, updates: int, signals: int, *, suggested: bool) -> bool:
    """Whether a run has become long enough. A server's own suggestion counts where it has another reason
    than its usual number of events: what its operator configured, or bytes."""
    if events >= EVENTS or size >= BYTES or updates >= UPDATES or signals >= SIGNALS:
        return True
    return suggested and events < USUAL
