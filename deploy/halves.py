"""Whether every strategy and action has both its halves, YAML and Python, and they say the same."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from types import ModuleType
from typing import Any

from activities import actions, strategies
from activities.actions import ActionModule
from plan_schemas import catalog
from plan_schemas.catalog import Catalog
from plan_schemas.frozen import thaw

_REQUIRED: Any = inspect.Parameter.empty
# The functions that take the parameters.
_OF_STRATEGY = ("decide",)
_OF_ACTION = tuple(name for name in vars(ActionModule) if not name.startswith("_"))


def complaints(extra: Path | None = None) -> tuple[str, ...]:
    """One sentence for each half that is missing or differs from the other."""
    return tuple(differences(catalog.load(extra)))


def differences(known: Catalog) -> Iterator[str]:
    yield from _of_kind("strategies", strategies, known.strategies, _OF_STRATEGY)
    yield from _of_kind("actions", actions, known.actions, _OF_ACTION)


def _of_kind(
    kind: str, package: ModuleType, declared: Mapping[str, Any], functions: tuple[str, ...]
) -> Iterator[str]:
    coded = {module.name for module in iter_modules(package.__path__)}
    for name in sorted({*coded, *declared}):
        python, yaml = f"activities/{kind}/{name}.py", f"plan_schemas/{kind}/{name}.yaml"
        if name not in coded:
            yield f"{yaml} has no other half; write {python} or remove it"
        elif name not in declared:
            yield f"{python} has no other half; write {yaml} or remove it"
        else:
            module = import_module(f"{package.__name__}.{name}")
            wanted = parameters(declared[name].parameters)
            for function in functions:
                yield from _unlike(module, function, wanted, python, yaml)


def parameters(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Name -> default of a declaration; what may be absent without a default is None in Python."""
    required = schema.get("required", ())
    return {
        name: _REQUIRED if name in required else thaw(declared.get("default"))
        for name, declared in schema["properties"].items()
    }


def _unlike(
    module: ModuleType, function: str, wanted: Mapping[str, Any], python: str, yaml: str
) -> Iterator[str]:
    code: Callable[..., Any] | None = getattr(module, function, None)
    if code is None:
        yield f"{python} has no function {function}"
        return
    given = {
        name: thaw(parameter.default)
        for name, parameter in inspect.signature(code).parameters.items()
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY
    }
    for name in sorted({*given, *wanted}):
        if name not in given:
            yield f"{python}: {function} does not take {name!r}, which {yaml} declares"
        elif name not in wanted:
            yield f"{yaml} does not declare {name!r}, which {function} in {python} takes"
        elif given[name] is not wanted[name] and given[name] != wanted[name]:
            ours, theirs = _shown(given[name]), _shown(wanted[name])
            yield f"{name!r} is {ours} in {python} ({function}), but {theirs} in {yaml}"


def _shown(default: Any) -> str:
    return "required" if default is _REQUIRED else f"by default {default!r}"
