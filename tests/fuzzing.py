"""Nonsense of every sort for Temporal's inputs, out of a seed: bytes, encodings, documents, messages."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from temporalio.api.common.v1 import Payload

EXAMPLES = Path(__file__).parents[1] / "plan_schemas" / "documents" / "examples"
TYPES = ("Audit", "ActionPlan", "Rollback", "Permits")
MESSAGES: dict[str, dict[str, Any]] = {
    "approve": {"by": "eve", "reason": "r", "actions": ["a"]},
    "reject": {"by": "eve", "reason": "r"},
    "supersede": {"reason": "r"},
    "skip_action": {"action": "a", "by": "eve", "reason": "r"},
    "hold_action": {"action": "b", "by": "eve"},
    "release_action": {"action": "b"},
    "cancel_action": {"action": "a", "abort": True},
    "retry_action": {"action": "a", "by": "eve"},
    "decide": {"action": "a", "choice": "retry"},
    "pause": {"by": "eve"},
    "resume": {"by": "eve"},
    "cancel": {"reason": "r", "rollback": False, "abort": True},
    "roll_back": {"reason": "r"},
    "freeze": {"by": "eve"},
    "thaw": {"by": "eve"},
    "permits": {"granted": [1], "waiting": {"1": "why"}, "frozen": "", "announce": True},
    "exchange": {
        "plan": "plan/nobody",
        "run": "r",
        "wants": [{"ticket": 1, "action": "a", "slots": {"instance/x": 1}}],
        "gives_back": [2],
    },
    "attempt": {"action": "a", "says": "paused"},
}
QUERIES = ("status", "plan", "record", "explain", "__stack_trace", "nosuch")
ATOMS: tuple[Any, ...] = (
    *(
        None,
        True,
        False,
        0,
        -1,
        1e308,
        2**63,
        -(2**70),
        10**400,
        0.1,
        "",
        " ",
        "a",
        "\x00",
        "\ud800",
        "é" * 300,
    ),
    *(
        "x" * 70_000,
        "{{ 1 }}",
        "../../etc/passwd",
        "'; DROP",
        "<b>",
        "| | |",
        "\r\n",
        "1:30",
        "no",
        "2026-13-45",
    ),
    *([], {}, [[]], {"": ""}, {"ballast": "v2"}, ["a", "a"], {"a": {"b": [1, {"c": None}]}}),
)
BYTES: tuple[bytes, ...] = (
    b"",
    b"\x00",
    b"\xff\xfe\x00\x01",
    b"{",
    b"[" * 100_000,
    b"[" * 900 + b"]" * 900,
    b'{"a":' * 3_000 + b"1" + b"}" * 3_000,
    b"a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n",
    b"- " * 5_000 + b"x",
    b"? a\n: b\n? [c]\n: d\n",
    b"!!python/object/apply:os.system ['true']",
    b"%YAML 9.9\n---\n...\n---\n",
    b"9" * 10_000,
    b'"\\ud800"',
    b'{"action": "\\ud800", "by": "\\udfff"}',
    b"NaN",
    b'{"by": NaN, "reason": Infinity}',
    b"{'a': 1}",
    b"key: 'x\n" * 2_000,
    b"x" * 1_900_000,
    b'{"by": "' + b"y" * 1_500_000 + b'"}',
    b"a: 1\n" * 100_000,
    "ballast: v1\nkind: Audit\n\u2028name: é\n".encode("utf-16"),
)
ENCODINGS: tuple[bytes | None, ...] = (
    *(b"json/plain", b"text/yaml") * 6,
    *(b"json/protobuf", b"binary/plain", b"binary/null", b"binary/protobuf", b"ballast/invalid"),
    *(b"x/y", b"", b"\xff\xfe", None),
)
NAMES = ("explode", "", "a" * 900, "naïve\u2028name", "status", "run", "permits/simcloud")


@dataclass(frozen=True)
class Input:
    """What is sent: so many payloads."""

    payloads: tuple[Payload, ...]

    def __str__(self) -> str:
        shown = (f"{dict(p.metadata)} {p.data[:120]!r} ({len(p.data)} bytes)" for p in self.payloads)
        return "; ".join(shown) or "no input"


class Nonsense:
    """One stream of it."""

    def __init__(self, seed: int, cloud: str) -> None:
        self.draw = random.Random(seed)
        self._documents = self._valid(cloud)

    def document(self) -> tuple[str, Input]:
        """A workflow type and its input; mostly a valid document with some mistakes in it."""
        kind, document = copy.deepcopy(self.draw.choice(self._documents))
        if self.draw.random() < 0.15:
            kind = self.draw.choice((*TYPES, "Nosuch", "audit", "", "é"))
        return kind or "Nosuch", self._input(document)

    def message(self) -> tuple[str, Input]:
        """A message's name and its input."""
        name = self.draw.choice(tuple(MESSAGES))
        if self.draw.random() < 0.08:
            return self.draw.choice(NAMES) or "x", self._input({})
        return name, self._input(copy.deepcopy(MESSAGES[name]))

    def query(self) -> tuple[str, Input]:
        return self.draw.choice(QUERIES), self._input({}) if self.draw.random() < 0.7 else Input(())

    def _input(self, value: Any) -> Input:
        count = self.draw.choice((0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2, 3))
        return Input(tuple(self._payload(value) for _ in range(count)))

    def _payload(self, value: Any) -> Payload:
        draw = self.draw
        if draw.random() < 0.2:
            data = draw.choice(BYTES)
        else:
            for _ in range(draw.choice((0, 1, 1, 1, 2, 3, 8))):
                value = self._mutated(value)
            data = self._written(value)
        if draw.random() < 0.2:
            data = self._damaged(data)
        encoding = draw.choice(ENCODINGS)
        metadata = {} if encoding is None else {"encoding": encoding}
        if encoding in (b"json/protobuf", b"binary/protobuf") and draw.random() < 0.5:
            metadata["messageType"] = draw.choice((b"google.protobuf.Duration", b"no.Such", b"\xff"))
        return Payload(metadata=metadata, data=data)

    def _written(self, value: Any) -> bytes:
        if self.draw.random() < 0.3:
            return yaml.safe_dump(value, allow_unicode=True).encode(errors="surrogatepass")
        return json.dumps(value).encode()

    def _damaged(self, data: bytes) -> bytes:
        """Some bytes changed, cut out or put in."""
        out, draw = bytearray(data), self.draw
        for _ in range(draw.randint(1, 4)):
            at = draw.randrange(len(out) + 1)
            out[at : at + draw.choice((0, 1, 1, 5))] = draw.randbytes(draw.choice((0, 1, 3)))
        return bytes(out)

    def _mutated(self, value: Any) -> Any:
        """One mistake somewhere inside."""
        draw = self.draw
        if isinstance(value, dict) and value and draw.random() < 0.8:
            key = draw.choice(list(value))
            change: Callable[[], object] = draw.choice(
                (
                    lambda: value.update({key: self._mutated(value[key])}),
                    lambda: value.update({key: self._mutated(value[key])}),
                    lambda: value.pop(key),
                    lambda: value.update({draw.choice(("x", f"{key}s", "", "ballast")): draw.choice(ATOMS)}),
                )
            )
            change()
            return value
        if isinstance(value, list) and value and draw.random() < 0.8:
            at = draw.randrange(len(value))
            value[at] = self._mutated(value[at])
            if draw.random() < 0.3:
                value.append(copy.deepcopy(value[at]))
            return value
        return copy.deepcopy(draw.choice(ATOMS))

    def _valid(self, cloud: str) -> list[tuple[str, Any]]:
        """Documents that would do something, on this cloud."""
        found: list[tuple[str, Any]] = [("Permits", {"cloud": "nosuch"})]
        for path in sorted(EXAMPLES.glob("*.yaml")):
            document = yaml.safe_load(path.read_text())
            if document["kind"] in TYPES:
                if "cloud" in document:
                    document["cloud"] = cloud
                found.append((document["kind"], document))
        return [*found, *(("ActionPlan", target(cloud)) for _ in range(2))]


def target(cloud: str, mode: str = "approve") -> dict[str, Any]:
    """A plan for messages to aim at: `a` takes its time, `b` needs it."""
    return {
        "ballast": "v1",
        "kind": "ActionPlan",
        "cloud": cloud,
        "execution": {"mode": mode, "on_failure": "stop"},
        "actions": [
            {"id": "a", "type": "sleep", "parameters": {"seconds": 600}},
            {"id": "b", "type": "nop", "needs": ["a"]},
        ],
    }
