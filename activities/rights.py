"""The right that each of our requests needs, and what to say when one is refused. Pure.

`CALLS` is the one list of them: deploy/openstack/ grants it, docs/least-privilege.md explains it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from activities.failures import Failed

READER, OPERATOR = "ballast-reader", "ballast-operator"
DOCUMENT = "docs/least-privilege.md"
_NAMED = re.compile(r"Policy does(?:n't| not) allow (\S+) to be performed")
_NOVA = "os_compute_api:"


class Denied(Failed):
    """We lack a right. Asking again changes nothing; a person who grants it does."""

    kind = "forbidden"


@dataclass(frozen=True, slots=True)
class Call:
    """One kind of request (`*` is one segment), the role that may make it, and the policy rules it needs."""

    service: str
    method: str
    path: str
    role: str
    rules: tuple[str, ...]
    why: str

    def covers(self, service: str, method: str, path: str) -> bool:
        pattern = re.escape(self.path).replace(r"\*", "[^/]+")
        return (self.service, self.method) == (service, method) and bool(re.fullmatch(pattern, path))


def _nova(method: str, path: str, role: str, rules: tuple[str, ...], why: str) -> Call:
    return Call("compute", method, path, role, tuple(_NOVA + rule for rule in rules), why)


def _placement(path: str, rule: str, why: str) -> Call:
    return Call("placement", "GET", path, READER, (f"placement:resource_providers:{rule}",), why)


CALLS = (
    _nova("GET", "/os-services", READER, ("os-services:list",), "which hosts there are, up and enabled"),
    _nova(
        *("GET", "/os-hypervisors/detail", READER, ("os-hypervisors:list-detail",)),
        "which resource provider a host has",
    ),
    _nova("GET", "/os-aggregates", READER, ("os-aggregates:index",), "zones, isolation, metadata of hosts"),
    _nova(
        *(
            "GET",
            "/os-server-groups",
            READER,
            ("os-server-groups:index", "os-server-groups:index:all_projects"),
        ),
        "which servers must stay together or apart",
    ),
    _nova(
        *("GET", "/flavors/detail", READER, ("os-flavor-extra-specs:index",)),
        "which sizes are on offer, and what hosts they demand",
    ),
    _nova(
        *("GET", "/servers/detail", READER),
        (
            *("servers:detail", "servers:detail:get_all_tenants", "servers:allow_all_filters"),
            *("servers:show:flavor-extra-specs", "os-extended-server-attributes"),
        ),
        "the servers of every project by host, with what binds them to it",
    ),
    _nova("GET", "/servers/*", READER, ("servers:show",), "one server, before and after its move"),
    _nova(
        *("GET", "/os-migrations", READER),
        ("os-migrations:index", "os-migrations:index:all_projects", "os-migrations:index:host"),
        "moves on their way; how ours goes and ended",
    ),
    _placement("/resource_providers", "list", "the tree of providers of each host"),
    _placement("/resource_providers/*/inventories", "inventories:list", "what a host can hold"),
    _placement("/resource_providers/*/traits", "traits:list", "what a host can do"),
    _placement("/resource_providers/*/allocations", "allocations:list", "what is booked there, and by whom"),
    _nova(
        *("GET", "/servers/*/os-instance-actions", OPERATOR, ("os-instance-actions:list",)),
        "whether we have asked for this move already: nothing is asked twice",
    ),
    _nova(
        *("GET", "/servers/*/os-instance-actions/*", OPERATOR),
        ("os-instance-actions:show", "os-instance-actions:events", "os-instance-actions:events:details"),
        "why a move failed, in Nova's own words",
    ),
    _nova(
        *("GET", "/servers/*/migrations", OPERATOR, ("servers:migrations:index",)),
        "how far a live migration has come",
    ),
    _nova(
        *("POST", "/servers/*/action", OPERATOR),
        (
            *("os-migrate-server:migrate_live:host", "os-migrate-server:migrate:host"),
            *("servers:resize", "servers:confirm_resize", "servers:revert_resize"),
            *("servers:stop", "servers:start"),
        ),
        "a live or cold migration to a chosen host; another flavor; the end of a cold move or a resize, for "
        "good or for ill; stopping a server, starting it in the undo",
    ),
    _nova(
        *("DELETE", "/servers/*/migrations/*", OPERATOR, ("servers:migrations:delete",)),
        "aborting a live migration",
    ),
    _nova(
        *("PUT", "/os-services/*", OPERATOR, ("os-services:update",)),
        "disabling the compute service of a host that is drained, enabling it in the undo",
    ),
)


def denied(service: str, method: str, path: str, said: str) -> Failed:
    """What a 403 means: a policy rule that does not admit us, or a full quota."""
    reason = f"{method} {path}: 403 {said}".rstrip()
    if "quota" in said.lower():
        return Failed(reason, "raise the quota that is named; nothing was changed")
    call, named = _call(service, method, path), _NAMED.search(said)
    rules = " and ".join([named[1]] if named else call.rules) or "for it"
    return Denied(
        reason,
        f"give our user the role {call.role}, and let {_policy(service)}'s rule {rules} admit that role "
        f"({DOCUMENT})",
    )


def uncovered(service: str, method: str, path: str) -> Denied:
    """What a 401 means that meets a fresh token with access rules: none of them covers the request."""
    call = _call(service, method, path)
    return Denied(
        f"{method} {path}: 401 although Keystone has just let us in; no access rule of our application "
        f"credential covers {method} {call.path} of service type {service}",
        f"make a new credential for the role {call.role} ({DOCUMENT}), and see that {_policy(service)} has "
        "service_type in [keystone_authtoken]",
    )


def hidden(what: str, rule: str) -> Denied:
    """An answer of Nova that lacks what a missing right hides without a word."""
    return Denied(
        f"Nova does not show us {what}",
        f"give our user the role {READER}, and let Nova's rule {rule} admit that role ({DOCUMENT})",
    )


def _call(service: str, method: str, path: str) -> Call:
    unknown = Call(service, method, path, OPERATOR, (), "")
    return next((call for call in CALLS if call.covers(service, method, path)), unknown)


def _policy(service: str) -> str:
    return {"compute": "Nova", "placement": "Placement"}[service]
