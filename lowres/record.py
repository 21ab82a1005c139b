"""The record of a run: every fact, one schema, from which the report is a pure function."""

from collections.abc import Mapping
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

RECORD_VERSION = 2
Status = Literal["running", "done", "interrupted", "failed"]


class Fact(BaseModel):
    """A frozen value of the record."""

    model_config = ConfigDict(frozen=True, extra="forbid")


Better = Literal["higher", "lower"]
Unit = Literal["points", "bits"]
DIGITS: Mapping[Unit, int] = {"points": 1, "bits": 3}  # behind the point, where a value is shown


class Score(Fact):
    """One quality score with its bootstrap interval: 0–100 in points, 0 and more in bits.

    `better` says which way a score improves. `language` is a tag, or None for the average over all
    languages. `label` is set for per-class scores.
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
    better: Better = "higher"
    unit: Unit = "points"

    @property
    def digits(self) -> int:
        """Digits behind the point that mean something."""
        return DIGITS[self.unit]


class FindingFact(Fact):
    """Something worth knowing that stopped nothing."""

    level: Literal["note", "warning"]
    what: str
    where: str = ""


class RecipeFacts(Fact):
    """Which recipe was run: its exact text and sha256."""

    name: str
    description: str = ""
    path: str
    text: str
    sha256: str


class PlanFacts(Fact):
    """How the recipe was carried out on this machine."""

    task: str
    base: str
    architecture: str
    method: str
    quantize: str = "off"
    device: str
    precision: str
    threads: int
    micro_batch_tokens: int
    findings: list[FindingFact] = []


class FileFacts(Fact):
    """Rows of one file, counted in and out: read = kept + empty + outside."""

    name: str
    sha256: str
    read: int
    empty: int
    outside: int
    kept: int


class DataFacts(Fact):
    """What the run read. `rows` and `labels` are per split; `labels` counts rows by label."""

    name: str
    licence: str
    citation: str = ""
    homepage: str = ""
    fingerprint: str
    languages: list[str]
    rows: dict[str, dict[str, int]]
    labels: dict[str, dict[str, int]]
    files: list[FileFacts]
    findings: list[FindingFact] = []


class Fertility(Fact):
    """How the tokenizer cuts text: pieces per whitespace word, share of unknown pieces and of cut-off rows (0–1)."""

    language: str
    split: str
    tokens_per_word: float
    unknown: float
    truncated: float


class VocabularyFacts(Fact):
    """Size of the vocabulary and how well it fits the data, before (as the base brings it) and after.

    `gain` is the share of tokens that new pieces save on held-out training text (0–1), `changed` the share of protected
    words that are cut differently (0–1); `measured` says how each way to start the new rows did on dev by `measure`.
    """

    tokens: int
    used: int
    fertility: list[Fertility]
    tokens_before: int | None = None
    fertility_before: list[Fertility] = []
    added: int = 0
    gain: float = 0.0
    changed: float = 0.0
    initialised: str = ""
    measure: str = ""
    measured: dict[str, float] = {}
    findings: list[FindingFact] = []


class StepFacts(Fact):
    """One point of the learning curve. `dev` is the headline score (0–100) where dev was scored."""

    update: int
    epoch: float
    loss: float
    learning_rate: float
    seconds: float
    dev: float | None = None


class TrainingFacts(Fact):
    """What training took and gave. Seconds exclude the scoring of dev, which is counted apart.

    `taken_up_after` lists the updates after which a training that was cut off went on.
    """

    updates: int
    examples: int
    tokens: int
    seconds: float
    seconds_on_dev: float
    tokens_per_second: float
    peak_memory_gib: float
    best_update: int
    best_dev: float
    stopped_early: bool
    resumed_after: list[int] = []
    trained_parameters: int
    total_parameters: int
    steps: list[StepFacts]


class BackTranslationFacts(Fact):
    """A round of back-translation: texts that were translated and pairs that were kept, by the direction that learned from them.

    `dropped` counts pairs by why they were left out. `tag` is the token that stood before the sources, empty where the family has
    none. `seconds` went into translating and sifting. `dev_before` is the best headline score (0–100) of all training before,
    `dev_after` that of the training on these pairs, None where none was left.
    """

    round: int
    filter: str
    tag: str
    texts: dict[str, int]
    kept: dict[str, int]
    dropped: dict[str, int]
    seconds: float
    dev_before: float | None = None
    dev_after: float | None = None


class Confusion(Fact):
    """Counts of test rows: `counts[true][predicted]`, in the order of `labels`."""

    labels: list[str]
    counts: list[list[int]]


class Baseline(Fact):
    """A simple method trained and scored on the same rows.

    `ablation` marks a part of the run itself, such as its encoder alone: shown, but no rival.
    """

    name: str
    description: str
    seconds: float
    scores: list[Score]
    ablation: bool = False


class Comparison(Fact):
    """The run against something else on the same rows: difference in the headline score, paired.

    The difference is the run's score minus the other's; `gain` is the same with its sign turned where lower is better.
    """

    against: str
    score: str
    difference: float
    low: float
    high: float
    confidence: float
    p: float
    test: str
    language: str | None = None
    better: Better = "higher"
    unit: Unit = "points"

    @property
    def gain(self) -> tuple[float, float, float]:
        """By how much the run is better, with the bounds: value, low, high."""
        found = self.difference, self.low, self.high
        return found if self.better == "higher" else (-self.difference, -self.high, -self.low)

    @property
    def digits(self) -> int:
        """Digits behind the point that mean something."""
        return DIGITS[self.unit]


class Transfer(Fact):
    """Did starting from the base help? The comparison with the best baseline, in words."""

    verdict: Literal["helps", "no clear difference", "hurts", "not tested"]
    why: str


class Example(Fact):
    """One test row as the model saw it; `confidence` is the probability of the prediction (0–1)."""

    id: str
    language: str
    text: str
    reference: str
    prediction: str
    confidence: float


class Translation(Fact):
    """One test pair and what the model made of it; `score` is the pair's chrF++ (0–100)."""

    id: str
    source_language: str
    target_language: str
    source: str
    reference: str
    translation: str
    score: float


class CostFacts(Fact):
    """Seconds by stage and the peak resident memory of the whole process."""

    seconds: dict[str, float]
    peak_memory_gib: float


class Environment(Fact):
    """The machine and the versions of what ran."""

    python: str
    platform: str
    processor: str
    cores: int
    memory_gib: float
    versions: dict[str, str]
    finished: str = Field(description="UTC, ISO 8601")


class Record(Fact):
    """Every fact of a run. Sections are None until their stage has ended."""

    record: int = RECORD_VERSION
    status: Status
    recipe: RecipeFacts
    plan: PlanFacts | None = None
    data: DataFacts | None = None
    vocabulary: VocabularyFacts | None = None
    training: TrainingFacts | None = None
    back_translation: list[BackTranslationFacts] = []
    primary_metric: str = "macro-F1"
    scores: list[Score] = []
    confusion: Confusion | None = None
    baselines: list[Baseline] = []
    comparisons: list[Comparison] = []
    transfer: Transfer | None = None
    examples: list[Example] = []
    translations: list[Translation] = []
    tested: dict[str, int] = Field(default={}, description="test pairs by direction")
    cost: CostFacts | None = None
    environment: Environment | None = None
    error: str = ""
