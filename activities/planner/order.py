"""Puts steps into one order in which each finds its space and breaks no rule when the earlier ones are over.

Every edge of the plan then leads backward in this order, so that there is never a cycle.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from heapq import heapify, heappop, heappush

from activities.planner.step import Step, detour
from activities.rules import checks
from plan_schemas.audit import Rules
from plan_schemas.model import Cluster
from plan_schemas.plan import Refusal

_RESTARTS = 3


@dataclass(frozen=True)
class Ordered:
    steps: tuple[Step, ...]
    before: dict[str, tuple[str, ...]]  # step -> those that must have succeeded first
    refused: tuple[Refusal, ...]  # one per change that is not in the plan
    detours: tuple[str, ...] = ()  # the steps to a third host
    resized: tuple[str, ...] = ()  # those that give an instance another size, on a host of Nova's choice


def order(steps: list[Step], cluster: Cluster, rules: Rules) -> Ordered:
    """Order what can be ordered, over a third host where nothing else helps; refuse the rest by name."""
    best = run = _Run(steps, cluster, rules, frozenset())
    for _ in range(_RESTARTS):
        if not run.waiting or set(run.waiting) <= run.first:
            break
        run = _Run(steps, cluster, rules, run.first | set(run.waiting))
        if len(run.waiting) < len(best.waiting):
            best = run
    best.bypass()
    resized = tuple(best.resized.values())
    return Ordered(tuple(best.done), best.before, best.refusals(), tuple(best.detours), resized)


class _Run:
    def __init__(self, steps: list[Step], cluster: Cluster, rules: Rules, first: frozenset[str]) -> None:
        self.cluster, self.rules, self.first = _opened(cluster, steps), rules, first
        self.ledger = checks.Occupancy(self.cluster)
        self.steps = {s.id: s for s in steps}
        self.before = predecessors(steps)
        self.closing = {
            s.touches.service: s.id
            for s in steps
            if s.touches.sets == "disabled" and not s.refusals(self.cluster, self.ledger, rules)
        }
        self.done: list[Step] = []
        self.detours: list[str] = []
        self.waiting: dict[str, tuple[Refusal, ...]] = {}
        self.refused: dict[str, tuple[Refusal, ...]] = {}
        self.resized: dict[str | None, str] = {}  # instances whose size the plan itself changes, and by what
        self._emitted: set[str] = set()
        self._missing = {id: len(b) for id, b in self.before.items()}
        self._after: dict[str, list[str]] = defaultdict(list)
        for id, needed in self.before.items():
            for other in needed:
                self._after[other].append(id)
        self._at_host: dict[str | None, list[str]] = defaultdict(list)
        self._heap = [self._key(s) for s in steps if not self._missing[s.id]]
        heapify(self._heap)
        self.advance()

    def _key(self, one: Step) -> tuple[bool, int, str]:
        return (one.id not in self.first, one.number, one.id)

    def advance(self) -> None:
        """Emit every step that can be, in order of preference."""
        while self._heap:
            one = self.steps[heappop(self._heap)[2]]
            found = self._check(one)
            if not found:
                self._emit(one)
            elif all(r.code in checks.LIFTED_BY_DEPARTURE for r in found):
                self.waiting[one.id] = found
                self._at_host[one.touches.into].append(one.id)
            else:
                self.refused[one.id] = found

    def _check(self, one: Step) -> tuple[Refusal, ...]:
        touches, cluster = one.touches, self.cluster
        known = cluster.instances.get(touches.instance or "")
        here = self.ledger.where(known.uuid) if known is not None else ()
        if known is not None and here and known.host not in here:
            cluster = cluster.moved(known.uuid, here[-1])  # an earlier step moved it
        if resizer := self.resized.get(touches.instance):
            text = f"{resizer} of this plan gives it another size, and Nova chooses its host then"
            return (Refusal("dependency", one.id, text),)
        found = one.refusals(cluster, self.ledger, self.rules)
        closer = self.closing.get(touches.into)
        if closer is None or any(r.code not in checks.LIFTED_BY_DEPARTURE for r in found):
            return found
        if one.id in ancestors(self.before, closer):
            return found
        return (
            Refusal("disabled", str(touches.into), f"{touches.into} is disabled by {closer} of this plan"),
        )

    def _emit(self, one: Step) -> None:
        self.done.append(one)
        self._emitted.add(one.id)
        touches = one.touches
        if touches.instance is not None and touches.into is not None:
            self.ledger.add(touches.instance, touches.into)
        if touches.instance is not None and touches.out is not None:
            self.ledger.remove(touches.instance, touches.out)
        known = self.cluster.instances.get(touches.instance or "")
        if known is not None and touches.into is None:
            # It stays where it is and is another one afterwards: what follows finds it so.
            self.cluster = one.module.apply(self.cluster, **one.parameters)
            if self.cluster.instances[known.uuid].flavor != known.flavor:
                self.resized[known.uuid] = one.id
        for id in self._after[one.id]:
            self._missing[id] -= 1
            if not self._missing[id]:
                heappush(self._heap, self._key(self.steps[id]))
        for id in self._at_host.pop(touches.out, ()):
            del self.waiting[id]
            heappush(self._heap, self._key(self.steps[id]))

    def bypass(self) -> None:
        """While steps wait for each other's space, send one of them over a third host."""
        while self.waiting:
            found = next(self._detours(), None)
            if found is None:
                return
            self._take(*found)
            self.advance()

    def _detours(self) -> Iterator[tuple[Step, Step]]:
        """Splits of a waiting step, those first that make room for others and move least."""
        wanted = {self.steps[id].touches.into for id in self.waiting}
        waiting = [self.steps[id] for id in self.waiting if f"{id}-via" not in self.steps]
        blocked = [s for s in waiting if s.touches.out in wanted]
        size = {s.id: sum(self._amounts(s).values()) for s in blocked}
        for one in sorted(blocked, key=lambda s: (size[s.id], s.number)):
            for host in sorted(self.cluster.hosts, key=lambda h: (h in wanted, h)):
                if host in (one.touches.into, one.touches.out) or host in self.closing:
                    continue
                uuid = one.touches.instance or ""
                if checks.refusals(self.cluster, self.ledger, uuid, host, self.rules):
                    continue
                halves = detour(one, host, one.number)
                if halves is not None and not self._check(halves[0]):
                    yield halves
                    break

    def _amounts(self, one: Step) -> dict[str, int]:
        known = self.cluster.instances.get(one.touches.instance or "")
        return dict(known.resources) if known is not None else {}

    def _take(self, first: Step, second: Step) -> None:
        """Put the two halves in the place of the whole: the first now, the second when its space is free."""
        del self.waiting[second.id]
        for found in self._at_host.values():
            if second.id in found:
                found.remove(second.id)
        self.steps[first.id], self.steps[second.id] = first, second
        self.before[first.id] = self.before[second.id]
        self.before[second.id] = (*self.before[second.id], first.id)
        self._missing[first.id], self._missing[second.id] = 0, 1
        self._after[first.id].append(second.id)
        self.detours.append(first.id)
        self._emit(first)

    def refusals(self) -> tuple[Refusal, ...]:
        """Why each change that was not emitted is not in the plan."""
        found: list[Refusal] = []
        for id, one in self.steps.items():
            if id in self._emitted:
                continue
            why = self.refused.get(id)
            if why is not None:
                found.append(
                    Refusal(why[0].code, id, f"{id} is not in the plan: {why[0].text}", why[0].culprits)
                )
            elif id in self.waiting:
                found.append(self._cycle(one))
            else:
                missing = [n for n in self.before[id] if n not in self._emitted]
                text = f"it needs {', '.join(missing)}, which cannot be ordered before it"
                found.append(Refusal("dependency", id, f"{id} is not in the plan: {text}"))
        return tuple(found)

    def _cycle(self, one: Step) -> Refusal:
        others = [i for i in self.waiting if self.steps[i].touches.out == one.touches.into]
        waits = (
            f"waits for room that only {', '.join(others)} would make"
            if others
            else "nothing makes room for it"
        )
        why = self.waiting[one.id][0]
        text = f"{one.id} is not in the plan: {why.text}; {waits}, and no third host can take any of them"
        return Refusal("cycle" if others else why.code, one.id, text, why.culprits)


def _opened(cluster: Cluster, steps: list[Step]) -> Cluster:
    """The cluster with the hosts enabled that the plan itself enables."""
    for one in steps:
        host = one.touches.service
        if one.touches.sets == "enabled" and host is not None and host in cluster.hosts:
            cluster = cluster.with_host(host, status="enabled", disabled_reason=None)
    return cluster


def predecessors(steps: list[Step]) -> dict[str, tuple[str, ...]]:
    """Per step those that must come before: given by a person, service changes, the same instance or host."""
    given = {s.id: tuple(dict.fromkeys((*s.change.needs, *s.change.freed_by))) for s in steps}
    setting: dict[tuple[str | None, str | None], Step] = {}
    for one in steps:
        if one.touches.service is not None:
            setting[(one.touches.service, one.touches.sets)] = one
    latest: dict[tuple[str, str], str] = {}
    out: dict[str, tuple[str, ...]] = {}
    for one in steps:
        touches, needed = one.touches, list(given[one.id])
        for switch in (setting.get((touches.out, "disabled")), setting.get((touches.into, "enabled"))):
            if switch is not None and switch is not one and one.id not in ancestors(given, switch.id):
                needed.append(switch.id)
        for thing in (("instance", touches.instance or ""), ("service", touches.service or "")):
            if thing[1]:
                if thing in latest and one.id not in ancestors(given, latest[thing]):
                    needed.append(latest[thing])
                latest[thing] = one.id
        out[one.id] = tuple(dict.fromkeys(needed))
    return out


def ancestors(before: dict[str, tuple[str, ...]], id: str) -> set[str]:
    """All that must come before a step, directly or not."""
    found: set[str] = set()
    open_ = list(before.get(id, ()))
    while open_:
        one = open_.pop()
        if one not in found:
            found.add(one)
            open_.extend(before.get(one, ()))
    return found
