"""PURE: which actions of a dry run an action rests on, for a cloud in which nothing moved."""

from __future__ import annotations

from plan_schemas.plan import Action, ActionState
from workflows.plan.standing import Standing
from workflows.progress import Progress

S = ActionState


def before(progress: Progress, action: Action) -> tuple[Action, ...]:
    """What was rehearsed on the hosts and instances of this action, in the order in which it came about.

    On the way back the way forward came first.
    """
    ways = (progress.forth, progress) if progress.forth is not None else (progress,)
    done = [one for way in ways for one in way.actions.values() if _was_done(way.standing[one.id])]
    places = _places(action)
    near = {one.touches.instance for one in done if places & _places(one)} | {action.touches.instance}
    near.discard(None)  # of those, the whole chain: where it was before it came here
    return tuple(one for one in done if places & _places(one) or one.touches.instance in near)


def _was_done(standing: Standing) -> bool:
    """Whether an action succeeded, whatever was undone since."""
    before = standing.before[0] if standing.before else standing.state
    return before in (S.SUCCEEDED, S.REVERTED, S.REVERT_FAILED)


def _places(action: Action) -> set[str]:
    touches = action.touches
    return {host for host in (touches.out, touches.into, touches.service) if host is not None}
