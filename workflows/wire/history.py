"""How much of its history the run of a workflow has used up."""

from __future__ import annotations

from collections.abc import Mapping

from temporalio import workflow

from workflows.plan.span import is_full


def has_filled(heard: Mapping[str, int]) -> bool:
    """Whether this run, which heard so many messages by each way, has to give way to the next one."""
    info = workflow.info()
    return is_full(
        info.get_current_history_length(),
        info.get_current_history_size(),
        heard["update"],
        heard["signal"],
        suggested=info.is_continue_as_new_suggested(),
    )
