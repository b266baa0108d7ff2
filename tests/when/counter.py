"""Plans at the desk of the permits without Temporal: each speaks with it by messages that take their time."""

from __future__ import annotations

import random
from collections import Counter, deque
from collections.abc import Iterator
from typing import Any

from plan_schemas.budget import Share
from plan_schemas.frozen import EMPTY, FrozenDict
from plan_schemas.plan import Action, ActionState, ActionType, Execution, Limits, Plan, Retry, Touches
from workflows.progress import Progress
from workflows.sharing.desk import Desk
from workflows.sharing.exchange import Answer, Exchange
from workflows.sharing.leave import Leave
from workflows.sharing.queues import Wish

HOSTS = ("a", "b", "c", "d")
TYPE = ActionType("migrate", True, True, 5, 60, 1, Retry(1, 1, 2, 10))


def wish(plan: str, ticket: int, priority: int = 0, **slots: int) -> Wish:
    return Wish(plan, ticket, f"{plan}{ticket}", slots, {}, priority)


def move(id: str, instance: str, out: str, into: str, **more: Any) -> Action:
    return Action(id, "migrate", EMPTY, "because", touches=Touches(instance, out, into), **more)


class Actor:
    """A plan with its progress and its leave, without Temporal; messages take their time both ways."""

    def __init__(
        self, name: str, actions: list[Action], limits: Limits, shares: dict[str, Share] | None = None
    ) -> None:
        plan = Plan(
            name,
            "c",
            "2026-01-01T00:00:00Z",
            Execution(mode="auto", limits=limits),
            FrozenDict(migrate=TYPE),
            tuple(actions),
            shares=FrozenDict(shares or {}),
        )
        self.name = name
        self.progress = Progress(plan)
        self.leave = Leave(name, "run", "c")
        self.leave.greet()
        self.to_desk: deque[Exchange] = deque()
        self.from_desk: deque[Answer] = deque()
        self.began: list[str] = []

    def turn(self) -> None:
        """As the dispatcher does."""
        progress, leave = self.progress, self.leave
        progress.frozen = leave.obstacle
        permitted = leave.granted()
        startable = progress.startable()
        for id in permitted:
            if id in progress.queued and not progress.frozen:
                progress.permit(id)
                self.began.append(id)
            else:
                leave.give_back(id, unused=True)
                if id in progress.queued:
                    progress.retract(id)
        for id in startable:
            if leave.has(progress.actions[id], progress.plan, progress.ahead(id)):
                self.began.append(id)
            else:
                progress.queue(id, "asked")
        leave.settle(progress.queued)
        if leave.has_news and not self.to_desk:
            self.to_desk.append(leave.take())

    def finish(self, id: str) -> None:
        self.progress.finish(id, ActionState.SUCCEEDED)
        self.leave.give_back(id)


def kept_over_deaths(actor: Actor, id: str) -> dict[str, int]:
    """The budgets in which an action has a part, and the limit of the whole cloud if its plan has one."""
    plan = actor.progress.plan
    shares = {name: plan.shares[name] for name in actor.progress.actions[id].shares}
    limit = plan.execution.limits.cloud
    whole = {} if limit is None else {"cloud": limit}
    return whole | {name: share.limit for name, share in shares.items() if not share.seconds}


class World:
    """Several plans, one desk, and whatever may happen in any order."""

    def __init__(self, actors: list[Actor], seed: int) -> None:
        self.random = random.Random(seed)
        self.actors = actors
        self.desk = Desk()
        self.now = 0.0

    def step(self) -> None:
        self.step_of(self.random.choice(self.actors))

    @property
    def over(self) -> bool:
        return all(actor.progress.over for actor in self.actors)

    def step_of(self, actor: Actor) -> None:
        self.now += 1.0
        self.desk.ledger.tick(self.now)
        what = self.random.random()
        if what < 0.3 and actor.to_desk:
            said = actor.to_desk.popleft()
            self.desk.receive(said)
            if self.random.random() < 0.1:
                self.desk.receive(said)  # twice
            self.answer()
        elif what < 0.6 and actor.from_desk:
            actor.leave.hear(actor.from_desk.popleft())
        elif actor.progress.running and what < 0.8:
            actor.finish(self.random.choice(actor.progress.running))
        actor.turn()

    def answer(self) -> None:
        by_name = {actor.name: actor for actor in self.actors}
        busy = [actor.name for actor in self.actors if actor.from_desk]
        for plan, answer in self.desk.take(self.now, busy).items():
            by_name[plan].from_desk.append(answer)

    def check(self) -> None:
        """What really runs, over all plans, against every plan's limits."""
        used: Counter[str] = Counter()
        least: dict[str, int] = {}
        for actor in self.actors:
            limits = actor.progress.plan.execution.limits
            for id in actor.progress.running:
                touches = actor.progress.actions[id].touches
                for slot, limit in (
                    (f"i {touches.instance}", 1),
                    (f"out {touches.out}", limits.out_per_host),
                    (f"in {touches.into}", limits.in_per_host),
                ):
                    if not slot.endswith(" None"):
                        used[slot] += 1
                        least[slot] = min(limit, least.get(slot, limit))
                for name, limit in kept_over_deaths(actor, id).items():
                    used[name] += 1
                    least[name] = min(limit, least.get(name, limit))
        used.update(self.ghosts())
        assert all(used[slot] <= limit for slot, limit in least.items()), used

    def ghosts(self) -> Counter[str]:
        """What still runs of plans that are no more. Their limits died with them."""
        return Counter()

    def run(self, steps: int) -> None:
        for _ in range(steps):
            if self.over:
                return
            self.step()
            self.check()
            self.answer()
        waiting = [self.desk.why(key) for key in self.desk.ledger.waiting]
        stuck = {actor.name: actor.progress.counts for actor in self.actors}
        raise AssertionError(f"stuck: {stuck}; {waiting}")


ZONES = {"a": "z1", "b": "z1", "c": "z2", "d": "z2"}
HOURLY = "budget of cloud c in 20 s of policy p"


def in_zones(out: str, into: str, shared: bool) -> tuple[str, ...]:
    """The budgets that a move has a part in, where there are budgets."""
    zones = sorted({ZONES[out], ZONES[into]})
    return (*(f"budget of zone {zone} of policy p" for zone in zones), HOURLY) if shared else ()


def budgets(r: random.Random) -> dict[str, Share]:
    """Two plans may know other limits of the same budget: it was changed between them."""
    zones = {f"budget of zone {zone} of policy p": Share(r.choice((1, 2, 3))) for zone in ("z1", "z2")}
    return {**zones, HOURLY: Share(r.choice((2, 3)), 20.0)}


def crossing(seed: int) -> Iterator[Actor]:
    """Two plans, each of which moves off the hosts that the other one moves to, in opposite order."""
    r = random.Random(seed)
    hosts = [r.sample(HOSTS, 2) for _ in range(r.randrange(3, 9))]
    limits = Limits(
        out_per_host=r.choice((1, 2)), in_per_host=r.choice((1, 2)), parallel=r.choice((1, 2, 20))
    )
    shared = r.random() < 0.5
    yield Actor(
        "p",
        [move(f"p{n}", f"i{n}", a, b, shares=in_zones(a, b, shared)) for n, (a, b) in enumerate(hosts)],
        limits,
        budgets(r),
    )
    back = [(n, a, b) for n, (a, b) in enumerate(hosts)][::-1]
    yield Actor(
        "q",
        [
            move(f"q{n}", f"i{n if r.random() < 0.5 else 100 + n}", b, a, shares=in_zones(a, b, shared))
            for n, a, b in back
        ],
        limits,
        budgets(r),
    )
