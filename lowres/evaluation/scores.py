"""A score never travels without its interval and its signature."""

from typing import Literal

from pydantic import BaseModel, ConfigDict


class Fact(BaseModel):
    """A frozen value of the record."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Score(Fact):
    """One quality score, 0–100, with its bootstrap interval.

    `language` is a tag, or None for the average over all languages. `label` is set for per-class scores.
    """

    name: str
    value: float
    low: float
    high: float
    confidence: float
    split: Literal["train", "dev", "test"]
    signature: str
    language: str | None = None
    label: str | None = None
