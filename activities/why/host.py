"""Why a host is left as it is: what closes it, and what keeps each of its instances there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from activities.rules import checks
from activities.why import instance as of
from activities.why import load
from activities.why.case import Case
from activities.words import count
from plan_schemas.plan import Refusal


def left(case: Case, host: str) -> tuple[Refusal, ...]:
    """Everything that is against emptying or filling the host; with nothing against it, that.

    Raises KeyError for an unknown host.
    """
    return tuple(_left(case, host))


def _left(case: Case, host: str) -> Iterator[Refusal]:
    there = case.before.hosts[host]
    yield from checks.host_refusals(there, case.rules)
    here = case.before.on(host)
    if not here:
        yield Refusal("empty", host, f"{host} carries nothing that could be moved away")
        return
    if below := load.below(case, host):
        yield Refusal("not_chosen", host, below)
    free = 0
    for one in here:
        if case.moves_of(one.uuid):
            continue
        if held := of.held(case, one.uuid):
            yield held[0]
        elif found := nowhere(case, one.uuid):
            yield found
        else:
            free += 1
    if free:
        if stop := load.stop(case):
            yield Refusal("not_chosen", host, stop)
        number = count(free, "instance of it stays", "instances of it stay")
        would = "another host would take it" if free == 1 else "others would take each of them alone"
        text = f"{number} although {would}; `--instance` says more"
        yield Refusal("not_chosen", host, text)


def nowhere(case: Case, instance: str) -> Refusal | None:
    """That no host takes the instance, with the rules in numbers; None when one does."""
    answers = of.elsewhere(case, instance)
    if any(a.is_free for a in answers):
        return None
    one = case.before.instances[instance]
    if not answers:
        return Refusal("capacity", instance, f"{one.name} has no other host to go to")
    rules = Counter(a.reasons[0].code for a in answers).most_common()
    told = ", ".join(f"{code} on {number}" for code, number in rules)
    first = next(a for a in answers if a.reasons[0].code == rules[0][0])
    text = f"{one.name} finds no place on {count(len(answers), 'other host')} ({told}); for one, "
    return Refusal(rules[0][0], instance, text + first.reasons[0].text, first.reasons[0].culprits)
