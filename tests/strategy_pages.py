"""The page of each strategy in docs/strategies: its declaration, and an example as it was carried out.

`python -m tests.strategy_pages` writes them all anew, after a strategy was added or changed.
"""

from __future__ import annotations

import io
import json
import math
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import redirect_stderr, redirect_stdout
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from deploy import cli
from plan_schemas import loader, usage
from plan_schemas.catalog import Strategy, load
from plan_schemas.frozen import thaw
from plan_schemas.model import from_document
from tests.deciding.test_golden import AUDITS
from tests.executed import executed

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "docs" / "strategies"
WORLD = "tests/golden/world.yaml"
MADE = "<!-- Written by `python -m tests.strategy_pages` from the declaration; change that, not this. -->"
URGENCY = {1: "mandatory", 5: "nice to have"}


@cache
def pages() -> dict[str, str]:
    """The text of every page by its file's name, worked out once."""
    known = load().strategies
    return {"README.md": _index(known), **{f"{name}.md": page(one) for name, one in sorted(known.items())}}


def page(one: Strategy) -> str:
    return "\n".join(_lines(one)) + "\n"


def _lines(one: Strategy) -> Iterator[str]:
    goal = load().goals[one.goal]
    urgency = f" ({URGENCY[one.urgency]})" if one.urgency in URGENCY else ""
    yield from (MADE, "", f"# {one.name}", "", one.summary, "", one.how, "")
    yield from ("| | |", "|---|---|")
    yield f"| goal | `{one.goal}`: {goal.summary} |"
    yield f"| support | {one.support}, version {one.version} |"
    yield f"| urgency of its actions | {one.urgency}{urgency}, see [approvals](../approvals.md) |"
    yield f"| actions | {', '.join(f'`{a}`' for a in one.actions)} |"
    metrics = ", ".join(f"`{m}`" for m in one.metrics)
    yield f"| metrics | {metrics or 'none: it decides on what is allocated'} |"
    if one.metrics_fallback:
        told = one.metrics_fallback
        uses = {
            "set_aside": "is left alone with its host",
            "allocated": "counts as full",
            "nothing": "counts as idle",
        }
        yield f"| without a number | {uses[told['use']]}, for at most {told['at_most']:g} % of them |"
    indicators = ", ".join(f"`{n}` ({i['unit']}, better {i['better']})" for n, i in goal.indicators.items())
    yield f"| measured by | {indicators or 'nothing'} |"
    yield from ("", "## Parameters", "")
    rows = list(_parameters(one.parameters))
    yield from (
        ("| parameter | type | default | meaning |", "|---|---|---|---|", *rows) if rows else ("None.",)
    )
    yield from _example(one)


def _parameters(schema: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    for name, declared in schema.get("properties", {}).items():
        kind = " or ".join(f"`{c}`" for c in declared["enum"]) if "enum" in declared else declared["type"]
        limits = [
            f"{word} {declared[key]:g}"
            for key, word in (("minimum", "at least"), ("exclusiveMinimum", "above"), ("maximum", "at most"))
            if key in declared
        ]
        kind = ", ".join([kind, *([declared["unit"]] if "unit" in declared else []), *limits])
        default = f"`{json.dumps(thaw(declared['default']))}`" if "default" in declared else ""
        default = "required" if name in schema.get("required", ()) else default
        yield f"| `{prefix}{name}` | {kind} | {default} | {declared.get('description', '')} |"
        yield from _parameters(declared, f"{prefix}{name}.")


def _example(one: Strategy) -> Iterator[str]:
    parameters = AUDITS.get(one.name, {"parameters": thaw(one.example)})["parameters"]
    audit = {"ballast": "v1", "kind": "Audit", "name": "example", "cloud": "grove", "strategy": one.name}
    document = {**audit, **({"parameters": parameters} if parameters else {})}
    text = yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=100)
    yield from ("", "## An example, carried out", "")
    yield f"On the six hosts of [`{WORLD}`](../../{WORLD}), with this `example.yaml`:"
    yield from ("", "```yaml", text.rstrip(), "```", "")
    yield from ("```", f"$ ballast propose example.yaml --snapshot {WORLD}", *_told(text), "```", "")
    yield from _executed(one, document)


def _executed(one: Strategy, document: Mapping[str, Any]) -> Iterator[str]:
    world = loader.parse((ROOT / WORLD).read_text(encoding="utf-8"))
    done = executed(document, from_document(world), usage.from_document(world["usage"]))
    yield "Carried out on the simulated cloud, one action after the other in the plan's order:"
    yield from ("", "| action | ended | by the cloud's own word |", "|---|---|---|")
    for action in done.plan.actions:
        end = done.ends[action.id]
        yield f"| `{action.id}` | {end.outcome} | {_word(end.evidence)} |"
    if done.measured:
        yield from ("", "and measured afterwards, on a new picture of that cloud:")
        yield from ("", "| indicator | forecast | measured |", "|---|---|---|")
        for name, value in done.measured.items():
            yield f"| `{name}` | {done.plan.forecast.get(name, math.nan):g} | {value:g} |"
    if one.metrics:
        yield from ("", "What each server uses is taken to be the same wherever it is.")


def _word(evidence: Mapping[str, Any]) -> str:
    """What proves that an action is done; the rest of it are numbers that change with every request."""
    return ", ".join(f"{k} {evidence[k]}" for k in ("status", "host", "flavor") if k in evidence)


def _told(audit: str) -> list[str]:
    """What the command prints, but for the time that it took."""
    out = io.StringIO()
    with tempfile.TemporaryDirectory() as directory, redirect_stdout(out), redirect_stderr(out):
        path = Path(directory) / "example.yaml"
        path.write_text(audit)
        cli.run(["propose", str(path), "--snapshot", str(ROOT / WORLD)])
    lines = out.getvalue().rstrip().splitlines()
    return [line.rstrip() for line in lines if not line.startswith("decided and planned in")]


def _index(known: Mapping[str, Strategy]) -> str:
    rows = (
        f"| [{name}]({name}.md) | `{one.goal}` | {one.summary} | {', '.join(one.metrics) or 'none'} |"
        for name, one in sorted(known.items())
    )
    said = (
        "Each page is made of the strategy's declaration; its example is decided, carried out and measured."
    )
    head = ("| strategy | goal | what it does | metrics |", "|---|---|---|---|")
    own = "To write one of your own: [add a strategy](../add-a-strategy.md)."
    return "\n".join((MADE, "", "# Strategies", "", said, "", *head, *rows, "", own)) + "\n"


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    wanted = pages()
    for stale in FOLDER.glob("*.md"):
        if stale.name not in wanted:
            stale.unlink()
    for name, text in wanted.items():
        (FOLDER / name).write_text(text, encoding="utf-8")
    print(f"{len(wanted)} pages in docs/strategies")
