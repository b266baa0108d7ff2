"""A cloud that is killed and started again has forgotten nothing that it told anybody."""

import json
import time
from functools import partial
from pathlib import Path

from deploy.simcloud import memory, snapshot
from deploy.simcloud.cloud import Cloud
from tests.simcloud.kit import Nova, small


def _kept(cloud: Cloud, folder: Path) -> Path:
    path = folder / "state"
    cloud.journal.commit = partial(memory.keep, cloud, path)
    return path


def test_what_was_accepted_is_remembered_and_goes_on(tmp_path: Path) -> None:
    """The migration that was begun is there again, and ends as it would have."""
    cloud = small()
    nova, path = Nova(cloud), _kept(cloud, tmp_path)
    nova.live("web", "a2")
    recalled = memory.recall(path)
    assert recalled is not None
    recalled.settle()
    cloud.settle()
    assert snapshot.take(recalled)["where"] == snapshot.take(cloud)["where"]
    assert Nova(recalled).where("web") == ("ACTIVE", "a2")


def test_its_time_goes_on_while_it_is_away(tmp_path: Path) -> None:
    """What happens in the hosts does not wait for the API to come back."""
    cloud = small()
    nova, path = Nova(cloud), _kept(cloud, tmp_path)
    cloud.speed = 10_000.0
    nova.live("web", "a2")
    time.sleep(0.05)
    recalled = memory.recall(path)
    assert recalled is not None
    assert recalled.where()[nova.id("web")] == "a2"


def test_a_cloud_that_never_ran_remembers_nothing(tmp_path: Path) -> None:
    assert memory.recall(tmp_path / "state") is None


def test_the_journal_says_what_the_state_knows(tmp_path: Path) -> None:
    """A line that the kill kept from the file is written at the start, a broken one cut off, none twice."""
    cloud = small()
    nova, path = Nova(cloud), _kept(cloud, tmp_path)
    nova.live("web", "a2")
    last = next(line for line in reversed(cloud.journal.lines) if line["event"] == "processed")
    before = [line for line in cloud.journal.lines if line["seq"] < last["seq"]]
    file = tmp_path / "journal.jsonl"
    file.write_text("".join(json.dumps(line) + "\n" for line in before) + '{"seq": 99, "eve')
    for _ in range(2):
        recalled = memory.recall(path)
        assert recalled is not None
        written = memory.tail(file)
        with file.open("a") as sink:
            recalled.journal.sink = sink
            recalled.journal.catch_up(written)
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    assert [line["seq"] for line in lines].count(last["seq"]) == 1
    assert lines[-1]["action"] == "os-migrateLive"
    assert lines[-1]["accepted"]
