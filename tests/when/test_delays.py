"""Plans that speak with the desk with delays, come, go and die: none is stuck and no limit is exceeded."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from plan_schemas.frozen import EMPTY
from plan_schemas.plan import Action, ActionState, Limits, Touches
from tests.when.counter import (
    HOSTS,
    Actor,
    World,
    budgets,
    crossing,
    in_zones,
    kept_over_deaths,
    move,
    wish,
)
from workflows.sharing.desk import Desk


@pytest.mark.parametrize("hundred", range(5))
def test_two_plans_in_opposite_order_are_never_stuck(hundred: int) -> None:
    """500 seeds: two plans that want each other's hosts both come to their end, half of them with budgets
    over zones and over time, and no slot and no budget is exceeded."""
    for seed in range(100 * hundred, 100 * hundred + 100):
        World(list(crossing(seed)), seed).run(3000)


def prepared(seed: int) -> Iterator[Actor]:
    """Plans in which a host is closed just in time before each of its servers leaves."""
    r = random.Random(seed)
    for name in "pqr":
        host = r.choice(HOSTS)
        others = [h for h in HOSTS if h != host]
        close = Action(
            "close",
            "migrate",
            EMPTY,
            "first",
            touches=Touches(service=host, sets="disabled"),
            just_in_time=True,
        )
        moves = [move(f"m{n}", f"{name}{n}", host, r.choice(others), needs=("close",)) for n in range(3)]
        yield Actor(name, [close, *moves], Limits(in_per_host=1))


def test_just_in_time_actions_of_several_plans_are_never_stuck() -> None:
    """200 seeds: plans that close a host before they empty it keep its slots for the first that leaves."""
    for seed in range(200):
        World(list(prepared(seed)), seed).run(3000)


def test_what_was_closed_just_in_time_is_followed_at_once() -> None:
    """The move that a host was closed for starts without asking again, although others wait for its slots."""
    one = next(prepared(1))
    world = World([one], 1)
    world.desk.plans["other"] = "r"
    one.turn()
    world.desk.receive(one.to_desk.popleft())
    world.answer()
    one.leave.hear(one.from_desk.popleft())
    one.turn()
    world.desk.receive(one.to_desk.popleft())
    world.answer()
    one.leave.hear(one.from_desk.popleft())
    one.turn()
    assert one.began == ["close"]
    moves = one.progress.actions["m0"].touches
    world.desk.ledger.ask(wish("other", 1, **{f"host/{moves.out}/out": 1}))
    one.finish("close")
    one.turn()
    assert one.began == ["close", "m0"]
    world.desk.receive(one.to_desk.popleft())
    assert world.desk.ledger.grant(0.0) == []
    assert world.desk.ledger.why(("other", 1)).endswith("by p (m0)")


class Comings(World):
    """Plans begin at any time, say goodbye, or are terminated while the cloud goes on with what they asked
    for; some exchanges and answers take long, so that those of different plans overtake each other."""

    def __init__(self, actors: list[Actor], seed: int, deaths: float) -> None:
        super().__init__(actors[:1], seed)
        self.to_come = actors[1:]
        self.deaths = deaths
        self.dead: dict[str, Actor] = {}
        self.alone = 0  # how often a plan started something without a word to anybody

    def step(self) -> None:
        if self.to_come and self.random.random() < 0.05:
            self.actors.append(self.to_come.pop())
        for actor in self.dead.values():  # the cloud goes on
            if actor.progress.running and self.random.random() < 0.1:
                actor.progress.finish(self.random.choice(actor.progress.running), ActionState.SUCCEEDED)
        if not self.actors:
            return
        actor = self.random.choice(self.actors)
        before = len(actor.began)
        alone = actor.leave._own is not None
        super().step_of(actor)
        self.alone += alone and len(actor.began) > before
        if actor.progress.over and not actor.leave.has_news and not actor.to_desk:
            actor.leave.say_goodbye()
            self.desk.receive(actor.leave.take())
            self.actors.remove(actor)
        elif self.random.random() < self.deaths:
            self.actors.remove(actor)
            actor.progress.stop("terminated")
            self.dead[actor.name] = actor
        if self.random.random() < 0.05:
            self.look()

    def look(self) -> None:
        """What the permits do once in a while: at who is in the way, and at the cloud for those that died."""
        names = list(self.desk.lost)
        for plan in self.desk.in_the_way() & {*self.dead}:
            self.desk.bury(plan, "TERMINATED")
        running = [a.progress.actions[id].touches for a in self.dead.values() for id in a.progress.running]
        rows = [{"instance": str(t.instance), "out": str(t.out), "in": str(t.into)} for t in running]
        known = self.desk.held_by_lost()
        moving = [row["instance"] for row in rows if row["instance"] in known]
        self.desk.seen(names, moving, rows)

    def answer(self) -> None:
        by_name = {actor.name: actor for actor in self.actors}
        busy = [actor.name for actor in self.actors if actor.from_desk]
        for plan, answer in self.desk.take(self.now, busy).items():
            if plan in by_name:
                by_name[plan].from_desk.append(answer)
            elif plan in self.dead:
                self.desk.bury(plan, "TERMINATED")

    def ghosts(self) -> Counter[str]:
        used: Counter[str] = Counter()
        for actor in self.dead.values():
            for id in actor.progress.running:
                touches = actor.progress.actions[id].touches
                used.update((f"i {touches.instance}", f"out {touches.out}", f"in {touches.into}"))
                used.update(kept_over_deaths(actor, id).keys())
        return used

    @property
    def over(self) -> bool:
        return not self.actors and not self.to_come


def coming(seed: int) -> list[Actor]:
    """Plans over the same hosts; some of them want to be counted by the hour too."""
    r = random.Random(seed)
    out = []
    for name in "pqrs":
        shared = r.random() < 0.3
        rows = [(n, r.sample(HOSTS, 2)) for n in range(r.randrange(2, 7))]
        moves = [
            move(
                f"{name}{n}",
                f"i{n if r.random() < 0.3 else name + str(n)}",
                a,
                b,
                shares=in_zones(a, b, shared),
            )
            for n, (a, b) in rows
        ]
        limits = Limits(
            out_per_host=r.choice((1, 2)), in_per_host=r.choice((1, 2)), cloud=r.choice((None, None, None, 2))
        )
        out.append(Actor(name, moves, limits, budgets(r)))
    return out


@pytest.mark.parametrize("deaths", [0.0, 0.01])
@pytest.mark.parametrize("hundred", range(3))
def test_a_plan_that_is_alone_never_has_what_another_one_has(hundred: int, deaths: float) -> None:
    """300 seeds, with and without sudden deaths: plans that come and go start unasked while they are alone,
    and yet no slot and no budget is exceeded, by what really runs; and all of them end."""
    alone = 0
    for seed in range(100 * hundred, 100 * hundred + 100):
        world = Comings(coming(seed), seed, deaths)
        world.run(6000)
        alone += world.alone
    assert alone > 50, "hardly anybody was ever alone"


@settings(max_examples=300, deadline=None)
@given(seed=st.integers(0, 10_000), when=st.integers(5, 60))
def test_permits_that_are_opened_anew_grant_nothing_twice(seed: int, when: int) -> None:
    """The permits vanish in mid-plan: the new ones first hear what everybody holds, and all ends well."""
    world = World(list(crossing(seed)), seed)
    for _ in range(when):
        world.step()
        world.check()
    world.desk = Desk()
    world.desk.opening = True
    world.desk.expect(actor.name for actor in world.actors)
    for actor in world.actors:  # what was on its way there is lost; the plan learns it and says all anew
        if actor.to_desk:
            actor.to_desk.clear()
            actor.leave.start_over()
    for _ in range(4000):
        if not world.desk.unheard:
            world.desk.opening = False
        if all(actor.progress.over for actor in world.actors):
            return
        world.step()
        world.check()
        world.answer()
    raise AssertionError("stuck")
