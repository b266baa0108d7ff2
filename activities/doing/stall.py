"""A migration that stands still: which nova-compute is away, and what an operator can do about it."""

from __future__ import annotations

from activities.door import Door, Failed, Gone
from activities.observe.nova import Migration, Server

# A server in one of these is on its way, whatever its task.
MOVING = frozenset({"MIGRATING", "RESIZE", "VERIFY_RESIZE", "REVERT_RESIZE"})


def silent(door: Door, *hosts: str | None) -> tuple[str, ...]:
    """Those of the hosts whose nova-compute does not run, as far as Nova has noticed."""
    return tuple(host for host in dict.fromkeys(hosts) if host is not None and not _runs(door, host))


def _runs(door: Door, host: str) -> bool:
    try:
        return door.service(host).state != "down"
    except Gone:
        return False


def at_rest(server: Server) -> bool:
    return server.task_state is None and server.status not in MOVING


def failure(
    record: Migration, server: Server, silent: tuple[str, ...], idle: float, *, aborted: bool
) -> Failed:
    """One sentence why nothing is waited for any longer. The record stays open in Nova, and is named."""
    what = (
        f"migration {record.id} of {server.id} stands still ({record.status}, no progress for {idle:.0f} s)"
    )
    where = f"the server is {server.status} on {server.host}"
    if at_rest(server) and server.host == record.dest and not silent:
        return Failed(
            f"{what}, though {where}, where it was to go: nova-compute on {record.source} has not ended it",
            f"look at nova-compute on {record.source}; as long as the record is open, Placement may count "
            "the server on both hosts",
            kind="stalled",
        )
    if at_rest(server) and not silent:
        return Failed(
            f"{what}, but {where} and busy with nothing: nova-compute was restarted on the way",
            "decide where it shall be, and plan again",
            kind="stalled",
        )
    if not silent:
        return Failed(
            f"{what} and does not answer to an abort; {where}",
            f"look at nova-compute on {record.source} and {record.dest}; the migration still runs",
            kind="stalled",
        )
    hosts = " and ".join(silent)
    said = " and an abort did not end it" if aborted else ""
    return Failed(
        f"{what}{said}: nova-compute on {hosts} is down; {where}, task {server.task_state}",
        f"start nova-compute on {hosts}, which ends what it left undone, then plan again; if the host is "
        "lost, fence it and evacuate its servers",
        kind="stalled",
    )
