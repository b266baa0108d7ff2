"""What decisions cost by the size of the cloud: seconds, memory, how both grow, and one beside another."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import log
from statistics import median

from tests.bench.jobs import SIZES
from tests.bench.table import Goal, Row

GOALS = [
    Goal("P6 growth", "growth exponent of seconds over 100 to 5,000 hosts, of every decision", worst=1.8),
    Goal("P6 relief", "seconds of relief / of a full repack of the same size", worst=0.125),
    Goal("P6 balance", "seconds of balance / of a full repack of the same size", worst=0.125),
]
REPACK = "consolidation"
LARGEST = SIZES[-1]


def cost(of: str, row: Row) -> Row:
    """A row of cost: what it is of, beside the cloud and what it took."""
    keys = ("hosts", "seed", "constrained", "seconds", "peak_mb")
    return {"cost": of, **{key: row[key] for key in keys}}


def derived(rows: Sequence[Row]) -> Iterator[Row]:
    """What only several costs together tell: the exponent of each seed, and the share of a repack."""
    costs = [row for row in rows if "cost" in row]
    spent = {(row["cost"], row["hosts"], row["seed"]): row["seconds"] for row in costs}
    for of, seed in dict.fromkeys((row["cost"], row["seed"]) for row in costs):
        points = [(hosts, spent[of, hosts, seed]) for hosts in SIZES if (of, hosts, seed) in spent]
        told = {"seed": seed, "cost_of": of}
        if len(points) > 2:
            last = round(slope(points[-2:]), 3)
            yield {"goal": "P6 growth", **told, "ratio": round(slope(points), 3), "last": last}
        ours, whole = spent.get((of, LARGEST, seed)), spent.get((REPACK, LARGEST, seed))
        if ours and whole and f"P6 {of}" in {goal.name for goal in GOALS}:
            row = {"goal": f"P6 {of}", "hosts": LARGEST, "seed": seed, "value": ours, "bound": whole}
            yield row | {"ratio": round(ours / whole, 4)}


def slope(points: Sequence[tuple[int, float]]) -> float:
    """Of the straight line nearest to the points, in logarithms of both."""
    logs = [(log(hosts), log(max(1e-4, seconds))) for hosts, seconds in points]
    x, y = (sum(p[k] for p in logs) / len(logs) for k in (0, 1))
    return sum((a - x) * (b - y) for a, b in logs) / sum((a - x) ** 2 for a, _ in logs)


def table(rows: Sequence[Row]) -> str:
    """Per decision and size the median and the worst of processor seconds and peak megabytes."""
    costs = [row for row in rows if "cost" in row]
    if not costs:
        return ""
    slopes = [row for row in rows if row.get("goal") == "P6 growth"]
    sizes = "".join(f"{f'{hosts:,} hosts':>21}" for hosts in SIZES)
    lines = [f"{'decision':<15}{sizes}  growth exponent"]
    for of in dict.fromkeys(row["cost"] for row in costs):
        cells = [_cell([r for r in costs if r["cost"] == of and r["hosts"] == hosts]) for hosts in SIZES]
        grows = [row["ratio"] for row in slopes if row["cost_of"] == of]
        last = [row["last"] for row in slopes if row["cost_of"] == of]
        told = f"{median(grows):.2f} {max(grows):.2f}; {median(last):.2f} {max(last):.2f}" if grows else "-"
        lines.append(f"{of:<15}{''.join(cells)}  {told}")
    lines.append(
        "median and worst seconds of processor time, worst peak MB; median and worst exponent of all"
    )
    lines.append("sizes; of the last two alone, which what every size costs does not make look small")
    return "\n".join(lines)


def _cell(here: Sequence[Row]) -> str:
    if not here:
        return f"{'-':>21}"
    seconds = [row["seconds"] for row in here]
    told = f"{median(seconds):.2f} {max(seconds):.2f} s {max(row['peak_mb'] for row in here):.0f} MB"
    return f"{told:>21}"
