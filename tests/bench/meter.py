"""How much of a run some functions take: each is wrapped wherever a module of the product has it by name."""

from __future__ import annotations

import functools
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

Function = Callable[..., Any]


@dataclass
class Spent:
    seconds: float = 0.0  # of processor time
    depth: int = 0  # of calls, so that one inside another counts once


@contextmanager
def of(functions: Iterable[Function]) -> Iterator[Spent]:
    """Meters these functions for as long as the block runs."""
    spent = Spent()
    wrapped = {id(f): _metered(f, spent) for f in functions}
    places = [
        (module, name, value)
        for title, module in list(sys.modules.items())
        if title.startswith("activities.")
        for name, value in vars(module).items()
        if id(value) in wrapped
    ]
    for module, name, value in places:
        setattr(module, name, wrapped[id(value)])
    try:
        yield spent
    finally:
        for module, name, value in places:
            setattr(module, name, value)


def _metered(function: Function, spent: Spent) -> Function:
    @functools.wraps(function)
    def metered(*arguments: Any, **named: Any) -> Any:
        began, spent.depth = time.process_time(), spent.depth + 1
        try:
            return function(*arguments, **named)
        finally:
            spent.depth -= 1
            if not spent.depth:
                spent.seconds += time.process_time() - began

    return metered
