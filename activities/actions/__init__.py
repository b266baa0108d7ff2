"""Actions by name: the file name is the name, here and in the catalogue."""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Protocol, cast

from activities.door import Door, Failed, Watch
from activities.rules.occupancy import Occupancy
from plan_schemas.audit import Rules
from plan_schemas.model import Cluster
from plan_schemas.plan import Refusal, Touches

Facts = Mapping[str, Any]


class ActionModule(Protocol):
    """What every file in this folder offers; the keyword arguments are the action's parameters.

    Pure, on the model: all above `look`. On the world: `look`, `trace` and `do`.
    """

    def touches(self, **parameters: Any) -> Touches:
        """What it occupies while it runs."""

    def permission(self, **parameters: Any) -> str | None:
        """The kind of intervention that the policy must allow, if any."""

    def expects(self, cluster: Cluster, **parameters: Any) -> Facts:
        """The facts before, from the model: what must still hold when it starts, and the undo recipe."""

    def wants(self, expected: Facts, **parameters: Any) -> Facts:
        """The facts after it succeeded."""

    def satisfied(self, facts: Facts, **parameters: Any) -> bool:
        """Whether what it is for is so already."""

    def apply(self, cluster: Cluster, **parameters: Any) -> Cluster: ...

    def inverse(self, expected: Facts, **parameters: Any) -> Facts | None:
        """The parameters that undo it; None if it cannot be undone."""

    def seconds(self, cluster: Cluster, **parameters: Any) -> float:
        """How long it is expected to take."""

    def costs(self, cluster: Cluster, **parameters: Any) -> Mapping[str, float]:
        """What it is expected to cost beside its time; its YAML declares names and units."""

    def refusals(
        self, cluster: Cluster, occupancy: Occupancy, rules: Rules, **parameters: Any
    ) -> tuple[Refusal, ...]:
        """Why it may not be done as things stand."""

    def look(self, door: Door, **parameters: Any) -> Facts | None:
        """The facts now; None if what it is about is gone. `refused` is among them only where the cloud is
        known to say no, and says why."""

    def trace(self, door: Door, watch: Watch, **parameters: Any) -> Facts | None:
        """Evidence that an earlier attempt of this very action has asked for it already."""

    def do(self, door: Door, watch: Watch, **parameters: Any) -> Facts:
        """Do it once, however often this is called; answers evidence, with `said` where a person should know
        how it was done. May raise Cancelled."""


def find(name: str) -> ActionModule:
    """The action of that name. Raises Failed for one that this worker does not have."""
    path = f"{__name__}.{name}"
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name) or find_spec(path) is None:
        raise Failed(
            f"this worker has no action named {name!r}", "run a worker of the version that planned it"
        )
    return cast(ActionModule, import_module(path))
