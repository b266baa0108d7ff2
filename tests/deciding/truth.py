"""Is a refusal true? Each is applied to the cloud, and the judge must name the same rule."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from typing import Any, NamedTuple

from tests import heat, judge
from tests.judge.picture import Picture, Terms
from tests.judge.places import placing, resizing, staying, stopping

Row = Mapping[str, Any]
HOSTS = {"disabled", "down", "uncertain", "out_of_scope", "unknown_host"}
# What a plan says of itself: limits of the audit, and changes that no order or no bypass makes possible.
OF_THE_PLAN = {"budget", "cycle", "dependency", "aggressiveness"}
TRIES = 2_000  # placements tried before it is believed that a host cannot be emptied


STATES = {"stopped": "SHUTOFF", "running": "ACTIVE"}


class Case(NamedTuple):
    """One state of the cloud with the audit's terms, in which a refusal may be true."""

    picture: Picture
    terms: Terms
    given: Mapping[str, Row]  # the parameters of actions that the audit itself asks for, by id


def untrue_refusals(snapshot: Row, plan: Row, audit: Row) -> Iterator[str]:
    """Every refusal of a plan that the judge does not confirm, before or after the plan, and what it says."""
    after = outcome(snapshot, plan)
    closed = {k for k in ("live", "cold") if audit.get("parameters", {}).get(f"disable_{k}_migration")}
    given = {a["id"]: a["parameters"] for a in audit.get("parameters", {}).get("actions", ()) if "id" in a}
    cases = []
    for state in (snapshot, after):
        picture = Picture(state)
        terms = Terms(picture, audit)
        terms.allow -= closed
        cases.append(Case(picture, terms, given))
    for refusal in plan.get("rejected", ()):
        if refusal["code"] in heat.CODES:
            if false := heat.contradiction(cases[0].picture, cases[0].terms, after, audit, refusal):
                yield f"{refusal}: {false}"
        elif refusal["code"] not in OF_THE_PLAN:
            said = [_contradiction(case, refusal) for case in cases]
            if None not in said:
                yield f"{refusal}: before, {said[0]}; after, {said[1]}"
    yield from _untrue_alternatives((snapshot, after), plan, audit)


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
        if action["type"] == "resize":
            instances[p["instance"]]["flavor"] = p["flavor"]
        if action["type"] == "stop":
            instances[p["instance"]]["status"] = STATES[p.get("state", "stopped")]
    return after


def _untrue_alternatives(states: Sequence[Row], plan: Row, audit: Row) -> Iterator[str]:
    """Hosts that an action was not sent to, although something else or nothing speaks against them."""
    for action in plan["actions"]:
        for refusal in action.get("alternatives", ()):
            instance, host = action["parameters"]["instance"], refusal["subject"]
            found = {r for s in states for r in judge.placement(s, instance, host, audit=audit)}
            if refusal["code"] not in found:
                yield f"{action['id']}: {refusal['code']} was said of {host}, the judge finds {sorted(found)}"


def _contradiction(case: Case, refusal: Row) -> str | None:
    """What speaks against a refusal in this state of the cloud; None when it is true."""
    code, subject, picture = refusal["code"], refusal["subject"], case.picture
    if subject in case.given:
        return _of_an_action(case, code, case.given[subject])
    if subject in picture.instances:
        return _of_an_instance(case, code, subject)
    if subject not in picture.hosts:
        return None if code == "unknown_host" else f"{subject} is no host, instance or action"
    if code == "no_gain":
        return _could_be_emptied(_without_idle(case), subject)
    if code in HOSTS:
        found = _against_anybody(case, subject)
        return None if code in found else f"{subject} refuses nobody for {code}, only for {sorted(found)}"
    culprits = refusal.get("culprits", ())
    if culprits:
        return _of_an_instance(case, code, culprits[0])
    if code == "busy":
        claimed = any(picture.hosts[subject].get("claimed", {}).values())
        return None if claimed else f"nothing is claimed on {subject}"
    return _could_be_emptied(case, subject) if code == "capacity" else f"{code} is no rule about {subject}"


def _of_an_action(case: Case, code: str, parameters: Row) -> str | None:
    """An action that was asked for and refused: the judge refuses the same."""
    found: set[str] = set()
    if "flavor" in parameters:
        resize = resizing(case.picture, case.terms, parameters["instance"], parameters["flavor"])
        found |= {rule for rule, _ in resize}
    elif "instance" in parameters and "destination" not in parameters:
        return _of_a_stop(case, code, parameters)
    elif "instance" in parameters:
        uuid, there = parameters["instance"], parameters["destination"]
        for kind in (None, parameters["kind"]):
            found |= {rule for rule, _ in staying(case.picture, case.terms, uuid, kind)}
        found |= {rule for rule, _ in placing(case.picture, case.terms, uuid, there)}
        found |= {"status"} if case.picture.where[uuid] != parameters["source"] else set()
        if there == parameters["source"]:  # then any reason why it must stay is as true
            found |= {"no_effect"} | ({code} if _of_an_instance(case, code, uuid) is None else set())
    if "state" in parameters:
        found |= {"out_of_scope"} if parameters["host"] not in case.terms.hosts else set()
        found |= {"not_allowed"} if "service" not in case.terms.allow else set()
    return None if code in found else f"the judge finds {sorted(found)} against {dict(parameters)}"


def _of_a_stop(case: Case, code: str, parameters: Row) -> str | None:
    found = {rule for rule, _ in stopping(case.picture, case.terms, parameters["instance"])}
    return None if code in found else f"the judge finds {sorted(found)} against {dict(parameters)}"


def _of_an_instance(case: Case, code: str, uuid: str) -> str | None:
    """It may not move, or every other host refuses it and at least one does so by this very rule."""
    picture, terms, _ = case
    if code in {rule for rule, _ in staying(picture, terms, uuid)}:
        return None
    others = [host for host in picture.hosts if host != picture.where[uuid]]
    reasons = {host: {rule for rule, _ in placing(picture, terms, uuid, host)} for host in others}
    free = [host for host, rules in reasons.items() if not rules]
    if free:
        return f"{uuid} could go to {', '.join(free)}"
    return None if any(code in rules for rules in reasons.values()) else f"{uuid} is refused by {reasons}"


def _against_anybody(case: Case, host: str) -> set[str]:
    """What a host has against a server of no size and no wishes."""
    case.picture.instances["probe"] = {"uuid": "probe", "host": None}
    found = {rule for rule, _ in placing(case.picture, case.terms, "probe", host)}
    del case.picture.instances["probe"]
    return found


def _without_idle(case: Case) -> Case:
    """The same cloud with its empty hosts closed: filling one to empty another frees nothing."""
    idle = [name for name in case.picture.hosts if not case.picture.guests(name)]
    return case._replace(terms=case.terms.without(idle))


def _could_be_emptied(case: Case, host: str) -> str | None:
    """Tries to place everybody on this host elsewhere: what was said to be impossible must not succeed."""
    guests = case.picture.guests(host)
    if any(True for uuid in guests for _ in staying(case.picture, case.terms, uuid)):
        return f"{host} holds what cannot move, which is not a matter of room"
    found = next(_placements(case, guests, host, iter(range(TRIES))), None)
    for uuid in guests:
        case.picture.put(uuid, host)
    return None if found is None else f"{host} could be emptied: {found}"


def _placements(
    case: Case, guests: Sequence[str], host: str, tries: Iterator[int]
) -> Iterator[dict[str, str]]:
    if not guests:
        yield {}
        return
    first, *rest = guests
    for other in case.picture.hosts:
        if other == host or next(tries, None) is None or any(placing(case.picture, case.terms, first, other)):
            continue
        case.picture.put(first, other)
        for found in _placements(case, rest, host, tries):
            yield {first: other, **found}
        case.picture.put(first, host)
