"""What is away or slow: a nova-compute, Keystone's consent, an answer of Nova. On the simulator."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import yaml
from temporalio import activity
from temporalio.activity import ActivityCancellationDetails
from temporalio.testing import ActivityEnvironment

from activities import openstack
from activities.doing.pulse import Pulse
from activities.door import Failed, LockedOut, Stopped, Transient
from activities.others.moving import SILENT, UNDER_WAY, at_rest
from deploy.simcloud import fleet
from deploy.simcloud.cloud import Cloud
from tests.how.acting import VirtualWatch, door_to, observed
from tests.how.one_action import move, posts, run, uuid_of
from tests.live.rooms import Rooms
from tests.live.stack import Live
from tests.simcloud.kit import small

BIG = [{"name": "m1", "vcpus": 2, "memory_mb": 65536, "disk_gb": 20}]  # moves for more than a minute


# -- a nova-compute is away ---------------------------------------------------------------------------------


class Killing(VirtualWatch):
    """Calls `strike` in its n-th sleep."""

    strike: Callable[[], None]
    at = 4

    def sleep(self, seconds: float) -> None:
        super().sleep(seconds)
        if self.sleeps == self.at:
            self.strike()


def killing(cloud: Cloud, *strikes: Callable[[], None]) -> Killing:
    def strike() -> None:
        for one in strikes:
            one()

    watch = Killing(cloud, cloud.moment)
    watch.strike = strike
    return watch


def dies(cloud: Cloud, host: str) -> Callable[[], None]:
    return lambda: fleet.kill(cloud, cloud.hosts[host])


def returns(cloud: Cloud, host: str) -> Callable[[], None]:
    return lambda: fleet.restart(cloud, cloud.hosts[host])


@pytest.mark.parametrize("kind", ["live", "cold"])
def test_a_dead_source_is_named_and_nothing_is_asked_of_it(kind: str) -> None:
    """A move whose source died fails within minutes, names the nova-compute and how to go on."""
    cloud = small(flavors=[*BIG, {"name": "m2", "vcpus": 4, "memory_mb": 8192, "disk_gb": 40}])
    action = move(cloud, kind=kind)
    with pytest.raises(Failed, match=r"stands still .*nova-compute on a1 is down; the server is ") as why:
        run(cloud, action, killing(cloud, dies(cloud, "a1")))
    assert "start nova-compute on a1" in why.value.remedy
    assert len(posts(cloud)) == 1, "an abort would only wait for the dead one"
    assert cloud.now < 400


def test_a_restarted_source_gives_its_move_up() -> None:
    """A live move whose source was killed and started again fails with the server where it was."""
    cloud = small(flavors=[*BIG, {"name": "m2", "vcpus": 4, "memory_mb": 8192, "disk_gb": 40}])
    action = move(cloud)
    with pytest.raises(Failed, match=r"ended as error: .*ACTIVE on a1"):
        run(cloud, action, killing(cloud, dies(cloud, "a1"), returns(cloud, "a1")))
    assert observed(cloud).instances[uuid_of(cloud, "web")].host == "a1"


def cleaning_up(seconds: float) -> Cloud:
    """A cloud whose live records end so long after their servers have settled."""
    cloud = small()
    cloud.settings.completion_lag, cloud.settings.prompt_share = seconds, 0.0
    return cloud


def test_a_source_that_cleans_up_for_minutes_is_waited_for() -> None:
    """A busy nova-compute ends its record long after the server has arrived; that is no failure."""
    cloud = cleaning_up(240)
    assert run(cloud, move(cloud)).outcome == "done"
    assert cloud.now > 240
    assert len(posts(cloud)) == 1, "nothing is aborted that has arrived"


def test_a_record_that_nobody_ends_is_told_with_the_server_where_it_was_to_go() -> None:
    """A move whose record stays open for ever fails, and says that the server has arrived."""
    cloud = cleaning_up(1e6)
    with pytest.raises(
        Failed, match=r"ACTIVE on a2, where it was to go: nova-compute on a1 has not ended it"
    ):
        run(cloud, move(cloud))
    assert cloud.now < 1200
    uuid = uuid_of(cloud, "web")
    assert any(record.status in UNDER_WAY for record in door_to(cloud).migrations(uuid))
    assert at_rest(door_to(cloud), uuid), "its plan would hold what it moved for ever"


def test_a_record_that_stays_open_at_its_source_is_at_rest_once_nobody_writes_into_it() -> None:
    """The source died and a person reset the state of the server: its record stays `running`."""
    cloud = small(flavors=[*BIG, {"name": "m2", "vcpus": 4, "memory_mb": 8192, "disk_gb": 40}])
    uuid = uuid_of(cloud, "web")
    door_to(cloud).live_migrate(uuid, "a2")
    cloud.advance(10)
    assert not at_rest(door_to(cloud), uuid), "it has a task"
    fleet.kill(cloud, cloud.hosts["a1"])
    cloud.instances[uuid].task_state = None
    (record,) = door_to(cloud).migrations(uuid)
    assert (record.status, record.source) == ("running", "a1")
    assert not at_rest(door_to(cloud), uuid), "it was written a moment ago"
    cloud.advance(SILENT.total_seconds() + 60)
    (record,) = door_to(cloud).migrations(uuid)
    assert record.status == "running"
    assert at_rest(door_to(cloud), uuid), "its plan would hold the server until a person thaws the cloud"


# -- an answer is slow --------------------------------------------------------------------------------------


LIMIT = 2.0  # seconds without a sign of life: more than a busy machine makes an attempt wait by itself


async def alive_after(wait: Callable[[Pulse], None]) -> str:
    """What becomes of a heartbeat after something that takes longer than the heartbeat time-out."""
    environment = ActivityEnvironment()
    environment.info = replace(environment.info, heartbeat_timeout=timedelta(seconds=LIMIT))

    def act() -> str:
        with Pulse().ticking() as pulse:
            pulse.heartbeat({"phase": "asking"})
            wait(pulse)
            try:
                pulse.heartbeat({"phase": "asked"})
            except Stopped as stop:
                return stop.kind
            return "alive"

    return await asyncio.to_thread(environment.run, act)


def reading(_: Pulse) -> None:
    time.sleep(1.5 * LIMIT)


def writing(pulse: Pulse) -> None:
    with pulse.writing():
        time.sleep(1.5 * LIMIT)


def test_a_slow_read_is_no_dead_worker() -> None:
    """An attempt lives through a read that takes longer than the heartbeat time-out, but no such write."""
    assert asyncio.run(alive_after(reading)) == "alive"
    assert asyncio.run(alive_after(writing)) == "leave"


async def written_after(why: ActivityCancellationDetails | None) -> str:
    """What becomes of a write when Temporal has cancelled the attempt for this reason."""
    environment = ActivityEnvironment()

    @activity.defn(no_thread_cancel_exception=True)
    def act() -> str:
        pulse = Pulse()
        if why is not None:
            environment.cancel(why)
        try:
            with pulse.writing():
                return "written"
        except Stopped as stop:
            return stop.kind

    return await asyncio.to_thread(environment.run, act)


@pytest.mark.parametrize(
    ("why", "becomes"),
    [
        (None, "written"),
        (ActivityCancellationDetails(cancel_requested=True), "written"),  # that of an abort, or told later
        (ActivityCancellationDetails(not_found=True), "leave"),
        (ActivityCancellationDetails(timed_out=True), "leave"),
        (ActivityCancellationDetails(paused=True), "leave"),
    ],
)
def test_an_attempt_of_a_plan_that_is_no_more_asks_for_nothing(
    why: ActivityCancellationDetails | None, becomes: str
) -> None:
    """A terminated plan's attempt lets go before its write; a person's abort is heard where it can be."""
    assert asyncio.run(written_after(why)) == becomes


def test_a_slow_nova_costs_no_attempt(rooms: Rooms) -> None:
    """Reads that take longer than the heartbeat time-out end a move at its first attempt."""
    fault = {"effect": "latency", "seconds": 8, "method": "GET", "path": "/os-instance-actions$", "count": 2}
    rooms.live.sim("faults", {"api": fault})
    kind = {
        "abortable": True,
        "reversible": True,
        "heartbeat_seconds": 5,
        "timeout_seconds": 600,
        "timeout_factor": 10,
        "retry": {"attempts": 1, "initial_seconds": 1, "backoff": 2, "maximum_seconds": 30},
    }
    id = f"plan/{rooms.name}"
    document = {**rooms.plan(rooms.move("web-1", "south-1")), "types": {"migrate": kind}}
    rooms.live.start("ActionPlan", id, document)
    assert rooms.live.closed(id) == "COMPLETED", rooms.live.query(id)["sentence"]


# -- Keystone refuses us ------------------------------------------------------------------------------------


@pytest.fixture
def clouds(live: Live, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A clouds.yaml of its own for the running cloud, and a process that has opened no door yet."""
    file = tmp_path / "clouds.yaml"
    file.write_text((live.stack.directory / "clouds.yaml").read_text())
    monkeypatch.setenv("OS_CLIENT_CONFIG_FILE", str(file))
    monkeypatch.setattr(openstack, "_doors", {})
    return file


def spoil(file: Path, secret: str) -> None:
    document = yaml.safe_load(file.read_text())
    document["clouds"]["simcloud"]["auth"]["application_credential_secret"] = secret
    file.write_text(yaml.safe_dump(document))


def test_wrong_credentials_are_final_until_the_file_is_mended(clouds: Path) -> None:
    """A refused login is no trouble that passes; whoever mends clouds.yaml need not restart the worker."""
    right = yaml.safe_load(clouds.read_text())["clouds"]["simcloud"]["auth"]["application_credential_secret"]
    spoil(clouds, "guessed")
    for _ in range(2):
        with pytest.raises(
            LockedOut, match=r"Keystone refused our credentials \(401\); put right .*clouds.yaml"
        ):
            openstack.open_door("simcloud").reader.get("compute", "/servers", "2.90")
    spoil(clouds, right)
    assert b"servers" in openstack.open_door("simcloud").reader.get("compute", "/servers", "2.90")


@pytest.mark.parametrize("connections", [2, 12])
def test_a_door_keeps_as_many_connections_as_there_are_threads(
    clouds: Path, connections: int, caplog: pytest.LogCaptureFixture
) -> None:
    """Threads beyond that number throw their connection away after each request; with enough nobody does."""
    reader = openstack.open_door("simcloud", connections).reader

    def read(_: int) -> bytes:
        return reader.get("compute", "/servers/detail", "2.90")

    with ThreadPoolExecutor(12) as pool:
        assert all(pool.map(read, range(60)))
    thrown = [one for one in caplog.records if "pool is full" in one.getMessage()]
    assert bool(thrown) == (connections == 2)


def test_a_no_to_whoever_was_let_in_before_is_looked_into_once(clouds: Path, live: Live) -> None:
    """Whoever was let in before and is refused now tries again, by what clouds.yaml says then."""
    first = openstack.open_door("simcloud")
    first.reader.get("compute", "/servers", "2.90")
    spoil(clouds, "rotated")
    with pytest.MonkeyPatch.context() as patch:
        session = openstack._connect("simcloud", 4).session
        patch.setattr(openstack._doors["simcloud"].reader._session, "auth", session.auth)
        live.sim("tokens/revoke", {})
        with pytest.raises(Transient, match="Keystone refused our credentials"):
            first.reader.get("compute", "/servers", "2.90")
    second = openstack.open_door("simcloud")
    assert second is not first
    with pytest.raises(LockedOut):
        second.reader.get("compute", "/servers", "2.90")


def test_an_audit_with_wrong_credentials_says_so_at_once(rooms: Rooms) -> None:
    """An audit that Keystone does not let in fails within seconds, with what to mend."""
    file, live = rooms.live.stack.directory / "clouds.yaml", rooms.live
    document = yaml.safe_load(file.read_text())
    document["clouds"]["wrong"] = yaml.safe_load(yaml.safe_dump(document["clouds"]["simcloud"]))
    document["clouds"]["wrong"]["auth"]["application_credential_secret"] = "guessed"
    file.write_text(yaml.safe_dump(document))
    audit = {**rooms.audit("north-2"), "cloud": "wrong"}
    for round_ in ("first", "second"):
        id = f"audit/{rooms.name}-{round_}"
        live.start("Audit", id, {**audit, "name": f"{rooms.name}-{round_}"})
        assert live.closed(id, within=15) == "FAILED"
        assert "Keystone refused our credentials (401); put right this cloud" in live.query(id)["sentence"]
