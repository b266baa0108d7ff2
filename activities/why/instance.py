"""Why an instance is not moved to a host, or to any: every rule that is against it, else the numbers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from activities import actions
from activities.rules import checks
from activities.why import load
from activities.why.case import Case
from activities.words import count
from plan_schemas.frozen import EMPTY
from plan_schemas.model import Cluster
from plan_schemas.plan import Refusal

BEFORE, AFTER = "before the plan", "after the plan"


@dataclass(frozen=True, slots=True)
class Answer:
    """What is against moving an instance to a host, the first of it decides, and in which state of the cloud.

    Where no rule is against it, `seconds` and `costs` say what the move would take.
    """

    host: str
    state: str
    reasons: tuple[Refusal, ...]
    seconds: float | None = None
    costs: Mapping[str, float] = EMPTY  # as the action declares them

    @property
    def is_free(self) -> bool:
        """Whether no rule is against it."""
        return self.seconds is not None


def held(case: Case, instance: str) -> tuple[Refusal, ...]:
    """Why the instance may not be moved at all."""
    return checks.immovable(case.before, instance, case.rules)


def elsewhere(case: Case, instance: str) -> tuple[Answer, ...]:
    """An answer for every host that the instance neither is on nor goes to."""
    around = {case.before.instances[instance].host, case.after.instances[instance].host}
    return tuple(to(case, instance, host) for host in case.before.hosts if host not in around)


def to(case: Case, instance: str, host: str) -> Answer:
    """Why the plan does not move the instance to this host. Raises KeyError for an unknown instance."""
    if found := _against(case, case.before, instance, host):
        return Answer(host, BEFORE, found)
    return in_the_end(case, instance, host)


def in_the_end(case: Case, instance: str, host: str, *, weighed: bool = True) -> Answer:
    """The same where nothing is against it before: once the plan is carried out, and then by the goal, for
    which the whole cloud is measured, unless it is not to be weighed."""
    if found := _against(case, case.after, instance, host):
        return Answer(host, AFTER, found)
    reasons = (_unwanted(case, instance, host),) if weighed else ()
    return Answer(host, AFTER, reasons, *_price(case, instance, host))


def _against(case: Case, cluster: Cluster, instance: str, host: str) -> tuple[Refusal, ...]:
    room = case.room_before if cluster is case.before else case.room_after
    one = cluster.instances[instance]
    found = [
        *checks.immovable(cluster, instance, case.rules),
        *checks.refusals(cluster, room, instance, host, case.rules),
    ]
    if not found and one.host == host:
        found.append(Refusal("no_effect", host, f"{one.name} is on {host} {_when(case, instance)}"))
    return tuple(dict.fromkeys(found))


def _when(case: Case, instance: str) -> str:
    moves = case.moves_of(instance)
    return f"after {moves[-1].id}" if moves else "already"


def _price(case: Case, instance: str, host: str) -> tuple[float, Mapping[str, float]]:
    one = case.after.instances[instance]
    parameters = {
        "instance": instance,
        "source": one.host,
        "destination": host,
        "kind": checks.kind_of_move(one, case.rules),
    }
    move = actions.find("migrate")
    return round(move.seconds(case.after, **parameters), 3), move.costs(case.after, **parameters)


def _unwanted(case: Case, instance: str, host: str) -> Refusal:
    """No rule is against it: then a limit of the audit, or what it would do to the goal."""
    most = case.parameters.get("max_moves")
    moves = sum(a.touches.into is not None for a in case.plan.actions)
    if most is not None and moves >= most and not case.moves_of(instance):
        text = f"no rule is against {host}; the plan makes the {count(most, 'move')} that max_moves allows"
        return Refusal("budget", instance, text)
    if case.goal is None:
        return Refusal("not_chosen", instance, f"no rule is against {host}; nobody asked for it")
    found = {row[0]: row for row in changes(case, case.after.moved(instance, host))}
    told = {
        name: f"{name} {now:g} -> {then:g}" if then != now else f"{name} stays {now:g}"
        for name, now, then, _ in found.values()
    }
    better = [told[name] for name, (*_, is_better) in found.items() if is_better]
    if better:
        stop = load.stop(case) or load.below(case, case.before.instances[instance].host or "")
        text = f"no rule is against {host}, and it would help ({'; '.join(better)}): it was not chosen"
        text += f": {stop}" if stop else ""
        return Refusal("not_chosen", instance, text)
    numbers = f" ({'; '.join(told.values())})" if told else ""
    if unknown := [name for name in _wanted(case) if name not in found]:
        text = f"no rule is against {host}; with what is known here nobody can tell {', '.join(unknown)}"
        return Refusal("not_chosen", instance, text)
    text = f"no rule is against {host}; it would bring the goal {case.goal.name} nothing{numbers}"
    return Refusal("no_gain", instance, text)


def changes(case: Case, other: Cluster) -> Iterator[tuple[str, float, float, bool]]:
    """Per indicator that the goal wants high or low: what it is after the plan, what it would be if the plan
    led to this other cloud, and if that is better; without those that nobody can tell here."""
    then = case.measured(other)
    for name, sign in _wanted(case).items():
        if name in case.reached and name in then:
            now = case.reached[name]
            yield name, now, then[name], sign * (then[name] - now) > 0


def _wanted(case: Case) -> dict[str, int]:
    told = case.goal.indicators.items() if case.goal is not None else ()
    signs = {"higher": 1, "lower": -1}
    return {name: signs[d["better"]] for name, d in told if d["better"] in signs}
