"""Identifiers that look random and repeat with the seed."""

import random
import uuid


class Ids:
    """A seeded source of uuids and dice; the only randomness of a cloud.

    Each purpose has dice of its own: one more listing must not change how long a migration takes.
    """

    def __init__(self, seed: int) -> None:
        self.draw = random.Random(seed)
        self.api_dice = random.Random(f"api {seed}")
        self.move_dice = random.Random(f"moves {seed}")

    def uuid(self) -> str:
        return str(uuid.UUID(int=self.draw.getrandbits(128), version=4))

    def hex(self) -> str:
        return f"{self.draw.getrandbits(128):032x}"


def named(*parts: str) -> str:
    """A uuid that depends on nothing but the names."""
    return str(uuid.uuid5(uuid.NAMESPACE_DNS, "/".join(parts)))


def named_hex(*parts: str) -> str:
    """The same in the 32-digit form Keystone uses for projects and users."""
    return named(*parts).replace("-", "")


def uuid_like(text: str) -> bool:
    """Whether Nova takes this for a uuid: with hyphens or without."""
    try:
        return uuid.UUID(text).hex == text.replace("-", "").lower()
    except ValueError:
        return False
