"""Requests that try a right: service, method, path, body; words in braces are filled in."""

from __future__ import annotations

from typing import Any, TypeAlias

Request: TypeAlias = tuple[str, str, str, Any]
# What neither may do with a server of another project, and with the rest of the cloud.
FORBIDDEN: dict[str, Request] = {
    "delete": ("compute", "DELETE", "/servers/{server}", None),
    "rename": ("compute", "PUT", "/servers/{server}", {"server": {"name": "x"}}),
    "metadata": ("compute", "POST", "/servers/{server}/metadata", {"metadata": {"a": "b"}}),
    "reset state": ("compute", "POST", "/servers/{server}/action", {"os-resetState": {"state": "error"}}),
    "evacuate": ("compute", "POST", "/servers/{server}/action", {"evacuate": {}}),
    "reboot": ("compute", "POST", "/servers/{server}/action", {"reboot": {"type": "HARD"}}),
    "pause": ("compute", "POST", "/servers/{server}/action", {"pause": None}),
    "lock": ("compute", "POST", "/servers/{server}/action", {"lock": None}),
    "rebuild": ("compute", "POST", "/servers/{server}/action", {"rebuild": {"imageRef": "{image}"}}),
    "password": ("compute", "POST", "/servers/{server}/action", {"changePassword": {"adminPass": "x"}}),
    "console log": ("compute", "POST", "/servers/{server}/action", {"os-getConsoleOutput": {}}),
    "migrate anywhere": ("compute", "POST", "/servers/{server}/action", {"migrate": {"host": None}}),
    "service record": ("compute", "DELETE", "/os-services/{server}", None),
    "aggregate": ("compute", "POST", "/os-aggregates", {"aggregate": {"name": "x"}}),
    "flavor": ("compute", "POST", "/flavors", {"flavor": {"name": "x", "vcpus": 1, "ram": 1, "disk": 0}}),
    "quota": ("compute", "PUT", "/os-quota-sets/{server}", {"quota_set": {"cores": 1}}),
    "allocations": ("placement", "DELETE", "/allocations/{server}", None),
    "provider": ("placement", "POST", "/resource_providers", {"name": "x"}),
}
# What only the operator may.
WRITES: dict[str, Request] = {
    "live": (
        "compute",
        "POST",
        "/servers/{server}/action",
        {"os-migrateLive": {"host": "cmp-002", "block_migration": "auto"}},
    ),
    "cold": ("compute", "POST", "/servers/{server}/action", {"migrate": {"host": "cmp-002"}}),
    "resize": ("compute", "POST", "/servers/{server}/action", {"resize": {"flavorRef": "{flavor}"}}),
    "confirm": ("compute", "POST", "/servers/{server}/action", {"confirmResize": None}),
    "revert": ("compute", "POST", "/servers/{server}/action", {"revertResize": None}),
    "abort": ("compute", "DELETE", "/servers/{server}/migrations/1", None),
    "stop": ("compute", "POST", "/servers/{server}/action", {"os-stop": None}),
    "start": ("compute", "POST", "/servers/{server}/action", {"os-start": None}),
    "disable": ("compute", "PUT", "/os-services/{service}", {"status": "disabled"}),
}
