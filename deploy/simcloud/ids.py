"""Identifiers that look random and repeat with the seed."""

import random
import uuid


class Ids:
    """A seeded source of uuids and draws; the only randomness of a cloud."""

    def __init__(self, seed: int) -> None:
        self.draw = random.Random(seed)

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
