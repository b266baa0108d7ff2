"""What deploy/openstack grants and docs/least-privilege.md explains is what Ballast asks for."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml

from activities import rights
from activities.answers import refusal
from activities.door import Failed
from activities.rights import CALLS, OPERATOR, READER, Denied

ROOT = Path(__file__).parents[2]
GRANTS = ROOT / "deploy" / "openstack"
PREFIX = {"compute": "/v2.1", "placement": ""}


def rows() -> list[str]:
    """The table of the document."""
    return [
        f"| `{call.method} {call.path}` | {call.service} | {call.role.removeprefix('ballast-')} | "
        + ", ".join(f"`{rule.removeprefix('os_compute_api:')}`" for rule in call.rules)
        + f" | {call.why} |"
        for call in CALLS
    ]


def test_the_document_explains_each_call() -> None:
    """Every request, its role, its rules and its reason stand in the document, and no other."""
    text = (ROOT / rights.DOCUMENT).read_text()
    assert [line for line in text.splitlines() if re.match(r"\| `[A-Z]+ /", line)] == rows()


@pytest.mark.parametrize(("role", "file"), [(READER, "reader"), (OPERATOR, "operator")])
def test_the_access_rules_are_one_for_each_call(role: str, file: str) -> None:
    """A credential covers the paths of its role's calls, the operator's also those of the reader."""
    granted = json.loads((GRANTS / f"access-rules-{file}.json").read_text())
    assert granted == [
        {"service": call.service, "method": call.method, "path": PREFIX[call.service] + call.path}
        for call in CALLS
        if role == OPERATOR or call.role == READER
    ]


@pytest.mark.parametrize(("service", "file"), [("compute", "nova"), ("placement", "placement")])
def test_the_policy_names_the_rules_of_the_calls(service: str, file: str) -> None:
    """Each rule of a call admits the role of the call, and no other rule names one of our roles."""
    policy = yaml.safe_load((GRANTS / f"{file}-policy.yaml").read_text())
    wanted = {
        rule: call.role.replace("-", "_") for call in CALLS if call.service == service for rule in call.rules
    }
    granted = {
        name: text.rpartition("or rule:")[2]
        for name, text in policy.items()
        if ":" in name and "ballast" in text
    }
    assert granted == wanted


def forbidden(said: str) -> bytes:
    """A 403 of Nova."""
    return json.dumps({"forbidden": {"code": 403, "message": said}}).encode()


NOVA = forbidden("Policy doesn't allow os_compute_api:os-services:update to be performed.")
QUOTA = forbidden("Quota exceeded for cores: Requested 1, but already used 20 of 20 cores")
DENIED = "Access was denied to this resource.\n\n Policy does not allow placement:resource_providers:list "
PLACEMENT = json.dumps({"errors": [{"status": 403, "detail": DENIED + "to be performed.  "}]}).encode()


@pytest.mark.parametrize(
    ("service", "call", "content", "role", "rule"),
    [
        ("compute", "PUT /os-services/7", NOVA, OPERATOR, "os_compute_api:os-services:update"),
        ("placement", "GET /resource_providers", PLACEMENT, READER, "placement:resource_providers:list"),
    ],
)
def test_a_forbidden_call_names_its_role_and_rule(
    service: str, call: str, content: bytes, role: str, rule: str
) -> None:
    """A 403 is final, and says which call was refused, by which rule, and which role would be let through."""
    method, path = call.split(" ")
    why = refusal(service, method, path, 403, content)
    assert isinstance(why, Denied)
    assert str(why).startswith(f"{call}: 403 ")
    assert f"give our user the role {role}, and let" in why.remedy
    assert f"rule {rule} admit" in why.remedy


def test_a_quota_is_no_missing_right() -> None:
    """A 403 for a full quota says so, and names no role."""
    why = refusal("compute", "POST", "/servers/1/action", 403, QUOTA)
    assert isinstance(why, Failed)
    assert not isinstance(why, Denied)
    assert "already used 20 of 20 cores; raise the quota" in str(why)
