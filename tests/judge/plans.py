"""The verdict on a plan: its papers, every action where it stands, every moment, and what it is for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from tests.judge.moments import Before, Move, crowded, may_be_disabled, predecessors, whereabouts
from tests.judge.papers import STATIC, papers, switched
from tests.judge.picture import Picture, Row, Terms, Violation
from tests.judge.places import fixed, resizing, staying, stopping
from tests.judge.purpose import purpose


def plan(snapshot: Row, document: Row, *, audit: Row | None = None) -> list[Violation]:
    """Every rule that an effective ActionPlan document breaks on this snapshot, at any moment it allows.

    Without `audit` the whole cloud is in scope; what is allowed stands in the plan's own execution block.
    """
    picture = Picture(snapshot)
    found = list(papers(picture, document))
    if any(v.rule in ("ids", "edges", "parameters", "unknown_host") for v in found):
        return found  # what such a plan would do cannot be told
    actions = document["actions"]
    before, needed = predecessors(actions, "needs", "freed_by"), predecessors(actions, "needs")
    if before is None or needed is None:
        return [*found, Violation("cycle", STATIC, document.get("name", ""), "the edges form a cycle")]
    terms = Terms(picture, audit, document.get("execution"))
    moves = [
        Move(a["id"], p["instance"], p["source"], p["destination"], p["kind"])
        for a in actions
        if a["type"] == "migrate"
        for p in [a["parameters"]]
    ]
    for a in actions:
        if a["type"] == "stop":
            uuid = a["parameters"]["instance"]
            found += [
                Violation(r, f"when {a['id']} starts", uuid, t) for r, t in stopping(picture, terms, uuid)
            ]
    found += _resizes(picture, terms, actions, before)
    found += crowded(picture, moves, before)
    for move in moves:
        # Whoever the plan itself stops or starts is by then no more as the picture has it.
        ours = move.instance in switched(document)
        found += (v for v in _move(picture, terms, move, moves, before) if not (ours and v.rule == "status"))
    found += _chains(picture, moves, before, needed)
    settings = _settings(actions)
    found += _services(picture, terms, settings, moves, before)
    found += purpose(picture, document, moves, settings, before, needed)
    return found


def _resizes(picture: Picture, terms: Terms, actions: Sequence[Row], before: Before) -> Iterator[Violation]:
    """Each may be done as things stand; and what Nova put wherever it wanted is moved by no later action."""
    for a in (a for a in actions if a["type"] == "resize"):
        uuid, when = a["parameters"]["instance"], f"when {a['id']} starts"
        for rule, text in resizing(picture, terms, uuid, a["parameters"]["flavor"]):
            yield Violation(rule, when, uuid, text)
        for other in actions:
            moves = "destination" in other["parameters"] and other["parameters"]["instance"] == uuid
            if moves and other["id"] not in before[a["id"]]:
                yield Violation("chain", when, uuid, f"{other['id']} moves it from where it may not be")


def _settings(actions: Sequence[Row]) -> dict[str, dict[str, str]]:
    """Per host, the actions that set its service and to what."""
    out: dict[str, dict[str, str]] = {}
    for a in actions:
        if a["type"] == "change_nova_service_state":
            out.setdefault(a["parameters"]["host"], {})[a["id"]] = a["parameters"]["state"]
    return out


def _move(
    picture: Picture, terms: Terms, move: Move, moves: Sequence[Move], before: Before
) -> Iterator[Violation]:
    """The rules that no order can mend, and those that hang on the other members of a group."""
    when = f"when {move.id} starts"
    for rule, text in staying(picture, terms, move.instance, move.kind):
        yield Violation(rule, when, move.instance, text)
    for rule, text in fixed(picture, terms, move.instance, move.destination):
        yield Violation(rule, when, move.instance, text)
    yield from _company(picture, move, moves, before)


def _company(picture: Picture, move: Move, moves: Sequence[Move], before: Before) -> Iterator[Violation]:
    """Those that must stay together, and those that asked for or against each other's host."""
    when = f"when {move.id} starts"

    def places(uuid: str) -> set[str | None]:
        own = [m for m in moves if m.instance == uuid]
        return whereabouts(picture.where[uuid], own, move.id, before)

    for group in picture.groups_of(move.instance):
        others = [u for u in picture.members(group) if u != move.instance and picture.where[u] is not None]
        if group["policy"] == "affinity" and others and {move.destination} not in [places(u) for u in others]:
            text = f"leaves {len(others)} others of affinity group {group['name']} behind"
            yield Violation("affinity", when, move.instance, text)
    mates = picture.hinted(move.instance, "same_host")
    if mates and {move.destination} not in [places(u) for u in mates]:
        yield Violation("affinity", when, move.instance, f"was asked to run with {', '.join(mates)}")
    for other in picture.hinted(move.instance, "different_host"):
        if move.destination in places(other):
            yield Violation("anti_affinity", when, move.instance, f"was asked to run apart from {other}")


def _chains(picture: Picture, moves: Sequence[Move], before: Before, needed: Before) -> Iterator[Violation]:
    """Each instance goes on from where it is, and each further move needs the one before it."""
    own: dict[str, list[Move]] = {}
    for move in moves:
        own.setdefault(move.instance, []).append(move)
    for instance, hops in own.items():
        hops.sort(key=lambda m: (len(before[m.id]), m.id))
        at = picture.where[instance]
        for i, hop in enumerate(hops):
            when = f"when {hop.id} starts"
            if hop.source != at:
                yield Violation("chain", when, instance, f"leaves {hop.source}, but is on {at}")
            if i and hops[i - 1].id not in needed[hop.id]:
                yield Violation(
                    "chain", when, instance, f"does not need {hops[i - 1].id}, the move before it"
                )
            if hop.source == hop.destination:
                yield Violation("no_effect", when, instance, f"moves from {hop.source} to {hop.source}")
            at = hop.destination


def _services(
    picture: Picture,
    terms: Terms,
    settings: Mapping[str, Mapping[str, str]],
    moves: Sequence[Move],
    before: Before,
) -> Iterator[Violation]:
    for host, own in settings.items():
        for one in own:
            when = f"when {one} starts"
            if host not in terms.hosts:
                yield Violation("out_of_scope", when, host, f"{host} is out of scope")
            if "service" not in terms.allow:
                yield Violation("not_allowed", when, host, "service changes are not in allow")
            loose = [o for o in own if o < one and o not in before[one] and one not in before[o]]
            if loose:
                yield Violation("overlap", when, host, f"{one} and {', '.join(loose)} have no order")
    for move in moves:
        enabled = picture.enabled(move.destination)
        why = may_be_disabled(enabled, settings.get(move.destination, {}), move.id, before)
        if why:
            text = f"{move.destination} may be disabled ({why}) when {move.instance} arrives"
            yield Violation("disabled", f"when {move.id} starts", move.instance, text)
