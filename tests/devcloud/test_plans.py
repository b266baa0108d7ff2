"""Plans on the real cloud: carried out, broken, cancelled, overtaken by others, and undone."""

from __future__ import annotations

from tests.devcloud.site import RUNNING, Site
from tests.live.operator import close, one_line, sleep, states

COLD = ["live", "cold", "service"]


def test_a_late_failure_is_compensated(site: Site) -> None:
    """A live migration that fails half-way ends the plan ROLLED_BACK with every server where it was."""
    site.boot(web="cmp-001", db="cmp-001", app="cmp-002")
    start = site.where()
    site.cloud.fault(site.uuids["db"], "way")
    id = site.start(
        site.move("web", "cmp-003", id="first"),
        site.move("db", "cmp-003", id="middle", needs=["first"]),
        site.move("app", "cmp-004", id="last", needs=["middle"]),
        on_failure="rollback",
    )
    assert site.live.closed(id, within=90) == "FAILED"
    kind, said = site.failure(id)
    assert kind == "PlanFailed"
    assert one_line(said).startswith("ROLLED_BACK: middle failed: live migration ")
    assert "ended as failed" in said
    assert "the server is ACTIVE on cmp-001" in said
    assert states(site.live.query(id)) == {"first": "REVERTED", "middle": "FAILED", "last": "BLOCKED"}
    assert site.where() == start
    assert site.moves("web") == ["completed", "completed"]
    assert site.moves("db") == ["failed"]


def test_a_refusal_on_the_way_is_told_in_novas_words(site: Site) -> None:
    """What Nova notes of a destination that fails to prepare stands in the plan's end."""
    site.boot(web="cmp-001")
    site.cloud.fault(site.uuids["web"], "pre")
    id = site.start(site.move("web", "cmp-003"))
    assert site.live.closed(id, within=60) == "FAILED"
    assert "the devcloud knobs let it fail at 'pre' on cmp-003" in site.failure(id)[1]
    assert site.host("web") == "cmp-001"


def test_a_running_move_is_skipped_and_the_rest_goes_on(site: Site) -> None:
    """A move that a person skips while it runs is aborted in Nova, and what does not need it is done."""
    site.boot(web="cmp-001", app="cmp-002")
    site.pace("web", live=40)
    id = site.start(site.move("web", "cmp-003"), site.move("app", "cmp-004"))
    site.is_moving("web")
    answer = site.answer(id, "skip_action", action="web", by="eve", reason="backup runs")
    assert "is being aborted" in answer
    assert site.live.closed(id, within=60) == "COMPLETED"
    assert states(site.live.query(id)) == {"web": "SKIPPED(person)", "app": "SUCCEEDED"}
    assert site.moves("web") == ["cancelled"]
    assert site.where() == {"web": "cmp-001", "app": "cmp-004"}


def test_a_cancel_with_rollback_aborts_and_restores(site: Site) -> None:
    """Cancelled with rollback, a plan ends Canceled, its running move aborted and what was done undone."""
    site.boot(web="cmp-001", app="cmp-001")
    site.pace("app", live=40)
    id = site.start(
        close("cmp-001"),
        site.move("web", "cmp-003", needs=["close"]),
        site.move("app", "cmp-003", needs=["web"]),
    )
    site.is_moving("app", within=60)
    site.answer(id, "cancel", by="eve", reason="wrong host", rollback=True, abort=True)
    assert site.live.closed(id, within=60) == "CANCELED"
    told = site.live.query(id)
    assert (told["state"], told["sentence"]) == (
        "CANCELLED",
        "cancelled: wrong host; what was done is undone",
    )
    assert site.moves("app") == ["cancelled"]
    assert site.where() == {"web": "cmp-001", "app": "cmp-001"}
    assert site.service("cmp-001") == ("enabled", None)


def test_a_finished_plan_is_rolled_back_by_its_id(site: Site) -> None:
    """A Rollback brings servers, service states and the reason of a disabled host back as they were."""
    site.boot(web="cmp-001", app="cmp-002")
    site.cloud.set_service("cmp-006", status="disabled", disabled_reason="waiting for memory")
    open_host = {"host": "cmp-006", "state": "enabled"}
    id = site.start(
        close("cmp-001"),
        site.move("web", "cmp-003", needs=["close"]),
        site.move("app", "cmp-004"),
        {"id": "open", "type": "change_nova_service_state", "parameters": open_host},
    )
    assert site.live.closed(id, within=90) == "COMPLETED"
    assert site.where() == {"web": "cmp-003", "app": "cmp-004"}
    assert site.service("cmp-001") == ("disabled", "ballast: test")
    assert site.service("cmp-006") == ("enabled", None)
    back = site.roll_back(id)
    assert site.live.closed(back, within=90) == "COMPLETED"
    assert site.where() == {"web": "cmp-001", "app": "cmp-002"}
    assert site.service("cmp-001") == ("enabled", None)
    assert site.service("cmp-006") == ("disabled", "waiting for memory")


def test_a_foreign_move_before_the_run_is_drift(site: Site) -> None:
    """A server that somebody moved between approval and its turn is left alone; the others are moved."""
    site.boot(web="cmp-001", app="cmp-002")
    id = site.start(
        sleep("wait", 60),
        site.move("web", "cmp-003", freed_by=["wait"]),
        site.move("app", "cmp-004", freed_by=["wait"]),
        mode="approve",
    )
    site.live.reaches(id, "RECOMMENDED")
    site.answer(id, "approve", by="eve", reason="go")
    site.live.action(id, "wait", "ONGOING")
    site.away("web", "cmp-005")
    site.answer(id, "skip_action", action="wait", by="eve", reason="waited enough")
    assert site.live.closed(id, within=90) == "COMPLETED"
    told = site.live.query(id)
    assert states(told) == {"wait": "SKIPPED(person)", "web": "SKIPPED(drift)", "app": "SUCCEEDED"}
    assert told["actions"]["web"]["why"] == "host: expected cmp-001, found cmp-005"
    assert site.where() == {"web": "cmp-005", "app": "cmp-004"}


def test_a_cold_move_is_confirmed_and_can_be_undone(site: Site) -> None:
    """A cold migration ends confirmed and ACTIVE, one of a stopped server SHUTOFF; both are undone by id."""
    site.boot(web="cmp-001", off="cmp-001")
    assert site.cloud.act(site.uuids["off"], "os-stop").status == 202
    site.live.until(lambda: site.state("off") == ("SHUTOFF", None), "the server does not stop")
    moves = [site.move(name, "cmp-003", kind="cold") for name in ("web", "off")]
    id = site.start(*moves, allow=COLD)
    assert site.live.closed(id, within=90) == "COMPLETED"
    assert site.where() == {"web": "cmp-003", "off": "cmp-003"}
    assert (site.state("web"), site.state("off")) == (RUNNING, ("SHUTOFF", None))
    back = site.roll_back(id)
    assert site.live.closed(back, within=90) == "COMPLETED"
    assert site.where() == {"web": "cmp-001", "off": "cmp-001"}
    assert site.moves("web") == site.moves("off") == ["confirmed", "confirmed"]
    assert (site.state("web"), site.state("off")) == (RUNNING, ("SHUTOFF", None))


def test_a_resize_is_confirmed_and_can_be_undone(site: Site) -> None:
    """Running or stopped, a server has its new flavor on whatever host Nova chose; by the plan's id it gets
    its old one back. A smaller disk and a name that no flavor has are refused before anything is asked.
    """
    site.boot(web="cmp-001", off="cmp-001", flavor="medium")
    assert site.cloud.act(site.uuids["off"], "os-stop").status == 202
    site.live.until(lambda: site.state("off") == ("SHUTOFF", None), "the server does not stop")
    id = site.start(*(site.resize(name, "medium-on-fast") for name in ("web", "off")), allow=["resize"])
    assert site.live.closed(id, within=90) == "COMPLETED"
    assert site.flavors() == {"web": "medium-on-fast", "off": "medium-on-fast"}
    assert "cmp-001" not in site.where().values()
    assert site.live.query(id)["actions"]["web"]["why"].endswith("; it was on cmp-001")
    back = site.roll_back(id)
    assert site.live.closed(back, within=90) == "COMPLETED"
    assert site.flavors() == {"web": "medium", "off": "medium"}
    assert site.moves("web") == site.moves("off") == ["confirmed", "confirmed"]
    assert (site.state("web"), site.state("off")) == (RUNNING, ("SHUTOFF", None))
    for flavor, said in (("small", "disk would shrink"), ("mediun", "there is medium")):
        document = site.plan(site.resize("web", flavor), allow=["resize"])
        site.live.start("ActionPlan", f"{id}-{flavor}", document)
        assert site.live.closed(f"{id}-{flavor}", within=60) == "FAILED"
        assert said in site.failure(f"{id}-{flavor}")[1]
    assert site.moves("web") == ["confirmed", "confirmed"]


def test_a_closed_host_is_opened_again_with_its_former_reason(site: Site) -> None:
    """A service action that is compensated gives a host that was closed before its own reason back."""
    site.boot(web="cmp-001")
    site.cloud.set_service("cmp-005", status="disabled", disabled_reason="new RAM on Monday")
    site.cloud.fault(site.uuids["web"], "pre")
    open_host = {"host": "cmp-005", "state": "enabled"}
    id = site.start(
        {"id": "open", "type": "change_nova_service_state", "parameters": open_host},
        site.move("web", "cmp-005", needs=["open"]),
        on_failure="rollback",
    )
    ending, told = site.live.closed(id, within=60), site.live.query(id)
    assert ending == "FAILED", told["actions"]
    assert told["state"] == "ROLLED_BACK", told["sentence"]
    assert site.service("cmp-005") == ("disabled", "new RAM on Monday")
