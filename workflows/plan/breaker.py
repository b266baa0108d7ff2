"""PURE: the circuit breaker of a plan. After so many failures nothing starts until a person says resume."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from plan_schemas import plan

ANY = "any"


class Breaker:
    """Counts failures by their kind. Without a setting it never opens."""

    def __init__(self, setting: plan.Breaker | None) -> None:
        self._setting = setting
        self._failures: Counter[str] = Counter()
        self.open = ""  # why nothing starts, in one sentence; empty while it is closed

    def note(self, id: str, kind: str, why: str) -> None:
        """An action failed."""
        if self._setting is None:
            return
        self._failures[kind] += 1
        each = self._setting.of != ANY
        count = self._failures[kind] if each else self._failures.total()
        if count >= self._setting.failures and not self.open:
            failures = f"{count} failure{'' if count == 1 else 's'}"
            of = f" of one kind ({kind})" if each else f" ({self._kinds()})"
            last = f"the last of {id}: {why[:300]}"
            self.open = (
                f"the circuit breaker is open after {failures}{of}, {last}; nothing starts until resume"
            )

    def close(self) -> None:
        """A person wants it to go on; failures are counted anew."""
        self.open = ""
        self._failures.clear()

    def as_document(self) -> dict[str, Any]:
        """What it counted, in plain values, for the next run of a plan."""
        return {"failures": dict(self._failures), "open": self.open}

    def restore(self, document: Mapping[str, Any]) -> None:
        """Go on from what an earlier run counted."""
        self._failures, self.open = Counter(document["failures"]), document["open"]

    def _kinds(self) -> str:
        return ", ".join(f"{kind} {n}" for kind, n in sorted(self._failures.items()))
