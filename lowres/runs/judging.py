"""A trained model on the test rows: its predictions, its scores, and those of other systems on the same rows."""

from collections.abc import Sequence
from typing import Any

from lowres.data.corpus import Corpus
from lowres.evaluation.prediction_files import with_others
from lowres.planning import Plan
from lowres.runs.writing import RunWriter
from lowres.tasks.job import Job, Predictor

APART = ("findings", "others")  # what a task says beside the sections of the record


def evaluate_test(predictor: Predictor, job: Job, plan: Plan, corpus: Corpus, writer: RunWriter) -> None:
    """Predict for the test rows, score, and compare; predictions.jsonl in the end also holds those of the other systems."""
    answers = job.predict(predictor, plan, corpus)
    lines = list(job.lines(plan, corpus, answers))
    writer.predictions(lines)  # before the rest, so that nothing that was predicted can be lost
    others: dict[str, Sequence[Any]] = {}
    for facts in job.judge(predictor, plan, corpus, answers, writer.stage):
        for finding in facts.get("findings", ()):
            writer.finding(finding)
        others |= facts.get("others", {})
        writer.write(**{section: fact for section, fact in facts.items() if section not in APART})
    writer.predictions(with_others(lines, others))
