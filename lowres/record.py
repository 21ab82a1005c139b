"""The schema of record.json: every fact of a run. The report is a pure function of it."""

from typing import Literal

from pydantic import Field

from lowres.score import DIGITS, Better, CalibrationFacts, ConfidenceFacts, Fact, Score, Split, Unit, merit, overall

RECORD_VERSION = 2
Status = Literal["running", "done", "interrupted", "failed"]


class FindingFact(Fact):
    """A note or a warning: worth knowing, but no reason to stop. `code` is the word by which `lowres explain` knows more."""

    level: Literal["note", "warning"]
    what: str
    where: str = ""
    code: str = ""


class RecipeFacts(Fact):
    """The recipe that was run: its exact text and its sha256."""

    name: str
    description: str = ""
    path: str
    text: str
    sha256: str


class PlanFacts(Fact):
    """How the recipe was carried out on this machine."""

    task: str
    base: str
    base_licence: str = ""
    architecture: str
    method: str
    quantize: str = "off"
    device: str
    precision: str
    threads: int
    micro_batch_tokens: int
    findings: list[FindingFact] = []


class FileFacts(Fact):
    """The rows of one file: read = kept + empty + outside, where `outside` are rows of another split or beyond a limit."""

    name: str
    sha256: str
    read: int
    empty: int
    outside: int
    kept: int


class DataFacts(Fact):
    """The data of the run. `rows` counts rows by split and language, `labels` by split and label."""

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
    """Tokens per whitespace-separated word, share of unknown tokens, and share of truncated texts (0–1)."""

    language: str
    split: str
    tokens_per_word: float
    unknown: float
    truncated: float


class VocabularyFacts(Fact):
    """Size of the vocabulary and its fertility on the data, before (in the base) and after adaptation.

    `used` counts the tokens that occur in the data. `gain` is the share of tokens that the added tokens save on held-out
    training text (0–1), `changed` the share of protected words that are tokenized differently (0–1). `measured` gives, for
    each strategy to initialise the new embedding rows, the value of `measure` on dev before any training.
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
    """One point of the learning curve. `dev` is the primary metric on dev (0–100), where dev was scored."""

    update: int
    epoch: float
    loss: float
    learning_rate: float
    seconds: float
    dev: float | None = None


class TrainingFacts(Fact):
    """The cost and the result of training. `seconds` excludes the scoring of dev, which is `seconds_on_dev`.

    `resumed_after` lists the updates after which an interrupted training was resumed.
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


class StageFacts(Fact):
    """A stage before the task: its training rows, and the best score on dev of the task trained with and without it (0–100).

    A score is None where the recipe keeps the stage whatever dev says, so that nothing was trained to compare it.
    """

    name: str
    rows: int
    updates: int
    seconds: float
    kept: bool
    dev_without: float | None = None
    dev_with: float | None = None


class BackTranslationFacts(Fact):
    """One round of back-translation. `texts` counts translated texts and `kept` the pairs kept, by direction trained on them.

    `dropped` counts the pairs left out, by reason. `tag` is the special token before the back-translated sources, empty where
    the model family has none. `seconds` is the time for translating and filtering. `dev_before` is the best primary metric on
    dev (0–100) before this round, `dev_after` that of training on these pairs, None where no pair was left.
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
    """Another system, trained and scored on the same rows.

    `ablation` marks a part of the run itself, such as its encoder alone; it is shown, but is not a baseline to beat.
    """

    name: str
    description: str
    seconds: float
    scores: list[Score]
    ablation: bool = False


class Comparison(Fact):
    """The run compared with another system on the same rows: the paired difference in the primary metric.

    `difference` is the run's score minus the other's; `gain` is the same with its sign turned where lower is better.
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
        """By how much the run is better: value, lower bound, upper bound."""
        found = self.difference, self.low, self.high
        return found if self.better == "higher" else (-self.difference, -self.high, -self.low)

    @property
    def clear(self) -> bool:
        """Whether the difference is unlikely to be chance: p is below 1 - confidence, and the interval excludes zero."""
        return self.p < 1 - self.confidence and not self.low <= 0 <= self.high

    @property
    def digits(self) -> int:
        """How many digits to show after the decimal point."""
        return DIGITS[self.unit]


class Transfer(Fact):
    """Whether starting from the base helped: the comparison with the best baseline, in words."""

    verdict: Literal["helps", "no clear difference", "hurts", "not tested"]
    why: str
    advice: str = ""


class Example(Fact):
    """One test row with its prediction; `confidence` is the probability of the predicted label (0–1)."""

    id: str
    language: str
    text: str
    reference: str
    prediction: str
    confidence: float


class Translation(Fact):
    """One test pair with its translation; `score` is the chrF++ of this sentence (0–100)."""

    id: str
    source_language: str
    target_language: str
    source: str
    reference: str
    translation: str
    score: float


class HintEffect(Fact):
    """What the neural model makes of the phrase table's hint in one direction: counts of words of the test split.

    Of all `words` of the references the hint has `right` ones; of these the model keeps `kept` and loses `damaged`. It finds `found`
    words that the hint lacks, and leaves out `mended` of the hint's `wrong` words, which the references lack.
    """

    direction: str
    counts: dict[str, int]


class TermFacts(Fact):
    """How often terms of the glossary are translated as required: `terms` in the test sources, term accuracy by system (0–100)."""

    terms: int
    scores: dict[str, Score]


class EvaluatedFacts(Fact):
    """A finished run that was evaluated on other data: the name of its folder, the data, and how many rows were left out, by reason.

    `own_rows_found` says whether the rows that the run was trained on could be read, to tell which rows it has seen.
    """

    run: str
    data: str
    split: Split
    left_out: dict[str, int] = {}
    own_rows_found: bool


class CostFacts(Fact):
    """Seconds of each stage, and peak resident memory of the whole process."""

    seconds: dict[str, float]
    peak_memory_gib: float


class Environment(Fact):
    """The machine, and the versions of the software."""

    python: str
    platform: str
    processor: str
    cores: int
    memory_gib: float
    versions: dict[str, str]
    finished: str = Field(description="UTC, ISO 8601")


class Retention(Fact):
    """What protected text costs a decoder, in bits per character, before and after the run; more after it means that it forgot."""

    texts: int
    before: float
    after: float


class Record(Fact):
    """Every fact of a run. A section is None until its stage has ended."""

    record: int = RECORD_VERSION
    status: Status
    recipe: RecipeFacts
    plan: PlanFacts | None = None
    data: DataFacts | None = None
    evaluated: EvaluatedFacts | None = None
    vocabulary: VocabularyFacts | None = None
    first: list[StageFacts] = Field(default=[], description="the stages before the task")
    training: TrainingFacts | None = None
    back_translation: list[BackTranslationFacts] = []
    primary_metric: str = "macro-F1"
    answers: dict[str, str] = Field(default={}, description="the system that answers, by direction or language")
    scores: list[Score] = []
    confusion: Confusion | None = None
    baselines: list[Baseline] = []
    comparisons: list[Comparison] = []
    transfer: Transfer | None = None
    retention: Retention | None = None
    examples: list[Example] = []
    translations: list[Translation] = []
    tested: dict[str, int] = Field(default={}, description="test pairs by direction")
    hint_effects: list[HintEffect] = Field(default=[], description="word by word, by direction")
    confidence: ConfidenceFacts | None = None
    calibration: CalibrationFacts | None = Field(default=None, description="of a classifier's probabilities")
    glossary: TermFacts | None = None
    findings: list[FindingFact] = Field(default=[], description="what came up in training and evaluation")
    model_files: dict[str, str] = Field(default={}, description="SHA-256 of every file of model/ that is loaded")
    cost: CostFacts | None = None
    environment: Environment | None = None
    error: str = ""

    @property
    def score(self) -> Score | None:
        """The primary metric over all test rows, or None before the run was scored."""
        return overall(self.scores, self.primary_metric)

    @property
    def ranked(self) -> list[Baseline]:
        """Baselines and parts of the run by the primary metric on test, best first; those without a score last."""
        scored = [(baseline, overall(baseline.scores, self.primary_metric)) for baseline in self.baselines]
        return [baseline for baseline, score in sorted(scored, key=lambda pair: merit(pair[1]), reverse=True)]

    @property
    def best_baseline(self) -> Baseline | None:
        """The best baseline that is not a part of the run itself."""
        return next((baseline for baseline in self.ranked if not baseline.ablation), None)

    def comparison(self, against: str, language: str | None = None) -> Comparison | None:
        """The comparison with the system of that name, over all rows or for one language or direction."""
        return next((c for c in self.comparisons if (c.against, c.language) == (against, language)), None)
