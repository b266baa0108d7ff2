"""Documents become values at one door: checked as a whole, defaults filled in once, types frozen.

A plan with a digest is sealed: it is verified and left as it is. Whatever is wrong is told at once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

from plan_schemas import dialect, graph, needs, schema, usage
from plan_schemas.audit import MAX_UNCERTAIN, Audit, Scope, Selection
from plan_schemas.catalog import Catalog, Strategy
from plan_schemas.complaints import nearest
from plan_schemas.frozen import canonical, freeze, thaw
from plan_schemas.plain import unfit
from plan_schemas.plan import Execution, execution_from, from_document
from plan_schemas.problems import Findings, Invalid, Path, Positions, Problem, quoted
from plan_schemas.windows import is_moment, is_zone

Document = Mapping[str, Any]

_DURATIONS = ("approve_within", "decide_within", "settle", "rollback_window")
_NEEDED_BY_SEAL = ("name", "created_at", "execution", "types")


def problems(
    document: Any,
    catalog: Catalog,
    kind: str | None = None,
    *,
    positions: Positions | None = None,
    source: str = "input",
) -> tuple[Problem, ...]:
    """All that is wrong with a document of any kind: its form, and what it says of the catalogue."""
    found = Findings(source, positions)
    if said := unfit(document):
        for path, sentence in said:
            found.add(path, sentence)
        return tuple(found.problems)
    schema.check(document, kind, found)
    if isinstance(document, Mapping):
        actual = kind or str(document.get("kind"))
        size, limit = len(canonical(document)), schema.largest(actual)
        if size > limit:
            found.add((), f"is {size:,} bytes long, the limit is {limit:,}", "split it")
        _MEANING.get(actual, _means_nothing_more)(document, catalog, found)
    return tuple(dict.fromkeys(found.problems))


def audit(document: Document, catalog: Catalog) -> Audit:
    """The audit of a document, effective or as written. Raises Invalid."""
    row = effective_audit(document, catalog)
    scope = {side: _selection(names) for side, names in row["scope"].items()}
    return Audit(
        name=row["name"],
        cloud=row["cloud"],
        strategy=row["strategy"],
        goal=row["goal"],
        parameters=freeze(row["parameters"]),
        scope=Scope(**scope),
        execution=execution_from(row["execution"]),
        max_uncertain=row["max_uncertain"],
        max_age_seconds=row["max_age_seconds"],
        datasource=row.get("datasource", ""),
        requested_by=row.get("requested_by", ""),
    )


def effective_audit(document: Document, catalog: Catalog) -> dict[str, Any]:
    """The Audit document with everything that it leaves open filled in. Raises Invalid."""
    _require(document, catalog, "Audit")
    strategy = catalog.strategies[_strategy_of(document, catalog)]
    parameters = filled(strategy.parameters, thaw(document.get("parameters", {})))
    return {
        **{k: v for k, v in thaw(document).items() if k != "max_age"},
        "goal": strategy.goal,
        "strategy": strategy.name,
        "parameters": parameters,
        "metrics": list(needs.names(strategy, parameters)),
        "scope": thaw(document.get("scope", {})),
        "execution": effective_execution(document.get("execution", {})),
        "max_uncertain": float(document.get("max_uncertain", MAX_UNCERTAIN)),
        "max_age_seconds": _max_age(document),
        "refresh": document.get("refresh", False),
    }


def plan(document: Document, catalog: Catalog, *, name: str, created_at: str) -> dict[str, Any]:
    """The ActionPlan document with defaults filled in and the types of its actions frozen. Raises Invalid.

    `name` and `created_at` are for a plan that does not say them itself.
    """
    _require(document, catalog, "ActionPlan")
    row = thaw(document)
    if "digest" in row:
        return dict(row)
    types = {t: catalog.actions[t] for t in sorted({a["type"] for a in row["actions"]})}
    frozen = {t: {k: v for k, v in asdict(spec.type).items() if k != "name"} for t, spec in types.items()}
    return {
        **row,
        "name": row.get("name", name),
        "created_at": row.get("created_at", created_at),
        "catalogue": row.get("catalogue", catalog.digest),
        "execution": effective_execution(row.get("execution", {})),
        "types": {**frozen, **row.get("types", {})},
        "actions": [
            {**a, "parameters": filled(types[a["type"]].parameters, a.get("parameters", {}))}
            for a in row["actions"]
        ],
    }


def rollback(document: Document) -> dict[str, Any]:
    """The Rollback document with its default filled in. Raises Invalid."""
    wrong = unfit(document)
    if wrong:
        raise Invalid([Problem("input", None, None, "", said) for _, said in wrong])
    if found := schema.problems(document, "Rollback"):
        raise Invalid(found)
    return {"allow_partial": False, **thaw(document)}


def effective_execution(row: Document) -> dict[str, Any]:
    """An `execution` block with durations in seconds and every default said."""
    given = {k: v for k, v in row.items() if k not in _DURATIONS}
    given |= {f"{k}_seconds": schema.seconds(row[k]) for k in _DURATIONS if k in row}
    default = {k: v for k, v in thaw(asdict(Execution())).items() if v not in ("", None)}
    limits = {name: limit for name, limit in default["limits"].items() if limit is not None}
    return {**default, **thaw(given), "limits": {**limits, **thaw(row.get("limits", {}))}}


def filled(declared: Mapping[str, Any], value: Any) -> Any:
    """A value with the defaults of its JSON Schema, at every depth."""
    if isinstance(value, dict):
        properties = declared.get("properties", {})
        out = {k: filled(properties.get(k, {}), v) for k, v in value.items()}
        return {**{k: thaw(p["default"]) for k, p in properties.items() if "default" in p}, **out}
    if isinstance(value, list):
        return [filled(declared.get("items", {}), item) for item in value]
    return value


def _require(document: Any, catalog: Catalog, kind: str) -> None:
    if found := problems(document, catalog, kind):
        raise Invalid(found)


def _max_age(document: Document) -> float:
    """`refresh` says no to any snapshot that is there already."""
    if document.get("refresh"):
        return 0.0
    given = document.get("max_age", document.get("max_age_seconds", 0))
    return float(schema.seconds(given))


def _selection(names: Mapping[str, Any]) -> Selection:
    return Selection(**{k: freeze(v) for k, v in names.items()})


def _strategy_of(document: Document, catalog: Catalog) -> str:
    return str(document.get("strategy") or catalog.goals[document["goal"]].default_strategy)


# What a document says beyond its form. Each copes with a document whose form is wrong: all is told at once.


def _means_nothing_more(document: Document, catalog: Catalog, found: Findings) -> None:
    """The form of the other kinds says it all."""


def _audit_means(document: Document, catalog: Catalog, found: Findings) -> None:
    _execution_means(document, found)
    if {"max_age", "max_age_seconds"} <= set(document):
        found.add(("max_age",), "is given twice, also as max_age_seconds", "keep one")
    if document.get("refresh") is True and "max_age" in document:
        found.add(("max_age",), "has no effect: with refresh: true the snapshot is always new", "keep one")
    execution = document.get("execution")
    if isinstance(execution, Mapping) and execution.get("on_drift") == "replan":
        mode = execution.get("mode", Execution().mode)
        said = "replan needs an audit that waits for its plan; in mode advise it has ended by then"
        if mode == "advise":
            found.add(("execution", "on_drift"), said, "take mode approve or auto; or skip or stop")
    goal = _named("goal", document, catalog.goals, found)
    strategy: Strategy | None = _named("strategy", document, catalog.strategies, found)
    if goal and strategy and strategy.goal != goal.name:
        message = f"{strategy.name} serves the goal {strategy.goal}, not {goal.name}"
        found.add(("strategy",), message, f"leave one of them out; {goal.name} uses {goal.default_strategy}")
        return
    if strategy is None and goal is not None and "strategy" not in document:
        strategy = catalog.strategies[goal.default_strategy]
    parameters = document.get("parameters", {})
    if strategy is None or not isinstance(parameters, Mapping):
        return
    schema.against(thaw(strategy.parameters), thaw(parameters), found, ("parameters",))
    for name, declared in strategy.parameters["properties"].items():
        if declared.get("holds") == "actions":
            _actions_mean(parameters.get(name), catalog, found, ("parameters", name))


def _plan_means(document: Document, catalog: Catalog, found: Findings) -> None:
    _execution_means(document, found)
    execution = document.get("execution")
    if isinstance(execution, Mapping) and execution.get("on_drift") == "replan" and "audit" not in document:
        said = "replan needs an audit that makes the next plan; a plan by hand has none"
        found.add(("execution", "on_drift"), said, "take skip or stop, or let an audit make the plan")
    _actions_mean(document.get("actions"), catalog, found, ("actions",))
    if "digest" in document and not found.problems:
        _seal_holds(document, found)


def _execution_means(document: Document, found: Findings) -> None:
    row = document.get("execution")
    for name in _DURATIONS:
        if isinstance(row, Mapping) and {name, f"{name}_seconds"} <= set(row):
            found.add(("execution", name), f"is given twice, also as {name}_seconds", "keep one")

    if isinstance(row, Mapping) and row.get("four_eyes") == "enforced":
        if row.get("mode") == "auto":
            found.add(("execution", "mode"), "is auto: with four_eyes nobody is asked then", "take approve")
        if not document.get("requested_by"):
            remedy = "say who asks for it; with four_eyes somebody else has to approve"
            found.add((), 'the key "requested_by" is missing', remedy)
    if isinstance(row, Mapping) and isinstance(groups := row.get("windows"), (list, tuple)):
        for index, group in enumerate(groups):
            _windows_mean(group, found, ("execution", "windows", index))


def _policy_means(document: Document, _: Catalog, found: Findings) -> None:
    _windows_mean(document.get("windows"), found, ("windows",))


def _datasource_means(document: Document, catalog: Catalog, found: Findings) -> None:
    _named("dialect", document, catalog.dialects, found)
    if not found.problems:
        dialect.check(document, {name: metric.unit for name, metric in catalog.metrics.items()}, found)


def _snapshot_means(document: Document, catalog: Catalog, found: Findings) -> None:
    told = document.get("usage")
    rows = told if isinstance(told, Mapping) else {}
    for path, text in ((("collected_at",), document.get("collected_at")), (("usage", "at"), rows.get("at"))):
        if isinstance(text, str) and not is_moment(text):
            found.add(path, f"{text} is no time", "there is no such day or hour; mend it")
    if not found.problems:
        usage.check(rows, catalog.metrics, found)


def _windows_mean(rows: Any, found: Findings, path: Path) -> None:
    for index, row in enumerate(rows if isinstance(rows, (list, tuple)) else ()):
        zone = row.get("zone", "UTC") if isinstance(row, Mapping) else "UTC"
        if isinstance(zone, str) and not is_zone(zone):
            remedy = "take an IANA name such as Europe/Berlin"
            found.add((*path, index, "zone"), f"there is no time zone {quoted(zone)}", remedy)


def _named(what: str, document: Document, known: Mapping[str, Any], found: Findings) -> Any:
    name = document.get(what)
    if isinstance(name, str) and name not in known:
        found.add((what,), f"there is no {what} {quoted(name)}", nearest(name, known, "known"))
    return known.get(name) if isinstance(name, str) else None


def _actions_mean(rows: Any, catalog: Catalog, found: Findings, path: Path) -> None:
    if not isinstance(rows, (list, tuple)):
        return
    declared = {name: thaw(spec.parameters) for name, spec in catalog.actions.items()}
    for index, row in enumerate(rows):
        name = row.get("type") if isinstance(row, Mapping) else None
        if not isinstance(name, str):
            continue
        if name not in declared:
            remedy = nearest(name, declared, "known")
            found.add((*path, index, "type"), f"there is no type of action {quoted(name)}", remedy)
        elif isinstance(parameters := row.get("parameters", {}), Mapping):
            schema.against(declared[name], thaw(parameters), found, (*path, index, "parameters"))
    graph.check(rows, found, path)


def _seal_holds(document: Document, found: Findings) -> None:
    missing = [key for key in _NEEDED_BY_SEAL if key not in document]
    frozen = document.get("types", {})
    missing += sorted({f"types.{a['type']}" for a in document["actions"] if a["type"] not in frozen})
    remedy = "take the plan as it was made; or, if it was changed on purpose, remove the digest"
    if missing:
        found.add(("digest",), f"a plan with a digest is whole, this one lacks {', '.join(missing)}", remedy)
        return
    actual = from_document({**document, "execution": effective_execution(document["execution"])}).digest
    if actual != document["digest"]:
        said = f"says {document['digest'][:19]}…, the content is {actual[:19]}…: changed after it was made"
        found.add(("digest",), said, remedy)


_MEANING: Mapping[str, Callable[[Document, Catalog, Findings], None]] = {
    "Audit": _audit_means,
    "ActionPlan": _plan_means,
    "Policy": _policy_means,
    "Datasource": _datasource_means,
    "Snapshot": _snapshot_means,
}
