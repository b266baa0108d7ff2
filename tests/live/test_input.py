"""What is malformed ends at once, with one line that names path and remedy; nothing is retried for ever."""

from __future__ import annotations

import asyncio
import contextlib
import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from temporalio.api.common.v1 import Payload
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client, WorkflowFailureError
from temporalio.common import RawValue, RetryPolicy
from temporalio.service import RPCError

from tests.live.rooms import Document, Rooms, close, nop, one_line
from tests.live.stack import PATIENCE, YAML

pytestmark = pytest.mark.usefixtures("nothing_left")

AUDIT: Document = {
    "ballast": "v1",
    "kind": "Audit",
    "name": "bad",
    "cloud": "simcloud",
    "strategy": "host_maintenance",
    "parameters": {"maintenance_node": "north-1"},
}
ROLLBACK: Document = {"ballast": "v1", "kind": "Rollback", "plan": "plan/x", "reason": "test"}
HEAD = "ballast: v1\nkind: Audit\nname: bad\n"


def plan(*actions: Document, **more: object) -> Document:
    return {"ballast": "v1", "kind": "ActionPlan", "cloud": "simcloud", "actions": list(actions), **more}


def without(document: Document, key: str) -> Document:
    return {k: v for k, v in document.items() if k != key}


BAD: dict[str, tuple[str, Document | str, tuple[str, ...]]] = {
    "broken YAML": ("Audit", HEAD + "  cloud: simcloud\n", ("input:4:8:", "check the indentation")),
    "an empty file": ("Audit", "", ("input:1:1:", "the document is empty")),
    "a text": ("Audit", "just text\n", ("must be a mapping",)),
    "an unknown key": (
        "Audit",
        {**AUDIT, "executoin": {}},
        ("executoin: unknown key", 'did you mean "execution"?'),
    ),
    "a missing key": ("Rollback", without(ROLLBACK, "reason"), ('the key "reason" is missing', "add it")),
    "a wrong type": (
        "Audit",
        {**AUDIT, "max_uncertain": "many"},
        ("max_uncertain: is the text", "expected a number"),
    ),
    "a wrong word": (
        "Audit",
        {**AUDIT, "execution": {"mode": "sometimes"}},
        ("execution.mode:", "expected advise, approve or auto"),
    ),
    "several mistakes": (
        "Audit",
        {**AUDIT, "parameters": {"maintenance_node": [1]}, "max_uncertain": "many"},
        ("max_uncertain:", "parameters.maintenance_node: is a list"),
    ),
    "an unknown strategy": (
        "Audit",
        {**AUDIT, "strategy": "host_maintenence"},
        ('strategy: there is no strategy "host_maintenence"', 'did you mean "host_maintenance"?'),
    ),
    "a missing argument": (
        "Audit",
        without(AUDIT, "parameters"),
        ('parameters: the key "maintenance_node" is missing', "add it"),
    ),
    "an unknown host": (
        "Audit",
        {**AUDIT, "parameters": {"maintenance_node": "north-9"}},
        ("there is no host north-9 in simcloud", "known hosts are, for example, north-1"),
    ),
    "an alias bomb": (
        "Audit",
        "a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n",
        ("input:1:4: anchors (&a) are not allowed", "write the value out"),
    ),
    "the wrong kind": (
        "Audit",
        plan(nop("a")),
        ('kind: is "ActionPlan", expected "Audit"', "the workflow ActionPlan"),
    ),
    "an unknown id in needs": (
        "ActionPlan",
        plan(nop("a", needs=["b"])),
        ('actions[0].needs[0]: there is no action "b"', "known ids: a"),
    ),
    "a cycle": (
        "ActionPlan",
        plan(nop("a", needs=["b"]), nop("b", needs=["c"]), nop("c", freed_by=["a"])),
        ("actions[0]: waits for itself: a → b → c → a", "remove one of these edges"),
    ),
    "a key given twice": (
        "ActionPlan",
        "ballast: v1\nkind: ActionPlan\ncloud: simcloud\ncloud: other\n",
        ("input:4:1 cloud:", "already on line 3; remove one of them"),
    ),
    "an unknown type of action": (
        "ActionPlan",
        plan({"id": "a", "type": "migrat"}),
        ('actions[0].type: there is no type of action "migrat"', 'did you mean "migrate"?'),
    ),
    "an action that is not allowed": (
        "ActionPlan",
        plan(close("north-1"), execution={"mode": "auto", "allow": ["live"]}),
        ("close: execution.allow must contain 'service', it has live", "mend the plan"),
    ),
    "an action on what does not exist": (
        "ActionPlan",
        plan(close("north-9"), execution={"mode": "auto"}),
        ("close: there is no north-9 in simcloud", "mend the plan"),
    ),
    "an unknown cloud": (
        "Audit",
        {**AUDIT, "cloud": "nosuch"},
        ("cloud nosuch is not configured in", "clouds.yaml"),
    ),
    "an unknown cloud of a plan": (
        "ActionPlan",
        {**plan(close("north-1")), "cloud": "nosuch"},
        ("cloud nosuch is not configured in", "clouds.yaml"),
    ),
    "an unknown workflow type": (
        "Nosuch",
        "a: 1\n",
        ("no workflow type 'Nosuch'", "Audit, ActionPlan, Rollback"),
    ),
}


def those(events: list[Document], kind: str) -> list[Document]:
    """What the events of one kind say, in a history as the stock CLI shows it."""
    key = f"{kind}EventAttributes"
    return [{**event[key], "event": event["eventId"]} for event in events if key in event]


def refused(rooms: Rooms, id: str) -> str:
    """The one line of a workflow that must have FAILED at once: nothing was tried twice, and of its own it
    waited for less than two seconds. The rest is the machine's."""
    assert rooms.live.closed(id) == "FAILED"
    shown = rooms.live.cli("workflow", "show", "-w", id, "-o", "json")
    events = json.loads(shown.stdout)["events"]
    assert not those(events, "workflowTaskFailed"), shown.stdout
    assert all(one["attempt"] == 1 for one in those(events, "activityTaskStarted")), shown.stdout
    timers = {one["event"]: one["startToFireTimeout"] for one in those(events, "timerStarted")}
    fired = [timers[one["startedEventId"]] for one in those(events, "timerFired")]
    assert sum(float(one.removesuffix("s")) for one in fired) < 2, fired
    _, said = rooms.failure(id)
    return one_line(said)


@pytest.mark.parametrize("what", BAD)
def test_bad_input_ends_at_once_with_path_and_remedy(rooms: Rooms, what: str) -> None:
    """A malformed document fails its workflow at once, in one line, without a traceback."""
    kind, document, expected = BAD[what]
    id = f"bad/{what}"
    rooms.live.start(kind, id, document)
    said = refused(rooms, id)
    for part in expected:
        assert part in said


@pytest.mark.parametrize("inputs", [0, 2])
def test_a_wrong_number_of_inputs_is_told_with_the_right_command_line(rooms: Rooms, inputs: int) -> None:
    """A start without an input, or with two, fails at once and shows how it is given."""
    id = f"bad/{inputs} inputs"
    words = ["workflow", "start", "-t", "ballast", "--type", "Audit", "-w", id, *("--input", "{}") * inputs]
    assert rooms.live.cli(*words).returncode == 0
    assert refused(rooms, id) == (
        f"Audit takes one document, {inputs} were given; "
        "use --input-file audit.yaml --input-meta encoding=text/yaml"
    )


def test_a_plan_that_was_changed_after_it_was_made_is_refused(rooms: Rooms) -> None:
    """An effective plan whose content does not fit its digest is a forged one, and says what to do."""
    live, id = rooms.live, f"plan/{rooms.name}"
    live.start("ActionPlan", id, plan(close("south-2"), execution={"mode": "approve"}))
    live.reaches(id, "RECOMMENDED")
    forged = live.query(id, "plan")
    forged["actions"][0]["parameters"]["host"] = "north-1"
    live.start("ActionPlan", f"{id}-forged", yaml.safe_dump(forged))
    said = refused(rooms, f"{id}-forged")
    assert "digest: " in said
    assert "remove the digest" in said
    assert "must contain" not in said
    rooms.answer(id, "reject")
    assert live.closed(id) == "COMPLETED"


def test_a_refused_plan_says_so_in_its_status(rooms: Rooms) -> None:
    """Query, page and search attributes of a refused plan tell the same: FAILED, and why."""
    live, id = rooms.live, f"plan/{rooms.name}"
    live.start("ActionPlan", id, plan({"id": "a", "type": "migrat"}))
    said = refused(rooms, id)
    told = live.query(id)
    assert (told["state"], told["sentence"]) == ("FAILED", said)
    assert f"**FAILED**: {said}" in rooms.page(id)
    late = live.update(id, "approve", by="eve")
    assert late.returncode == 1
    assert "already completed" in late.stderr


FORGED: dict[str, tuple[str, Document]] = {
    "a plan": ("ActionPlan", {"carried": {"control": {}}, "plan": plan(close("north-1"))}),
    "permits": ("Permits", {"cloud": "@", "desk": {}, "messages": [], "rejected": []}),
}
REPEATS: dict[str, tuple[dict[str, Any], int]] = {
    "a cron schedule": ({"cron_schedule": "@every 1s"}, 2),
    "a retry policy": ({"retry_policy": RetryPolicy(maximum_attempts=3)}, 1),
}


@pytest.mark.parametrize("how", REPEATS)
@pytest.mark.parametrize("what", FORGED)
def test_what_a_run_hands_over_cannot_be_forged(rooms: Rooms, what: str, how: str) -> None:
    """The second run of a cron schedule follows another run, and has what somebody gave to the first: neither
    is believed, and each says why."""
    kind, document = FORGED[what]
    options, runs = REPEATS[how]
    cloud = f"forged-{how[2:6].strip()}"
    document = {key: cloud if value == "@" else value for key, value in document.items()}

    async def all_said() -> list[str]:
        client = await Client.connect(rooms.live.stack.address)
        id = f"permits/{cloud}" if kind == "Permits" else f"plan/{cloud}"
        await client.start_workflow(kind, document, id=id, task_queue="ballast", **options)
        try:
            for _ in range(360):
                query = f"WorkflowId = '{id}' AND ExecutionStatus = 'Failed'"
                failed = [row.run_id async for row in client.list_workflows(query)]
                if len(failed) >= runs:
                    break
                await asyncio.sleep(0.25)
        finally:
            with contextlib.suppress(RPCError):  # without a schedule it has ended
                await client.get_workflow_handle(id).terminate()
        said = []
        for run in failed:
            history = await client.get_workflow_handle(id, run_id=run).fetch_history()
            ended = history.events[-1].workflow_execution_failed_event_attributes
            said.append(ended.failure.message)
        return said

    said = asyncio.run(all_said())
    assert len(said) >= runs
    assert all(f"it was started with {how}" in one_line(one) for one in said), said


@pytest.mark.parametrize("kind", ["Audit", "Rollback"])
def test_whatever_is_refused_says_so_in_its_status(rooms: Rooms, kind: str) -> None:
    """It is FAILED, never still PENDING, with the sentence that it failed with."""
    id = f"refused/{kind}"
    rooms.live.start(kind, id, {"ballast": "v1", "kind": kind, "colour": "red"})
    said = refused(rooms, id)
    told = rooms.live.query(id)
    assert (told["state"], told["sentence"]) == ("FAILED", said)


def start(rooms: Rooms, path: Path, *more: str) -> str:
    """What the CLI itself says of a start that must not come about."""
    words = ("workflow", "start", "-t", "ballast", "--type", "Audit", "-w", f"bad/{rooms.name}")
    done = rooms.live.cli(*words, "--input-file", str(path), *more)
    assert done.returncode == 1
    assert rooms.live.cli("workflow", "describe", "-w", f"bad/{rooms.name}").returncode != 0
    return one_line(done.stderr)


def test_temporal_itself_refuses_yaml_without_the_flag(rooms: Rooms, tmp_path: Path) -> None:
    """Without `--input-meta` the CLI takes YAML for JSON, in the words that the README explains."""
    path = tmp_path / "audit.yaml"
    path.write_text(yaml.safe_dump(AUDIT))
    assert explained(start(rooms, path), "input #1 is not valid JSON")


@pytest.mark.parametrize(
    ("megabytes", "words"),
    [(2.2, "Blob data size exceeds limit"), (5.0, "received message after decompression larger than max")],
)
def test_temporal_itself_refuses_what_is_too_large(
    rooms: Rooms, tmp_path: Path, megabytes: float, words: str
) -> None:
    """An input beyond Temporal's limits starts nothing, in the words that the README explains."""
    path = tmp_path / "huge.yaml"
    path.write_text("#" * int(megabytes * 1_000_000))
    assert explained(start(rooms, path, *YAML), words)


def explained(said: str, words: str) -> bool:
    """Whether the CLI says so, and the README has a row for it."""
    return words in said and f"| `{words}` |" in Path("README.md").read_text(encoding="utf-8")


def _payload(data: bytes, encoding: bytes) -> Payload:
    return Payload(metadata={"encoding": encoding}, data=data)


JSON = _payload(b"{}", b"json/plain")
UNREADABLE: dict[str, tuple[str, tuple[Payload, ...], str]] = {
    "two inputs": ("Audit", (JSON, JSON), "takes one document, 2 were given"),
    "two that nobody can read": ("Rollback", (_payload(b"{", b"text/yaml"),) * 2, "2 were given"),
    "no YAML": ("ActionPlan", (_payload(b"a: [", b"text/yaml"),), "input:"),
    "no JSON": ("Audit", (_payload(b"{", b"json/plain"),), "Invalid JSON"),
    "an unknown encoding": ("Rollback", (_payload(b"{}", b"x/y"),), "unknown encoding 'x/y'"),
    "our own encoding": ("Audit", (_payload(b"me", b"ballast/refusal"),), "unknown encoding"),
    "bytes": ("Permits", (_payload(b"{}", b"binary/plain"),), "must be a mapping"),
    "no permits": ("Permits", (), "Permits takes one document, 0 were given"),
    "a forged desk": ("Permits", (_payload(b'{"cloud": "@", "desk": {}}', b"json/plain"),), "Permits takes"),
}


@pytest.mark.parametrize("what", UNREADABLE)
def test_who_is_asked_in_his_first_task_is_refused_all_the_same(rooms: Rooms, what: str) -> None:
    """A query that comes along with an input that cannot be read is answered, and fails no task."""
    kind, given, expected = UNREADABLE[what]

    async def one(client: Client, cloud: str) -> None:
        payloads = [
            RawValue(_payload(p.data.replace(b"@", cloud.encode()), p.metadata["encoding"])) for p in given
        ]
        handle = await client.start_workflow(kind, args=payloads, id=f"permits/{cloud}", task_queue="ballast")
        told = await asyncio.wait_for(handle.query("status"), PATIENCE)
        assert (told["state"], expected in told["sentence"]) == ("FAILED", True), told
        with pytest.raises(WorkflowFailureError) as failed:
            await asyncio.wait_for(handle.result(), PATIENCE)
        assert expected in one_line(str(failed.value.cause))
        kinds = [event.event_type async for event in handle.fetch_history_events()]
        assert EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED not in kinds

    async def ten() -> None:
        client = await Client.connect(rooms.live.stack.address)
        await asyncio.gather(*(one(client, f"refused-{what.replace(' ', '-')}-{n}") for n in range(10)))

    asyncio.run(ten())
