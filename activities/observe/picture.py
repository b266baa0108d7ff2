"""One complete picture of a cloud, or the list of what is missing from it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from activities.door import Reader
from activities.observe import assemble, frame, whole
from activities.observe.account import Account
from activities.observe.garbage import gc_seldom
from activities.observe.listing import Gaps, Incomplete
from activities.observe.sweep import SKEW, Heartbeat, Sweep
from plan_schemas.audit import MAX_UNCERTAIN
from plan_schemas.model import Cluster

_LOOKS = 2  # how often a host whose numbers disagree is read again


@gc_seldom()
def collect(
    reader: Reader,
    cloud: str,
    *,
    now: datetime,
    hosts: frozenset[str] | None = None,
    about: str | None = None,
    heartbeat: Heartbeat | None = None,
    max_uncertain: float = MAX_UNCERTAIN,
) -> Cluster:
    """The cluster as it is, or only the named hosts with all members of the groups they carry; `about` one
    instance, only the members of its groups are looked for elsewhere.

    `max_uncertain` is in percent of hosts. Raises Incomplete; never answers a part of the truth as the whole.
    """
    gaps = Gaps()
    outline = frame.collect(reader, hosts, gaps)
    sweep = Sweep(reader, outline, gaps, (reader.clock() or now) - SKEW, heartbeat or (lambda _: None))
    sweep.look()
    if hosts is None:
        whole.require(reader, sweep.readings.values(), sweep.version)
    if hosts is None or sweep.odd():
        sweep.news = sweep.listen()
    for _ in range(_LOOKS):
        odd = sweep.odd()
        if not odd:
            break
        sweep.look(odd)
        sweep.news = sweep.listen()
    if hosts is not None:
        sweep.news = {**sweep.news, **sweep.companions(about)}
    accounts = sweep.believed()
    _refuse_doubtful(accounts, max_uncertain)
    return assemble.cluster(
        cloud,
        now.astimezone(UTC),
        outline,
        sweep.readings,
        accounts,
        [*sweep.late(), *sweep.elsewhere(whole=hosts is None)],
    )


def _refuse_doubtful(accounts: Mapping[str, Account], max_uncertain: float) -> None:
    doubtful = {name: one.doubt for name, one in accounts.items() if one.doubts}
    if 100 * len(doubtful) > max_uncertain * len(accounts):
        head = f"{len(doubtful)} of {len(accounts)} hosts have unexplained numbers; {max_uncertain:g} % may"
        raise Incomplete((head, *(f"host {name}: {why}" for name, why in sorted(doubtful.items()))))
