"""The ledger of the permits: who is granted what, in which order, and what the others read meanwhile."""

from __future__ import annotations

from collections import Counter
from typing import Any

import hypothesis.strategies as st
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.when.counter import wish
from workflows.sharing.grants import Ledger
from workflows.sharing.queues import Wish


def granted(ledger: Ledger, now: float = 0.0) -> list[tuple[str, int]]:
    return [one.key for one in ledger.grant(now)]


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
