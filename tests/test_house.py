"""Rules of the house that no linter knows: both halves of everything, and nobody else in our rooms."""

from __future__ import annotations

import inspect
from pathlib import Path
from types import ModuleType

import pytest

import plan_schemas
from activities import actions, strategies
from deploy import halves, owners
from plan_schemas.catalog import load

OURS = Path(plan_schemas.__file__).parent.parent


def test_both_halves_of_every_strategy_and_action_agree() -> None:
    """YAML and Python of one name exist and declare the same parameters with the same defaults."""
    assert halves.complaints() == ()


def test_the_file_name_is_the_name() -> None:
    """Everything in the catalogue is called like its file."""
    for folder, known in (
        ("goals", load().goals),
        ("strategies", load().strategies),
        ("actions", load().actions),
        ("metrics", load().metrics),
        ("datasources", load().dialects),
    ):
        assert set(known) == {f.stem for f in (OURS / "plan_schemas" / folder).glob("*.yaml")}


@pytest.mark.parametrize("package", [strategies, actions])
def test_a_half_without_yaml_is_named(
    package: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A Python half alone stops the worker with the name of the missing file."""
    (tmp_path / "stray.py").write_text("")
    monkeypatch.setattr(package, "__path__", [*package.__path__, str(tmp_path)])
    kind = package.__name__.rsplit(".", 1)[1]
    expected = (
        f"activities/{kind}/stray.py has no other half; write plan_schemas/{kind}/stray.yaml or remove it"
    )
    assert halves.complaints() == (expected,)


def test_a_half_without_python_is_named(tmp_path: Path) -> None:
    """A YAML half alone stops the worker with the name of the missing file."""
    (tmp_path / "strategies").mkdir()
    text = (OURS / "plan_schemas/strategies/dummy.yaml").read_text()
    (tmp_path / "strategies" / "lonely.yaml").write_text(text)
    expected = "plan_schemas/strategies/lonely.yaml has no other half; write activities/strategies/lonely.py"
    assert [one.startswith(expected) for one in halves.complaints(tmp_path)] == [True]


def test_a_difference_between_the_halves_is_named(tmp_path: Path) -> None:
    """A parameter that one half lacks and a default that differs are told with both files."""
    (tmp_path / "strategies").mkdir()
    text = (OURS / "plan_schemas/strategies/dummy.yaml").read_text()
    changed = text.replace("default: 3.2", "default: 3.3").replace("para2", "para3") + "replaces: dummy\n"
    (tmp_path / "strategies" / "dummy.yaml").write_text(changed)
    said = "\n".join(halves.complaints(tmp_path))
    assert (
        "'para1' is by default 3.2 in activities/strategies/dummy.py (decide), but by default 3.3 in" in said
    )
    assert "does not declare 'para2'" in said
    assert "decide does not take 'para3'" in said


def test_a_function_that_an_action_lacks_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """An action that could not be traced after a crash stops the worker before it does anything."""
    monkeypatch.delattr(actions.find("nop"), "trace")
    assert halves.complaints() == ("activities/actions/nop.py has no function trace",)


def test_every_strategy_and_action_takes_its_example() -> None:
    """The example of each declaration can be given to the function that it is meant for."""
    for name, strategy in load().strategies.items():
        inspect.signature(strategies.find(name).decide).bind(None, **strategy.example)
    for name, action in load().actions.items():
        inspect.signature(actions.find(name).touches).bind(**action.example)


def test_another_owner_of_our_packages_is_named() -> None:
    """A distribution that installs a `workflows` of its own is told with the remedy; ours alone is fine."""
    assert owners.complaints({"workflows": ["ballast"], "numpy": ["numpy"]}) == ()
    said = owners.complaints({"workflows": ["ballast", "llama-index-workflows"]})
    assert len(said) == 1
    assert "'workflows' is also installed by llama-index-workflows, which overwrites" in said[0]
    assert "pip uninstall llama-index-workflows" in said[0]
    assert owners.complaints() == ()
