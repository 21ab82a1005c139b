"""Generation from base to evaluation: a decoder learns to answer prompts, or to continue texts."""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from accelerate import Accelerator
from accelerate.utils import set_seed

from lowres.data.corpus import Corpus, Row
from lowres.data.sampling import spread
from lowres.errors import Finding
from lowres.evaluation.translation_scores import primary_metric
from lowres.languages import normalise
from lowres.models.frames import Frame
from lowres.models.loading import load_decoder
from lowres.planning import Plan
from lowres.recipe.task_section import Generation
from lowres.tasks.equipping import equip
from lowres.tasks.generation.inputs import Answered, PromptInputs
from lowres.tasks.generation.judgement import judge
from lowres.tasks.generation.model import Writer, WriterFacts, Written, asked_of, predict_test, restore
from lowres.tasks.generation.objective import AnswerObjective
from lowres.tasks.job import Announce, Job
from lowres.tasks.saved import Rows, common_facts
from lowres.vocabulary.adapting import Adapted


def build(adapted: Adapted, base: Any, plan: Plan, corpus: Corpus, accelerator: Accelerator) -> Writer:
    """The base with its new embedding rows and its method."""
    set_seed(plan.recipe.training.seed)
    task = plan.recipe.task
    assert isinstance(task, Generation)
    model = equip(base, adapted, plan, accelerator.device)
    answers = all("answer" in row.fields for row in corpus.rows())
    frame = Frame(adapted.tokenizer, task.system)
    longest = max(len(frame.plain(asked_of(row, answers)[1])) for row in corpus.train) + 1
    facts = WriterFacts(
        **common_facts(plan, corpus, adapted), answers=answers, system=task.system, instruction=task.instruction, longest=longest,
        positions=plan.checkpoint.positions, decoding=plan.recipe.decoding,
    )  # fmt: skip
    return Writer(model.to(accelerator.device), frame, facts, accelerator, Rows.of(adapted))


def objective(writer: Writer, plan: Plan, corpus: Corpus) -> AnswerObjective:
    """Trains on the answers of train alone, or on whole texts where there are none; the score is that of answers on dev."""
    settings = plan.recipe.training
    inputs = PromptInputs(writer.frame, settings.max_length)
    examples = [_example(writer, inputs, row) for row in corpus.train]
    cut = sum(inputs.cut(row.fields["answer" if writer.facts.answers else "text"]) for row in corpus.train)
    what = f"{cut} of {len(examples)} training answers are longer: their ends are left out ({settings.max_length} tokens fit)"
    dev = spread(corpus.dev, plan.recipe.evaluation.dev_pairs)
    return AnswerObjective(
        writer.model, writer.frame.tokenizer.pad_token_id, examples, writer.accelerator, label_smoothing=settings.label_smoothing,
        epoch_rows=lambda epoch: range(len(examples)), score=partial(score, writer, dev),
        findings=[Finding("warning", what, "training.max_length")] if cut else [],
    )  # fmt: skip


def _example(writer: Writer, inputs: PromptInputs, row: Row) -> Answered:
    if writer.facts.answers:
        return Answered(writer.prompt(row.fields["text"]), inputs.answer(row.fields["answer"]))
    return Answered(list(writer.frame.begin), inputs.answer(normalise(row.fields["text"])))


def score(writer: Writer, dev: Sequence[Row]) -> float:
    """chrF++ of greedy answers to these rows, 0–100, averaged over languages."""
    asked = [asked_of(row, writer.facts.answers) for row in dev]
    greedy = writer.facts.model_copy(update={"decoding": writer.facts.decoding.model_copy(update={"beams": 1})})
    plain = Writer(writer.model, writer.frame, greedy, writer.accelerator, writer.rows)
    found = plain.predict([text for text, _ in asked])
    return primary_metric(
        [answer for _, answer in asked],
        [one.answer for one in found],
        [f"{row.language}→{row.language}" for row in dev],
    )


def complete(writer: Writer, plan: Plan, corpus: Corpus, announce: Announce) -> Writer:
    """Nothing is fitted after training."""
    return writer


def lines(plan: Plan, corpus: Corpus, predictions: Sequence[Written]) -> Iterator[Mapping[str, object]]:
    """One line of predictions.jsonl per test row."""
    answers = all("answer" in row.fields for row in corpus.rows())
    for row, found in zip(corpus.test, predictions, strict=True):
        yield {
            "id": row.id, "cluster": row.cluster, "language": row.language, "text": found.text,
            "reference": asked_of(row, answers)[1], "prediction": found.answer,
        }  # fmt: skip


def sample(writer: Writer, plan: Plan, corpus: Corpus, count: int) -> list[list[str]]:
    """About `count` prompts of dev with their languages, at even distances."""
    rows = corpus.dev[:: max(1, len(corpus.dev) // count)][:count]
    return [[asked_of(row, writer.facts.answers)[0], row.language] for row in rows]


def encoder(model: Any) -> Any:
    """The decoder without its head."""
    return model.base_model


GENERATION = Job(
    load=load_decoder, encoder=encoder, build=build, objective=objective, complete=complete, predict=predict_test, lines=lines,
    judge=judge, restore=restore, sample=sample,
)  # fmt: skip
