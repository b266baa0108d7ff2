"""Troubles between client and cloud, tokens, and the journal that tells what really happened."""

import json
from io import StringIO
from typing import Any

import pytest
from keystoneauth1 import exceptions

from deploy.simcloud.api import handle
from deploy.simcloud.cloud import Cloud
from deploy.simcloud.faults import ApiFault
from deploy.simcloud.http import Request
from tests.simcloud.kit import Nova, small


def _plant(cloud: Cloud, **fault: Any) -> None:
    cloud.faults.plant(ApiFault(**fault))


def test_a_dropped_reply_hides_an_accepted_migration() -> None:
    """The client sees a broken connection, the journal an accepted request, and the server moves."""
    cloud = small()
    nova = Nova(cloud)
    nova.server("web")
    _plant(cloud, effect="drop_reply", action="os-migrateLive", count=1)
    with pytest.raises(exceptions.ConnectFailure):
        nova.live("web", "a2")
    (line,) = cloud.journal.requests(action="os-migrateLive")
    assert line["accepted"]
    assert line["migration"] in cloud.expected
    assert cloud.journal.lines[-1] | {"sim_time": 0} == {
        "seq": line["seq"],
        "event": "dropped",
        "wall_time": None,
        "sim_time": 0,
    }
    cloud.settle()
    assert nova.where("web") == ("ACTIVE", "a2")


def test_a_refused_connection_changes_nothing() -> None:
    """Dropped before processing: no effect, and the journal says refused."""
    cloud = small()
    nova = Nova(cloud)
    nova.server("web")
    _plant(cloud, effect="refuse", method="POST", path="/action$", count=1)
    with pytest.raises(exceptions.ConnectFailure):
        nova.live("web", "a2")
    assert cloud.journal.lines[-1]["event"] == "refused"
    assert nova.where("web") == ("ACTIVE", "a1")


def test_a_status_fault_strikes_as_often_as_it_was_told() -> None:
    """429 with Retry-After once, for one server only; afterwards all is well."""
    cloud = small()
    nova = Nova(cloud)
    server = nova.id("web")
    _plant(cloud, effect="status", status=429, retry_after=3, instance=server, count=1)
    assert nova.get(f"/servers/{nova.id('db')}").status_code == 200
    answer = nova.sdk.compute.get(f"/servers/{server}", microversion="2.1", retriable_status_codes=[])
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "3")
    assert nova.get(f"/servers/{server}").status_code == 200


def test_a_fault_may_concern_a_host() -> None:
    """Requests about servers on it, moves to it, listings of it and its service."""
    cloud = small()
    nova = Nova(cloud)
    _plant(cloud, effect="status", status=409, host="a2")
    assert nova.live("web", "a2").status_code == 409
    assert nova.live("web", "b1").status_code == 202
    assert nova.get("/servers/detail?host=a2").status_code == 409


def test_latency_and_delayed_replies_take_virtual_time() -> None:
    """Latency passes before the request has an effect, a delayed reply after it."""
    cloud = small()
    nova = Nova(cloud)
    nova.server("web")
    _plant(cloud, effect="latency", seconds=5, action="os-stop")
    _plant(cloud, effect="delay_reply", seconds=7, action="os-stop")
    began = cloud.now
    nova.act("web", {"os-stop": None})
    assert cloud.journal.requests(action="os-stop")[0]["sim_time"] == pytest.approx(began + 5)
    assert cloud.now == pytest.approx(began + 12)
    assert nova.where("web")[0] == "SHUTOFF"


def test_a_revoked_token_is_replaced_without_the_caller_noticing() -> None:
    """The first request meets 401, keystoneauth authenticates again, and the call succeeds."""
    cloud = small()
    nova = Nova(cloud)
    nova.server("web")
    _plant(cloud, effect="token_revoked", method="GET", path="/servers/", count=1)
    assert nova.where("web") == ("ACTIVE", "a1")
    statuses = [line["status"] for line in cloud.journal.requests()][-3:]
    assert statuses == [401, 201, 200]


def test_an_expired_token_is_401() -> None:
    """After its time a token is worth nothing, and a new one is fetched."""
    cloud = small(settings={"token_ttl": 60})
    nova = Nova(cloud)
    nova.server("web")
    cloud.advance(61)
    assert nova.where("web") == ("ACTIVE", "a1")
    assert cloud.journal.requests(status=401)


def test_a_wrong_secret_is_401() -> None:
    """For application credentials and passwords alike."""
    cloud = small()
    who = cloud.identity.users["ballast"]
    right = {"id": who.credential_id, "secret": who.secret}
    assert _knock(cloud, "application_credential", right) == 201
    assert _knock(cloud, "application_credential", {**right, "secret": "guessed"}) == 401
    person = {"name": "ballast", "domain": {"name": "Default"}}
    assert _knock(cloud, "password", {"user": {**person, "password": who.password}}) == 201
    assert _knock(cloud, "password", {"user": {**person, "password": "guessed"}}) == 401


def _knock(cloud: Cloud, method: str, proof: dict[str, Any]) -> int:
    body = {"auth": {"identity": {"methods": [method], method: proof}}}
    return handle(cloud, Request("POST", "/identity/v3/auth/tokens", body=body)).status


def test_a_fault_by_chance_repeats_with_the_seed() -> None:
    """Probability draws from the cloud's own dice."""

    def answers() -> list[int]:
        cloud = small(seed=3)
        nova = Nova(cloud)
        _plant(cloud, effect="status", status=503, path="/flavors", probability=0.5)
        return [nova.get("/flavors").status_code for _ in range(20)]

    assert answers() == answers()
    assert {200, 503} == set(answers())


def test_the_journal_is_written_before_the_reply_and_keeps_no_secret() -> None:
    """One JSON line per request with its microversion, caller and outcome; secrets read ***."""
    cloud = small()
    sink = StringIO()
    cloud.journal.sink = sink
    nova = Nova(cloud)
    nova.act("web", {"os-stop": None}, version="2.60")
    lines = [json.loads(line) for line in sink.getvalue().splitlines()]
    assert "ballast-secret" not in sink.getvalue()
    stop = next(line for line in lines if line.get("action") == "os-stop")
    assert (stop["microversion"], stop["user"], stop["status"]) == ("2.60", "ballast", 202)
    assert stop["server_before"]["status"] == "ACTIVE"
    assert stop["server_after"]["task_state"] == "powering-off"
    seqs = [line["seq"] for line in lines if line["event"] == "processed"]
    assert seqs == list(range(1, len(seqs) + 1))
    assert [line["seq"] for line in lines if line["event"] == "replied"] == seqs


def test_a_client_without_patience_times_out_on_work_that_was_done() -> None:
    """The reply comes after the client's timeout: it sees none, and the server is stopped."""
    cloud = small()
    nova = Nova(cloud)
    path = f"/servers/{nova.id('web')}/action"
    nova.server("web")
    _plant(cloud, effect="delay_reply", seconds=30, action="os-stop")
    with pytest.raises(exceptions.ConnectTimeout):
        nova.sdk.session.post(
            path,
            json={"os-stop": None},
            endpoint_filter={"service_type": "compute"},
            timeout=10,
            connect_retries=0,
        )
    assert nova.where("web")[0] == "SHUTOFF"


def test_a_fault_may_wait_for_a_moment() -> None:
    """By the changes of a server that were accepted since it was planted, and by whether it has a task."""
    cloud = small()
    nova = Nova(cloud)
    server = nova.id("web")
    _plant(cloud, effect="status", instance=server, method="GET", writes=1, busy=True)
    _plant(cloud, effect="status", status=500, instance=server, method="GET", writes=1, busy=False)

    def asked() -> int:
        path = f"/servers/{server}"
        return int(nova.sdk.compute.get(path, microversion="2.1", retriable_status_codes=[]).status_code)

    assert asked() == 200
    nova.live("web", "a2")
    assert asked() == 503
    cloud.settle()
    assert asked() == 500
    assert cloud.journal.lines[-2]["faults"] == [2]
    assert [fault.seen for fault in cloud.faults.api] == [1, 1]
