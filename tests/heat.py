"""Is it true why a host stays hot, or why a move was not worth it? By the judge's own arithmetic."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import ceil
from typing import Any

from tests.judge.loads import METRICS, Loads
from tests.judge.picture import Picture, Terms
from tests.judge.places import placing, staying

Row = Mapping[str, Any]
CODES = {"immovable", "no_place", "margin", "hold"}
TRIES = 3_000  # placements tried before it is believed that a host cannot be relieved
_SLACK = 1e-6


def contradiction(picture: Picture, terms: Terms, after: Row, audit: Row, refusal: Row) -> str | None:
    """What speaks against a refusal, in the cloud before the plan and in the one after it; None if true."""
    chosen = audit.get("parameters", {})
    if refusal["subject"] in picture.instances:
        return _of_a_move(picture, terms, after, chosen, refusal["subject"])
    if refusal["subject"] in dict(METRICS.values()):
        return None  # that a deviation has not lasted: tests/balancing/test_hold.py
    word = next(w for w, (m, _) in METRICS.items() if m == chosen.get("metrics", "instance_cpu_usage"))
    loads, host = Loads(picture, picture.usage, word, alone=True), refusal["subject"]
    above = loads.percent(picture.where)[host] - float(chosen.get("threshold", 25.0))
    if above < -_SLACK:
        return f"{host} is below the threshold"
    if refusal["code"] == "hold":
        return _lasted(picture, word, chosen, host)
    own = [u for u in picture.guests(host) if u in loads.used and _alone(picture, terms, u)]
    if refusal["code"] == "margin":
        moves = max(1, len(own))
        return None if above < chosen["margin"] * moves else f"{above} points are worth {moves} moves"
    if refusal["code"] == "immovable":
        movable = 100 * sum(loads.used[u] for u in own) / loads.has[host]
        return None if movable <= above + _SLACK else f"{movable} % of {host} may leave, {above} must"
    said = []
    for where in (dict(picture.where), {i["uuid"]: i.get("host") for i in after["instances"]}):
        state = Picture({"hosts": list(picture.hosts.values()), "instances": after["instances"]})
        state.groups, state.aggregates, state.instances = (
            picture.groups,
            picture.aggregates,
            picture.instances,
        )
        state.where = where
        rest = [u for u in own if where[u] == host]
        need = loads.percent(where)[host] - float(chosen.get("threshold", 25.0))
        most = float(chosen.get("threshold", 25.0))
        found = next(_relieved(state, terms, loads, rest, need, host, most, iter(range(TRIES))), None)
        said.append(found)
    return None if None in said else f"{host} could be relieved: {said}"


def _lasted(picture: Picture, word: str, chosen: Row, host: str) -> str | None:
    """What the instances of now used kept a host hot in every window that was looked at; None if not."""
    metric = METRICS[word][0]
    course = picture.usage["courses"][metric]
    number = ceil(chosen["hold"] / course["window"]) + 2
    bears = []
    for n in range(-number, 0):
        then = {**picture.usage["values"][metric], **{u: of[n] for u, of in course["values"].items()}}
        usage = {"values": {metric: then}}
        bears.append(Loads(picture, usage, word, alone=True).percent(picture.where)[host])
    calm = min(bears) < float(chosen.get("threshold", 25.0)) + _SLACK
    return None if calm else f"{host} was hot all the time: {bears}"


def _alone(picture: Picture, terms: Terms, uuid: str) -> bool:
    """It may move, and without taking anybody along."""
    tied = [g for g in picture.groups_of(uuid) if g["policy"] == "affinity" and len(picture.members(g)) > 1]
    return not tied and not picture.hinted(uuid, "same_host") and not any(staying(picture, terms, uuid))


def _relieved(
    picture: Picture,
    terms: Terms,
    loads: Loads,
    own: Sequence[str],
    need: float,
    host: str,
    most: float,
    tries: Iterator[int],
) -> Iterator[dict[str, str]]:
    """Ways to take so much off a host with moves of its own instances to hosts that stay below."""
    if need < -_SLACK:
        yield {}
        return
    for n, uuid in enumerate(own):
        for other in picture.hosts:
            if other == host or next(tries, None) is None:
                continue
            now = loads.percent(picture.where).get(other)
            if now is None or now + 100 * loads.used[uuid] / loads.has[other] >= most - _SLACK:
                continue
            if any(placing(picture, terms, uuid, other)):
                continue
            picture.put(uuid, other)
            less = need - 100 * loads.used[uuid] / loads.has[host]
            for found in _relieved(picture, terms, loads, own[n + 1 :], less, host, most, tries):
                yield {uuid: other, **found}
            picture.put(uuid, host)


def _of_a_move(picture: Picture, terms: Terms, after: Row, chosen: Row, uuid: str) -> str | None:
    """It may move, and there is a host that it would come nearer to by less than the margin."""
    if any(staying(picture, terms, uuid)):
        return f"{uuid} may not move at all"
    words = [w for w, (m, _) in METRICS.items() if m in chosen.get("metrics", ["instance_cpu_usage"])]
    weights = [float(chosen.get("weights", {}).get(f"{METRICS[w][0]}_weight", 1.0)) for w in words]
    where = {i["uuid"]: i.get("host") for i in after["instances"]}
    home = str(where[uuid])
    nearer: dict[str, float] = {}
    for word, weight in zip(words, weights):
        loads = Loads(picture, picture.usage, word)
        now = loads.percent(where)
        for other in now.keys() - {home}:
            moved = loads.percent({**where, uuid: other})
            closer = abs(now[home] - now[other]) - abs(moved[home] - moved[other])
            nearer[other] = nearer.get(other, 0.0) + weight * closer / sum(weights)
    margin = float(chosen.get("margin", 1.0))
    return None if any(v < margin + 0.01 for v in nearer.values()) else f"all hosts are worth it: {nearer}"
