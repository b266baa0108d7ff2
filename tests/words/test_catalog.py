"""The catalogue is checked as a whole before anything runs, and an operator may add to it."""

from __future__ import annotations

from pathlib import Path

import pytest

from plan_schemas import catalog
from plan_schemas.loader import Invalid

GOAL = "summary: s\ndefault_strategy: {}\nindicators: {{}}\n"
STRATEGY = """version: 1
goal: {goal}
support: core
summary: s
how: h
parameters:
  type: object
  additionalProperties: false
  properties:
    {parameter}
metrics: []
actions: [{action}]
example: {example}
{more}
"""
SOUND = {
    "goal": "dummy",
    "parameter": "much: {type: integer, unit: hosts, description: d}",
    "action": "nop",
    "example": "{much: 1}",
    "more": "",
}


def strategy(**changed: str) -> str:
    return STRATEGY.format(**{**SOUND, **changed})


def refused(folder: Path, **files: str) -> list[str]:
    with pytest.raises(Invalid) as error:
        written(folder, **files)
    return [str(p).removeprefix(f"{folder}/") for p in error.value.problems]


def written(folder: Path, **files: str) -> catalog.Catalog:
    """A directory of `kind__name=text`, loaded on top of ours."""
    for path, text in files.items():
        file = folder / f"{path.replace('__', '/')}.yaml"
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)
    return catalog.load(folder)


def test_our_own_catalogue_is_sound() -> None:
    """What is shipped loads, has a digest, and freezes what plans need."""
    known = catalog.load()
    assert known is catalog.load()
    assert known.digest.startswith("sha256:")
    migrate = known.actions["migrate"].type
    assert (migrate.heartbeat_seconds, migrate.timeout_seconds, migrate.retry.maximum_seconds) == (
        15,
        600,
        30,
    )
    assert {goal.default_strategy for goal in known.goals.values()} <= set(known.strategies)


def test_a_directory_adds_to_ours(tmp_path: Path) -> None:
    """A new goal and its strategy stand beside ours and change the digest."""
    known = written(tmp_path, goals__own=GOAL.format("mine"), strategies__mine=strategy(goal="own"))
    assert known.strategies["mine"].goal == "own"
    assert "migrate" in known.actions
    assert known.digest != catalog.load().digest


def test_one_of_ours_is_replaced_only_on_purpose(tmp_path: Path) -> None:
    """A file of the same name is refused unless it says `replaces`."""
    said = refused(tmp_path, strategies__dummy=strategy())
    assert "there is a strategy dummy already; add `replaces: dummy` if that is meant" in said[0]
    known = written(tmp_path, strategies__dummy=strategy(more="replaces: dummy"))
    assert list(known.strategies["dummy"].parameters["properties"]) == ["much"]


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"goal": "dumy"}, 'strategies/s.yaml:2:1 goal: there is no goal dumy; did you mean "dummy"?'),
        ({"action": "migrat"}, 'actions[0]: there is no action migrat; did you mean "migrate"?'),
        ({"example": "{mush: 1}"}, 'example.mush: unknown key; did you mean "much"?'),
        ({"example": "{much: x}"}, 'example.much: is the text "x", expected a whole number'),
        ({"parameter": "much: {type: integer, unit: hosts}"}, 'the key "description" is missing'),
        ({"parameter": "much: {type: integer, description: d}"}, 'the key "unit" is missing'),
        ({"parameter": "Much: {type: string, description: d}"}, "cannot be a key"),
        (
            {"parameter": "much: {type: strin, description: d}"},
            "parameters.properties.much.type: is the text",
        ),
        (
            {"parameter": "much: {type: integer, unit: x, description: d, default: y}"},
            'parameters.properties.much.default: is the text "y"',
        ),
        (
            {"parameter": 'much: {type: string, description: d, pattern: "(a+)+"}'},
            "much.pattern: repeats what itself varies",
        ),
        (
            {"parameter": 'much: {type: string, description: d, $ref: "http://x/y"}'},
            '"http://x/y" points outside',
        ),
        ({"more": "empties: [much]"}, "empties[0]: much is no parameter that names hosts"),
        ({"more": "empties: [host]"}, "empties[0]: host is no parameter that names hosts"),
        ({"more": "replaces: s"}, "there is no other strategy s to replace"),
    ],
)
def test_a_fault_is_found_before_anything_runs(tmp_path: Path, changed: dict[str, str], said: str) -> None:
    """References, examples, defaults, patterns and descriptions are checked when the catalogue is loaded."""
    assert any(said in one for one in refused(tmp_path, strategies__s=strategy(**changed)))


def test_all_faults_of_all_files_are_told_at_once(tmp_path: Path) -> None:
    """Broken YAML in one file does not hide what is wrong in another."""
    said = refused(
        tmp_path, goals__g="a: b: c\n", strategies__s=strategy(goal="gg"), strategies__t=strategy(action="x")
    )
    assert {one.split(":")[0] for one in said} == {"goals/g.yaml", "strategies/s.yaml", "strategies/t.yaml"}


def test_a_goal_and_its_default_strategy_agree(tmp_path: Path) -> None:
    """A goal cannot be decided by a strategy of another goal."""
    said = refused(tmp_path, goals__own=GOAL.format("dummy"))
    assert "goals/own.yaml:2:1 default_strategy: dummy serves the goal dummy, not own" in said[0]


def test_a_directory_without_catalogue_files_is_refused(tmp_path: Path) -> None:
    """A mistyped directory is not silently an empty one."""
    with pytest.raises(Invalid, match="has none of the folders goals, strategies, actions"):
        catalog.load(tmp_path)
