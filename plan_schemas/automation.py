"""How much runs by itself: `manual`, `partial:N` (what is at least as urgent as N), `full`; empty is full.

A server says it of itself in its metadata, and can only ask for more review: the most restrictive wins.
"""

from __future__ import annotations

from collections.abc import Mapping

KEY = "ballast:automation"
ALL = 5  # classes of urgency: 1 mandatory .. 5 nice to have


def level(automation: str) -> int:
    """The least urgent class that runs by itself, 0 for none. What is not understood is taken for manual."""
    word, _, number = automation.partition(":")
    if word in ("", "full") and not number:
        return ALL
    if word == "partial" and (not number or number in ("1", "2", "3", "4", "5")):
        return int(number or 1)
    return 0


def of_server(metadata: Mapping[str, str]) -> str:
    """What a server asks for, in a word that documents take too; empty when for nothing more than others."""
    n = level(str(metadata.get(KEY, "")).strip().lower())
    return "" if n == ALL else f"partial:{n}" if n else "manual"


def withheld(automation: str, urgency: int, whose: str) -> str:
    """Why an action of this urgency does not run by itself, in a clause; empty when it does."""
    if level(automation) >= (urgency or ALL):
        return ""
    return f"{whose} has automation {automation}, and its urgency is {urgency or ALL}"
