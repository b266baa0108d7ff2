"""Whole audits on the real cloud: what was forecast is what is measured, and the judge finds nothing."""

from __future__ import annotations

from tests import judge
from tests.devcloud.site import Site
from tests.live.operator import Document


def assert_faultless(site: Site, audit: Document) -> Document:
    """Run an audit to its end; answers its report once forecast, measurement and the judge agree."""
    live, id, before = site.live, f"audit/{site.name}", site.snapshot()
    live.start("Audit", id, audit)
    assert live.closed(id, within=240) == "COMPLETED", live.query(id)["sentence"]
    report, record = live.query(id), live.query(f"plan/{id}", "record")
    assert report["plan_state"] == "SUCCEEDED"
    assert {row["state"] for row in record["actions"].values()} == {"SUCCEEDED"}
    assert report["forecast"]["instance_migrations_count"] > 0
    assert report["measured"] == report["forecast"]
    assert judge.plan(before, record["plan"], audit=audit) == []
    assert judge.run(before, site.snapshot(), record["plan"], record["actions"]) == []
    return record


def moved(record: Document) -> list[str]:
    """The servers that a plan moved."""
    actions = record["plan"]["actions"]
    return [a["parameters"]["instance"] for a in actions if a["type"] == "migrate"]


def test_consolidation_frees_the_hosts_that_it_promises(site: Site) -> None:
    """A consolidation ends SUCCEEDED with as many hosts freed and servers moved as it forecast."""
    site.boot(a="cmp-001", b="cmp-002", c="cmp-003", d="cmp-003", e="cmp-004", f="cmp-005")
    record = assert_faultless(site, site.audit_by("vm_workload_consolidation"))
    assert len(moved(record)) >= 4
    assert len(set(site.where().values())) == 1
    for name, uuid in site.uuids.items():
        assert site.moves(name) == (["completed"] if uuid in moved(record) else [])


def test_maintenance_empties_and_closes_a_host(site: Site) -> None:
    """A maintenance audit disables its host and moves everything off it, a stopped server cold."""
    site.boot(web="cmp-001", off="cmp-001", app="cmp-002")
    assert site.cloud.act(site.uuids["off"], "os-stop").status == 202
    site.live.until(lambda: site.state("off") == ("SHUTOFF", None), "the server does not stop")
    allow = ["live", "cold", "service"]
    drain = site.audit_by("host_maintenance", {"maintenance_node": "cmp-001"}, allow=allow)
    assert_faultless(site, drain)
    assert "cmp-001" not in site.where().values()
    assert site.service("cmp-001")[0] == "disabled"
    assert (site.moves("web"), site.moves("off")) == (["completed"], ["confirmed"])
