"""How a decoder that answers is evaluated: chrF++ and ROUGE-L, simpler answers to the same prompts, and paired comparisons."""

import time
from collections.abc import Hashable, Iterator, Sequence

from lowres.data.corpus import Corpus, Row
from lowres.errors import Finding
from lowres.evaluation.baselines import BaselineRun
from lowres.evaluation.comparison import compare_translations, corrected, transfer_verdict
from lowres.evaluation.generation_scores import generation_scores
from lowres.evaluation.resampling import Resampling
from lowres.evaluation.translation_scores import PRIMARY_METRIC, sentence_scores
from lowres.planning import Plan
from lowres.record import Comparison, Translation
from lowres.score import Score
from lowres.statistical.nearest_examples import NearestExamples
from lowres.tasks.generation.few_shot import NAME, Asked, few_shot, untuned_base
from lowres.tasks.generation.model import Writer, Written, asked_of, predict_test, question
from lowres.tasks.job import Announce, Facts
from lowres.tasks.judgement import Evaluator, resampling_of
from lowres.tasks.saved import Rows

EXAMPLES = 20
ADVICE = "train for more epochs or on more rows, or choose a larger base; until then the simpler answers are as good"
Texts = Sequence[str]


def judge(
    writer: Writer, plan: Plan, corpus: Corpus, predictions: Sequence[Written], announce: Announce
) -> Iterator[Facts]:
    """Scores with intervals, the scores of simpler answers, and the paired comparisons."""
    rows = corpus.test
    references = [asked_of(row, writer.facts.answers)[1] for row in rows]
    evaluator = evaluator_of(rows, references, resampling_of(plan))
    chosen = [found.answer for found in predictions]
    cut = sum(found.truncated for found in predictions)
    what = f"{cut} of {len(predictions)} answers of test reached the greatest length before their end"
    yield {
        "primary_metric": PRIMARY_METRIC, "scores": evaluator.scores(chosen), "translations": examples(rows, references, predictions),
        "answers": dict.fromkeys(dict.fromkeys(row.language for row in rows), "decoder"),
        "findings": [Finding("warning", what, "training.max_length")] if cut else [],
    }  # fmt: skip
    rivals: list[BaselineRun[tuple[str, ...]]] = []
    if plan.recipe.evaluation.baselines:
        announce("baselines")
        rivals = [*([nearest(corpus)] if writer.facts.answers else []), *untuned(writer, plan, corpus)]
    comparisons = [comparison for run in rivals for comparison in evaluator.compare_with(run, chosen)]
    verdict = transfer_verdict(comparisons)
    if verdict.verdict == "hurts":
        verdict = verdict.model_copy(update={"advice": ADVICE})
    yield {
        "baselines": [evaluator.baseline(run) for run in rivals],
        "comparisons": corrected(comparisons),
        "transfer": verdict,
    }


def evaluator_of(rows: Sequence[Row], references: Texts, resampling: Resampling) -> Evaluator[Texts]:
    """Evaluates what was written for these rows."""
    languages, clusters = [row.language for row in rows], [row.cluster for row in rows]
    ways = [f"{tag}→{tag}" for tag in languages]

    def scores(answers: Texts) -> list[Score]:
        return generation_scores(references, answers, languages, clusters, split="test", resampling=resampling)

    def compared(ours: Texts, theirs: Texts, against: str) -> list[Comparison]:
        return compare_translations(references, ours, theirs, ways, clusters, against=against, resampling=resampling)

    return Evaluator(scores, scores, compared)


def nearest(corpus: Corpus) -> BaselineRun[tuple[str, ...]]:
    """The answer to the training prompt that is most like each prompt."""
    started = time.perf_counter()
    known: dict[str, list[Row]] = {}
    for row in corpus.train:
        known.setdefault(row.language, []).append(row)
    near = {tag: NearestExamples([row.fields["text"] for row in rows]) for tag, rows in known.items()}
    found = []
    for row in corpus.test:
        best = near[row.language].nearest(row.fields["text"], 1) if row.language in near else []
        found.append(known[row.language][best[0]].fields["answer"] if best else "")
    what = "the answer to the training prompt that shares most rare words with the prompt"
    return BaselineRun("nearest training answer", what, time.perf_counter() - started, tuple(found))


def untuned(writer: Writer, plan: Plan, corpus: Corpus) -> list[BaselineRun[tuple[str, ...]]]:
    """The base before any training: shown similar training rows before each prompt, or continuing the same texts."""
    if not plan.recipe.evaluation.few_shot:
        return []
    if writer.facts.answers:

        def asked(row: Row) -> Asked:
            text, answer = asked_of(row, answers=True)
            return Asked(row.language, text, question(writer.facts.instruction, text), answer)

        known: dict[Hashable, list[Asked]] = {}
        for row in corpus.train:
            known.setdefault(row.language, []).append(asked(row))
        return few_shot(plan, known, [asked(row) for row in corpus.test], system=writer.facts.system)
    started = time.perf_counter()
    tokenizer, base, accelerator = untuned_base(plan)
    frame = type(writer.frame)(tokenizer, writer.frame.system)
    before = Writer(base, frame, writer.facts, accelerator, Rows(None, 0))
    found = tuple(one.answer for one in predict_test(before, plan, corpus))
    what = f"{plan.checkpoint.name} before any training, continuing the same texts"
    return [BaselineRun(NAME.partition(",")[0], what, time.perf_counter() - started, found)]


def examples(rows: Sequence[Row], references: Texts, predictions: Sequence[Written]) -> list[Translation]:
    """Test rows to look at, from the worst answer to the best in even steps."""
    scores = sentence_scores(references, [found.answer for found in predictions])
    order = sorted(range(len(rows)), key=lambda number: (scores[number], rows[number].id))
    stride = max(1.0, len(order) / EXAMPLES)
    return [
        Translation(
            id=rows[i].id, source_language=rows[i].language, target_language=rows[i].language, source=predictions[i].text,
            reference=references[i], translation=predictions[i].answer, score=scores[i],
        )
        for i in (order[int(stride * step)] for step in range(min(EXAMPLES, len(order))))
    ]  # fmt: skip
