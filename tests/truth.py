"""Is a refusal true? Each is applied to the cloud, and the judge must name the same rule."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from typing import Any

from tests import judge
from tests.judge.picture import Picture, Terms
from tests.judge.places import placing, staying

Row = Mapping[str, Any]
STAYING = {"locked", "busy", "status", "pinned_resources", "excluded", "not_allowed", "affinity"}
HOSTS = {"disabled", "down", "uncertain", "out_of_scope", "unknown_host"}
PLACES = {"capacity", "traits", "zone", "aggregate", "tenant", "affinity", "anti_affinity", "hypervisor_type"}
TRIES = 2_000  # placements tried before a refusal for lack of room is believed


def outcome(snapshot: Row, plan: Row) -> Row:
    """The snapshot after the whole plan, read from its actions alone."""
    after: dict[str, Any] = deepcopy(dict(snapshot))
    instances = {i["uuid"]: i for i in after["instances"]}
    hosts = {h["name"]: h for h in after["hosts"]}
    waiting = list(plan["actions"])
    while waiting:
        rest = {a["id"] for a in waiting}
        action = next(a for a in waiting if not rest & {*a.get("needs", ()), *a.get("freed_by", ())})
        waiting.remove(action)
        p = action["parameters"]
        if action["type"] == "migrate":
            instances[p["instance"]]["host"] = p["destination"]
        if action["type"] == "change_nova_service_state":
            hosts[p["host"]]["status"] = p["state"]
    return after


def untrue(states: Sequence[Row], refusal: Row, audit: Row) -> str | None:
    """Why a refusal is not true in any of these states of the cloud; None when it is true."""
    code, subject = refusal["code"], refusal["subject"]
    culprits = list(refusal.get("culprits", ()))
    if code not in STAYING | HOSTS | PLACES:
        return f"{code} is no rule that the judge knows"
    tried = [
        reason
        for state in states
        for uuid in culprits[:1] or [None]
        for reason in [_untrue_in(state, code, subject, uuid, audit)]
    ]
    return None if None in tried else tried[0]


def _untrue_in(state: Row, code: str, subject: str, culprit: str | None, audit: Row) -> str | None:
    picture = Picture(state)
    terms = Terms(picture, audit)
    if subject in picture.instances:
        culprit = subject
    if culprit is not None:
        if code in {rule for rule, _ in staying(picture, terms, culprit)}:
            return None
        return _could_go(state, picture, terms, code, culprit)
    if subject not in picture.hosts:
        return None if code == "unknown_host" else f"{subject} is no host and no instance"
    if code in HOSTS:
        probe = Probe(picture).add()
        found = {rule for rule, _ in placing(picture, terms, probe, subject)}
        return (
            None if code in found else f"a server could go to {subject}: {code} is not among {sorted(found)}"
        )
    if code == "busy":
        claimed = any(picture.hosts[subject].get("claimed", {}).values())
        return None if claimed else f"nothing is claimed on {subject}"
    return (
        _could_empty(picture, terms, subject) if code == "capacity" else f"{code} names nobody on {subject}"
    )


class Probe:
    """A server of no size and no wishes, to ask what a host itself has against arrivals."""

    def __init__(self, picture: Picture) -> None:
        self.picture = picture

    def add(self) -> str:
        self.picture.instances["probe"] = {"uuid": "probe", "host": None}
        return "probe"


def _could_go(state: Row, picture: Picture, terms: Terms, code: str, uuid: str) -> str | None:
    """True when every other host refuses the instance, and a usable one does so by this very rule."""
    reasons = {
        host: {rule for rule, _ in placing(picture, terms, uuid, host)}
        for host in picture.hosts
        if host != picture.where[uuid]
    }
    free = [host for host, rules in reasons.items() if not rules]
    if free:
        return f"{uuid} could go to {', '.join(free)} ({code} was given)"
    if any(code in rules for rules in reasons.values()):
        return None
    return f"no host refuses {uuid} for {code}: {reasons}"


def _could_empty(picture: Picture, terms: Terms, host: str) -> str | None:
    """Tries to place everybody on this host elsewhere; what was said to be impossible must not succeed."""
    guests = picture.guests(host)
    if any(True for uuid in guests for _ in staying(picture, terms, uuid)):
        return f"{host} holds what cannot move, which is not a matter of room"
    tries = iter(range(TRIES))
    found = next(_placements(picture, terms, guests, host, tries), None)
    return None if found is None else f"{host} could be emptied: {found}"


def _placements(
    picture: Picture, terms: Terms, guests: Sequence[str], host: str, tries: Iterator[int]
) -> Iterator[dict[str, str]]:
    if not guests:
        yield {}
        return
    first, *rest = guests
    for other in picture.hosts:
        if other == host or next(tries, None) is None or any(placing(picture, terms, first, other)):
            continue
        picture.put(first, other)
        for found in _placements(picture, terms, rest, host, tries):
            yield {first: other, **found}
        picture.put(first, host)


def refusals(plan: Row) -> Iterator[Row]:
    """Every refusal that a plan shows: hosts that it leaves alone, and what each action was not."""
    yield from plan.get("rejected", ())
    for action in plan["actions"]:
        yield from action.get("alternatives", ())


def placement_of(states: Sequence[Row], instance: str, host: str, audit: Row) -> set[str]:
    """The rules that forbid this placement in any of these states."""
    return {rule for state in states for rule in judge.placement(state, instance, host, audit=audit)}
