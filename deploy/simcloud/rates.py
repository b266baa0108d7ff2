"""How busy other people are in a cloud."""

import random

from pydantic import BaseModel, ConfigDict, Field


class Rates(BaseModel):
    """Events per simulated second."""

    model_config = ConfigDict(extra="forbid")

    boots: float = Field(default=0.0, ge=0)
    deletes: float = Field(default=0.0, ge=0)
    moves: float = Field(default=0.0, ge=0)
    seed: int = 0


class Churn:
    """One run of that; a later start takes over from an earlier one."""

    def __init__(self, rates: Rates) -> None:
        self.rates = rates
        self.draw = random.Random(rates.seed)
        self.count = 0
