"""A change on its way to becoming an action: what it touches, worked out by the module of its type."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from activities import actions
from activities.rules.occupancy import Occupancy
from plan_schemas.audit import Rules
from plan_schemas.model import Cluster
from plan_schemas.plan import Change, Refusal, Touches


@dataclass(frozen=True)
class Step:
    """One change with its place in the proposal; equal only to itself."""

    change: Change
    number: int
    id: str
    touches: Touches
    module: Any

    @property
    def parameters(self) -> Mapping[str, Any]:
        return self.change.parameters

    def refusals(self, cluster: Cluster, ledger: Occupancy, rules: Rules) -> tuple[Refusal, ...]:
        """Why it may not be started as things stand, its permission and scope included."""
        permission = self.module.permission(**self.parameters)
        if permission is not None and permission not in rules.allow:
            text = f"{self.id} needs `{permission}`; allowed: {', '.join(sorted(rules.allow)) or 'nothing'}"
            return (Refusal("not_allowed", self.id, text),)
        host = self.touches.service
        if host is not None and host not in cluster.hosts:
            text = f"there is no host {host} in the model of {cluster.cloud}"
            return (Refusal("unknown_host", host, text),)
        if host is not None and host not in rules.hosts:
            return (Refusal("out_of_scope", host, f"{host} is out of the audit's scope"),)
        found: tuple[Refusal, ...] = self.module.refusals(cluster, ledger, rules, **self.parameters)
        if not found and self.touches.into is not None and self.touches.into == self.touches.out:
            text = (
                f"{self.id} would move from {self.touches.out} to {self.touches.into}, which changes nothing"
            )
            return (Refusal("no_effect", self.id, text),)
        return found


def step(change: Change, number: int, id: str) -> Step:
    """The step of a change. Raises Failed for a type of action that this worker does not have."""
    module = actions.find(change.type)
    return Step(change, number, id, module.touches(**change.parameters), module)


def detour(one: Step, host: str, number: int) -> tuple[Step, Step] | None:
    """The same over a third host, in two steps; None when the type of action cannot be split so."""
    first = _redirected(one, one.touches.into, host)
    second = _redirected(one, one.touches.out, host)
    halves = (
        step(replace(first, id=""), one.number, f"{one.id}-via"),
        step(replace(second, needs=(), freed_by=()), number, one.id),
    )
    wanted = (replace(one.touches, into=host), replace(one.touches, out=host))
    return halves if tuple(h.touches for h in halves) == wanted else None


def _redirected(one: Step, old: str | None, new: str) -> Change:
    parameters = {k: new if v == old else v for k, v in one.parameters.items()}
    return replace(one.change, parameters=parameters)
