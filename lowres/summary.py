"""What several runs on the same rows say together: the schema of summary.json, and of `lowres compare --json`."""

from pydantic import Field

from lowres.record import Comparison, RecipeFacts
from lowres.score import Fact, Score

SUMMARY_VERSION = 1


class Ranked(Fact):
    """A system with its score over the predictions of all its runs together.

    The interval tells how the score would differ on other test rows. `by_seed` are the scores of the single runs, and `seed_spread`
    is their standard deviation, which tells how the score differs between seeds; it is None for a single run. Where all seeds answer
    together there is neither. `by_language` are the scores of each language or direction, where there are several.
    """

    name: str
    score: Score
    by_seed: list[float]
    seed_spread: float | None
    by_language: list[Score] = []


class Pairing(Fact):
    """Two systems, compared on the same rows: `comparison` is `better` minus `worse`; `clear` says that it is unlikely to be chance.

    `beyond_seeds` says whether the difference is more than twice its standard error over seeds; None where a system has one run.
    """

    better: str
    worse: str
    comparison: Comparison
    clear: bool
    beyond_seeds: bool | None


class Ranking(Fact):
    """Systems from best to worst, all pairs of them, and what they tell in words."""

    systems: list[Ranked]
    pairs: list[Pairing]
    findings: list[str]

    def system(self, name: str) -> Ranked:
        """The system of that name."""
        return next(one for one in self.systems if one.name == name)


class SeedFacts(Fact):
    """One run of several: its seed, its folder in that of the summary, and its own record in short."""

    seed: int
    folder: str
    value: float
    verdict: str = ""
    seconds: float = 0.0


class Summary(Fact):
    """A recipe that was carried out with several seeds: its runs, and all systems ranked over them.

    `ours` is the name of the recipe's own system in the ranking; the others are its baselines and parts, each with the seeds of the
    run that it belongs to.
    """

    summary: int = Field(default=SUMMARY_VERSION, description="version of this schema")
    recipe: RecipeFacts
    ours: str
    runs: list[SeedFacts]
    ranking: Ranking
