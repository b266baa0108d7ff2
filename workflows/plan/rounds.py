"""PURE: the plans of one audit; each after the first is there because the cloud changed under the one before
(`on_drift: replan`)."""

from __future__ import annotations

from typing import Any

from typing_extensions import TypedDict

Document = dict[str, Any]


class Ending(TypedDict, total=False):
    """What a plan came to; from `drift` on only when it asks for a new plan."""

    state: str
    sentence: str
    counts: dict[str, int]
    drift: str
    moved: int
    spared: list[str]  # instances that a person wants left where they are


class Rounds:
    """What each round came to, and whether there is another."""

    def __init__(self, audit_id: str, most: int = 0) -> None:
        self._audit_id, self._most = audit_id, most
        self.told: list[Document] = []
        self.moved = 0
        self.spared: list[str] = []

    @property
    def plan_id(self) -> str:
        """Of the plan of the round that is on: `plan/<audit id>`, then `plan/<audit id>/2` and so on."""
        number = len(self.told) + 1
        return f"plan/{self._audit_id}" + (f"/{number}" if number > 1 else "")

    @property
    def ids(self) -> list[str]:
        return [row["plan"] for row in self.told]

    @property
    def sentence(self) -> str:
        return "; ".join(f"{row['plan']} {row['state']}: {row['sentence']}" for row in self.told)

    @property
    def counts(self) -> dict[str, int]:
        """Over all rounds. What a plan gave up because of drift is the next one's, and counted there."""
        out: dict[str, int] = {}
        for row in self.told:
            for state, number in row["counts"].items():
                if not (row["drift"] and state in ("CANCELLED", "SKIPPED")):
                    out[state] = out.get(state, 0) + number
        return out

    def note(self, ending: Ending, forecast: Document) -> None:
        """The round that was on is over."""
        self.told.append(
            {
                "plan": self.plan_id,
                "state": ending["state"],
                "sentence": ending["sentence"].removeprefix("DRY RUN: "),
                "counts": ending.get("counts", {}),
                "drift": ending.get("drift", ""),
                "forecast": forecast,
            }
        )
        self.moved += ending.get("moved", 0)
        self.spared += [one for one in ending.get("spared", []) if one not in self.spared]

    @property
    def again(self) -> bool:
        """Whether the plan of the last round asks for a new one."""
        return bool(self.told and self.told[-1]["drift"])

    def obstacle(self, audit: Document) -> str:
        """Why there is no further round although the last plan asks for one; empty if there is."""
        if len(self.told) > self._most:
            again = "once" if self._most == 1 else f"{self._most} times"
            return f"it was planned again {again}, and more is not allowed (replans: {self._most})"
        most = audit["parameters"].get("max_moves")
        if most is not None and self.moved >= most:
            return f"all moves that it may make are made (max_moves: {most})"
        return ""

    def left(self, audit: Document) -> Document:
        """The audit with what is left of its moves, and without the instances that a person left out: what
        earlier rounds moved counts, and what was said in them holds."""
        parameters, scope = audit["parameters"], audit["scope"]
        if (most := parameters.get("max_moves")) is not None:
            parameters = {**parameters, "max_moves": most - self.moved}
        if self.spared:
            exclude = scope.get("exclude", {})
            instances = list(dict.fromkeys((*exclude.get("instances", ()), *self.spared)))
            scope = {**scope, "exclude": {**exclude, "instances": instances}}
        return {**audit, "parameters": parameters, "scope": scope}
