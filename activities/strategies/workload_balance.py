"""Relieves hosts whose load is at or above a threshold, with the fewest moves and the best of them first."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np

from activities.balancing.candidates import coolest
from activities.balancing.choose import Limits, Step, asked, in_turn
from activities.balancing.floor import Floor, Scene, scene
from activities.balancing.hold import past
from activities.balancing.load import KINDS
from activities.balancing.need import overloaded
from activities.balancing.nowhere import fewest_moves, surcharge
from activities.balancing.relief import Relief
from activities.balancing.telling import Telling, not_used
from activities.planner.bounds import bound
from activities.words import count, some
from plan_schemas.audit import Situation
from plan_schemas.plan import Change, Proposal, Refusal

_MANY = 1_000  # hosts: with more a first way is tried only if the first falls short by more than
_GOOD = 0.1  # of the hot hosts, counting those that stay hot and moves beyond the least
_NEAR = 60  # hosts of each kind whose instances are asked to make room
Moves = dict[int, tuple[tuple[int, int], ...]]  # by hot host: instances with their destinations, in order
Reasons = dict[int, tuple[str, str]]  # by hot host: the code and a clause why it stays hot


def decide(
    situation: Situation,
    *,
    metrics: str = "instance_cpu_usage",
    threshold: float = 25.0,
    hold: float = 0.0,
    period: float = 300.0,  # noqa: ARG001  what was measured over
    aggregation_method: Mapping[str, str] | None = None,  # noqa: ARG001  the same
    max_moves: int | None = None,
    aggressiveness: int = 5,
    margin: float = 0.0,
) -> Proposal:
    """Moves that bring overloaded hosts below the threshold, each host whole or not at all."""
    seen = scene(situation.cluster, situation.rules, situation.usage, [KINDS[metrics]])
    passing = _passing(situation, seen, threshold / 100.0) if hold else {}
    seen = replace(seen, passing=frozenset(passing)) if passing else seen
    search, found = _search(seen, threshold / 100.0)
    floor, limits = search.floor, Limits(max_moves, aggressiveness, margin)
    before = surcharge(floor, threshold / 100.0, search.hot)
    wanted, reasons = asked(_steps(search, found), limits)
    telling = Telling(floor, threshold)
    made, more = in_turn(wanted, limits, lambda step: _made(floor, step, threshold / 100.0))
    reasons |= more
    moves = sum(len(s.moves) for s in made)
    left = len(search.hot) - len(made)
    hopeless = sum(not t.least for t in search.hot)
    return Proposal(
        changes=tuple(_changes(telling, made, threshold)),
        summary=_summary(search, len(made), moves, threshold, _out_of_reach(seen, threshold / 100.0))
        + _passed(passing, hold),
        rejected=(
            *_stay(seen, search, made, reasons, threshold),
            *_not_lasting(seen, passing, hold),
            *_closed(seen, threshold / 100.0),
        ),
        bounds=(
            bound("hosts_over_threshold", hopeless, left),
            bound("moves", fewest_moves(before, (s.host for s in made), moves), moves),
        ),
    )


def _passing(situation: Situation, seen: Scene, threshold: float) -> dict[str, str]:
    """The hosts that are hot and were not all the time, with what they were and when."""
    hot = [h for h in seen.hosts() if seen.levels[0][h] >= threshold]
    then = past(seen.kinds[0], seen.roll, situation.usage, hot)
    return {hot[n]: was for n, was in then.below(threshold).items()}


def _not_lasting(seen: Scene, passing: Mapping[str, str], hold: float) -> Iterator[Refusal]:
    for name, was in passing.items():
        stays = f"{name} stays at {100 * seen.levels[0][name]:.1f} %"
        yield Refusal(
            "hold", name, f"{stays}: that has not lasted for the {hold:g} s of `hold`: it was {was}"
        )


def _passed(passing: Mapping[str, str], hold: float) -> str:
    if not passing:
        return ""
    return f" {count(len(passing), 'more host is', 'more hosts are')}, but not for the {hold:g} s of `hold`."


def _search(seen: Scene, threshold: float) -> tuple[Relief, Moves]:
    """The search that relieved most with the fewest moves, all of them undone, and what it moved by host."""
    hosts = seen.hosts()
    level = seen.levels[0]
    hottest = [h for h in hosts if level[h] >= threshold and h not in seen.passing]
    others = [h for h in hosts if level[h] < threshold]
    near = coolest(seen, others, np.array([level[h] for h in others]), _NEAR) if hottest else []
    floor = Floor(seen, [*seen.movable(hottest), *(u for n in near for u in seen.guests(others[n]))])
    hot = overloaded(floor, threshold)
    first = Relief(floor, threshold, hot, tightly=False)
    first.run()
    found = _undone(first)
    spent = sum(map(len, found.values()))
    short = len(hot) - len(found) + spent - sum(t.least for t in hot if t.host in found)
    if short <= (_GOOD * len(hot) if len(hosts) > _MANY else 0):
        return first, found
    second = Relief(floor, threshold, hot, tightly=True)
    second.run()
    other = _undone(second)
    better = (-len(other), sum(map(len, other.values()))) < (-len(found), spent)
    return (second, other) if better else (first, found)


def _undone(search: Relief) -> Moves:
    moves = search.moves()
    search.floor.clear()
    return moves


def _steps(search: Relief, found: Moves) -> list[Step]:
    points = {t.host: t.points for t in search.hot}
    gains = {host: points[host] / len(moved) for host, moved in found.items()}
    return [Step(moved, gains[host], gains[host], host) for host, moved in found.items()]


def _made(floor: Floor, step: Step, threshold: float) -> bool:
    """Make all moves of a step, if each finds room and stays below the threshold."""
    for n, (i, host) in enumerate(step.moves):
        after = floor.level[host, 0] + floor.load[i, 0] / floor.capacity[host, 0]
        if after >= threshold or not floor.takes(i, host):
            for j, _ in reversed(step.moves[:n]):
                floor.back(j)
            return False
        floor.move(i, host)
    return True


def _changes(telling: Telling, made: list[Step], threshold: float) -> Iterator[Change]:
    floor = telling.floor
    for step in made:
        name = floor.hosts[step.host]
        for i, host in step.moves:
            helps = floor.hosts[int(floor.home[i])] != name
            why = f"makes room for the relief of {name}" if helps else f"relieves {name}"
            yield telling.change(
                i,
                host,
                f"{why}, which is at {threshold:g} % or above",
                relieves=name,
                gain_points_per_move=round(step.points, 2),
                threshold=threshold,
            )


def _stay(
    seen: Scene, search: Relief, made: list[Step], reasons: Reasons, threshold: float
) -> Iterator[Refusal]:
    """Every hot host that stays hot, with what decided."""
    floor, done = search.floor, {s.host for s in made}
    for target in sorted(search.hot, key=lambda t: (-t.points, t.host)):
        if target.host in done:
            continue
        name = floor.hosts[target.host]
        stays = f"{name} stays at {threshold + target.points:.1f} %"
        if target.host in reasons:
            code, clause = reasons[target.host]
            yield Refusal(code, name, f"{stays}: {clause}")
            continue
        own = floor.on[target.host]
        movable = sum(float(floor.load[i, 0]) for i in own) / float(floor.capacity[target.host, 0])
        held = [r for i in seen.cluster.on(name) if (r := seen.held(i)) is not None]
        if 100.0 * movable <= target.points:
            first = f"; {held[0].text}" if held else ""
            clause = f"what may leave it is {100 * movable:.1f} % of it, {target.points:.1f} must go{first}"
            yield Refusal("immovable", name, f"{stays}: {clause}")
        else:
            clause = (
                f"no place was found for the {target.points:.1f} % that must go, on hosts that stay below"
            )
            yield Refusal("no_place", name, f"{stays}: {clause} {threshold:g} %")


def _closed(seen: Scene, threshold: float) -> Iterator[Refusal]:
    """Hot hosts that may be neither source nor destination."""
    yield from not_used(seen, _out_of_reach(seen, threshold))


def _out_of_reach(seen: Scene, threshold: float) -> list[str]:
    hot = [h for h, level in seen.levels[0].items() if level >= threshold]
    return [h for h in hot if h in seen.closed]


def _summary(search: Relief, made: int, moves: int, threshold: float, others: list[str]) -> str:
    hot, at = len(search.hot), f"at {threshold:g} % or above"
    more = f"; out of reach and {at} too: {some(others)}" if others else ""
    if not hot:
        return f"No host in the choice is {at}{more}."
    whole = f"{count(hot, 'host is', 'hosts are')} {at}"
    if not made:
        return f"{whole}; none can be relieved{more}."
    stay = f"; {hot - made} of them cannot or need not be" if hot > made else ""
    return f"{whole}: relieve {made} with {count(moves, 'move')}{stay}{more}."
