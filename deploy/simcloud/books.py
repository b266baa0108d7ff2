"""Placement's books: who has claimed what where. While a server moves, two consumers hold its place."""

from dataclasses import dataclass, field

from deploy.simcloud.entities import Resources


@dataclass
class Books:
    """Allocations by consumer and by provider, with running sums."""

    by_consumer: dict[str, dict[str, Resources]] = field(default_factory=dict)
    by_host: dict[str, dict[str, Resources]] = field(default_factory=dict)
    sums: dict[str, Resources] = field(default_factory=dict)
    bookings: dict[str, int] = field(default_factory=dict)  # how often a host was booked so far

    def claim(self, consumer: str, host: str, resources: Resources) -> None:
        """Book resources of one host for a consumer, replacing what it had there."""
        self.release(consumer, host)
        self.bookings[host] = self.bookings.get(host, 0) + 1
        self.by_consumer.setdefault(consumer, {})[host] = resources
        self.by_host.setdefault(host, {})[consumer] = resources
        total = self.sums.setdefault(host, {})
        for name, amount in resources.items():
            total[name] = total.get(name, 0) + amount

    def release(self, consumer: str, host: str | None = None) -> None:
        """Give back what a consumer holds on one host, or everywhere."""
        held = self.by_consumer.get(consumer)
        if held is None:
            return
        for place in [host] if host is not None else list(held):
            resources = held.pop(place, None)
            if resources is None:
                continue
            del self.by_host[place][consumer]
            for name, amount in resources.items():
                self.sums[place][name] -= amount
        if not held:
            del self.by_consumer[consumer]

    def hand_over(self, giver: str, taker: str) -> None:
        """Everything the giver holds now belongs to the taker, in one step as in Placement."""
        for host, resources in list(self.by_consumer.get(giver, {}).items()):
            self.release(giver, host)
            self.claim(taker, host, resources)

    def used(self, host: str) -> Resources:
        return self.sums.get(host, {})

    def consumers(self, host: str) -> dict[str, Resources]:
        return self.by_host.get(host, {})

    def held(self, consumer: str) -> dict[str, Resources]:
        return self.by_consumer.get(consumer, {})
