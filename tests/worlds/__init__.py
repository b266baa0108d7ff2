"""Clouds to test on: random ones (`clusters`), `audits` on them, what is `used`, and ones with names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from tests.worlds.clouds import DEMANDED, FEATURES, clusters, snapshots
from tests.worlds.requests import audits, parameters
from tests.worlds.usages import measured, used

__all__ = [
    "DEMANDED",
    "FEATURES",
    "audits",
    "clusters",
    "measured",
    "named",
    "names",
    "parameters",
    "snapshots",
    "used",
]

HERE = Path(__file__).parent


def named(name: str) -> dict[str, Any]:
    """The Snapshot document of a named world, tests/worlds/<name>.yaml."""
    document: dict[str, Any] = yaml.safe_load((HERE / f"{name}.yaml").read_text())
    return document


def names() -> list[str]:
    return sorted(path.stem for path in HERE.glob("*.yaml"))
