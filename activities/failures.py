"""How a cloud says no: for now, for good, at the door, or because the thing is gone."""

from __future__ import annotations


class Transient(Exception):
    """It did not work now and may work later; the retry policy frozen in the plan decides how often."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Busy(Transient):
    """The cloud refused because of what the thing is doing or of the state that it is in (409)."""


class Failed(Exception):
    """It did not work and will not by being tried again."""

    kind = "failed"  # in the word that a plan's circuit breaker counts by; docs/approvals.md has them all

    def __init__(self, reason: str, remedy: str = "", *, kind: str = "") -> None:
        super().__init__(f"{reason}; {remedy}" if remedy else reason)
        self.reason = reason
        self.remedy = remedy
        self.kind = kind or self.kind


class LockedOut(Failed):
    """Keystone refuses us at the door: no request of ours will get anywhere until a person mends that."""

    kind = "forbidden"


class Gone(Exception):
    """What was asked about does not exist (any more)."""
