"""PURE: what kind of failure it was, in the words that a plan's circuit breaker counts by."""

from __future__ import annotations

import re

from activities.door import Gone, LockedOut
from activities.rights import Denied

OTHER = "failed"
# The first that fits the sentence. What actions and the cloud say in them stands in the tests.
_BY_SENTENCE = (
    ("refused", re.compile(r"^the (policy|plan) .*(does not allow|protects)")),
    ("unavailable", re.compile(r"it was tried \d+ times?")),
    ("no_valid_host", re.compile(r"No valid host", re.IGNORECASE)),
    ("stalled", re.compile(r"it stalled and was aborted")),
    ("elsewhere", re.compile(r"ended elsewhere|came to \S+ instead of")),
    ("migration", re.compile(r"(live|cold) migration \S+ of \S+ .* ended as")),
    ("not_as_wanted", re.compile(r"^done, but not as wanted")),
)


def kind_of(error: Exception) -> str:
    """The kind of what ended an action."""
    if isinstance(error, (Denied, LockedOut)):
        return "forbidden"
    if isinstance(error, Gone) or isinstance(error.__cause__, Gone):
        return "gone"
    text = str(error)
    return next((kind for kind, pattern in _BY_SENTENCE if pattern.search(text)), OTHER)
