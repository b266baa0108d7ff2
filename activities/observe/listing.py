"""Whole listings: every page of them, many side by side, and the list of what could not be had."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from typing import Any, TypeVar

from pydantic import ValidationError

from activities.door import Failed, Gone, LockedOut, Reader, Transient
from activities.observe.nova import Group, Groups, Offer, Offers, Page, shown_offers
from activities.rights import Denied

T = TypeVar("T")
D = TypeVar("D")
LIMIT = 1000  # Nova's usual ceiling; it may well give less


class Incomplete(Exception):
    """The picture has holes; nothing is decided on it."""

    def __init__(self, missing: Iterable[str]) -> None:
        self.missing = tuple(missing)
        shown = "; ".join(self.missing[:10])
        rest = f"; and {len(self.missing) - 10} more" if len(self.missing) > 10 else ""
        super().__init__(f"the collected model is incomplete: {shown}{rest}")


def pages(reader: Reader, path: str, page: type[Page], microversion: str, key: str = "id") -> tuple[Any, ...]:
    """All rows of a listing that is paged by marker."""
    rows: list[Any] = []
    joint, marker = ("&" if "?" in path else "?"), ""
    while True:
        answer = reader.get("compute", f"{path}{joint}limit={LIMIT}{marker}", microversion)
        one = page.model_validate_json(answer)
        rows.extend(one.rows)
        if not one.more or not one.rows:
            return tuple(rows)
        marker = f"&marker={getattr(one.rows[-1], key)}"


def groups(reader: Reader, microversion: str) -> tuple[Group, ...]:
    """All server groups; Nova pages them by offset and never says whether more follow."""
    rows: list[Group] = []
    while True:
        path = f"/os-server-groups?all_projects=true&limit={LIMIT}&offset={len(rows)}"
        found = Groups.model_validate_json(reader.get("compute", path, microversion)).rows
        if not found:
            return tuple(rows)
        rows.extend(found)


def offers(reader: Reader, microversion: str) -> tuple[Offer, ...]:
    """All flavors on offer, those of single projects among them."""
    return shown_offers(pages(reader, "/flavors/detail?is_public=None", Offers, microversion))


class Nothing:
    """In the place of a result that could not be had."""


NOTHING = Nothing()


@dataclass
class Gaps:
    """What could not be had, one sentence each; all of it is found before anything is refused."""

    missing: list[str] = field(default_factory=list)
    denied: dict[str, str] = field(default_factory=dict)  # the first request that met it, by remedy

    def attempt(self, name: str, task: Callable[[], T], otherwise: D) -> T | D:
        """The task's result, or the stand-in and a gap of that name. Raises LockedOut."""
        try:
            return task()
        except LockedOut:
            raise  # every other task would say the same
        except Denied as why:
            self.denied.setdefault(why.remedy, why.reason)
        except (Transient, Failed, Gone) as why:
            self.missing.append(f"{name}: {why}")
        except ValidationError as why:
            first = why.errors(include_url=False, include_input=False)[0]
            where = ".".join(str(part) for part in first["loc"])
            self.missing.append(f"{name}: an answer that cannot be read ({where}: {first['msg']})")
        return otherwise

    def refuse(self) -> None:
        """Raises Denied if we lack a right, which no second look mends; Incomplete if anything is missing."""
        if self.denied:
            raise Denied("; ".join(self.denied.values()), "; ".join(self.denied))
        if self.missing:
            raise Incomplete(sorted(self.missing))


def gather(
    tasks: Mapping[str, Callable[[], T]], threads: int, gaps: Gaps, done: Callable[[int], None] | None = None
) -> dict[str, T]:
    """The results by name, many side by side; what fails becomes a gap and does not stop the others."""
    results: dict[str, T] = {}
    with ThreadPoolExecutor(max_workers=max(1, min(threads, len(tasks)))) as pool:
        names = {pool.submit(task): name for name, task in tasks.items()}
        try:
            for count, future in enumerate(as_completed(names), start=1):
                found = gaps.attempt(names[future], future.result, NOTHING)
                if not isinstance(found, Nothing):
                    results[names[future]] = found
                if done is not None:
                    done(count)
        except BaseException:
            # A heartbeat that says "stop": what has not begun shall not begin.
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return results
