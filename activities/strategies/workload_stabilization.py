"""Evens out load over hosts: the moves that lower the weighted deviation most, until it is low enough."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from activities.balancing.candidates import worthwhile
from activities.balancing.choose import Limits, Step, beginning
from activities.balancing.even import Aim, Evening
from activities.balancing.floor import Floor, Scene, scene
from activities.balancing.hold import past
from activities.balancing.load import EVEN_ENOUGH, KINDS, Floats, Kind, counted
from activities.balancing.spread import least_deviation
from activities.balancing.telling import Telling, not_used, words
from activities.planner.bounds import bound
from activities.words import count
from plan_schemas.audit import Situation
from plan_schemas.frozen import FrozenDict
from plan_schemas.plan import Change, Proposal, Refusal

_SHOWN = 20  # moves not made that are told, the best of them
_ALL = 10**9
_HOST_METRICS = FrozenDict({k.metric: k.host_metric for k in KINDS.values()})
_PERIODS = FrozenDict({"instance": 720, "compute_node": 600})


def decide(
    situation: Situation,
    *,
    metrics: Sequence[str] = ("instance_cpu_usage",),
    thresholds: Mapping[str, float] | None = None,
    hold: float = 0.0,
    weights: Mapping[str, float] | None = None,
    instance_metrics: Mapping[str, str] = _HOST_METRICS,  # noqa: ARG001  what was measured of hosts
    periods: Mapping[str, float] = _PERIODS,  # noqa: ARG001  over what time
    aggregation_method: Mapping[str, str] | None = None,  # noqa: ARG001  the same
    max_moves: int | None = None,
    aggressiveness: int = 5,
    margin: float = 1.0,
) -> Proposal:
    """Moves that bring the deviation of each metric to its threshold, as far as they are worth it."""
    kinds = [KINDS[m] for m in metrics]
    seen = scene(situation.cluster, situation.rules, situation.usage, kinds)
    targets = np.array([(thresholds or {}).get(k.metric, EVEN_ENOUGH) for k in kinds])
    weighed = np.array([(weights or {}).get(f"{k.metric}_weight", 1.0) for k in kinds])
    most = _ALL if max_moves is None else max_moves
    floor = Floor(seen, worthwhile(seen, weighed, most))
    passing = _passing(floor, kinds, targets) if hold else {}
    wanted = np.array([np.inf if n in passing else t for n, t in enumerate(targets)])
    search = Evening(floor, Aim(weighed, wanted, most, margin))
    before, telling = search.deviations(), Telling(floor)
    start = floor.level.copy()
    search.run()
    taken, rest = beginning(search.steps, Limits(max_moves, aggressiveness, margin).level)
    for step in reversed(rest):
        for i, _ in reversed(step.moves):
            floor.back(i)
    after, moves = search.deviations(), sum(len(s.moves) for s in taken)
    floor_before, floor.level = floor.level, start
    best = [min(float(b), least_deviation(floor, n, moves)) for n, b in enumerate(before)]
    floor.level = floor_before
    return Proposal(
        changes=tuple(_changes(telling, taken, weighed)),
        summary=_summary(kinds, before, after, targets, moves, passing) + _among(seen),
        rejected=(
            *(
                Refusal("hold", kinds[n].metric, f"{_not_lasting(kinds[n], hold)}: it was {was}")
                for n, was in passing.items()
            ),
            *(_too_little(floor, s, aggressiveness) for s in rest[:_SHOWN]),
            *_below_margin(search, margin),
            *not_used(seen, seen.closed),
        ),
        bounds=tuple(
            bound(f"deviation_{k.word.lower()}", 100 * best[n], 100 * float(after[n]))
            for n, k in enumerate(kinds)
        ),
    )


def _passing(floor: Floor, kinds: Sequence[Kind], targets: Floats) -> dict[int, str]:
    """The kinds of load whose deviation was not above its threshold all the time, with what it was."""
    seen = floor.seen
    found = {}
    for n, kind in enumerate(kinds):
        then = past(kind, seen.roll, seen.usage, seen.hosts())
        least, when = then.least_deviation()
        if least <= targets[n]:
            found[n] = f"{100 * least:.1f} points {when}"
    return found


def _not_lasting(kind: Kind, hold: float) -> str:
    return f"the deviation of {kind.word} has not been above its threshold for the {hold:g} s of `hold`"


def _changes(telling: Telling, steps: Sequence[Step], weights: Floats) -> Iterator[Change]:
    """Each move with the deviations that it leaves."""
    floor = telling.floor
    for step in steps:
        for n, (i, host) in enumerate(step.moves):
            why = "evens out"
            if n + 1 < len(step.moves):  # for want of room or because both even out more than one
                last, place = step.moves[-1]
                why += f" with {floor.instances[last].name}, which comes to {floor.hosts[place]} instead"
            points = round(step.points, 2)
            yield telling.change(i, host, why, nearer_points_per_move=points, gain=_gain(step, weights))


def _gain(step: Step, weights: Floats) -> float:
    """By how much the weighted deviation falls per move, in points of the weighted mean."""
    return round(100 * step.gain / float(weights.sum()), 5)


def _too_little(floor: Floor, step: Step, level: int) -> Refusal:
    i, host = step.moves[-1]
    one = floor.instances[i]
    text = f"{one.name} stays on {one.host}: its move to {floor.hosts[host]} would bring the two"
    return Refusal(
        "aggressiveness",
        one.uuid,
        f"{text} {step.points:.1f} points nearer to each other, too little beside the best move for"
        f" aggressiveness {level}",
    )


def _below_margin(search: Evening, margin: float) -> Iterator[Refusal]:
    """The best moves that the margin refused, alone or with the one that would make room, as things end."""
    floor, moved = search.floor, search.moved
    small = [
        (search.nearer(*moves[-1]) / len(moves), moves)
        for moves in search.small.values()
        if not any(moved[i] for i, _ in moves)
    ]
    small = [row for row in small if row[0] < margin]
    for points, moves in sorted(small, key=lambda row: (-row[0], row[1][-1]))[:_SHOWN]:
        i, host = moves[-1]
        one, with_, each = floor.instances[i], "", ""
        if len(moves) > 1:
            with_ = f", for which {floor.instances[moves[0][0]].name} would go to {floor.hosts[moves[0][1]]},"
            each = " per move"
        text = f"{one.name} stays on {one.host}: its move to {floor.hosts[host]}{with_} would bring the two"
        yield Refusal(
            "margin",
            one.uuid,
            f"{text} {points:.2f} points nearer to each other{each}, less than the margin of {margin:g}",
        )


def _among(seen: Scene) -> str:
    """The forecast looks at all hosts that serve: where others are chosen from, its numbers differ."""
    serve = sum(counted(h) for h in seen.cluster.hosts.values())
    chosen = len(seen.hosts())
    return f" Of the {chosen} hosts that may be used, out of {serve} that serve." if chosen != serve else ""


def _summary(
    kinds: Sequence[Kind],
    before: Floats,
    after: Floats,
    targets: Floats,
    moves: int,
    passing: Mapping[int, str],
) -> str:
    lasting = [n not in passing for n in range(len(kinds))]
    if passing and not moves and (before <= targets)[lasting].all():
        was = "; ".join(f"{kinds[n].word} was {said}" for n, said in passing.items())
        return f"The load has not been uneven for as long as `hold` asks: deviation of {was}."
    if (before <= targets).all():
        low = ", ".join(
            f"{k.word} {100 * b:.1f} points (threshold {100 * t:g})"
            for k, b, t in zip(kinds, before, targets)
        )
        return f"The load is even enough: deviation of {low}."
    falls = ", ".join(
        f"{k.word} {100 * b:.2f} -> {100 * a:.2f} points" for k, b, a in zip(kinds, before, after)
    )
    if not moves:
        return f"No move makes the load of {words(kinds)} more even: deviation {falls}."
    high = [k.word for k, a, t in zip(kinds, after, targets) if a > t]
    stay = "stays above its threshold" if len(high) == 1 else "stay above their thresholds"
    rest = f"; {' and '.join(high)} {stay}" if high else ""
    return f"Even out load with {count(moves, 'move')}: deviation of {falls}{rest}."
