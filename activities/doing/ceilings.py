"""What may be done where an action is carried out: the plan's word and the worker's own policies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from activities.door import Failed
from plan_schemas import automation
from plan_schemas.model import Cluster
from plan_schemas.plan import Action, Touches
from plan_schemas.policy import Policy, forbids, protected

REMEDY = "leave it out of the plan, or ask whoever keeps the policies of this worker"


@dataclass(frozen=True, slots=True)
class Leave:
    """Each of them can only say no; a plan may be forged, or older than the policies."""

    allow: frozenset[str]
    policies: Sequence[Policy]
    approved: bool = False  # whether a person approved of this very action

    def require(self, permission: str | None) -> None:
        """Raises Failed for a kind of intervention that somebody does not allow."""
        if permission is None:
            return
        if said := forbids(permission, self.policies):
            raise Failed(said, REMEDY, kind="refused")
        if permission not in self.allow:
            allowed = ", ".join(sorted(self.allow)) or "nothing"
            said = f"the plan does not allow {permission}; it allows {allowed}"
            raise Failed(said, f"add {permission} to `execution.allow`", kind="refused")

    def withheld(self, action: Action, cluster: Cluster) -> str:
        """Why the action does not run by itself, whatever its plan says; empty when it may."""
        one = cluster.instances.get(action.touches.instance or "")
        words = {f"the policy {policy.name}": policy.automation for policy in self.policies}
        if one is not None:
            words[f"the server {one.name}"] = automation.of_server(one.metadata)
        said = [automation.withheld(word, action.urgency, whose) for whose, word in words.items()]
        return "" if self.approved else next((f"nobody approved it: {why}" for why in said if why), "")

    def require_unprotected(self, touches: Touches, cluster: Cluster) -> None:
        """Raises Failed for an instance or a host that a policy protects."""
        guarded = protected(self.policies, cluster)
        if policy := guarded.instances.get(touches.instance or ""):
            raise Failed(f"the policy {policy} protects this instance", REMEDY, kind="refused")
        one = cluster.instances.get(touches.instance or "")
        for host in (touches.out, touches.into, touches.service, one.host if one is not None else None):
            if policy := guarded.hosts.get(host or ""):
                raise Failed(f"the policy {policy} protects {host}", REMEDY, kind="refused")
