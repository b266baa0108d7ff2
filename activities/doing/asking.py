"""Sending a request that Nova gives no key for: what it shows afterwards tells whether it took it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any, TypeVar

from activities.door import Busy, Door, Failed, Transient, Watch

Found = TypeVar("Found")


def ask(
    post: Callable[[], None],
    find: Callable[[], Found | None],
    *,
    watch: Watch,
    noted: Mapping[str, Any],
    conflict: Callable[[Busy], None],
    what: str,
) -> Found:
    """Send it once, with what is noted of the time before, and answer what Nova shows of it.

    `conflict` raises Failed if a conflict is one that waiting does not lift.
    """
    try:
        with watch.writing({"phase": "asking", **noted}):
            post()
    except Transient as why:
        # A lost reply may hide an accepted request, and a conflict may be with a twin of this attempt.
        if (asked := find()) is not None:
            return asked
        if isinstance(why, Busy):
            conflict(why)
        raise
    if (asked := find()) is None:
        raise Transient(f"Nova accepted {what} and does not show it yet")
    return asked


def judge_conflict(door: Door, instance: str, why: Busy, states: Collection[str]) -> None:
    """Raises Failed for a lock, and for a server at rest in none of the states that the request is for."""
    server = door.server(instance)
    if server.locked:
        raise Failed(why.reason, f"unlock it: openstack server unlock {instance}") from why
    if server.task_state is None and server.status not in states:
        raise Failed(why.reason, f"the server is {server.status}; plan again") from why
