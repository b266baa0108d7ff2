"""PURE: the marks by which other tools tell that a thing is theirs for now.

Masakari disables the compute service of a host that it recovers with a reason of its own (`[host_failure]
service_disable_reason`, by default "Masakari detected host failed."), and locks a server that it evacuates.
"""

from __future__ import annotations

RECOVERY = "masakari"


def recovered(status: object, disabled_reason: object) -> str:
    """Why a host is left to the tool that recovers it, in words; empty when none does."""
    if status == "disabled" and str(disabled_reason or "").strip().lower().startswith(RECOVERY):
        return f"is being recovered ({disabled_reason}): neither source nor destination until it is enabled"
    return ""
