"""How the cloud says no: a status and a sentence, rendered by each service in its own format."""


class Refusal(Exception):
    """The request is refused."""

    def __init__(
        self, status: int, message: str, headers: dict[str, str] | None = None, migration: str | None = None
    ) -> None:
        super().__init__(message)
        self.migration = migration  # some refusals leave a record behind
        self.status = status
        self.message = message
        self.headers = headers or {}


class NoValidHost(Exception):
    """The scheduler found no place; most callers learn it from a record only."""

    def __init__(self, reason: str = "There are not enough hosts available.") -> None:
        super().__init__(f"No valid host was found. {reason}")


class Dropped(Exception):
    """The connection ends without a reply; `processed` says whether the request took effect."""

    def __init__(self, *, processed: bool) -> None:
        super().__init__("connection dropped " + ("after" if processed else "before") + " processing")
        self.processed = processed
