"""PURE: a plan's standing as a document (query `status`) and as the markdown table of the Temporal UI."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from plan_schemas.frozen import thaw
from plan_schemas.plan import Action, ActionState, Plan, PlanState, SkipCause
from workflows.plan.standing import Standing
from workflows.progress import Progress

S = ActionState
LARGEST_DETAILS = 18_000  # bytes; the server allows 20,000
REASONS = 500_000  # characters of them in one answer
ROWS = 60  # more actions than that: once it runs, only those that run or went wrong
TELLING = (S.ONGOING, S.REVERTING, S.FAILED, S.REVERT_FAILED, S.BLOCKED, S.SKIPPED, S.CANCELLED)


def counts(progress: Progress) -> dict[str, int]:
    return {str(s): n for s, n in sorted(progress.counts.items()) if n}


def document(
    state: str,
    sentence: str,
    progress: Progress | None,
    messages: Sequence[str],
    rejected: Sequence[str],
    digest: str = "",
) -> dict[str, Any]:
    """What the query `status` answers, never more than a query may: of many long reasons each is cut."""
    out: dict[str, Any] = {"state": state, "sentence": sentence}
    if progress:
        out["plan"] = {"name": progress.plan.name, "digest": digest}
        out["counts"] = counts(progress)
        rows = {id: row(progress, id, state) for id in progress.actions}
        if sum(len(r.get("why", "")) for r in rows.values()) > REASONS:
            longest = max(20, REASONS // len(rows))
            rows = {id: r | ({"why": r["why"][:longest]} if "why" in r else {}) for id, r in rows.items()}
        out["actions"] = rows
    return out | {"messages": list(messages), "rejected_messages": list(rejected)}


def report(state: PlanState, sentence: str, progress: Progress | None, drifted: str) -> dict[str, Any]:
    """What a plan's workflow ends with."""
    out: dict[str, Any] = {"state": str(state), "sentence": sentence}
    if progress is not None:
        out |= {"counts": counts(progress), "unfinished": unfinished(progress)}
        if drifted and state == PlanState.SUPERSEDED:
            out |= {"drift": drifted, "moved": moved(progress), "spared": spared(progress)}
    return out


def row(progress: Progress, id: str, state: str = "") -> dict[str, str]:
    standing = progress.standing[id]
    out = {"state": str(standing.state)}
    if standing.cause:
        out["cause"] = str(standing.cause)
    why = standing.why or waiting_for(progress, id, state)
    return out | ({"why": why} if why else {})


def record(
    state: str,
    sentence: str,
    progress: Progress | None,
    messages: Sequence[str],
    trail: Mapping[str, Any],
    plan: Mapping[str, Any],
) -> dict[str, Any]:
    """What the query `record` answers: the plan's document, and all that became of it."""
    out: dict[str, Any] = {
        "state": state,
        "sentence": sentence,
        "messages": list(messages),
        "trail": dict(trail),
    }
    if progress:
        out["counts"] = counts(progress)
        out["plan"] = dict(plan)
        out["actions"] = {id: _entry(progress, id) for id in progress.actions}
    return out


def _entry(progress: Progress, id: str) -> dict[str, Any]:
    return {**row(progress, id), "evidence": thaw(progress.standing[id].evidence)}


def moved(progress: Progress) -> int:
    """How many instances are elsewhere now, of a plan that was to move them."""
    if progress.plan.execution.dry_run:
        return 0
    return sum(
        a.touches.into is not None and progress.standing[id].state == S.SUCCEEDED
        for id, a in progress.actions.items()
    )


def spared(progress: Progress) -> list[str]:
    """The instances that a person wants left where they are: skipped, cancelled or held by name."""
    named = [
        id for id, one in progress.standing.items() if one.cause == SkipCause.PERSON or id in progress.held
    ]
    instances = (progress.actions[id].touches.instance for id in named)
    return list(dict.fromkeys(one for one in instances if one is not None))


def unfinished(progress: Progress) -> list[str]:
    """The actions that are not as their plan wanted them, each with its reason."""
    left = [
        f"{id} {standing.state}: {standing.why}"
        for id, standing in progress.standing.items()
        if not standing.satisfies and standing.state != S.REVERTED
    ]
    return left if len(left) <= 20 else [*left[:20], f"… and {len(left) - 20} more"]


def waiting_for(progress: Progress, id: str, state: str) -> str:
    """Why a pending action of a plan in this state, or its undo, does not run yet."""
    if progress.standing[id].state == S.REVERTING and progress.back and f"undo-{id}" in progress.back.actions:
        return waiting_for(progress.back, f"undo-{id}", state)
    if progress.standing[id].state != S.PENDING:
        return ""
    if state == PlanState.RECOMMENDED:
        return progress.consent.waiting.get(id, "waits for approval")
    if id in progress.consent.waiting:
        return progress.consent.waiting[id]
    if id in progress.held:
        return progress.held[id]
    action = progress.actions[id]
    open_needs = [n for n in action.needs if not progress.standing[n].satisfies]
    if open_needs:
        return f"waits for {', '.join(open_needs[:3])}"
    open_frees = [n for n in action.freed_by if progress.standing[n].state in (S.PENDING, S.ONGOING)]
    if open_frees:
        return f"waits for space that {', '.join(open_frees[:3])} frees"
    open_before = [n for n in action.after if progress.standing[n].state in (S.PENDING, S.ONGOING)]
    if open_before:
        return f"waits for the end of {', '.join(open_before[:3])}"
    return _standstill(progress) or progress.queued.get(id) or progress.lacks(id) or "waits for its turn"


def _standstill(progress: Progress) -> str:
    """Why nothing of a plan starts now."""
    if progress.asking:
        return f"waits for a decision on {', '.join(list(progress.asking)[:3])}"
    if progress.paused:
        return "waits for resume"
    if progress.closed:
        return f"waits for a window: {progress.closed}"
    if progress.drains:
        return "waits for the next run of this plan: this one's history is full, and what it began must end"
    return progress.frozen


def markdown(
    state: str,
    sentence: str,
    progress: Progress | None,
    messages: Sequence[str],
    rejected: Sequence[str],
    id: str = "",
) -> str:
    """The status page: state, counts, one row an action, messages and what was refused."""
    lines = [f"**{state}**" + (f": {_cell(sentence)}" if sentence else "")]
    if progress:
        lines += [
            "",
            _header(progress.plan),
            "",
            " · ".join(f"{k} {v}" for k, v in counts(progress).items()),
            "",
        ]
        if id:
            page = "with `--html FILE` as one page with loads and schedule"
            lines += [
                f"To look at it: `ballast review {_cell(id)}`, {page}; why: `ballast explain {_cell(id)}`",
                "",
            ]
        lines += _table(progress, state)
    for title, said in (("Messages", messages), ("Refused messages", rejected)):
        if said:
            lines += ["", f"**{title}**", *(f"* {_cell(s)}" for s in said[-8:])]
    return cut("\n".join(lines))


def _header(plan: Plan) -> str:
    parts = [plan.reason or plan.name, f"on cloud `{plan.cloud}`"]
    if plan.irreversible:
        more = f" and {len(plan.irreversible) - 5} more" if len(plan.irreversible) > 5 else ""
        parts.append(f"cannot be undone: {'; '.join(plan.irreversible[:5])}{more}")
    for bound in plan.bounds:
        parts.append(f"forecast {bound.name} {bound.value:g} (bound {bound.bound:g}, gap {bound.distance})")
    return " · ".join(_cell(p) for p in parts)


def _table(progress: Progress, state: str) -> list[str]:
    review = state == PlanState.RECOMMENDED  # whoever decides on a plan wants its actions and their reasons
    shown = list(progress.actions)
    if len(shown) > ROWS and not review:
        shown = [id for id in shown if progress.standing[id].state in TELLING]
    shown = shown[:ROWS]
    rows = [
        _action_row(
            progress.actions[id], progress.standing[id], "" if review else waiting_for(progress, id, state)
        )
        for id in shown
    ]
    left_out = len(progress.actions) - len(shown)
    more = [f"| … | {left_out} more | | |"] if left_out else []
    return ["| action | state | what | why |", "|---|---|---|---|", *rows, *more]


def _action_row(action: Action, standing: Standing, waits: str) -> str:
    state = f"{standing.state} ({standing.cause})" if standing.cause else str(standing.state)
    why = standing.why or waits or action.reason
    return f"| {_cell(action.id)} | {state} | {_cell(title(action))} | {_cell(why)} |"


def title(action: Action) -> str:
    """One line for people: what this action does to what."""
    touches = action.touches
    if touches.out and touches.into:
        kind = action.parameters.get("kind", "")
        return f"{kind} {action.type} {str(touches.instance)[:8]}: {touches.out} → {touches.into}".strip()
    if touches.service:
        return f"{touches.service}: {touches.sets}"
    return " ".join([action.type, *(f"{k}={v}" for k, v in action.parameters.items() if v != "")])


def _cell(text: object) -> str:
    """Text that stays inside its cell, whatever it holds."""
    return " ".join(str(text).split())[:300].replace("\\", "\\\\").replace("|", "\\|")


def cut(text: str) -> str:
    """A page that the server takes."""
    raw = text.encode()
    if len(raw) <= LARGEST_DETAILS:
        return text
    return raw[:LARGEST_DETAILS].decode(errors="ignore") + "\n\n… shortened; query `status` has it all"
