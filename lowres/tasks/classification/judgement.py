"""How a classifier is evaluated: scores with intervals, simpler methods on the same rows, and paired comparisons."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from lowres.data.corpus import Corpus, Row
from lowres.errors import Finding
from lowres.evaluation.baselines import BaselineRun, majority, tfidf
from lowres.evaluation.classification_scores import classification_scores, confusion
from lowres.evaluation.classification_statistics import labels_without_rows
from lowres.evaluation.comparison import compare, corrected, transfer_verdict
from lowres.evaluation.probability_calibration import calibration_facts
from lowres.evaluation.resampling import Resampling
from lowres.planning import Plan
from lowres.record import Comparison, Example
from lowres.score import CalibrationFacts, Score
from lowres.statistical.ngrams import Floats
from lowres.tasks.classification.model import Classifier, Prediction
from lowres.tasks.job import Announce, Facts
from lowres.tasks.judgement import Evaluator, resampling_of

EXAMPLES_OF_EACH_KIND = 10
ADVICE = (
    "pre-train the base on plain text of the language first (task.kind: pre-training), add labelled rows, also of related languages, "
    "let the vocabulary grow (vocabulary: {extend: auto}), or choose a larger base; until then the n-gram classifier does more"
)
Labels = Sequence[str]


Untuned = Callable[[Plan, Corpus], Sequence[BaselineRun[tuple[str, ...]]]]


def nothing_untuned(plan: Plan, corpus: Corpus) -> Sequence[BaselineRun[tuple[str, ...]]]:
    """A base that cannot be asked before it is trained."""
    return ()


def judge(
    classifier: Classifier, plan: Plan, corpus: Corpus, predictions: Sequence[Prediction], announce: Announce,
    untuned: Untuned = nothing_untuned,
) -> Iterator[Facts]:  # fmt: skip
    """Scores with intervals, the scores of simpler methods on the same rows, and the paired comparisons.

    `untuned` asks the base before any training.
    """
    base = plan.checkpoint.architecture.shape
    rows, references = corpus.test, [row.fields["label"] for row in corpus.test]
    evaluator = evaluator_of(rows, classifier.labels, resampling_of(plan))
    chosen = [prediction.label for prediction in predictions]
    yield {
        "calibration": calibration(classifier, rows, predictions, resampling_of(plan)),
        "scores": evaluator.scores(chosen),
        "confusion": confusion(references, chosen, classifier.labels),
        "examples": examples(rows, predictions),
        "answers": dict.fromkeys(
            dict.fromkeys(row.language for row in rows), f"{base} and n-grams" if classifier.ngrams else base
        ),
        "findings": [
            *findings(classifier, predictions, [row.language for row in rows]),
            *labels_without_rows(references, [row.language for row in rows], classifier.labels, "test"),
        ],
    }
    parts = ablations(classifier, rows, base)
    alone = next(
        (part.predictions for part in parts if part.name == f"{base} alone"), chosen
    )  # the adapted base by itself
    rivals: list[BaselineRun[tuple[str, ...]]] = []
    if plan.recipe.evaluation.baselines:
        announce("baselines")
        rivals = [
            majority(corpus.train, rows),
            tfidf(
                corpus.train,
                corpus.dev,
                rows,
                classifier.labels,
                plan.recipe.training.seed,
                fitted=None if classifier.translations.tables else classifier.ngrams,
            ),
            *translate_test(classifier, rows),
            *untuned(plan, corpus),
        ]
    comparisons = {run.name: evaluator.compare_with(run, chosen) for run in (*parts, *rivals)}
    verdict = transfer_verdict(
        [comparison for run in rivals for comparison in evaluator.compare_with(run, alone)],
        "" if alone is chosen else "of the adapted base by itself",
    )
    if verdict.verdict == "hurts":
        verdict = verdict.model_copy(update={"advice": ADVICE})
    yield {
        "baselines": [evaluator.baseline(run, ablation=run in parts) for run in (*parts, *rivals)],
        "comparisons": [
            *(comparison for run in parts for comparison in comparisons[run.name]),
            *corrected([comparison for run in rivals for comparison in comparisons[run.name]]),
        ],
        "transfer": verdict,
        "others": {run.name: run.predictions for run in (*parts, *rivals)},
    }


def calibration(
    classifier: Classifier, rows: Sequence[Row], predictions: Sequence[Prediction], resampling: Resampling
) -> CalibrationFacts:
    """How well the probabilities agree with the truth, and how well they would at temperature 1."""
    table = np.array([[one.probabilities[label] for label in classifier.labels] for one in predictions])
    targets = [classifier.labels.index(row.fields["label"]) for row in rows]
    clusters, temperature = [row.cluster for row in rows], 1 / sum(classifier.facts.weights)
    return calibration_facts(table, targets, clusters, temperature, split="test", resampling=resampling)


def ablations(classifier: Classifier, rows: Sequence[Row], base: str) -> list[BaselineRun[tuple[str, ...]]]:
    """The base alone, then the run without the languages of the texts, where these make a difference."""
    if classifier.ngrams is None and not classifier.centres:
        return []
    texts, languages = [row.fields["text"] for row in rows], [row.language for row in rows]
    encoder = classifier.log_probabilities(texts, languages) if classifier.ngrams else None
    found = []

    def labels(part: Classifier, given: Sequence[str | None], encoder: Floats) -> tuple[str, ...]:
        return tuple(prediction.label for prediction in part.combined(texts, given, encoder))

    if encoder is not None:
        what = "the adapted base without the n-gram classifier"
        found.append(BaselineRun(f"{base} alone", what, 0.0, labels(classifier.without_ngrams(), languages, encoder)))
    if classifier.uses_language or classifier.centres:
        unknown = [None] * len(texts)
        if encoder is None or classifier.centres:
            encoder = classifier.log_probabilities(texts, unknown)
        what = "the whole run, when the language of a text is not named: what belongs to a language is averaged over all of them"
        if classifier.translations.tables:
            what = "the whole run, when the language of a text is not named: it is guessed by the words of the text"
        found.append(BaselineRun("language not given", what, 0.0, labels(classifier, unknown, encoder)))
    return found


def translate_test(classifier: Classifier, rows: Sequence[Row]) -> list[BaselineRun[tuple[str, ...]]]:
    """The n-gram classifier of the translations by itself, where texts are translated: no part of the base is in it."""
    if classifier.ngrams is None or not classifier.translations.tables:
        return []
    texts, languages = [row.fields["text"] for row in rows], [row.language for row in rows]
    best = classifier.ngram_log_probabilities(texts, languages).argmax(1)
    what = f"n-grams of the translations into {classifier.facts.translate_into} by phrase tables"
    return [BaselineRun("TF-IDF of translations", what, 0.0, tuple(classifier.labels[place] for place in best))]


def findings(
    classifier: Classifier, predictions: Sequence[Prediction], languages: Sequence[str]
) -> list[Finding]:  # fmt: skip
    """How the test rows were read: whether their language was given, and what was truncated."""
    found = []
    if classifier.uses_language or classifier.centres:
        several = classifier.centres or classifier.translations.tables
        taker = "" if several else " to the n-gram classifier"
        found.append(Finding("note", f"the language of each test row was given{taker}; see “language not given”"))
    if strange := [tag for tag in dict.fromkeys(languages) if classifier.centres and tag not in classifier.centres]:
        what = f"no text of {', '.join(strange)} was given, so the mean vector of all languages was subtracted there"
        found.append(Finding("warning", what, "base.centre"))
    if cut := sum(prediction.truncated for prediction in predictions):
        what = f"{cut} of {len(predictions)} test texts are longer than {classifier.facts.max_length} tokens: their ends are not read"
        found.append(Finding("warning", what, "training.max_length"))
    return found


def evaluator_of(rows: Sequence[Row], labels: Labels, resampling: Resampling) -> Evaluator[Labels]:
    """Evaluates labels predicted for these rows."""
    references = [row.fields["label"] for row in rows]
    languages, clusters = [row.language for row in rows], [row.cluster for row in rows]

    def scores(predictions: Labels) -> list[Score]:
        return classification_scores(
            references, predictions, languages, labels, clusters=clusters, split="test", resampling=resampling
        )

    def compared(ours: Labels, theirs: Labels, against: str) -> list[Comparison]:
        return compare(references, ours, theirs, languages, clusters, labels, against=against, resampling=resampling)

    return Evaluator(scores, scores, compared)


def examples(rows: Sequence[Row], predictions: Sequence[Prediction]) -> list[Example]:
    """Test rows to look at: the most confident mistakes, and the most and least confident right predictions."""
    seen = [
        Example(
            id=row.id, language=row.language, text=row.fields["text"], reference=row.fields["label"],
            prediction=prediction.label, confidence=prediction.probabilities[prediction.label],
        )
        for row, prediction in zip(rows, predictions, strict=True)
    ]  # fmt: skip
    seen.sort(key=lambda example: (-example.confidence, example.id))
    wrong = [example for example in seen if example.prediction != example.reference]
    right = [example for example in seen if example.prediction == example.reference]
    half = EXAMPLES_OF_EACH_KIND // 2
    return wrong[:EXAMPLES_OF_EACH_KIND] + right[:half] + right[half:][-half:]
