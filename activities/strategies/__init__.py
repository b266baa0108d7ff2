"""Strategies by name: the file name is the name, and nothing registers them."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import Any

from plan_schemas.plan import Refused


def find(name: str) -> Any:
    """The module of a strategy. Raises Refused for a name that has none."""
    if not name.isidentifier() or find_spec(f"{__name__}.{name}") is None:
        raise Refused(f"there is no strategy {name}", "see `ballast strategies`")
    return import_module(f"{__name__}.{name}")
