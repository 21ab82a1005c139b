"""How a classifier is evaluated: scores with intervals, simpler methods on the same rows, and paired comparisons."""

from collections.abc import Iterator, Sequence

from lowres.data.corpus import Corpus, Row
from lowres.evaluation.baselines import BaselineRun, majority, tfidf
from lowres.evaluation.classification_scores import classification_scores, confusion
from lowres.evaluation.comparison import compare, transfer_verdict
from lowres.evaluation.resampling import Resampling
from lowres.planning import Plan
from lowres.record import Comparison, Example, Score
from lowres.tasks.classification.model import Classifier, Prediction, predict_test
from lowres.tasks.job import Announce, Facts
from lowres.tasks.judgement import Evaluator, resampling_of

EXAMPLES_OF_EACH_KIND = 10
Labels = Sequence[str]


def judge(
    classifier: Classifier, plan: Plan, corpus: Corpus, predictions: Sequence[Prediction], announce: Announce
) -> Iterator[Facts]:
    """Scores with intervals, the scores of simpler methods on the same rows, and the paired comparisons."""
    rows, references = corpus.test, [row.fields["label"] for row in corpus.test]
    evaluator = evaluator_of(rows, classifier.labels, resampling_of(plan))
    chosen = [prediction.label for prediction in predictions]
    yield {
        "scores": evaluator.scores(chosen),
        "confusion": confusion(references, chosen, classifier.labels),
        "examples": examples(rows, predictions),
    }
    parts, rivals = [], []
    if classifier.ngrams:
        without_ngrams = [prediction.label for prediction in predict_test(classifier.without_ngrams(), plan, corpus)]
        parts.append(
            BaselineRun("encoder alone", "the adapted base without the n-gram classifier", 0.0, tuple(without_ngrams))
        )
    if plan.recipe.evaluation.baselines:
        announce("baselines")
        rivals = [
            majority(corpus.train, rows),
            tfidf(corpus.train, corpus.dev, rows, classifier.labels, plan.recipe.training.seed),
        ]
    comparisons = {run.name: evaluator.compare_with(run, chosen) for run in (*parts, *rivals)}
    yield {
        "baselines": [evaluator.baseline(run, ablation=run in parts) for run in (*parts, *rivals)],
        "comparisons": [comparison for found in comparisons.values() for comparison in found],
        "transfer": transfer_verdict([comparison for run in rivals for comparison in comparisons[run.name]]),
    }


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
