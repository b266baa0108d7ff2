"""Where migrations can be looked up: all records with filters, and a server's live ones under way."""

from __future__ import annotations

import pytest

from tests.behaviour.clouds import Cloud
from tests.behaviour.sights import Row

ALL = "/os-migrations"


@pytest.fixture
def moved(cloud: Cloud) -> tuple[str, list[Row]]:
    """A server with a live migration and then a refused one behind it, and both records, oldest first."""
    server = cloud.boot(host="cmp-001")
    cloud.live(server, "cmp-003")
    cloud.watch(server)
    cloud.live(server, "cmp-003")
    cloud.reaches(server, "error")
    return server, cloud.records(server)


def ids(cloud: Cloud, query: str, microversion: str | None = None) -> list[int]:
    return [row["id"] for row in cloud.get(f"{ALL}?{query}", microversion=microversion)["migrations"]]


def test_records_are_filtered(cloud: Cloud, moved: tuple[str, list[Row]]) -> None:
    """Server, status, type, either host and source narrow the list; what matches nothing is an empty list."""
    server, (good, bad) = moved
    mine = f"instance_uuid={server}"
    assert ids(cloud, mine) == [bad["id"], good["id"]], "newest first"
    assert ids(cloud, f"{mine}&status=completed") == [good["id"]]
    assert ids(cloud, f"{mine}&host=cmp-001") == [good["id"]]
    assert ids(cloud, f"{mine}&host=cmp-003") == [bad["id"], good["id"]]
    assert ids(cloud, f"{mine}&source_compute=cmp-003") == [bad["id"]]
    assert ids(cloud, f"{mine}&migration_type=live-migration") == [bad["id"], good["id"]]
    for nothing in ("migration_type=resize", "migration_type=nonsense", "status=done", "user_id=x"):
        assert ids(cloud, f"{mine}&{nothing}") == []
    assert ids(cloud, "instance_uuid=nonsense") == []


def test_records_come_in_pages(cloud: Cloud, moved: tuple[str, list[Row]]) -> None:
    """A limit gives a page and a link to the next one, which a marker continues; a foreign marker is 400."""
    server, (good, bad) = moved
    page = cloud.get(f"{ALL}?instance_uuid={server}&limit=1")
    assert [row["id"] for row in page["migrations"]] == [bad["id"]]
    assert [link["rel"] for link in page["migrations_links"]] == ["next"]
    assert ids(cloud, f"instance_uuid={server}&limit=1&marker={bad['uuid']}") == [good["id"]]
    answer = cloud.request("GET", f"{ALL}?marker=nope")
    assert answer.refusal == (400, "Marker nope could not be found.")


def test_records_can_be_asked_for_by_time(cloud: Cloud, moved: tuple[str, list[Row]]) -> None:
    """changes-since and changes-before compare with the last change of a record."""
    server, (good, bad) = moved
    late = bad["updated_at"].partition(".")[0] + "Z"
    assert bad["id"] in ids(cloud, f"instance_uuid={server}&changes-since={late}")
    assert ids(cloud, f"instance_uuid={server}&changes-since=2999-01-01T00:00:00Z") == []
    assert ids(cloud, f"instance_uuid={server}&changes-before=2999-01-01T00:00:00Z") == [
        bad["id"],
        good["id"],
    ]


@pytest.mark.parametrize(
    ("query", "why"),
    [
        ("bogus=1", "Additional properties are not allowed ('bogus' was unexpected)"),
        ("limit=-1", "Invalid input for query parameters limit. Value: -1. '-1' does not match '^[0-9]*$'"),
        (
            "limit=abc",
            "Invalid input for query parameters limit. Value: abc. 'abc' does not match '^[0-9]*$'",
        ),
        (
            "changes-since=nope",
            "Invalid input for query parameters changes-since. Value: nope. 'nope' is not a 'date-time'",
        ),
    ],
    ids=["unknown", "negative", "no_number", "no_moment"],
)
def test_a_query_that_means_nothing_is_refused(cloud: Cloud, query: str, why: str) -> None:
    """An unknown key and a value of the wrong form are 400, each by name."""
    assert cloud.request("GET", f"{ALL}?{query}").refusal == (400, why)


def test_older_microversions_know_less(cloud: Cloud, moved: tuple[str, list[Row]]) -> None:
    """Before 2.59 the list is oldest first and names no uuid; user_id is unknown before 2.80."""
    server, (good, bad) = moved
    assert ids(cloud, f"instance_uuid={server}", "2.58") == [good["id"], bad["id"]]
    rows = cloud.get(f"{ALL}?instance_uuid={server}", microversion="2.58")["migrations"]
    assert not {"uuid", "user_id", "project_id"} & set(rows[0])
    answer = cloud.request("GET", f"{ALL}?user_id=x", microversion="2.79")
    assert answer.refusal == (400, "Additional properties are not allowed ('user_id' was unexpected)")


def test_a_server_shows_its_live_migration_under_way(cloud: Cloud) -> None:
    """Only while it is under way; the record links to it then."""
    server = cloud.boot(host="cmp-001")
    cloud.fault(server, "stall")
    cloud.live(server, "cmp-003")
    record = cloud.reaches(server, "running")
    path = f"/servers/{server}/migrations"
    assert [row["id"] for row in cloud.get(path)["migrations"]] == [record["id"]]
    shown = cloud.get(f"{path}/{record['id']}")["migration"]
    assert (shown["uuid"], shown["dest_compute"]) == (record["uuid"], "cmp-003")
    assert {link["rel"] for link in record["links"]} == {"self", "bookmark"}
    for key in (999999, "abc"):
        why = f"In-progress live migration {key} is not found for server {server}."
        assert cloud.request("GET", f"{path}/{key}").refusal == (404, why)


def test_an_ended_live_migration_is_not_in_progress(cloud: Cloud, moved: tuple[str, list[Row]]) -> None:
    """After its end the server lists none, and the one by number is 404."""
    server, (good, _) = moved
    path = f"/servers/{server}/migrations"
    assert cloud.get(path) == {"migrations": []}
    why = f"Live migration {good['id']} for server {server} is not in progress."
    assert cloud.request("GET", f"{path}/{good['id']}").refusal == (404, why)


def test_a_cold_migration_is_no_live_one(cloud: Cloud) -> None:
    """A server's own list leaves cold migrations out, and showing one is 404 by its kind."""
    server = cloud.boot(host="cmp-001")
    cloud.seconds(server, cold=1)
    cloud.cold(server, "cmp-003")
    number = cloud.reaches(server, "finished")["id"]
    path = f"/servers/{server}/migrations"
    assert cloud.get(path) == {"migrations": []}
    why = f"Migration {number} for server {server} is not live-migration."
    assert cloud.request("GET", f"{path}/{number}").refusal == (404, why)


def test_a_plain_member_may_not_list_records(cloud: Cloud) -> None:
    """Who is no administrator is refused by policy."""
    answer = cloud.request("GET", ALL, by=cloud.tenant())
    assert answer.refusal == (403, "Policy doesn't allow os_compute_api:os-migrations:index to be performed.")
