"""The two roles of deploy/openstack on a real Nova: all that Ballast needs, and nothing else."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from activities import rights
from deploy.devcloud import rights as users
from deploy.devcloud.layout import NAME, Layout
from tests.behaviour.clouds import Cloud
from tests.devcloud.allowed import allowed
from tests.devcloud.requests import FORBIDDEN, WRITES, Request
from tests.devcloud.site import RUNNING, Site
from tests.live.operator import states
from tests.live.stack import Live

POLICIES = Path(__file__).parents[2] / "deploy" / "openstack"
ROLES = {rights.READER: (rights.READER,), rights.OPERATOR: (rights.OPERATOR, rights.READER)}


@pytest.fixture
def victim(real: Cloud, control: Layout) -> Iterator[dict[str, str]]:
    """A server of another project, and what the requests name besides."""
    server = real.boot(host="cmp-001")
    yield {
        "server": server,
        "service": str(real.service("cmp-001")["id"]),
        "flavor": real.flavor("medium"),
        "image": real.hand.image(),
    }
    real.tidy()


def ask(control: Layout, role: str, request: Request, named: dict[str, str]) -> tuple[int, str]:
    """Status and text of a request by somebody who has the role and no access rules."""
    service, method, path, body = request
    text = json.dumps(body)
    for word, value in named.items():
        path, text = path.replace(f"{{{word}}}", value), text.replace(f"{{{word}}}", value)
    adapter = getattr(users.signed_in(control, role), service)
    version = {"compute": "2.90", "placement": "1.29"}[service]
    answer = adapter.request(path, method, json=json.loads(text), microversion=version, raise_exc=False)
    return answer.status_code, answer.text


@pytest.mark.parametrize("service", ["compute", "placement"])
@pytest.mark.parametrize("role", ROLES)
def test_the_policy_opens_the_rules_that_ballast_needs_and_no_other(
    service: str, role: str, tmp_path: Path
) -> None:
    """Of all rules that the service itself knows, those of its calls and no more admit the role."""
    shipped = POLICIES / {"compute": "nova-policy.yaml", "placement": "placement-policy.yaml"}[service]
    empty = tmp_path / "empty.yaml"
    empty.write_text("{}\n")
    everybody = allowed(service, empty, "nobody")
    needed = {
        rule
        for call in rights.CALLS
        if call.service == service and call.role in ROLES[role]
        for rule in call.rules
    }
    assert allowed(service, shipped, *ROLES[role]) - everybody == needed
    assert allowed(service, shipped, "nobody") == everybody
    assert allowed(service, shipped, "admin") == allowed(service, empty, "admin")


@pytest.mark.parametrize("role", ROLES)
def test_what_is_outside_is_refused(role: str, control: Layout, victim: dict[str, str], real: Cloud) -> None:
    """Every other write meets 403 by the policy alone, and the server is as it was."""
    before = real.server(victim["server"])
    wrong = {}
    for name, request in FORBIDDEN.items() if role == rights.OPERATOR else {**FORBIDDEN, **WRITES}.items():
        status, text = ask(control, role, request, victim)
        if status != 403:
            wrong[name] = (status, text[:200])
    assert not wrong
    after = real.server(victim["server"])
    assert {k: after[k] for k in ("name", "status", "updated")} == {
        k: before[k] for k in ("name", "status", "updated")
    }


def test_nobody_boots_in_the_roles_own_project(control: Layout, victim: dict[str, str]) -> None:
    """Not even in their own project do the two roles make a server."""
    server = {"name": "x", "flavorRef": "{flavor}", "imageRef": "{image}", "networks": "none"}
    for role in ROLES:
        assert ask(control, role, ("compute", "POST", "/servers", {"server": server}), victim)[0] == 403


def snapshot(clouds: Path, cloud: str, to: Path) -> subprocess.CompletedProcess[str]:
    """The stock command."""
    return subprocess.run(
        [sys.executable, "-m", "deploy.cli", "snapshot", "--cloud", cloud, "-o", str(to)],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        env={**os.environ, "OS_CLIENT_CONFIG_FILE": str(clouds)},
    )


def test_the_reader_sees_what_the_administrator_sees(control: Layout, real: Cloud, tmp_path: Path) -> None:
    """The reader's snapshot of foreign servers, groups and hosts has all that the administrator's has."""
    group = real.group("anti-affinity")
    for host in ("cmp-001", "cmp-002"):
        real.boot(host=host, group=group)
    seen = {}
    for name in (NAME, f"{NAME}-reader"):
        done = snapshot(control.clouds, name, tmp_path / name)
        assert done.returncode == 0, done.stderr
        seen[name] = json.loads((tmp_path / name).read_text())
    real.tidy()
    mine, theirs = (
        {k: v for k, v in one.items() if k not in ("cloud", "collected_at")} for one in seen.values()
    )
    assert mine == theirs
    assert group in json.dumps(theirs)


def test_the_reader_audits_and_advises(site: Site) -> None:
    """With the reader an audit in advise mode ends with a plan that moves servers."""
    site.boot(web="cmp-001", app="cmp-002")
    document = {
        **site.audit_by("host_maintenance", {"maintenance_node": "cmp-001"}),
        "cloud": f"{NAME}-reader",
    }
    id = f"audit/{site.name}"
    site.live.start("Audit", id, {**document, "execution": {"mode": "advise"}})
    assert site.live.closed(id, within=200) == "COMPLETED"
    told = site.live.query(f"plan/{id}")
    assert told["state"] == "RECOMMENDED"
    assert len(told["actions"]) >= 2  # the service is disabled, the server moved
    site.answer(f"plan/{id}", "reject", by="eve", reason="only looked")


def test_the_operator_drains_a_host_and_brings_all_back(site: Site) -> None:
    """A maintenance audit with a live and a cold move and a disabled service runs as the operator, and its
    rollback too.
    """
    site.boot(web="cmp-001", off="cmp-001")
    assert site.cloud.act(site.uuids["off"], "os-stop").status == 202
    site.live.until(lambda: site.state("off") == ("SHUTOFF", None), "the server does not stop")
    id = f"audit/{site.name}"
    document = site.audit_by(
        "host_maintenance", {"maintenance_node": "cmp-001"}, allow=["live", "cold", "service"]
    )
    assert document["cloud"] == f"{NAME}-operator"
    site.live.start("Audit", id, document)
    assert site.live.closed(id, within=300) == "COMPLETED"
    assert "cmp-001" not in site.where().values()
    assert site.service("cmp-001")[0] == "disabled"
    back = site.roll_back(f"plan/{id}")
    assert site.live.closed(back, within=300) == "COMPLETED"
    assert site.where() == {"web": "cmp-001", "off": "cmp-001"}
    assert site.service("cmp-001") == ("enabled", None)
    assert (site.state("web"), site.state("off")) == (RUNNING, ("SHUTOFF", None))


def test_the_operator_takes_a_running_move_back(site: Site) -> None:
    """Aborting a live and reverting a cold migration are among the operator's rights."""
    site.boot(web="cmp-001", app="cmp-002")
    site.pace("web", live=60)
    site.pace("app", cold=15)
    moves = [site.move("web", "cmp-003"), site.move("app", "cmp-004", kind="cold")]
    id = site.start(*moves, allow=["live", "cold"])
    site.is_moving("web")
    site.live.until(lambda: site.state("app")[0] == "RESIZE", "app does not move")
    site.answer(id, "cancel", by="eve", reason="enough", abort=True)
    assert site.live.closed(id, within=200) == "CANCELED"
    assert site.where() == {"web": "cmp-001", "app": "cmp-002"}
    assert site.moves("web") == ["cancelled"]


def test_without_the_right_a_plan_ends_at_once_and_names_it(site: Site) -> None:
    """The reader's credential moves nothing: one attempt, and the refused call and the role are named."""
    site.boot(web="cmp-001")
    id = f"plan/{site.name}"
    document = {**site.plan(site.move("web", "cmp-003")), "cloud": f"{NAME}-reader"}
    site.live.start("ActionPlan", id, document)
    assert site.live.closed(id, within=60) == "FAILED"
    said = site.failure(id)[1]
    assert f"GET /servers/{site.uuids['web']}/os-instance-actions: 401" in said
    assert rights.OPERATOR in said
    assert rights.DOCUMENT in said
    assert attempts(site.live, id) == [1]
    assert states(site.live.query(id)) == {"web": "FAILED"}
    assert site.moves("web") == []


def attempts(live: Live, id: str) -> list[int]:
    """How often each action of a plan was tried."""
    done = live.cli("workflow", "show", "-w", id, "-o", "json")
    started = [
        event["activityTaskStartedEventAttributes"]
        for event in json.loads(done.stdout)["events"]
        if "activityTaskStartedEventAttributes" in event
    ]
    return [row.get("attempt", 1) for row in started][-1:]


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ("os_compute_api:os-services:list", "GET /os-services: 403"),
        ("os_compute_api:servers:detail:get_all_tenants", "GET /servers/detail: 403"),
        ("os_compute_api:os-extended-server-attributes", "does not show us the hosts of servers"),
        # Nova takes this one also for servers:show:flavor-extra-specs where nothing is said of that.
        ("os_compute_api:os-flavor-extra-specs:index", "does not show us the extra specs of flavors"),
        ("context_is_admin", "does not show us servers and server groups of other projects"),
    ],
)
def test_a_missing_rule_is_named(
    rule: str, said: str, control: Layout, victim: dict[str, str], tmp_path: Path
) -> None:
    """A snapshot without one of the reader's rules is refused, and the rule is named: also where Nova says
    nothing and only shows less.
    """
    clouds, policy = tmp_path / "clouds.yaml", control.etc / "nova-policy.yaml"
    entry = yaml.safe_load(control.clouds.read_text())["clouds"][NAME]
    entry["auth"] |= {"username": rights.READER, "project_name": users.PROJECT}
    clouds.write_text(yaml.safe_dump({"clouds": {"bare": entry}}))
    whole = policy.read_text()
    lines = whole.splitlines(keepends=True)
    try:
        policy.write_text("".join(line for line in lines if not line.startswith(f'"{rule}"')))
        done = snapshot(clouds, "bare", tmp_path / "out.json")
    finally:
        policy.write_text(whole)
    assert done.returncode != 0
    assert "Traceback" not in done.stderr
    assert said in done.stderr
    assert rule in done.stderr
    assert rights.READER in done.stderr
