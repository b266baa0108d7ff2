"""Files on disk as documents: finds them, knows what each is, and judges them all together."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from plan_schemas import admit, catalog, schema
from plan_schemas.catalog import FOLDERS, Catalog, Entry
from plan_schemas.loader import Invalid, Located, parse_located
from plan_schemas.problems import Findings, Problem

_SUFFIXES = (".yaml", ".yml", ".json")


@dataclass
class Judged:
    """What was read and all that is wrong with it, in the order of the files."""

    files: list[Path] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


def judge(paths: Sequence[Path], plans: Path | None = None) -> Judged:
    """Every problem of every file under the paths. Catalogue files are checked with the whole catalogue."""
    out = Judged()
    known: Catalog | None = None
    try:
        known = catalog.load(plans)
    except Invalid as error:  # documents are then checked for their form alone
        out.problems.extend(error.problems)
    for file in _files(paths, out):
        if file.parent.name not in FOLDERS or file.suffix != ".yaml":
            out.files.append(file)
            out.problems.extend(_document(file, known))
    for root, files in _catalogues(paths).items():
        out.files.extend(files)
        sources = {str(file) for file in files}
        out.problems.extend(p for p in _catalogue(root) if p.source in sources)
    out.problems = list(dict.fromkeys(out.problems))
    return out


def load(path: Path) -> Located:
    """A file as a located document, within the size limit of the kind it seems to be. Raises Invalid."""
    try:
        text = path.read_bytes()
    except OSError as error:
        said = (error.strerror or "cannot be read").lower()
        raise Invalid(
            [Problem(str(path), None, None, "", said, "check the path and its permissions")]
        ) from None
    return parse_located(text, source=str(path), max_bytes=schema.limit(text))


def _files(paths: Iterable[Path], out: Judged) -> list[Path]:
    found: dict[Path, None] = {}
    for path in paths:
        if not path.exists():
            problem = Problem(
                str(path), None, None, "", "there is no such file or directory", "check the path"
            )
            out.problems.append(problem)
            out.files.append(path)
        elif path.is_dir():
            inside = sorted(p for p in path.rglob("*") if p.suffix in _SUFFIXES and p.is_file())
            found |= dict.fromkeys(p for p in inside if not _is_hidden(p.relative_to(path)))
        else:
            found[path] = None
    return list(found)


def _is_hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)


def _catalogues(paths: Iterable[Path]) -> dict[Path, list[Path]]:
    """The files that belong to a catalogue, by the catalogue's directory."""
    out: dict[Path, list[Path]] = {}
    for file in _files([p for p in paths if p.exists()], Judged()):
        if file.parent.name in FOLDERS and file.suffix == ".yaml":
            out.setdefault(file.parent.parent, []).append(file)
    return out


def _catalogue(root: Path) -> tuple[Problem, ...]:
    entries: tuple[Entry, ...] = catalog.read(root, str(root))
    own = catalog.own_entries()
    is_ours = root.resolve() == Path(catalog.__file__).parent.resolve()
    _, problems = catalog.inspect(entries if is_ours else (*own, *entries))
    return problems


def _document(file: Path, known: Catalog | None) -> tuple[Problem, ...]:
    try:
        located = load(file)
    except Invalid as error:
        return error.problems
    value = located.value
    if isinstance(value, dict) and "$schema" in value:
        found = Findings(located.source, located.positions)
        schema.check_schema(value, found)
        return tuple(found.problems)
    if known is None:
        return schema.problems(value, positions=located.positions, source=located.source)
    if not admit.problems(value, known):
        return ()  # positions cost as much as the parsing; only complaints need them
    return admit.problems(value, known, positions=located.positions, source=located.source)
