"""How a classifier is judged: scores with intervals, simpler methods on the same rows, and the paired comparisons."""

from collections.abc import Iterator, Sequence

from lowres.data.corpus import Corpus, Row
from lowres.evaluation.baselines import BaselineRun, majority, tfidf
from lowres.evaluation.classification_scores import classification_scores, confusion
from lowres.evaluation.classification_statistics import labels_without_rows
from lowres.evaluation.comparison import compare, corrected, transfer_verdict
from lowres.evaluation.resampling import Resampling
from lowres.planning import Plan
from lowres.record import Comparison, Example, FindingFact, Score
from lowres.tasks.classification.model import Classifier, Prediction, answer
from lowres.tasks.job import Facts, Say
from lowres.tasks.judgement import Jury, resampling_of

EXAMPLES_OF_EACH_KIND = 10
Labels = Sequence[str]


def judge(
    classifier: Classifier, plan: Plan, corpus: Corpus, predictions: Sequence[Prediction], say: Say
) -> Iterator[Facts]:
    """Scores with intervals, what simpler methods score on the same rows, and the paired comparisons."""
    rows, references = corpus.test, [row.fields["label"] for row in corpus.test]
    jury = jury_of(rows, classifier.labels, resampling_of(plan))
    chosen = [prediction.label for prediction in predictions]
    yield {
        "scores": jury.scores(chosen),
        "confusion": confusion(references, chosen, classifier.labels),
        "examples": examples(rows, predictions),
        "findings": [
            FindingFact(level=found.level, what=found.what, where=found.where)
            for found in labels_without_rows(references, [row.language for row in rows], classifier.labels, "test")
        ],
    }
    parts, rivals = [], []
    if classifier.ngrams:
        alone = [prediction.label for prediction in answer(classifier.alone(), plan, corpus)]
        parts.append(BaselineRun("encoder alone", "the adapted base without the n-gram classifier", 0.0, tuple(alone)))
    if plan.recipe.evaluation.baselines:
        say("baselines")
        rivals = [
            majority(corpus.train, rows),
            tfidf(corpus.train, corpus.dev, rows, classifier.labels, plan.recipe.training.seed),
        ]
    comparisons = {run.name: jury.against(run, chosen) for run in (*parts, *rivals)}
    yield {
        "baselines": [jury.baseline(run, ablation=run in parts) for run in (*parts, *rivals)],
        "comparisons": [
            *(comparison for run in parts for comparison in comparisons[run.name]),
            *corrected([comparison for run in rivals for comparison in comparisons[run.name]]),
        ],
        "transfer": transfer_verdict([comparison for run in rivals for comparison in comparisons[run.name]]),
    }


def jury_of(rows: Sequence[Row], labels: Labels, resampling: Resampling) -> Jury[Labels]:
    """Judges labels given to these rows."""
    references = [row.fields["label"] for row in rows]
    languages, clusters = [row.language for row in rows], [row.cluster for row in rows]

    def scores(predictions: Labels) -> list[Score]:
        return classification_scores(
            references, predictions, languages, labels, clusters=clusters, split="test", resampling=resampling
        )

    def compared(ours: Labels, theirs: Labels, against: str) -> list[Comparison]:
        return compare(references, ours, theirs, languages, clusters, labels, against=against, resampling=resampling)

    return Jury(scores, scores, compared)


def examples(rows: Sequence[Row], predictions: Sequence[Prediction]) -> list[Example]:
    """Test rows to look at: the surest mistakes, the least sure right answers, and the surest right ones."""
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
