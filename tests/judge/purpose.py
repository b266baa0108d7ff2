"""What a plan is for: hosts released whole, operators' settings left alone, forecasts that come true."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from tests.judge.loads import deviation
from tests.judge.moments import Before, Move
from tests.judge.picture import Picture, Row, Violation

END = "at the end"
EXPLICIT = {None, "unclassified"}  # goals of plans whose actions somebody wrote down one by one
EMPTYING = {"server_consolidation", "cluster_maintaining"}  # who leaves a host must find it closed behind him
ALONE = {"workload_balance"}  # who looks at what instances use and not at hosts
RELEASING = {"server_consolidation"}  # a host is emptied whole or left alone


def purpose(
    picture: Picture,
    plan: Row,
    moves: Sequence[Move],
    settings: Mapping[str, Mapping[str, str]],
    before: Before,
    needed: Before,
) -> Iterator[Violation]:
    goal = plan.get("goal")
    after = ending(picture, moves, before)
    if goal not in EXPLICIT:
        yield from _settings_left_alone(picture, settings)
        yield from _net_moves(picture, moves, after)
        yield from _disabled_first(moves, settings, needed, picture)
    if goal in EMPTYING:
        yield from _closed(picture, settings, after)
    if goal in RELEASING:
        yield from _released_whole(picture, settings, after)
    yield from _forecast(picture, plan, after, moves, settings)


def ending(picture: Picture, moves: Sequence[Move], before: Before) -> dict[str, str | None]:
    """Where every instance is once all moves are done."""
    after = dict(picture.where)
    for move in sorted(moves, key=lambda m: (len(before[m.id]), m.id)):
        after[move.instance] = move.destination
    return after


def _settings_left_alone(picture: Picture, settings: Mapping[str, Mapping[str, str]]) -> Iterator[Violation]:
    for host, own in settings.items():
        if picture.enabled(host):
            continue
        for one, state in own.items():
            rule = "enabled" if state == "enabled" else "no_effect"
            yield Violation(rule, f"when {one} starts", host, f"{host} was disabled by an operator already")


def _net_moves(
    picture: Picture, moves: Sequence[Move], after: Mapping[str, str | None]
) -> Iterator[Violation]:
    for instance in sorted({m.instance for m in moves}):
        if after[instance] == picture.where[instance]:
            yield Violation("no_effect", END, instance, f"ends where it began, on {after[instance]}")


def _disabled_first(
    moves: Sequence[Move], settings: Mapping[str, Mapping[str, str]], needed: Before, picture: Picture
) -> Iterator[Violation]:
    """Nova could refill a host that is being emptied, unless it was disabled before."""
    for move in moves:
        for one, state in settings.get(move.source, {}).items():
            settled = picture.where[move.instance] == move.source
            if state == "disabled" and settled and one not in needed[move.id]:
                text = f"{move.source} is emptied without need of {one}, which disables it"
                yield Violation("not_disabled_first", f"when {move.id} starts", move.instance, text)


def _losers(picture: Picture, after: Mapping[str, str | None]) -> list[str]:
    """The hosts that something has left for good."""
    return sorted({h for u, h in picture.where.items() if h is not None and after[u] != h})


def _closed(
    picture: Picture, settings: Mapping[str, Mapping[str, str]], after: Mapping[str, str | None]
) -> Iterator[Violation]:
    """A host that is being emptied is disabled, by the plan or by an operator before it."""
    for host in _losers(picture, after):
        if picture.enabled(host) and "disabled" not in settings.get(host, {}).values():
            yield Violation("left_enabled", END, host, f"{host} loses instances but may be filled again")


def _released_whole(
    picture: Picture, settings: Mapping[str, Mapping[str, str]], after: Mapping[str, str | None]
) -> Iterator[Violation]:
    left: dict[str, int] = {}
    for host in after.values():
        if host is not None:
            left[host] = left.get(host, 0) + 1
    for host in _losers(picture, after):
        if left.get(host):
            text = f"{host} loses instances and keeps {left[host]}: nothing is released"
            yield Violation("half_emptied", END, host, text)
    for host, own in settings.items():
        if "disabled" in own.values() and left.get(host):
            yield Violation(
                "disabled_not_empty", END, host, f"{host} is disabled with {left[host]} instances"
            )


class Ends:
    """The cloud before and after, as the indicators see it."""

    def __init__(
        self,
        picture: Picture,
        after: Mapping[str, str | None],
        moves: Sequence[Move],
        settings: Mapping[str, Mapping[str, str]],
        strategy: str | None = None,
        touched: Sequence[str] = (),
    ) -> None:
        self.alone = strategy in ALONE
        self.picture, self.after = picture, after
        self.hosts = set(picture.hosts)
        self.busy_before = {h for h in picture.where.values() if h is not None}
        self.busy_after = {h for h in after.values() if h is not None}
        self.moves = moves
        self.disabled = {h for h, own in settings.items() if "disabled" in own.values()}
        self.emptied = self.disabled | {h for u in touched if (h := picture.where.get(u)) is not None}

    def deviation(self, word: str, where: Mapping[str, str | None]) -> float:
        return deviation(self.picture, word, where, alone=self.alone)


INDICATORS: Mapping[str, Callable[[Ends], float]] = {
    "compute_nodes_count": lambda e: len(e.hosts),
    "released_compute_nodes_count": lambda e: len(e.busy_before - e.busy_after),
    "instance_migrations_count": lambda e: len(e.moves),
    "instances_count": lambda e: sum(h is not None for h in e.picture.where.values()),
    "instances_left": lambda e: sum(h in e.emptied for h in e.after.values()),
    "standard_deviation_cpu_before_audit": lambda e: e.deviation("cpu", e.picture.where),
    "standard_deviation_cpu_after_audit": lambda e: e.deviation("cpu", e.after),
    "standard_deviation_ram_before_audit": lambda e: e.deviation("ram", e.picture.where),
    "standard_deviation_ram_after_audit": lambda e: e.deviation("ram", e.after),
}


def _forecast(
    picture: Picture,
    plan: Row,
    after: Mapping[str, str | None],
    moves: Sequence[Move],
    settings: Mapping[str, Mapping[str, str]],
) -> Iterator[Violation]:
    touched = [a["parameters"]["instance"] for a in plan["actions"] if "instance" in a.get("parameters", {})]
    ends = Ends(picture, after, moves, settings, plan.get("strategy"), touched)
    for name, said in sorted(plan.get("forecast", {}).items()):
        if name not in INDICATORS:
            text = f"the judge has no measure of its own for {name}"
            yield Violation("forecast", END, name, text)
            continue
        is_so = INDICATORS[name](ends)
        if abs(said - is_so) > 1e-6 * max(1.0, abs(is_so)):
            yield Violation("forecast", END, name, f"forecast {said}, the moves make it {is_so}")
