"""The surroundings of one action: a cut of the whole picture, at the price of a few requests."""

from typing import Any

import pytest

from activities.observe import Incomplete, collect
from tests.how.acting import door_to, observed
from tests.observe.reading import Altered, full, requests_of
from tests.simcloud.kit import small


def test_a_neighbourhood_is_a_cut_of_the_whole() -> None:
    """The named hosts look as in the whole picture, and every member of their groups is there."""
    cloud = full()
    whole = observed(cloud)
    names = frozenset(list(cloud.hosts)[:2])
    paths = requests_of(cloud, lambda: collect(door_to(cloud).reader, "sim", now=cloud.moment, hosts=names))
    part = collect(door_to(cloud).reader, "sim", now=cloud.moment, hosts=names)
    assert set(part.hosts) == names
    for name in names:
        assert part.hosts[name] == whole.hosts[name]
        assert [i.uuid for i in part.on(name)] == [i.uuid for i in whole.on(name)]
    for group in part.groups.values():
        assert group.members == whole.groups[group.uuid].members
        assert all(part.instances[m].host == whole.instances[m].host for m in group.members)
    assert len(paths) <= 30


def test_a_neighbourhood_lists_no_whole_cloud() -> None:
    """Two hosts are looked at without a list of all servers or hypervisors, which takes Nova long."""
    cloud, asked = full(), list[str]()

    def note(path: str, answer: Any) -> Any:
        asked.append(path)
        return answer

    collect(Altered(cloud, note), "sim", now=cloud.moment, hosts=frozenset(list(cloud.hosts)[:2]))
    lists = [path for path in asked if "/servers/detail" in path or "/os-hypervisors" in path]
    assert lists
    assert all("host=" in path or "hypervisor_hostname_pattern=" in path for path in lists)


def test_a_neighbourhood_about_one_instance_looks_for_its_group_only() -> None:
    """Of the servers elsewhere only the members of that instance's groups are asked for."""
    cloud = full()
    whole = observed(cloud)
    uuid = next(i.uuid for i in whole.instances.values() if i.server_group and i.host)
    host = whole.instances[uuid].host
    part = collect(door_to(cloud).reader, "sim", now=cloud.moment, hosts=frozenset({host or ""}), about=uuid)
    group = whole.groups[whole.instances[uuid].server_group or ""]
    assert set(part.instances) == {i.uuid for i in whole.on(host or "")} | set(group.members)


def test_a_neighbourhood_without_its_host_is_refused() -> None:
    """A host that Nova no longer knows is named."""
    cloud = small()
    with pytest.raises(Incomplete, match="host zz: Nova knows no such compute service"):
        collect(door_to(cloud).reader, "sim", now=cloud.moment, hosts=frozenset({"a1", "zz"}))
