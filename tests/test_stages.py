"""Stages before the task: plain text and other labelled rows, on the same weights; each is kept only if dev is better with it."""

import re
from pathlib import Path

import pytest
import torch
from bases import write_base
from conftest import BAD, GOOD, rows, write_tsv

from lowres.errors import DataError, Interrupted, ModelError, PlanError
from lowres.planning import Options, prepare, read_data
from lowres.recipe import open_recipe
from lowres.record import Record
from lowres.running import run as run_recipe
from lowres.runs.run import Run
from lowres.runs.writing import Stage
from lowres.tasks.classification.stages import hand_over
from lowres.training.loop import Step

RECIPE = """\
lowres: 2
name: Reviews after stages
task: {{kind: classification}}
data:
  files: {{train: train.tsv, dev: dev.tsv, test: test.tsv}}
  language: pcm-Latn
  licence: CC0-1.0
  source: written for this test
base: {{name: "{base}", pooling: mean}}
method: {method}
vocabulary: {{extend: off, trim: off}}
first:
{first}
training: {{epochs: 1, learning_rate: 0.00001, batch_tokens: 256, max_length: 64, patience: 100}}
ensemble: {{ngrams: off}}
evaluation: {{resamples: 100, baselines: false}}
"""
ROWS = (
    "  - {kind: rows, epochs: 16, learning_rate: 0.003,"
    " data: {files: {train: eng.tsv}, language: eng-Latn, licence: CC0-1.0, source: written for this test}}"
)
WRONG = ROWS.replace("eng.tsv", "wrong.tsv")
TEXTS = (
    "  - {kind: texts, epochs: 2,"
    " data: {files: {train: plain.txt}, language: pcm-Latn, licence: CC0-1.0, source: written for this test}}"
)
LORA = "{kind: lora, rank: 8}"


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny XLM-RoBERTa with a mask token and a head that predicts masked words."""
    return write_base("xlm-roberta", tmp_path_factory.mktemp("xlm-roberta"))


def write_project(folder: Path, base: Path, first: str, method: str = LORA) -> Path:
    """Few rows to learn from; many in a related language, others with the labels exchanged, and plain text."""
    other = {"positive": "negative", "negative": "positive"}
    short = [
        (f"{sentences[number % 4]} {number}", label)
        for number in range(20) for sentences, label in ((GOOD, "positive"), (BAD, "negative"))
    ]  # fmt: skip
    write_tsv(folder / "train.tsv", short[:4])
    write_tsv(folder / "dev.tsv", short[4:20])
    write_tsv(folder / "test.tsv", short[20:40])
    write_tsv(folder / "eng.tsv", rows(0, 30))
    write_tsv(folder / "wrong.tsv", [(text, other[label]) for text, label in rows(0, 30)])
    (folder / "plain.txt").write_text("\n".join(text for text, _ in rows(30, 40)) + "\n", encoding="utf-8")
    path = folder / "recipe.yaml"
    path.write_text(RECIPE.format(base=base, method=method, first=first), encoding="utf-8")
    return path


def adapter(run: Run) -> dict[str, torch.Tensor]:
    model = run.predictor.model
    return {
        name: weight.detach().clone() for name, weight in model.named_parameters() if "lora_" in name or "head" in name
    }


def test_a_stage_that_helps_is_kept_and_one_that_harms_is_not(
    tmp_path: Path, tiny_encoder: Path, options: Options
) -> None:
    run = run_recipe(write_project(tmp_path, tiny_encoder, f"{WRONG}\n{ROWS}"), tmp_path / "out", options=options)
    wrong, right = run.record.first
    assert (wrong.name, wrong.rows, wrong.kept) == ("stage 1, rows", 60, False)
    assert (right.name, right.kept) == ("stage 2, rows", True)
    assert wrong.dev_with is not None and wrong.dev_without is not None and wrong.dev_with <= wrong.dev_without
    assert right.dev_without == wrong.dev_without, "the stage that was left out is forgotten"
    assert right.dev_with is not None and right.dev_with > right.dev_without
    assert run.record.training is not None and run.record.training.best_dev == pytest.approx(right.dev_with)
    assert run.record.scores[0].value > 70
    told = [finding.what for finding in run.record.findings]
    assert any(text.startswith("stage 1, rows: left out; dev") for text in told)
    assert any(text.startswith("stage 2, rows: kept; dev") for text in told)
    assert "stage 2, rows: kept" in (run.folder / "report.html").read_text(encoding="utf-8")
    assert run.record.data is not None and run.record.data.rows["train"] == {"pcm-Latn": 4}


def test_rows_of_the_nearest_languages_alone_may_be_taken(tmp_path: Path, tiny_encoder: Path, options: Options) -> None:
    """Of Nigerian Pidgin's neighbours here, English is written like it, Turkish is not; its own rows are not taken again."""
    written = "licence: CC0-1.0, source: written for this test"
    data = ", ".join(
        f"{{files: {{train: {name}.tsv}}, language: {name}-Latn, {written}}}" for name in ("tur", "pcm", "eng")
    )
    path = write_project(tmp_path, tiny_encoder, f"  - {{kind: rows, nearest: 1, data: [{data}]}}")
    write_tsv(tmp_path / "pcm.tsv", rows(30, 35))
    write_tsv(tmp_path / "tur.tsv", [(f"çok güzel bir gün, {number}", "positive") for number in range(9)])
    corpus = read_data(open_recipe(path), options)
    assert {row.language for row in corpus.stages[0]} == {"eng-Latn"}
    assert len(corpus.stages[0]) == 60
    (told,) = [finding.what for finding in corpus.findings if "written most like" in finding.what]
    assert re.fullmatch(r"written most like the training texts \(0–100\): eng-Latn \d+; 1 left out", told), told


@pytest.mark.parametrize("method", [LORA, "{kind: full}", "{kind: bottleneck, reduction_factor: 4}"])
def test_pre_training_is_handed_on_to_the_task(method: str, tmp_path: Path, base: Path, options: Options) -> None:
    """Every weight that trains in the encoder is that of pre-training when the task begins."""
    from lowres.tasks.classification.job import CLASSIFICATION
    from lowres.tasks.equipping import callbacks_of
    from lowres.tasks.job import make_accelerator
    from lowres.training.loop import train
    from lowres.vocabulary.adapting import adapt

    file = open_recipe(write_project(tmp_path, base, TEXTS, method))
    plan, corpus = prepare(file, options), read_data(file, options)
    accelerator = make_accelerator(plan.machine, plan.precision)
    tokenizer, base = CLASSIFICATION.load(plan.checkpoint)
    from lowres.planning import read_fitting_data

    adapted = adapt(tokenizer, base, plan.checkpoint.architecture.layers, plan.recipe.vocabulary,
                    read_fitting_data(file, corpus, options), whole=base)  # fmt: skip
    classifier = CLASSIFICATION.build(adapted, base, plan, corpus, accelerator)
    (stage,) = CLASSIFICATION.stages(classifier, adapted, plan, corpus)
    assert stage.rows == 4 + 20, "the task's own texts and the plain ones"
    before = {n: w.detach().clone() for n, w in classifier.model.encoder.named_parameters() if w.requires_grad}
    model, objective = stage.begin()
    assert len(objective.segments) == 24
    for _ in train(model, objective, stage.settings, accelerator=accelerator, micro_batch_tokens=256,
                   callbacks=callbacks_of(model, plan)):  # fmt: skip
        pass
    stage.finish(model)
    after = {n: w.detach() for n, w in classifier.model.encoder.named_parameters() if w.requires_grad}
    lazy = ("pooler", "position_embeddings", "token_type")
    changed = [name for name in before if not torch.equal(before[name], after[name])]
    assert len(changed) > len(before) / 2, set(before) - set(changed)
    same = [name for name in before if name not in changed and not any(part in name for part in lazy)]
    assert all("lora_B" not in name for name in same), same
    clean = {name: weight.detach().clone() for name, weight in after.items()}
    hand_over(model, classifier.model.encoder)
    assert all(torch.equal(clean[name], weight) for name, weight in after.items())


def test_an_interrupted_stage_is_resumed_and_ended_ones_are_kept(
    tmp_path: Path, base: Path, options: Options, eager: None
) -> None:
    recipe = write_project(tmp_path, base, f"{TEXTS}\n{ROWS}")
    straight = run_recipe(recipe, tmp_path / "straight", options=options)
    begun: list[str] = []

    def stop_in(stage: str, update: int) -> None:
        def watch(event: object) -> None:
            if isinstance(event, Stage):
                begun.append(event.name)
            if isinstance(event, Step) and begun[-1] == stage and event.update == update:
                raise KeyboardInterrupt

        with pytest.raises(Interrupted, match=f"stopped after update {update}; the same command resumes it"):
            run_recipe(recipe, tmp_path / "out", options=options, notify=watch)

    stop_in("stage 1, texts", 2)
    stop_in("stage 2, rows", 3)
    assert begun.count("stage 1, texts") == 2
    begun.clear()
    resumed = run_recipe(
        recipe,
        tmp_path / "out",
        options=options,
        notify=lambda event: isinstance(event, Stage) and begun.append(event.name),
    )
    assert "stage 1, texts" not in begun and begun.count("training") == 2, begun
    one, other = adapter(straight), adapter(resumed)
    assert all(torch.equal(one[name], other[name]) for name in one)
    left = lambda record: [fact.model_copy(update={"seconds": 0.0}) for fact in record.first]  # noqa: E731
    assert left(straight.record) == left(resumed.record)
    assert not (tmp_path / "out" / "checkpoints").exists()


def test_what_always_is_kept_is_not_compared(tmp_path: Path, base: Path, options: Options) -> None:
    first = f"{TEXTS}\n{ROWS}".replace("epochs:", "keep: always, epochs:")
    seen: list[str] = []
    run = run_recipe(
        write_project(tmp_path, base, first), tmp_path / "out", options=options,
        notify=lambda event: seen.append(event.name) if isinstance(event, Stage) else None,
    )  # fmt: skip
    assert seen.count("training") == 2, "the stage's announcement, and the task once"
    assert [fact.dev_without for fact in run.record.first] == [None, None]
    assert Record.model_validate_json(run.record.model_dump_json()) == run.record


def test_rows_of_dev_and_test_never_train_in_a_stage(tmp_path: Path, base: Path, options: Options) -> None:
    path = write_project(tmp_path, base, f"{ROWS}\n{TEXTS}")
    table = (tmp_path / "test.tsv").read_text(encoding="utf-8").splitlines()[1:4]
    with (tmp_path / "eng.tsv").open("a", encoding="utf-8") as file:
        file.write("\n".join(table) + "\n")
    with (tmp_path / "plain.txt").open("a", encoding="utf-8") as file:
        file.write("\n".join(line.split("\t")[0] for line in table) + "\n")
    corpus = read_data(open_recipe(path), options)
    tested = {row.fields["text"] for row in corpus.test}
    assert [len(rows) for rows in corpus.stages] == [60, 20]
    assert not tested & {row.fields["text"] for rows in corpus.stages for row in rows}
    said = [finding.what for finding in corpus.findings if finding.where.startswith("first, item")]
    assert said == [
        "3 of 63 rows stand in dev or test, or translate such a row, and are left out",
        "3 of 23 rows stand in dev or test, or translate such a row, and are left out",
    ]
    path.write_text(
        path.read_text(encoding="utf-8").replace("{files: {train: eng.tsv}", "{limit: 7, files: {train: eng.tsv}")
    )
    assert [len(rows) for rows in read_data(open_recipe(path), options).stages] == [7, 20]
    (tmp_path / "plain.txt").write_text("another text\n", encoding="utf-8")
    assert read_data(open_recipe(path), options).fingerprint != corpus.fingerprint, "stages are part of the lock"


def test_stages_that_cannot_be_are_refused(tmp_path: Path, base: Path, options: Options) -> None:
    with pytest.raises(PlanError, match="first  has no effect with features, which trains nothing inside the base"):
        prepare(open_recipe(write_project(tmp_path, base, TEXTS, "{kind: features}")), options)
    path = write_project(tmp_path, base, ROWS)
    (tmp_path / "eng.tsv").write_text("text\tlabel\ngood soup\tneutral\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"eng\.tsv:2  the label “neutral” is not one of negative, positive"):
        read_data(open_recipe(path), options)


def test_a_base_that_cannot_predict_masked_words_is_refused_before_training(
    tmp_path: Path, tiny_encoder: Path, options: Options
) -> None:
    seen: list[object] = []
    with pytest.raises(ModelError, match=r"first, item 1.* has no mask token"):
        run_recipe(write_project(tmp_path, tiny_encoder, TEXTS), tmp_path / "out", options=options, notify=seen.append)
    assert not [event for event in seen if isinstance(event, Step)]
