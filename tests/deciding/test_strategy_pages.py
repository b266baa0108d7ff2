"""docs/strategies says what the declarations say, and its examples come out as it shows."""

from __future__ import annotations

from tests.strategy_pages import FOLDER, pages


def test_every_page_is_up_to_date() -> None:
    """One page per strategy and an index, as `python -m tests.strategy_pages` would write them now."""
    there = {path.name: path.read_text(encoding="utf-8") for path in FOLDER.glob("*.md")}
    wanted = pages()
    outdated = sorted(n for n in {*there, *wanted} if there.get(n) != wanted.get(n))
    assert outdated == [], "run: python -m tests.strategy_pages"


def test_every_example_comes_to_a_plan() -> None:
    """No page shows a refusal alone: the audits of tests/deciding/test_golden.py suit their world."""
    texts = {name: text for name, text in pages().items() if name != "README.md"}
    assert [name for name, text in texts.items() if "\ndistance  " not in text] == []


def test_every_example_ends_as_it_was_forecast() -> None:
    """Each action was done on the simulated cloud, and each indicator came out as promised."""
    for name, text in pages().items():
        rows = [line.split(" | ") for line in text.partition("Carried out on")[2].splitlines()]
        told = [row for row in rows if row[0].startswith("| `")]
        done, measured = [r for r in told if "_" not in r[0]], [r for r in told if "_" in r[0]]
        assert (name == "README.md") or done
        assert {row[1] for row in done} <= {"done"}, name
        assert all(row[1] == row[2].removesuffix(" |") for row in measured), name
