"""Random requests on a cloud: audits with scopes and allowances, parameters after their own schema."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hypothesis import strategies as st

from plan_schemas.catalog import load
from plan_schemas.model import Cluster, to_document
from tests.judge import placement

Row = dict[str, Any]
HOSTS = ("host", "source", "destination")  # parameters that name a host, apart from those on …_node, …_host


@st.composite
def audits(draw: st.DrawFn, cluster: Cluster, strategy: str, schema: Mapping[str, Any]) -> Row:
    """The Audit document of a strategy with this parameter schema, over all or a part of a cloud."""
    chosen = draw(parameters(schema, cluster))
    allow = draw(st.sampled_from([["live", "service"], ["live", "cold", "service"], ["live", "service"]]))
    limits = {"parallel": draw(st.integers(1, 8)), "out_per_host": draw(st.integers(1, 3))}
    audit: Row = {
        "ballast": "v1",
        "kind": "Audit",
        "name": f"random-{strategy}",
        "cloud": cluster.cloud,
        "strategy": strategy,
        "parameters": chosen,
        "execution": {"allow": allow, "limits": limits},
        "max_uncertain": 100,
    }
    scope = draw(_scopes(cluster))
    return audit | ({"scope": scope} if scope else {})


@st.composite
def _scopes(draw: st.DrawFn, cluster: Cluster) -> Row:
    """Mostly everything; else without some, or only what is named."""
    measure = draw(st.sampled_from(["all", "all", "without", "without", "only"]))
    if measure == "all":
        return {}
    zones = sorted({h.zone for h in cluster.hosts.values()})
    if measure == "only":
        parts = [{"zones": zones[:1]}, {"aggregates": zones[-1:]}, {"hosts": ["no-such-host"]}]
        return {"include": draw(st.sampled_from(parts))}
    hosts, instances = list(cluster.hosts), list(cluster.instances)
    without: list[Row] = [
        {"metadata": {"optimize": "false"}},
        {"hosts": draw(st.lists(st.sampled_from(hosts), max_size=2, unique=True))},
        {"projects": ["blue"]},
        {"hosts": ["no-such-host"]},
    ]
    if instances:
        some = st.lists(st.sampled_from(instances), min_size=1, max_size=2, unique=True)
        without.append({"instances": draw(some)})
    return {"exclude": draw(st.sampled_from(without))}


@st.composite
def parameters(draw: st.DrawFn, schema: Mapping[str, Any], cluster: Cluster) -> Row:
    """Values for a strategy's parameters: the required ones always, the others now and then."""
    required = set(schema.get("required", ()))
    out: Row = {}
    for name, kind in sorted(schema.get("properties", {}).items()):
        if name in required or draw(st.booleans()):
            out[name] = draw(_values(name, kind, cluster))
    return out


def _values(name: str, kind: Mapping[str, Any], cluster: Cluster) -> st.SearchStrategy[Any]:
    """What one parameter may be: a host of the cloud, one of the choices, an example, or by its type."""
    if kind.get("holds") == "actions":
        return given_actions(cluster)
    for choices in ("enum", "examples"):
        if kind.get(choices):
            return st.sampled_from(list(kind[choices]))
    is_text = kind.get("type", "string") == "string"
    if kind.get("format") == "host" or (is_text and (name in HOSTS or name.endswith(("_node", "_host")))):
        return st.sampled_from(list(cluster.hosts))
    if name == "instance" and is_text:
        return st.sampled_from(list(cluster.instances))
    if kind.get("type") == "boolean":
        return st.booleans()
    if kind.get("type") == "integer":
        low, high = int(kind.get("minimum", 0)), int(kind.get("maximum", 30))
        return st.integers(low, high)
    if kind.get("type") == "number":
        least, most = float(kind.get("minimum", 0.0)), float(kind.get("maximum", 100.0))
        return st.floats(least, most).map(lambda number: max(least, round(number, 1)))
    if kind.get("type") == "array":
        least, most = int(kind.get("minItems", 0)), min(3, int(kind.get("maxItems", 3)))
        each = _values("", kind["items"], cluster)
        return st.lists(each, min_size=least, max_size=most, unique=bool(kind.get("uniqueItems")))
    if kind.get("type") == "object":
        return parameters(kind, cluster)
    return st.sampled_from(["text", "long enough to be read", "ungewöhnlich: 'x' #1 \n"])


@st.composite
def given_actions(draw: st.DrawFn, cluster: Cluster) -> list[Row]:
    """Actions of any types in the catalogue, with ids; mostly moves, of which some answer the one before."""
    known = load().actions.values()
    moving = [t for t in known if "destination" in t.parameters["properties"]]
    others = [t for t in known if t not in moving]
    kinds = moving * 6 + others if cluster.instances else others
    snapshot = to_document(cluster)
    out: list[Row] = []
    last: Row = {}
    for n in range(draw(st.integers(1, 8))):
        spec = draw(st.sampled_from(kinds))
        chosen: Row = draw(parameters(spec.parameters, cluster))
        if "destination" in chosen:
            chosen |= draw(_sensible(cluster, snapshot, chosen, last))
            last = chosen
        if chosen.get("state") == "enabled":
            chosen.pop("reason", None)
        out.append({"id": f"given-{n}", "type": spec.name, "parameters": chosen, "reason": "asked for"})
    return out


LIFTED = {"capacity", "anti_affinity"}  # what another move may make room for


@st.composite
def _sensible(draw: st.DrawFn, cluster: Cluster, snapshot: Row, chosen: Row, last: Row) -> Row:
    """A move that the judge allows, or that needs room which (perhaps) the next one makes; seldom any."""
    measure = draw(st.sampled_from(["answer", "answer", "allowed", "tight", "tight", "any"]))
    uuid = chosen["instance"]
    guests = [i.uuid for i in cluster.on(last["destination"]) if i.uuid != uuid] if last else []
    if measure == "answer" and guests:
        uuid = draw(st.sampled_from(guests))
    at = cluster.instances[uuid].host
    rules = {h: set(placement(snapshot, uuid, h)) for h in cluster.hosts if h != at}
    allowed = [h for h, found in rules.items() if not found]
    tight = [h for h, found in rules.items() if found and found <= LIFTED]
    if measure == "answer" and last and rules.get(last["source"], LIFTED | {"no"}) <= LIFTED:
        tight = allowed = [last["source"]]
    there = {"any": [], "allowed": allowed}.get(measure, tight or allowed)
    chosen |= {"instance": uuid, "source": at or chosen["source"]}
    return chosen | ({"destination": draw(st.sampled_from(there)), "kind": "live"} if there else {})
