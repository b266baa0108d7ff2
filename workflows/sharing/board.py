"""PURE: the permits of a cloud as a document (query `status`) and as the markdown page of the Temporal UI."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from workflows.sharing.desk import Desk
from workflows.sharing.grants import Ledger

ROWS = 40
SHOWN = 8  # messages


def state(desk: Desk) -> str:
    if desk.frozen:
        return "FROZEN"
    return "OPENING" if desk.opening else "OPEN"


def sentence(desk: Desk) -> str:
    if desk.frozen:
        return desk.frozen
    ledger = desk.ledger
    if desk.alone:
        return f"{desk.alone} has the cloud to itself: it starts without asking, within its limits"
    if desk.blind:
        return f"{desk.blind}; nothing is granted before the cloud was asked what still moves"
    counted = f"{len(desk.plans)} plans known, {len(ledger.held)} hold, {len(ledger.waiting)} wait"
    if desk.opening:
        asked = f"; not heard of yet: {', '.join([*desk.unheard][:5])}" if desk.unheard else ""
        return f"nothing is granted before every running plan has said what it holds{asked}; {counted}"
    return counted


def document(desk: Desk, cloud: str, messages: Sequence[str], rejected: Sequence[str]) -> dict[str, Any]:
    """What the query `status` answers."""
    ledger = desk.ledger
    return {
        "state": state(desk),
        "sentence": sentence(desk),
        "cloud": cloud,
        "plans": list(desk.plans),
        "alone": desk.alone,
        "lost": list(desk.lost),
        "budgets": ledger.budgets(),
        "holders": [
            {"plan": w.plan, "action": w.action, "slots": list(w.slots)}
            for w in ledger.held.values()
            if w.plan != desk.alone  # it does not say while it is alone
        ],
        "waiting": [
            {"plan": w.plan, "action": w.action, "slots": list(w.slots), "why": desk.why(w.key)}
            for w in ledger.waiting.values()
        ],
        "messages": list(messages),
        "rejected_messages": list(rejected),
    }


def markdown(desk: Desk, messages: Sequence[str], rejected: Sequence[str]) -> str:
    """State, a row for each that waits or holds, what people said."""
    lines = [f"**{state(desk)}**: {_cell(sentence(desk))}", "", "| plan | action | state | what |"]
    lines += ["|---|---|---|---|", *_rows(desk, desk.ledger)]
    if budgets := desk.ledger.budgets():
        lines += ["", "| budget | used | limit | wait |", "|---|---|---|---|"]
        lines += [
            f"| {_cell(name)} | {row['used']} | {row['limit']} | {row['waiting']} |"
            for name, row in list(budgets.items())[:ROWS]
        ]
    for title, said in (("Messages", messages), ("Refused messages", rejected)):
        if said:
            lines += ["", f"**{title}**", *(f"* {_cell(s)}" for s in said[-SHOWN:])]
    return "\n".join(lines)


def _rows(desk: Desk, ledger: Ledger) -> list[str]:
    waiting = [(w, "waits", desk.why(w.key)) for w in list(ledger.waiting.values())[:ROWS]]
    held = [(w, "holds", ", ".join(w.slots)) for w in list(ledger.held.values())[: ROWS - len(waiting)]]
    rows = [
        f"| {_cell(w.plan)} | {_cell(w.action)} | {how} | {_cell(w_)} |" for w, how, w_ in (*waiting, *held)
    ]
    left_out = len(ledger.held) + len(ledger.waiting) - len(rows)
    return [*rows, *([f"| … | {left_out} more | | |"] if left_out else [])]


def _cell(text: object) -> str:
    return " ".join(str(text).split())[:300].replace("\\", "\\\\").replace("|", "\\|")
