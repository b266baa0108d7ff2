"""Permits without Temporal: a ledger, the desk that serves it, and plans that speak to it with delays."""

from __future__ import annotations

import random
from collections import Counter, deque
from collections.abc import Iterator
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from plan_schemas.budget import Share
from plan_schemas.frozen import EMPTY, FrozenDict
from plan_schemas.plan import Action, ActionState, ActionType, Execution, Limits, Plan, Retry, Touches
from workflows.progress import Progress
from workflows.sharing.desk import Desk
from workflows.sharing.exchange import Answer, Exchange, Want
from workflows.sharing.grants import Ledger
from workflows.sharing.leave import Leave
from workflows.sharing.queues import Wish

HOSTS = ("a", "b", "c", "d")
TYPE = ActionType("migrate", True, True, 5, 60, 1, Retry(1, 1, 2, 10))


def wish(plan: str, ticket: int, priority: int = 0, **slots: int) -> Wish:
    return Wish(plan, ticket, f"{plan}{ticket}", slots, {}, priority)


def granted(ledger: Ledger, now: float = 0.0) -> list[tuple[str, int]]:
    return [one.key for one in ledger.grant(now)]


# -- the ledger ---------------------------------------------------------------------------------------------


def test_a_set_is_granted_as_a_whole_or_not_at_all() -> None:
    """Whoever misses one slot of his set gets none of it, and is told who has it."""
    ledger = Ledger()
    ledger.ask(wish("p", 1, x=1))
    ledger.ask(wish("q", 1, x=1, y=1))
    assert granted(ledger) == [("p", 1)]
    assert ledger.why(("q", 1)) == "x: 1 of 1 taken, by p (p1)"
    assert [w.key for w in ledger.held.values()] == [("p", 1)]
    ledger.give_back(("p", 1))
    assert granted(ledger) == [("q", 1)]


def test_whoever_waits_claims_his_slots() -> None:
    """A later wish does not take a free slot from an earlier one that waits for another; it says for whom."""
    ledger = Ledger()
    ledger.ask(wish("p", 1, x=1))
    ledger.ask(wish("q", 1, x=1, y=1))
    ledger.ask(wish("r", 1, y=1))
    assert granted(ledger) == [("p", 1)]
    assert ledger.why(("r", 1)) == "y: q (q1) asked first"
    ledger.give_back(("q", 1))
    assert granted(ledger) == [("r", 1)], "a claim that is withdrawn binds nobody"


def test_the_most_restrictive_limit_wins() -> None:
    """Of several limits for one slot the smallest of all holders and of those before in the queue holds."""
    ledger = Ledger()
    ledger.ask(wish("p", 1, x=2))
    ledger.ask(wish("q", 1, x=1))
    ledger.ask(wish("r", 1, x=2))
    assert granted(ledger) == [("p", 1)]
    ledger.give_back(("p", 1))
    assert granted(ledger) == [("q", 1)]
    assert ledger.why(("r", 1)) == "x: 1 of 1 taken, by q (q1)"


def test_priority_goes_before_arrival() -> None:
    """The more urgent wish is granted first, and among equals the earlier one."""
    ledger = Ledger()
    ledger.ask(wish("p", 1, x=1))
    assert granted(ledger) == [("p", 1)]
    ledger.ask(wish("q", 1, x=1))
    ledger.ask(wish("r", 1, 5, x=1))
    ledger.ask(wish("s", 1, 5, x=1))
    for before, after in ((("p", 1), ("r", 1)), (("r", 1), ("s", 1)), (("s", 1), ("q", 1))):
        ledger.give_back(before)
        assert granted(ledger) == [after]


def test_a_rate_lets_so_many_start_in_its_time() -> None:
    """Two starts an hour: the third waits until the first is an hour old, whatever has ended meanwhile."""
    ledger = Ledger()
    for ticket in (1, 2, 3):
        ledger.ask(Wish("p", ticket, "m", {f"i{ticket}": 1}, {"hour": (2, 3600.0)}))
    assert granted(ledger, 100.0) == [("p", 1), ("p", 2)]
    ledger.give_back(("p", 1))
    assert granted(ledger, 3699.0) == []
    ledger.tick(3699.0)
    assert ledger.due() == 1.0
    assert ledger.why(("p", 3)) == "hour: 2 starts in the last 3600 s, 2 are allowed"
    ledger.tick(3700.0)
    assert granted(ledger, 3700.0) == [("p", 3)]


def test_what_was_never_started_does_not_count_in_a_rate() -> None:
    """A grant that is given back unused makes room for another start in the same hour."""
    ledger = Ledger()
    for ticket in (1, 2):
        ledger.ask(Wish("p", ticket, "m", {f"i{ticket}": 1}, {"hour": (1, 3600.0)}))
    assert granted(ledger, 0.0) == [("p", 1)]
    ledger.give_back(("p", 1), unused=True)
    assert granted(ledger, 1.0) == [("p", 2)]


def test_a_budget_says_how_far_it_is_used() -> None:
    """Who waits for a budget reads whose it is and who uses it; its state is known while somebody does."""
    ledger, name, hourly = (
        Ledger(),
        "budget of zone az1 of policy night",
        "budget of cloud c in 3600 s of policy night",
    )
    for plan in "pqr":
        ledger.ask(Wish(plan, 1, "m", {f"i{plan}": 1, name: 2}, {hourly: (9, 3600.0)}))
    assert granted(ledger) == [("p", 1), ("q", 1)]
    assert ledger.why(("r", 1)) == f"waits for {name}: 2 of 2 are moving, by p (m) and q (m)"
    assert ledger.budgets() == {
        hourly: {"used": 2, "limit": 9, "waiting": 1, "within_seconds": 3600.0},
        name: {"used": 2, "limit": 2, "waiting": 1},
    }
    for plan in "pqr":
        ledger.give_back_all(plan)
    assert Ledger.restored(ledger.document()).budgets() == {
        hourly: {"used": 2, "limit": 9, "waiting": 0, "within_seconds": 3600.0}
    }


def test_frozen_means_nothing_is_granted() -> None:
    """Nothing is granted while it is frozen, however much is given back, and everything due after it."""
    ledger = Ledger()
    ledger.frozen = "frozen by eve: fire"
    ledger.ask(wish("p", 1, x=1))
    assert granted(ledger) == []
    assert ledger.why(("p", 1)) == "frozen by eve: fire"
    ledger.thaw()
    assert granted(ledger) == [("p", 1)]


class Counting(RuleBasedStateMachine):
    """Anything may be asked, given back and said twice, at any time."""

    @initialize()
    def begin(self) -> None:
        self.ledger = Ledger()
        self.arrivals: list[tuple[int, int, tuple[str, int]]] = []
        self.tickets = 0
        self.now = 0.0

    @rule(
        plan=st.sampled_from("pqr"),
        slots=st.dictionaries(st.sampled_from("xyz"), st.integers(1, 3), min_size=1),
        priority=st.integers(0, 2),
        rate=st.one_of(st.none(), st.integers(1, 3)),
    )
    def ask(self, plan: str, slots: dict[str, int], priority: int, rate: int | None) -> None:
        self.tickets += 1
        rates = {"hour": (rate, 60.0)} if rate else {}
        one = Wish(plan, self.tickets, "m", slots, rates, priority)
        self.ledger.ask(one)
        self.ledger.ask(one)
        self.arrivals.append((-priority, self.tickets, one.key))

    @precondition(lambda self: self.tickets)
    @rule(data=st.data(), unused=st.booleans())
    def give_back(self, data: st.DataObject, unused: bool) -> None:
        ticket = data.draw(st.integers(1, self.tickets + 1))
        for plan in "pqr":
            known = (plan, ticket) in self.ledger.held or (plan, ticket) in self.ledger.waiting
            assert self.ledger.give_back((plan, ticket), unused=unused) == known

    @rule(plan=st.sampled_from("pqr"))
    def die(self, plan: str) -> None:
        self.ledger.give_back_all(plan)
        assert not any(key[0] == plan for key in (*self.ledger.held, *self.ledger.waiting))

    @rule(seconds=st.floats(0, 100))
    def pass_time(self, seconds: float) -> None:
        self.now += seconds
        self.ledger.tick(self.now)

    @rule()
    def freeze(self) -> None:
        self.ledger.frozen = "because"

    @rule()
    def thaw(self) -> None:
        self.ledger.thaw()

    @rule()
    def grant(self) -> None:
        before = dict(self.ledger.waiting)
        given = self.ledger.grant(self.now)
        assert not (given and self.ledger.frozen)
        for one in given:
            self._nobody_before_was_passed_over(one, before)
        if not self.ledger.frozen:
            assert self._nobody_waits_for_nothing() == []

    @rule()
    def go_on_in_another_run(self) -> None:
        document = self.ledger.document()
        self.ledger = Ledger.restored(document)
        assert self.ledger.document() == document

    def _nobody_before_was_passed_over(self, one: Wish, before: dict[Any, Wish]) -> None:
        mine = next(a for a in self.arrivals if a[2] == one.key)
        for other in self.arrivals:
            if other < mine and other[2] in self.ledger.waiting and other[2] in before:
                theirs = before[other[2]]
                for slot in {*theirs.slots} & {*one.slots}:
                    users = [w for w in (*self.ledger.held.values(), theirs) if slot in w.slots]
                    assert len(users) <= min(w.slots[slot] for w in users), f"{one} took {slot} of {theirs}"

    def _nobody_waits_for_nothing(self) -> list[str]:
        return [self.ledger.why(key) for key in self.ledger.waiting if self.ledger.why(key) == "is next"]

    @invariant()
    def no_limit_is_exceeded(self) -> None:
        used: Counter[str] = Counter()
        least: dict[str, int] = {}
        for one in self.ledger.held.values():
            for slot, limit in one.slots.items():
                used[slot] += 1
                least[slot] = min(limit, least.get(slot, limit))
        assert all(used[slot] <= least[slot] for slot in used)

    @invariant()
    def nobody_both_holds_and_waits(self) -> None:
        assert not {*self.ledger.held} & {*self.ledger.waiting}


TestCounting = Counting.TestCase
TestCounting.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)


# -- plans at the desk --------------------------------------------------------------------------------------


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


X = Want(ticket=1, action="m", slots={"x": 1})


def test_what_a_dead_plan_holds_is_free() -> None:
    """A plan that is gone holds nothing and claims nothing any more; what it held is named."""
    desk = Desk()
    for plan in ("p", "q"):
        desk.receive(Exchange(plan=plan, run="r", announce=True))
        desk.receive(Exchange(plan=plan, run="r", wants=[X]))
    assert desk.take(0.0)["p"].granted == [1]
    assert desk.gone("p") == ["m"]
    assert desk.take(0.0)["q"].granted == [1]


def test_another_run_under_the_same_id_is_asked_what_it_holds() -> None:
    """A plan that was started anew under an old id frees what the old one held, by saying what it holds."""
    desk = Desk()
    desk.receive(Exchange(plan="p", run="1", announce=True, wants=[X]))
    assert desk.take(0.0)["p"].granted == [1]
    desk.receive(Exchange(plan="p", run="2"))
    assert desk.take(0.0)["p"].announce
    desk.receive(Exchange(plan="p", run="2", announce=True))
    assert desk.ledger.held == {}


def test_a_freeze_reaches_plans_that_hold_nothing() -> None:
    """Every plan that ever spoke is told of a freeze and of its end."""
    desk = Desk()
    desk.receive(Exchange(plan="p", run="r", announce=True))
    assert desk.take(0.0)["p"].frozen == ""
    desk.freeze("frozen by eve: fire")
    assert desk.take(0.0)["p"].frozen == "frozen by eve: fire"
    desk.thaw()
    assert desk.take(0.0)["p"].frozen == ""
    assert desk.take(0.0) == {}


def test_a_freeze_outlives_the_permits_that_were_told_of_it() -> None:
    """Permits that are opened anew learn of a freeze from any plan that knows of it."""
    desk = Desk()
    desk.opening = True
    desk.receive(Exchange(plan="p", run="r", announce=True, frozen="frozen by eve: fire"))
    assert desk.frozen == "frozen by eve: fire"


def test_a_desk_goes_on_in_another_run() -> None:
    """What was granted and not told yet is told by the next run."""
    desk = Desk()
    desk.receive(Exchange(plan="p", run="1", announce=True, wants=[X]))
    assert desk.take(0.0, busy=["p"]) == {}
    assert Desk.restored(desk.document()).take(1.0)["p"].granted == [1]


def test_what_a_terminated_plan_moves_keeps_its_slots_until_it_rests() -> None:
    """The others wait, and read for whom, until the cloud was seen without the move."""
    desk, x = Desk(), {"instance/i": 1, "x": 1}
    desk.receive(Exchange(plan="p", run="1", announce=True, wants=[Want(ticket=1, action="m", slots=x)]))
    desk.receive(Exchange(plan="q", run="1", announce=True, wants=[X]))
    assert desk.take(0.0)["p"].granted == [1]
    assert desk.bury("p", "TERMINATED") == ["m"]
    assert desk.take(1.0) == {}
    assert desk.why(("q", 1)) == "x: 1 of 1 taken, by p (TERMINATED, run 1) (m)"
    assert desk.held_by_lost() == ["i"]
    assert desk.seen([*desk.lost], ["i"], []) == []
    assert Desk.restored(desk.document()).lost == desk.lost
    assert desk.seen([*desk.lost], [], []) == ["m"]
    assert desk.take(2.0)["q"].granted == [1]
    assert not desk.lost


def test_nothing_is_granted_before_the_moves_of_a_plan_that_was_alone_are_known() -> None:
    """It told nobody what it began: when it dies, the cloud is asked for all that is under way."""
    desk = Desk()
    desk.receive(Exchange(plan="p", run="1", number=1, announce=True))
    assert desk.take(0.0)["p"].alone == 1
    desk.receive(Exchange(plan="q", run="1", number=1, announce=True, wants=[X]))
    assert desk.take(0.0)["p"].announce, "it is called back"
    assert desk.why(("q", 1)) == "p, which had the cloud to itself, must say first what it holds"
    desk.bury("p", "TERMINATED")
    assert "the cloud is asked what still moves" in desk.why(("q", 1))
    assert desk.take(1.0) == {}
    move = {"instance": "i", "out": "a", "in": "b"}
    assert desk.seen([*desk.lost], [], [move]) == []
    assert desk.take(2.0)["q"].granted == [1]
    (ghost,) = [wish for wish in desk.ledger.held.values() if wish.plan != "q"]
    assert {*ghost.slots} == {"instance/i", "host/a/out", "host/b/in"}
    assert desk.seen([*desk.lost], [], []) == ["i"]


def test_a_plan_that_goes_on_in_another_run_leaves_nothing_behind() -> None:
    """Its earlier run gave all back: nobody has to wait until the cloud was asked."""
    desk = Desk()
    desk.receive(Exchange(plan="p", run="1", number=7, announce=True))
    assert desk.take(0.0)["p"].alone
    desk.receive(Exchange(plan="p", run="2", number=1, announce=True, continues=True))
    assert (desk.alone, desk.lost) == ("", {})
    assert desk.take(0.0)["p"].alone == 1


def test_a_plan_that_counts_starts_in_a_time_is_never_alone() -> None:
    """Rates are counted over all plans, the past ones too."""
    desk, want = Desk(), Want(ticket=1, action="m", slots={"x": 1}, rates={"hour": (2, 3600.0)})
    desk.receive(Exchange(plan="p", run="1", number=1, announce=True, wants=[want]))
    assert (desk.take(0.0)["p"].granted, desk.alone) == ([1], "")


def test_a_plan_that_was_reset_does_not_vouch_for_the_run_before_it() -> None:
    """A second run gave back what the first one held; that says nothing of what it began itself."""
    desk, leave = Desk(), Leave("p", "1", "c")
    leave.greet()
    desk.receive(leave.take())
    second = Leave("p", "2", "c")
    second.restore(leave.document())
    desk.receive(second.take())
    assert desk.take(0.0)["p"].alone
    second.run = "3"
    second.renumber(5)
    desk.receive(second.take())
    assert desk.blind.startswith("p (replaced, run 2)")
    assert desk.take(0.0)["p"].alone == 0


def test_a_plan_that_goes_on_may_leave_as_its_first_word() -> None:
    """Its earlier run gave all back: nothing is lost with it. Of another plan under its id that is not so."""
    for continues, lost in ((True, []), (False, ["p (replaced, run 1)"])):
        desk = Desk()
        desk.receive(Exchange(plan="p", run="1", number=1, announce=True))
        assert desk.take(0.0)["p"].alone == 1
        desk.receive(Exchange(plan="p", run="2", number=1, leaves=True, continues=continues))
        assert [*desk.lost] == lost
        assert not desk.plans


def test_a_plan_of_many_runs_says_goodbye_as_one() -> None:
    """It may come to its end before it said a word in its last run."""
    first, last = Leave("p", "1", "c"), Leave("p", "2", "c")
    first.greet()
    last.restore(first.document())
    last.say_goodbye()
    said = last.take()
    assert (said.leaves, said.continues, said.announce) == (True, True, False)


HOURLY_MOVE = Execution(limits=Limits(per_hour=3))
ZONAL_MOVE = Execution(limits=Limits(cloud=3))


@pytest.mark.parametrize("execution", [HOURLY_MOVE, ZONAL_MOVE])
def test_a_plan_with_a_budget_asks_even_when_it_hears_that_it_is_alone(execution: Execution) -> None:
    """The word that it is alone and its wish cross each other: the wish is not lost, nor counted by the plan
    itself, nor is that of its next run."""
    plan = Plan("p", "c", "2026-01-01T00:00:00Z", execution, FrozenDict(migrate=TYPE), ())
    one, two = move("m1", "i1", "a", "b"), move("m2", "i2", "a", "b")
    desk, leave = Desk(), Leave("p", "1", "c")
    leave.greet()
    desk.receive(leave.take())
    answer = desk.take(0.0)["p"]
    assert answer.alone == 1
    assert not leave.has(one, plan)
    leave.hear(answer)
    assert leave.has_news
    desk.receive(leave.take())
    told = desk.take(1.0)["p"]
    assert (len(told.granted), told.alone, desk.alone) == (1, 0, "")
    leave.hear(told)
    assert leave.granted() == ["m1"]
    leave.give_back("m1")
    after = Leave("p", "2", "c")
    after.restore(leave.document())
    desk.receive(after.take())
    answer = desk.take(2.0)["p"]
    assert answer.alone == 0
    assert not after.has(two, plan)


def test_a_plan_that_was_alone_and_cannot_answer_stops_nobody_for_ever() -> None:
    """Asked what it holds, and seen twice without anything under way: it reads the question before it starts
    anything. Before it was asked a look changes nothing."""
    desk = Desk()
    desk.receive(Exchange(plan="p", run="1", number=1, announce=True))
    assert desk.take(0.0)["p"].alone == 1
    for _ in range(3):
        desk.idle("p")
    desk.receive(Exchange(plan="q", run="1", number=1, announce=True, wants=[X]))
    desk.idle("p")
    desk.idle("p")
    assert desk.take(1.0)["p"].announce, "it has not been asked before"
    desk.idle("p")
    assert desk.alone == "p", "a task that began before the question may still start something"
    desk.idle("q")
    desk.idle("p")
    assert desk.alone == ""
    assert desk.take(2.0)["q"].granted == [1]


def test_a_person_lets_go_whoever_never_speaks() -> None:
    """Of a plan that was alone, and of one that is lost, nothing stays taken, and both are named."""
    desk = Desk()
    desk.receive(Exchange(plan="p", run="1", number=1, announce=True))
    desk.take(0.0)
    assert desk.let_go() == []
    desk.bury("p", "TERMINATED")
    desk.receive(Exchange(plan="q", run="1", number=1, announce=True, wants=[X]))
    assert desk.take(1.0)["q"].granted == []
    assert desk.let_go() == ["p (TERMINATED, run 1)"]
    assert desk.take(2.0)["q"].granted == [1]
    alone = Desk()
    alone.receive(Exchange(plan="p", run="1", number=1, announce=True))
    alone.take(0.0)
    alone.receive(Exchange(plan="q", run="1", number=1, announce=True, wants=[X]))
    assert alone.let_go() == ["p"]
    assert alone.take(1.0)["q"].granted == [1]


@pytest.mark.parametrize("heard_before", [False, True])
def test_a_grant_of_permits_that_are_no_more_is_not_counted_beside_those_of_the_new_ones(
    heard_before: bool,
) -> None:
    """On its way when they vanished it is void; what has arrived before the plan speaks again is held."""
    plan = Plan("p", "c", "2026-01-01T00:00:00Z", Execution(), FrozenDict(migrate=TYPE), ())
    old, new, leave = Desk(), Desk(), Leave("p", "1", "c")
    old.plans["another"] = "1"
    leave.greet()
    old.receive(leave.take())
    leave.hear(old.take(0.0)["p"])
    assert not leave.has(move("m", "i", "a", "b"), plan)
    old.receive(leave.take())
    late = old.take(1.0)["p"]
    assert len(late.granted) == 1
    if heard_before:
        leave.hear(late)
    leave.start_over()
    new.receive(Exchange(plan="q", run="1", announce=True))
    new.receive(leave.take())
    if not heard_before:
        leave.hear(late)
    held = {want.action for want in new.ledger.held.values()}
    assert leave.granted() == [*held] == (["m"] if heard_before else [])
    if leave.has_news:
        new.receive(leave.take())
    leave.hear(new.take(2.0)["p"])
    assert leave.granted() == ([] if heard_before else ["m"])
    assert {want.action for want in new.ledger.held.values()} == {"m"}
