"""The why-not property: whatever is said to be against a move, the judge says of that very move too."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from activities.why import instance as why
from activities.why import move
from activities.why.case import Case, case
from activities.why.host import left
from plan_schemas import admit
from plan_schemas.audit import Audit
from plan_schemas.catalog import load
from plan_schemas.frozen import EMPTY
from plan_schemas.model import Cluster
from plan_schemas.plan import Action, Execution, Plan, Refusal, from_document
from tests import judge, worlds
from tests.deciding import truth
from tests.deciding.test_strategies import STRATEGIES, cases, proposed
from tests.judge.loads import Loads
from tests.judge.picture import Picture, Terms
from tests.judge.places import crowding, placing, staying
from tests.judge.purpose import INDICATORS, Ends
from tests.seeds import seeds

Row = dict[str, Any]
# Clouds of one seed grow out of one another; fewer do not draw every reason for each strategy.
SEEDS, EACH = seeds(6), 6
ASKED = 5  # instances of each
NUMBERS = re.compile(r"(-?\d+) of (\d+) (\w+)")  # what a host has left of what is needed
LEVEL = re.compile(r"\S+ is at (\S+) %, below the threshold of (\S+) %")
NO_RULE = {"no_gain", "not_chosen", "budget"}


class Worked(NamedTuple):
    """A decision, with what the judge knows of the cloud before and after it."""

    case: Case
    audit: Row
    document: Row
    before: Row
    after: Row

    def state(self, answer: why.Answer) -> Row:
        return self.after if answer.state == why.AFTER else self.before

    def when(self, action: Action) -> Worked:
        """The same with the moment at which an action begins for the cloud before."""
        earlier = self.document["actions"][: self.case.plan.actions.index(action)]
        return self._replace(before=dict(truth.outcome(self.before, {"actions": earlier})))


def worked(cluster: Cluster, audit: Row) -> Worked:
    """By whatever plan the strategy makes; by one of no actions where it makes none."""
    document = proposed(cluster, audit) or {"actions": []}
    asked = admit.audit(audit, load())
    plan = from_document(document) if "execution" in document else _nothing(asked)
    snapshot = worlds.measured(cluster)
    known, usage = load(), worlds.used(cluster)
    found = case(
        plan,
        cluster,
        audit=asked,
        goals=known.goals,
        usage=usage,
        metrics=known.metrics,
        strategies=known.strategies,
    )
    return Worked(found, audit, document, snapshot, dict(truth.outcome(snapshot, document)))


def _nothing(audit: Audit) -> Plan:
    return Plan("none", audit.cloud, "", Execution(allow=audit.execution.allow), EMPTY, (), goal=audit.goal)


def asked(strategy: str) -> Counter[str]:
    """Asks about random moves in random clouds, fails on an untrue answer, and counts what was told."""
    told: Counter[str] = Counter()

    @settings(
        max_examples=EACH,
        derandomize=True,
        database=None,
        deadline=None,
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate],
    )
    @given(cases(strategy), st.randoms(use_true_random=False))
    def run(drawn: Any, chance: Any) -> None:
        at = worked(*drawn)
        known = list(at.case.before.instances)
        pictures = {id(s): (Picture(s), Terms(Picture(s), at.audit)) for s in (at.before, at.after)}
        for uuid in chance.sample(known, min(ASKED, len(known))):
            for answer in why.elsewhere(at.case, uuid):
                told.update(r.code for r in answer.reasons)
                assert list(_untrue(at, answer, uuid, *pictures[id(at.state(answer))])) == []
        for action in [a for a in at.case.plan.actions if move.is_move(a)][-1:]:
            told["passed over"] += sum(a.state == move.THEN for a in move.passed_over(at.case, action))
            found = list(_untrue_of_a_move(at.when(action), at, action, pictures[id(at.after)]))
            assert found == [], found
        for host in chance.sample(list(at.case.before.hosts), 2):
            reasons = left(at.case, host)
            told.update(f"host {r.code}" for r in reasons)
            told["level"] += sum(bool(LEVEL.match(r.text)) for r in reasons)
            assert list(_untrue_of_a_host(at, host, reasons, pictures)) == []
        assert list(_unconfirmed(at)) == []
        told["recorded"] += sum(len(a.get("alternatives", ())) for a in at.document["actions"])

    for number in SEEDS:
        seed(number)(run)()
    return told


@pytest.mark.hypothesis
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_what_is_against_a_move_is_what_the_judge_reports_of_it(strategy: str) -> None:
    """For every instance and every host: the rules named are the judge's, none are named where it has none,
    the numbers are its numbers, and the move as a plan of its own is reported for what decided."""
    told = asked(strategy)
    wanted = {"capacity", "anti_affinity", "zone", "traits", "locked", "disabled", "down", "out_of_scope"}
    assert {code for code in wanted if not told[code]} == set()
    assert told["no_gain"] + told["not_chosen"] >= 10
    assert sum(code.startswith("host ") for code in told) >= 5
    assert told["level"] >= (3 if strategy == "workload_balance" else 0)
    assert told["passed over"] >= (0 if strategy == "dummy" else 5)
    assert told["recorded"] >= (10 if strategy == "host_maintenance" else 0)


def test_an_answer_that_forgets_the_plan_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the cloud before the plan taken for the cloud after it, the property fails."""
    monkeypatch.setattr(Case, "after", property(lambda self: self.before))
    with pytest.raises(AssertionError, match="the judge finds"):
        asked("vm_workload_consolidation")


def _untrue(at: Worked, answer: why.Answer, uuid: str, picture: Picture, terms: Terms) -> Iterator[str]:
    told = {r.code for r in answer.reasons}
    rules = {rule for rule, _ in staying(picture, terms, uuid)}
    rules |= {rule for rule, _ in placing(picture, terms, uuid, answer.host)}
    if answer.is_free:
        if rules or not told <= NO_RULE:
            yield f"{uuid} to {answer.host}: {told} was said, the judge finds {rules}"
        yield from _wrong_numbers_of_the_goal(at, answer, uuid)
        return
    if not told <= rules:
        yield f"{uuid} to {answer.host}, {answer.state}: {told} was said, the judge finds {rules}"
    for reason in answer.reasons:
        yield from _wrong_amounts(reason, picture, uuid, answer.host)
    decided, state = answer.reasons[0], at.state(answer)
    live, cold = ({v.rule for v in _applied(at, state, uuid, answer.host, k)} for k in ("live", "cold"))
    known = {*told, "not_allowed", "status"}  # a kind that neither the audit nor the server's state is for
    if decided.code not in live | cold or not (known & live and known & cold):
        yield f"the move of {uuid} to {answer.host} is not reported for {decided}, only {live | cold}"


def _untrue_of_a_move(
    then: Worked, at: Worked, action: Action, later: tuple[Picture, Terms]
) -> Iterator[str]:
    """Hosts passed over: a rule when it begins, else after the plan; its worth as the judge counts it."""
    uuid = str(action.touches.instance)
    now = (Picture(then.before), Terms(Picture(then.before), at.audit))
    for answer in move.passed_over(at.case, action):
        if answer.state == move.THEN:
            yield from _untrue(then, answer, uuid, *now)
        elif [rule for rule, _ in placing(*now, uuid, answer.host)]:
            yield f"{action.id}: the judge finds a rule against {answer.host} when it begins"
        else:
            yield from _untrue(at, answer, uuid, *later)
    home = next(i["host"] for i in at.before["instances"] if i["uuid"] == uuid)
    for more, field in (({}, "planned"), ({uuid: home}, "without")):
        ends, where = _ends(at, more), {**Picture(at.after).where, **more}
        moved = sum(where[u] != host for u, host in Picture(at.before).where.items())
        for one in move.worth(at.case, action):
            is_count = one.name == "instance_migrations_count"
            found = moved if is_count else INDICATORS[one.name](ends)
            if not math.isclose(getattr(one, field), found, rel_tol=1e-6, abs_tol=1e-6):
                yield f"{action.id}: {one} was said, {field} the judge counts {found}"


def _untrue_of_a_host(
    at: Worked, host: str, reasons: tuple[Refusal, ...], pictures: Mapping[int, tuple[Picture, Terms]]
) -> Iterator[str]:
    """What closes a host closes it for a server of no size; what stays there cannot go, or no host takes it
    before or after the plan; and what is said to be free is taken by some host."""
    (picture, terms), later = pictures[id(at.before)], pictures[id(at.after)]
    moved = {a["touches"]["instance"] for a in at.document["actions"] if "instance" in a.get("touches", {})}
    guests = set(picture.guests(host)) - moved
    named = {r.subject for r in reasons} & guests
    for reason in reasons:
        if said := LEVEL.match(reason.text):
            yield from _wrong_level(at, picture, host, *map(float, said.groups()))
        if reason.code == "empty" and picture.guests(host):
            yield f"{reason.text}: the judge finds {picture.guests(host)}"
        if reason.subject == host and reason.code not in ("empty", "not_chosen"):
            found = {rule for uuid in picture.instances for rule, _ in placing(picture, terms, uuid, host)}
            if reason.code not in found:
                yield f"{reason}: the judge finds {sorted(found)} against {host}"
    for uuid in guests:
        held = {rule for rule, _ in staying(picture, terms, uuid)}
        others = [h for h in picture.hosts if h not in (host, later[0].where[uuid])]
        free = [h for h in others if not any(_all(p, t, uuid, h) for p, t in ((picture, terms), later))]
        if (uuid in named) == bool(free and not held):
            yield f"{uuid} on {host}: {[r for r in reasons if r.subject == uuid]}, the judge finds {free}"


def _wrong_level(at: Worked, picture: Picture, host: str, level: float, threshold: float) -> Iterator[str]:
    """What its instances use, by the judge's own arithmetic and the audit's own threshold."""
    parameters = at.audit.get("parameters", {})
    word = "ram" if parameters.get("metrics") == "instance_ram_usage" else "cpu"
    there = Loads(picture, picture.usage, word, alone=True).percent(picture.where)[host]
    if abs(there - level) > 0.051 or there >= threshold or threshold != parameters.get("threshold", 25.0):
        yield f"{host} was said to be at {level} beside {threshold}: the judge finds {there}"


def _all(picture: Picture, terms: Terms, uuid: str, host: str) -> list[tuple[str, str]]:
    return [*staying(picture, terms, uuid), *placing(picture, terms, uuid, host)]


def _wrong_amounts(reason: Refusal, picture: Picture, uuid: str, host: str) -> Iterator[str]:
    """A lack of room names each class that lacks, with what is left and what is needed of it."""
    if reason.code != "capacity":
        return
    told = {name: (int(left), int(needed)) for left, needed, name in NUMBERS.findall(reason.text)}
    reported = {text.split()[-3] for rule, text in crowding(picture, uuid, host) if rule == "capacity"}
    if set(told) != reported:
        yield f"{reason.text}: the judge names {sorted(reported)}"
    for name, (rest, needed) in told.items():
        room = int(picture.limit(host, name)) - picture.used(host, name)
        if (rest, needed) != (room, picture.needs(uuid)[name]):
            yield f"{reason.text}: of {name} the judge counts {room} left, {picture.needs(uuid)[name]} needed"


def _applied(at: Worked, state: Row, uuid: str, host: str, kind: str) -> list[judge.Violation]:
    """What the judge says of a plan that makes this one move."""
    one = next(i for i in state["instances"] if i["uuid"] == uuid)
    source = one.get("host") or host
    parameters = {"instance": uuid, "source": source, "destination": host, "kind": kind}
    touches = {"instance": uuid, "out": source, "into": host}
    move = {"id": "why", "type": "migrate", "parameters": parameters, "reason": "tried", "touches": touches}
    return judge.plan(state, {"actions": [move]}, audit=at.audit)


def _unconfirmed(at: Worked) -> Iterator[str]:
    """The moves that the plan itself names as refused, each applied to the cloud before or after it."""
    for action in at.document["actions"]:
        for refusal in action.get("alternatives", ()):
            host, (uuid, kind) = refusal["subject"], (action["parameters"][k] for k in ("instance", "kind"))
            rules = {v.rule for s in (at.before, at.after) for v in _applied(at, s, uuid, host, kind)}
            if refusal["code"] not in rules:
                yield f"{action['id']} was refused {host} for {refusal}, the judge finds {rules}"


def _wrong_numbers_of_the_goal(at: Worked, answer: why.Answer, uuid: str) -> Iterator[str]:
    """What a move would do to the goal, by the judge's own measures of the cloud with and without it."""
    (reason,) = answer.reasons
    if reason.code == "budget":
        moves = sum(a["type"] == "migrate" for a in at.document["actions"])
        if moves < at.audit["parameters"]["max_moves"]:
            yield f"{reason.text}: the plan makes {moves}"
        return
    ends = (_ends(at, {}), _ends(at, {uuid: answer.host}))
    improved = False
    for name, declared in load().goals[at.case.goal.name].indicators.items() if at.case.goal else ():
        now, then = (INDICATORS[name](e) for e in ends)
        if declared["better"] == "neither" or name == "instance_migrations_count":
            continue
        same = math.isclose(now, then, rel_tol=1e-9)  # sums of loads in another order
        improved |= not same and ((then > now) if declared["better"] == "higher" else (then < now))
        told = re.search(rf"{name} stays (\S+?)[;)]", reason.text)
        as_told = told is not None and math.isclose(float(told[1]), now, rel_tol=2e-5)  # six digits are told
        if same and not as_told and reason.code == "no_gain":
            yield f"{reason.text}: the judge counts {name} {now:g}"
    if improved != (reason.code == "not_chosen") and at.case.goal is not None:
        yield f"{reason.code} was said of {uuid} to {answer.host}: {reason.text}"


def _ends(at: Worked, more: Mapping[str, str]) -> Ends:
    before = Picture(at.before)
    emptied = at.audit.get("parameters", {}).get("maintenance_node")
    on_it = [uuid for uuid, host in before.where.items() if host is not None and host == emptied]
    return Ends(before, {**Picture(at.after).where, **more}, (), {}, touched=on_it)
