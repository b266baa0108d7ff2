"""The catalogue: goals, strategies, actions, metrics out of their YAML files, checked together, then frozen.

The file name is the name. A directory of the operator's own, laid out in the same way, may add files, and
replace one of ours where the file says `replaces: <name>`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from plan_schemas import schema
from plan_schemas.complaints import nearest
from plan_schemas.dialect import Dialect
from plan_schemas.dialect import check as check_dialect
from plan_schemas.frozen import EMPTY, digest, freeze
from plan_schemas.loader import Invalid, Located, parse_located
from plan_schemas.metric import Metric
from plan_schemas.plan import ActionType, Retry
from plan_schemas.problems import Findings, Problem
from plan_schemas.units import TIMES

FOLDERS = {  # folder -> kind of its files
    "goals": "goal",
    "strategies": "strategy",
    "actions": "action",
    "metrics": "metric",
    "datasources": "dialect",
}
_TAKES_PARAMETERS = ("strategy", "action")


@dataclass(frozen=True, slots=True)
class Goal:
    name: str
    summary: str
    default_strategy: str
    indicators: Mapping[str, Mapping[str, str]]  # name -> {unit, better, summary}


@dataclass(frozen=True, slots=True)
class Strategy:
    name: str
    version: int
    goal: str
    support: str  # core | experimental | deprecated | unsupported
    summary: str
    how: str  # it decides, in prose
    parameters: Mapping[str, Any]  # JSON Schema of an object
    metrics: tuple[str, ...]
    actions: tuple[str, ...]  # types of action that it may propose
    example: Mapping[str, Any]  # parameters of an audit
    urgency: int = 5  # of its actions: 1 mandatory .. 5 nice to have
    held: tuple[str, ...] = ()  # metrics of whose last `hold` seconds it also needs the course
    metrics_fallback: Mapping[str, Any] = EMPTY  # {use, at_most}: for a subject without a believable number
    empties: tuple[str, ...] = ()  # parameters that name hosts which are to be empty afterwards

    def emptied(self, parameters: Mapping[str, Any]) -> tuple[str, ...]:
        """The hosts that are to be empty afterwards, as the parameters of an audit name them."""
        named = (parameters.get(name) or () for name in self.empties)
        return tuple(h for one in named for h in ((one,) if isinstance(one, str) else one))


@dataclass(frozen=True, slots=True)
class ActionSpec:
    name: str
    summary: str
    parameters: Mapping[str, Any]  # JSON Schema of an object
    example: Mapping[str, Any]
    type: ActionType  # what is frozen into plans
    costs: Mapping[str, Mapping[str, str]] = EMPTY  # name -> {unit, summary}


@dataclass(frozen=True, slots=True)
class Catalog:
    goals: Mapping[str, Goal]
    strategies: Mapping[str, Strategy]
    actions: Mapping[str, ActionSpec]
    metrics: Mapping[str, Metric]
    dialects: Mapping[str, Dialect]
    digest: str


@dataclass(frozen=True)
class Entry:
    """One file of the catalogue: parsed, or with the problems that prevent it."""

    kind: str
    name: str
    source: str
    located: Located | None
    problems: tuple[Problem, ...] = ()

    @property
    def value(self) -> Any:
        return self.located.value if self.located else None

    def findings(self) -> Findings:
        return Findings(self.source, self.located.positions if self.located else None, list(self.problems))


Entries = Mapping[tuple[str, str], Entry]  # by kind and name


def load(extra: Path | None = None) -> Catalog:
    """The catalogue of this package, and of a directory if given. Raises Invalid with all errors of all."""
    return _own() if extra is None else assemble([*own_entries(), *read(extra, str(extra))])


@cache
def _own() -> Catalog:
    return assemble(own_entries())


def own_entries() -> tuple[Entry, ...]:
    return read(files("plan_schemas"), "plan_schemas")


def read(root: Traversable, label: str) -> tuple[Entry, ...]:
    """The files of a catalogue directory, which messages call `label`. Raises Invalid when it is none."""
    folders = [name for name in FOLDERS if (root / name).is_dir()]
    if not folders:
        message = f"has none of the folders {', '.join(FOLDERS)}"
        raise Invalid([Problem(label, None, None, "", message, "name a directory of catalogue files")])
    return tuple(
        _entry(file, FOLDERS[folder], f"{label.rstrip('/')}/{folder}/{file.name}")
        for folder in folders
        for file in sorted((root / folder).iterdir(), key=lambda f: f.name)
        if file.name.endswith(".yaml")
    )


def _entry(file: Traversable, kind: str, source: str) -> Entry:
    name = file.name.removesuffix(".yaml")
    try:
        return Entry(kind, name, source, parse_located(file.read_bytes(), source=source))
    except Invalid as error:
        return Entry(kind, name, source, None, error.problems)


def inspect(entries: Iterable[Entry]) -> tuple[Entries, tuple[Problem, ...]]:
    """The files that count (a later one replaces an earlier one), and every problem of all of them."""
    chosen: dict[tuple[str, str], Entry] = {}
    found: dict[tuple[str, str], Findings] = {}
    problems: list[Problem] = []
    for entry in entries:
        key = (entry.kind, entry.name)
        found[key] = entry.findings()
        if entry.located is not None:
            _check_alone(entry, found[key], key in chosen)
        chosen[key] = entry
        problems.extend(found[key].problems)
    sound = {key: entry for key, entry in chosen.items() if not found[key].problems}
    for key, entry in sound.items():
        _CROSS_CHECKS[entry.kind](entry, chosen, found[key])
        problems.extend(found[key].problems)
    return chosen, tuple(problems)


def assemble(entries: Iterable[Entry]) -> Catalog:
    """The catalogue of these files. Raises Invalid with all problems of all of them."""
    chosen, problems = inspect(entries)
    if problems:
        raise Invalid(problems)
    return _freeze(chosen)


def _check_alone(entry: Entry, found: Findings, is_again: bool) -> None:
    value = entry.value
    schema.check(value, entry.kind, found)
    if not isinstance(value, dict):
        return
    if not entry.name.isidentifier() or entry.name != entry.name.lower():
        found.add((), f"the file name {entry.name!r} is no name", "use lower case letters, digits and _")
    if is_again and value.get("replaces") != entry.name:
        remedy = f"add `replaces: {entry.name}` if that is meant, or rename the file"
        found.add((), f"there is a {entry.kind} {entry.name} already", remedy)
    if "replaces" in value and not is_again:
        found.add(("replaces",), f"there is no other {entry.kind} {entry.name} to replace", "remove the key")
    if entry.kind in _TAKES_PARAMETERS and not found.problems:
        _check_parameters(value["parameters"], value["example"], found)


def _check_parameters(parameters: Mapping[str, Any], example: Any, found: Findings) -> None:
    """The declaration must be a sound schema before anything is checked against it."""
    schema.check_schema(parameters, found, ("parameters",))
    for name in parameters.get("required", ()):
        if name not in parameters["properties"]:
            found.add(("parameters", "required"), f"{name} is required but not declared", "declare it")
    if found.problems:
        return
    for name, declared in parameters["properties"].items():
        if "default" in declared:
            path = ("parameters", "properties", name, "default")
            schema.against(declared, declared["default"], found, path)
    schema.against(parameters, example, found, ("example",))


def _named(kind: str, name: str, path: tuple[str | int, ...], all_: Entries, found: Findings) -> Any:
    """The file that a name stands for; a finding when there is none."""
    if (entry := all_.get((kind, name))) is not None:
        return entry.value
    known = [n for k, n in all_ if k == kind]
    found.add(path, f"there is no {kind} {name}", nearest(name, known, "known"))
    return None


def _check_goal(entry: Entry, all_: Entries, found: Findings) -> None:
    name = entry.value["default_strategy"]
    strategy = _named("strategy", name, ("default_strategy",), all_, found)
    served = strategy.get("goal") if isinstance(strategy, dict) else entry.name
    if served != entry.name:
        message = f"{name} serves the goal {served}, not {entry.name}"
        found.add(("default_strategy",), message, "name a strategy of this goal")


def _check_strategy(entry: Entry, all_: Entries, found: Findings) -> None:
    _named("goal", entry.value["goal"], ("goal",), all_, found)
    for index, action in enumerate(entry.value["actions"]):
        _named("action", action, ("actions", index), all_, found)
    for index, metric in enumerate(entry.value["metrics"]):
        _named("metric", metric, ("metrics", index), all_, found)
    for index, metric in enumerate(entry.value.get("held", ())):
        if metric not in entry.value["metrics"]:
            found.add(("held", index), f"{metric} is none of its metrics", "add it there, or remove it here")
    if "held" in entry.value and "hold" not in entry.value["parameters"]["properties"]:
        found.add(("held",), "without a parameter hold no course is needed", "declare it, or remove the key")
    for index, parameter in enumerate(entry.value.get("empties", ())):
        declared = entry.value["parameters"]["properties"].get(parameter, {})
        if declared.get("type") not in ("string", "array"):
            message = f"{parameter} is no parameter that names hosts"
            found.add(("empties", index), message, "declare it as a string or an array, or remove it here")


def _check_dialect(entry: Entry, all_: Entries, found: Findings) -> None:
    metrics = {name: e.value.get("unit") for (kind, name), e in all_.items() if kind == "metric" and e.value}
    check_dialect(entry.value, {n: u for n, u in metrics.items() if u in TIMES}, found)


def _check_nothing_more(entry: Entry, all_: Entries, found: Findings) -> None:
    """An action or a metric names nothing else."""


_CROSS_CHECKS = {
    "goal": _check_goal,
    "strategy": _check_strategy,
    "action": _check_nothing_more,
    "metric": _check_nothing_more,
    "dialect": _check_dialect,
}


def _freeze(chosen: Entries) -> Catalog:
    values = {
        kind: {n: _without_replaces(e.value) for (k, n), e in sorted(chosen.items()) if k == kind}
        for kind in FOLDERS.values()
    }
    return Catalog(
        goals=freeze({n: Goal(n, **freeze(v)) for n, v in values["goal"].items()}),
        strategies=freeze({n: Strategy(n, **freeze(v)) for n, v in values["strategy"].items()}),
        actions=freeze({n: _action(n, v) for n, v in values["action"].items()}),
        metrics=freeze({n: Metric.of(n, v) for n, v in values["metric"].items()}),
        dialects=freeze({n: Dialect.of(n, v) for n, v in values["dialect"].items()}),
        digest=digest(values),
    )


def _without_replaces(row: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in row.items() if key != "replaces"}


def _action(name: str, row: Mapping[str, Any]) -> ActionSpec:
    retry = row["retry"]
    kind = ActionType(
        name=name,
        abortable=row["abortable"],
        reversible=row["reversible"],
        heartbeat_seconds=schema.seconds(row["heartbeat_timeout"]),
        timeout_seconds=schema.seconds(row["timeout"]["base"]),
        timeout_factor=float(row["timeout"]["factor"]),
        retry=Retry(
            attempts=retry["attempts"],
            initial_seconds=schema.seconds(retry["initial"]),
            backoff=float(retry["backoff"]),
            maximum_seconds=schema.seconds(retry["maximum"]),
        ),
    )
    parameters, example = freeze(row["parameters"]), freeze(row["example"])
    return ActionSpec(name, row["summary"], parameters, example, kind, freeze(row.get("costs", {})))
