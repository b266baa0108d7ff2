"""Where properties begin that draw by seeds of their own: the same in every run, others in `make explore`."""

from __future__ import annotations

from collections.abc import Sequence
from random import SystemRandom

from hypothesis import settings


def seeds(count: int) -> Sequence[int]:
    """So many of them; tests/conftest.py says what a profile is for."""
    usual = settings.get_current_profile_name() != "explore"
    return range(count) if usual else [SystemRandom().randrange(2**32) for _ in range(count)]
