"""Relieves hosts whose load is at or above a threshold, with the fewest moves and the best of them first."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from activities.balancing.choose import Limits, Step, asked, in_turn
from activities.balancing.floor import Floor, Scene, scene
from activities.balancing.hold import past
from activities.balancing.load import KINDS
from activities.balancing.relief import Relief
from activities.balancing.telling import Telling, not_used
from activities.planner.bounds import bound
from activities.rules import checks
from activities.words import count
from plan_schemas.audit import Situation
from plan_schemas.plan import Change, Proposal, Refusal

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
    seen = replace(seen, passing=frozenset(passing))
    search = _search(seen, threshold / 100.0)
    floor, limits = search.floor, Limits(max_moves, aggressiveness, margin)
    wanted, reasons = asked(_steps(search), limits)
    for i in reversed(list(floor.placed)):
        floor.back(i)
    telling = Telling(floor)
    made, more = in_turn(wanted, limits, lambda step: _made(floor, step, threshold / 100.0))
    reasons |= more
    moves = sum(len(s.moves) for s in made)
    hot = {t.host: t for t in search.hot}
    left = len(hot) - len(made)
    hopeless = sum(not t.least for t in search.hot)
    return Proposal(
        changes=tuple(_changes(telling, made, threshold)),
        summary=_summary(search, len(made), moves, threshold) + _passed(passing, hold),
        rejected=(
            *_stay(seen, search, made, reasons, threshold),
            *_not_lasting(seen, passing, hold),
            *_closed(seen, threshold / 100.0),
        ),
        bounds=(
            bound("hosts_over_threshold", hopeless, left),
            bound("moves", sum(hot[s.host].least for s in made), moves),
        ),
    )


def _passing(situation: Situation, seen: Scene, threshold: float) -> dict[str, str]:
    """The hosts that are hot and were not all the time, with what they were and when."""
    hot = [h for h in seen.hosts() if seen.levels[0][h] >= threshold]
    then = past(seen.kinds[0], situation.cluster, situation.usage, hot)
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


def _search(seen: Scene, threshold: float) -> Relief:
    """The instances of hot hosts alone are looked at first; all others only where they must make room."""
    hosts = seen.hosts()
    own = [h for h in hosts if seen.levels[0][h] >= threshold]
    search = Relief(Floor(seen, seen.movable(own)), threshold, tightly=False)
    search.run()
    if len(search.relieved) == len(search.hot) and len(search.floor.placed) == sum(
        t.least for t in search.hot
    ):
        return search
    movable = seen.movable(hosts)
    found = []
    for tightly in (False, True):
        search = Relief(Floor(seen, movable), threshold, tightly=tightly)
        search.run()
        found.append(search)
    return min(found, key=lambda s: (-len(s.relieved), len(s.floor.placed)))


def _steps(search: Relief) -> list[Step]:
    points = {t.host: t.points for t in search.hot}
    placed = search.floor.placed
    found = []
    for host, moved in search.relieved.items():
        gain = points[host] / len(moved)
        found.append(Step(tuple((i, placed[i]) for i in moved), gain, gain, host))
    return found


def _made(floor: Floor, step: Step, threshold: float) -> bool:
    """Make all moves of a step, if each finds room and stays below the threshold."""
    for n, (i, host) in enumerate(step.moves):
        after = floor.level[host, 0] + floor.load[i, 0] / floor.capacity[host, 0]
        if after >= threshold or not floor.fits(i)[host] or floor.against(i, host):
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
                f"{why}, which is above {threshold:g} %",
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
    hot = [h for h, level in seen.levels[0].items() if level >= threshold]
    yield from not_used(seen, [h for h in hot if checks.host_refusals(seen.cluster.hosts[h], seen.rules)])


def _summary(search: Relief, made: int, moves: int, threshold: float) -> str:
    hot = len(search.hot)
    if not hot:
        return f"No host in the choice is at {threshold:g} % or above."
    whole = f"{count(hot, 'host is', 'hosts are')} at {threshold:g} % or above"
    if not made:
        return f"{whole}; none can be relieved."
    stay = f"; {hot - made} of them cannot or need not be" if hot > made else ""
    return f"{whole}: relieve {made} with {count(moves, 'move')}{stay}."
