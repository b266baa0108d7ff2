"""What dies under a running plan: the worker, a nova-compute, nova-api, the token, the message bus."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from deploy.devcloud.layout import Layout
from tests.devcloud import outages
from tests.devcloud.site import RUNNING, Site
from tests.live.operator import sleep, states

pytestmark = pytest.mark.long  # minutes of waiting for Nova to notice

AWAY = 20.0  # seconds without the message bus


@pytest.fixture(autouse=True)
def mended_books(site: Site, control: Layout) -> Iterator[None]:
    """A move that broke leaves allocations behind, and hosts in doubt for the next test."""
    yield
    site.clear()
    outages.mend_books(control)


def chain(site: Site) -> str:
    """A plan of two moves, one after the other, of which the first is on its way; answers its id."""
    site.boot(web="cmp-001", app="cmp-002", live=4)
    id = site.quick(site.move("web", "cmp-003"), site.move("app", "cmp-004", needs=["web"]))
    site.is_moving("web", within=60)
    return id


def assert_done_once(site: Site, id: str) -> None:
    assert site.live.closed(id, within=240) == "COMPLETED", site.live.query(id)["sentence"]
    assert site.where() == {"web": "cmp-003", "app": "cmp-004"}
    assert (site.moves("web"), site.moves("app")) == (["completed"], ["completed"])


def test_a_killed_worker_asks_for_nothing_twice(site: Site) -> None:
    """kill -9 of the worker in mid-migration leaves one accepted migration per action and a plan done."""
    id = chain(site)
    site.live.kill_worker()
    site.live.start_worker()
    assert_done_once(site, id)


def test_a_restarted_nova_api_is_waited_for(site: Site, control: Layout) -> None:
    """kill -9 of nova-api in mid-plan, and its return, cost time and nothing else."""
    id = chain(site)
    outages.kill(control, "nova-api")
    outages.start_api(control, "nova-api")
    assert_done_once(site, id)


def between_two_moves(site: Site) -> str:
    """A plan that rests, its first move done and its second to come; `go_on` wakes it. Answers its id."""
    site.boot(web="cmp-001", app="cmp-002")
    rest = sleep("rest", 600, needs=["web"])
    id = site.quick(site.move("web", "cmp-003"), rest, site.move("app", "cmp-004", freed_by=["rest"]))
    site.live.action(id, "rest", "ONGOING", within=90)
    return id


def go_on(site: Site, id: str) -> None:
    site.answer(id, "skip_action", action="rest", by="eve", reason="it is broken now")


def test_a_revoked_token_is_replaced(site: Site, control: Layout) -> None:
    """When Keystone has revoked every token of its user, Ballast signs in again and goes on.

    Between two moves: one that Nova carries out with a revoked token fails in Nova itself.
    """
    id = between_two_moves(site)
    outages.revoke_tokens(control, site.cloud)
    go_on(site, id)
    assert_done_once(site, id)


def test_a_compute_that_is_restarted_gives_its_move_up(site: Site, control: Layout) -> None:
    """A nova-compute that is killed and started again while a server leaves it is named as the reason."""
    site.boot(web="cmp-002", live=20)
    id = site.start(site.move("web", "cmp-004"), on_failure="rollback")
    site.is_moving("web")
    outages.kill_compute(control, "cmp-002")
    outages.start_computes(control, site.cloud, "cmp-002")
    assert site.live.closed(id, within=120) == "FAILED"
    said = site.failure(id)[1]
    assert "nova-compute on cmp-002 gave it up, as it does when it is restarted" in said
    assert (site.moves("web"), site.host("web"), site.state("web")) == (["error"], "cmp-002", RUNNING)


def test_a_dead_compute_is_named(site: Site, control: Layout) -> None:
    """Moves off, to and through a dead nova-compute end FAILED with its name and a remedy that works."""
    site.boot(off="cmp-001", to="cmp-002", stopped="cmp-005", live=8, cold=8)
    id = site.start(
        site.move("off", "cmp-003"),
        site.move("to", "cmp-004"),
        site.move("stopped", "cmp-006", kind="cold"),
        on_failure="continue",
        allow=["live", "cold"],
    )
    for name in ("off", "to"):
        site.is_moving(name)
    site.live.until(lambda: site.state("stopped")[1] == "resize_migrating", "stopped does not move")
    for host in ("cmp-001", "cmp-004", "cmp-005"):
        outages.kill_compute(control, host)
    assert site.live.closed(id, within=240) == "FAILED"
    told = site.live.query(id)
    assert states(told) == {"off": "FAILED", "to": "FAILED", "stopped": "FAILED"}
    why = {name: row["why"] for name, row in told["actions"].items()}
    for name, host in (("off", "cmp-001"), ("stopped", "cmp-005")):
        assert f"nova-compute on {host} is down" in why[name]
        assert f"start nova-compute on {host}" in why[name]
    assert "MessagingTimeout" in why["to"], "Nova's own words"
    assert "the server is ERROR on cmp-004" in why["to"]
    assert site.moves("off") == ["running"], "nobody in Nova ends it"
    outages.start_computes(control, site.cloud, "cmp-001", "cmp-004", "cmp-005")
    site.live.until(lambda: site.state("off") == RUNNING, "off stays busy")
    assert (site.moves("off"), site.host("off")) == (["error"], "cmp-001")
    site.live.until(lambda: site.state("stopped") == RUNNING, "stopped stays busy")
    assert "Deleted allocations" in outages.mend_books(control)
    assert not any(host.get("uncertain") for host in site.snapshot()["hosts"])


def test_an_absent_message_bus_doubles_nothing(site: Site, control: Layout) -> None:
    """A move asked for while RabbitMQ is away is asked for once: it is done, or Nova's words say why not.

    Between two moves: one that is under way loses the answers of its own nova-computes, and fails in Nova.
    And when the bus is back, Nova may still hold the nova-computes for dead: they could not report.
    """
    id = between_two_moves(site)
    outages.stop_bus(control)
    go_on(site, id)
    time.sleep(AWAY)
    outages.start_bus(control)
    outages.await_reports(site.cloud)
    ending, told = site.live.closed(id, within=240), site.live.query(id)
    assert (len(site.moves("web")), len(site.moves("app"))) == (1, 1)
    if ending == "COMPLETED":
        assert site.where() == {"web": "cmp-003", "app": "cmp-004"}
    else:
        assert "ended as error: conductor_live_migrate_instance: " in told["actions"]["app"]["why"]
        assert site.where() == {"web": "cmp-003", "app": "cmp-002"}
    assert site.state("app") == RUNNING
