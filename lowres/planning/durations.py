"""How much time a run will take, stage by stage, estimated from plan and data; nothing is loaded.

Measured with recipes/which-language.yaml and recipes/upper-sorbian.yaml on two cores of an Intel Xeon with AMX: docs/results/speed.md.
Right within a factor of about two. Tokens are estimated from characters, since no tokenizer is loaded.
"""

from collections.abc import Sequence

from lowres.data.corpus import Corpus, Row
from lowres.data.pairs import Pair, directions, pairs
from lowres.planning.plan import Plan
from lowres.recipe.methods import METHOD_FACTS
from lowres.recipe.sections import TextsStage
from lowres.recipe.task_section import Classification, Generation, PreTraining, Translation

# Effective floating-point operations per second, for each core of a CPU or for a GPU, measured with small adapters. The rates of
# GPUs are guesses until measured: small models do not keep them busy.
SPEED = {
    ("cpu", "bf16"): 1.6e11,
    ("cpu", "fp32"): 8e10,
    ("mps", "fp32"): 1e12,
    ("cuda", "fp32"): 5e12,
    ("cuda", "bf16"): 1e13,
}
CHARACTERS_PER_TOKEN = 3.0
SPECIAL_TOKENS = 4  # of a text: begin, end, language
HALF_SPEED_TOKENS = 2200  # in a batch of so many tokens, half of the time goes into starting operations
PREDICTING = 8.0  # how much slower small batches without gradients, or step by step, are than the operations alone
VOCABULARY_SECONDS, RELOAD_SECONDS = 6.0, 16.0
NGRAM_SECONDS = 0.002  # of a training row and label
PHRASE_SECONDS = 0.003  # of a training pair
TRANSLATING_SECONDS = 0.006  # of a row, its share of learning the table included
BASELINE_SECONDS = 0.003  # of a row


def estimate_seconds(plan: Plan, corpus: Corpus) -> float:
    """Upper bound of the training time in seconds, without early stopping; dev is scored in it."""
    return estimate_stages(plan, corpus)["training"]


def estimate_stages(plan: Plan, corpus: Corpus) -> dict[str, float]:
    """Upper bounds in seconds for the stages of a run, by name."""
    recipe, task = plan.recipe, plan.recipe.task
    settings, back = recipe.training, getattr(task, "back_translation", None)
    epochs = settings.epochs + (back.rounds * (back.epochs or settings.epochs) if back else 0)
    train, dev, test = (_tokens(plan, corpus, split) for split in (corpus.train, corpus.dev, corpus.test))
    chooses = isinstance(task, Translation) and task.only_chooses
    reading = recipe.ensemble.rerank / PREDICTING  # every candidate of a text is read once
    scored = _predicting(plan, dev) * (reading if chooses else 1)
    if (
        recipe.method.kind == "features"
    ):  # every text is encoded once; training the head on vectors takes next to nothing
        stages = {"training": _predicting(plan, train) + scored}
    else:
        evaluations = epochs * settings.evaluations_per_epoch
        stages = {"training": _training(plan, train) * epochs + scored * evaluations}
    if recipe.first:
        comparisons = sum(stage.keep == "if-better" for stage in recipe.first)
        stages["training"] *= 1 + comparisons  # the task is trained without each of these stages and after it
        for number, (stage, rows) in enumerate(zip(recipe.first, corpus.stages, strict=True), start=1):
            read = _tokens(plan, corpus, rows) + (train if isinstance(stage, TextsStage) else 0.0)
            stages[f"stage {number}"] = stage.epochs * (_training(plan, read) + scored)
    if back and isinstance(task, Translation):
        lengths = sorted((_length(plan, row) for row in corpus.train), reverse=True)[: back.max_texts]
        times = 2 if back.filter == "round-trip" else 1
        written = 2 * sum(lengths) * len(directions(task, corpus.languages))
        stages["back-translation"] = back.rounds * times * _predicting(plan, written)
    if isinstance(task, Classification) and recipe.ensemble.ngrams == "auto":
        stages["n-grams"] = NGRAM_SECONDS * len(corpus.train) * max(2, len(corpus.labels))
    if isinstance(task, Classification) and task.translate_into:
        stages["phrase tables"] = TRANSLATING_SECONDS * sum(map(len, (corpus.train, corpus.dev, corpus.test)))
    if isinstance(task, Translation) and (task.hints == "lexicon" or recipe.ensemble.phrase_table == "auto"):
        stages["phrase tables"] = PHRASE_SECONDS * len(_pairs(plan, corpus, corpus.train)) + scored
    beams = recipe.decoding.beams if isinstance(task, Translation | Generation) else 1
    stages["scoring"] = beams * _predicting(plan, test)
    if chooses:
        stages["scoring"] = reading * _predicting(plan, test)
    elif recipe.ensemble.rerank:
        stages["phrase tables"] += reading * scored
        stages["scoring"] += reading * _predicting(plan, test)
    if isinstance(task, PreTraining):  # the base is scored before and after
        stages["scoring"] *= 2
    if recipe.evaluation.baselines:
        stages["baselines"] = BASELINE_SECONDS * (len(corpus.train) + len(corpus.test))
    return {"vocabulary": VOCABULARY_SECONDS, **stages, "reload check": RELOAD_SECONDS}


def kept_states_gib(plan: Plan, corpus: Corpus) -> float:
    """Memory of the encoder states that training keeps, in GiB: those of a frozen encoder are computed once."""
    if not (isinstance(plan.recipe.task, Translation) and METHOD_FACTS[plan.recipe.method.kind].decoder):
        return 0.0
    sources = {pair.source.id: pair.source for pair in _pairs(plan, corpus, corpus.train)}
    hints = 2 if plan.recipe.task.hints == "lexicon" else 1
    tokens = sum(_length(plan, row) for row in sources.values()) * hints
    return min(plan.kept_states_gib, 4 * tokens * plan.checkpoint.hidden_size / 2**30)


def _training(plan: Plan, tokens: float) -> float:
    """Seconds of an epoch over so many tokens: 4 (adapter) or 6 (all weights) operations per token and weight of the layers."""
    operations = (6 if METHOD_FACTS[plan.recipe.method.kind].everything else 4) * _body(plan) * tokens
    return operations / _rate(plan) * (1 + HALF_SPEED_TOKENS / plan.recipe.training.batch_tokens)


def _predicting(plan: Plan, tokens: float) -> float:
    """Seconds to predict for texts of so many tokens, what is written included: 2 operations per token and weight."""
    return PREDICTING * 2 * _body(plan) * tokens / _rate(plan)


def _body(plan: Plan) -> int:
    """Weights outside the embeddings."""
    return plan.checkpoint.parameters - plan.checkpoint.embedding_parameters


def _rate(plan: Plan) -> float:
    cores = plan.machine.cores if plan.machine.device == "cpu" else 1
    return SPEED.get((plan.machine.device, plan.precision), 5e10) * cores


def _tokens(plan: Plan, corpus: Corpus, rows: Sequence[Row]) -> float:
    """Tokens of an epoch over these rows; for translation those of the pairs, sources with their hints.

    A language model of the target languages reads targets alone, and in training each of them once.
    """
    task = plan.recipe.task
    if not isinstance(task, Translation):
        beside = 2 if isinstance(task, Classification) and task.translate_into else 1
        return beside * sum(_length(plan, row) for row in rows)
    if task.only_chooses:
        targets = [pair.target for pair in _pairs(plan, corpus, rows)]
        return sum(
            _length(plan, row)
            for row in ({row.id: row for row in targets}.values() if rows is corpus.train else targets)
        )
    hints = 2 if task.hints == "lexicon" else 1
    counted: dict[tuple[str, str], list[float]] = {}
    for pair in _pairs(plan, corpus, rows):
        length = min(plan.recipe.training.max_length, hints * _length(plan, pair.source)) + _length(plan, pair.target)
        counted.setdefault(pair.direction, []).append(length)
    most = task.max_pairs if rows is corpus.train and task.max_pairs else None
    total = sum(sum(lengths) * min(1.0, (most or len(lengths)) / len(lengths)) for lengths in counted.values())
    return total / (1 - task.denoise) if rows is corpus.train else total


def _pairs(plan: Plan, corpus: Corpus, rows: Sequence[Row]) -> Sequence[Pair]:
    assert isinstance(plan.recipe.task, Translation)
    return pairs(rows, directions(plan.recipe.task, corpus.languages))


def _length(plan: Plan, row: Row) -> float:
    return min(plan.recipe.training.max_length, len(row.fields["text"]) / CHARACTERS_PER_TOKEN + SPECIAL_TOKENS)
