"""Whether another distribution owns one of our top-level packages: installing it overwrites our files."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, packages_distributions, version

OURS = "ballast"
NAMES = ("plan_schemas", "workflows", "activities", "deploy")


def complaints(owners: Mapping[str, list[str]] | None = None) -> tuple[str, ...]:
    """One sentence for each of our names that something else installs too; says what to do."""
    known = packages_distributions() if owners is None else owners
    return tuple(
        f"the package {name!r} is also installed by {_called(other)}, which overwrites Ballast's files; "
        f"run Ballast in an environment of its own, or: pip uninstall {other}, then reinstall Ballast"
        for name in NAMES
        for other in sorted(set(known.get(name, ())))
        if other.lower() != OURS
    )


def _called(distribution: str) -> str:
    try:
        return f"{distribution} {version(distribution)}"
    except PackageNotFoundError:
        return distribution
