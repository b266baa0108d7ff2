"""The desk: what plans are told that announce themselves, go on, are alone, die or are let go."""

from __future__ import annotations

import pytest

from plan_schemas.frozen import FrozenDict
from plan_schemas.plan import Execution, Limits, Plan
from tests.when.counter import TYPE, move
from workflows.sharing.desk import Desk
from workflows.sharing.exchange import Exchange, Want
from workflows.sharing.leave import Leave

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
