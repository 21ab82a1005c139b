"""Back-translation: which texts are translated back, which pairs are kept, and what comes of a run."""

import json
import os
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from forks import KILLED, in_fork, reloaded_here
from tokenizers import AddedToken
from transformers import M2M100Config, M2M100ForConditionalGeneration, PreTrainedTokenizerFast

from lowres.data.corpus import Corpus, Row
from lowres.errors import DataError, PlanError, RecipeError
from lowres.evaluation.translation_scores import sentence_scores
from lowres.planning import Options, Plan, estimate_seconds, prepare, read_data
from lowres.recipe import open_recipe
from lowres.recipe.task_section import BackTranslation
from lowres.running import run as run_recipe
from lowres.runs.run import Run, model_files
from lowres.runs.writing import Event, Stage
from lowres.tasks.translation.backtranslation import chosen_texts, translate_back
from lowres.tasks.translation.job import objective, rounds
from lowres.tasks.translation.model import Translator
from lowres.training.loop import Step, train
from lowres.training.rounds import further

ENGLISH, TOY = "eng-Latn", "qaa-Latn"
WORDS = {
    "the": "lo", "soup": "mira", "was": "tas", "warm": "keli", "cold": "soro", "room": "bado", "clean": "nuvi", "cook": "pelo",
    "good": "bono", "river": "rivo", "and": "ke", "old": "vecho",
}  # fmt: skip
THINGS, STATES = ("soup", "room", "cook", "river"), ("warm", "cold", "clean", "good", "old")
TEXTS = [
    f"the {one} was {state} and the {other} was {more}"
    for one in THINGS
    for other in THINGS
    if one != other
    for state, more in zip(STATES, STATES[2:] + STATES[:2], strict=True)
]


def toy(text: str) -> str:
    return " ".join(WORDS[word] for word in text.split())


ALONE = [toy(text) for text in TEXTS[3::4]]
RECIPE = """\
lowres: 2
name: Back and forth
task:
  kind: translation
  source: eng-Latn
  target: qaa-Latn
  both: {both}
  hints: off
  back_translation: {{{section}}}
data:
  - files:
      train: {{eng-Latn: en.txt, qaa-Latn: toy.txt}}
      dev: {{eng-Latn: en.dev.txt, qaa-Latn: toy.dev.txt}}
      test: {{eng-Latn: en.test.txt, qaa-Latn: toy.test.txt}}
    licence: CC0-1.0
    source: written for this test
  - {{files: {{train: mono.txt}}, language: qaa-Latn, licence: CC0-1.0, source: written for this test, use: [train]}}
base: {{name: "{base}"}}
vocabulary: {{extend: off, trim: off}}
method: {{kind: full}}
training: {{epochs: 20, learning_rate: 0.005, batch_tokens: 512, max_length: 60, patience: 100, label_smoothing: 0.0}}
ensemble: {{phrase_table: off}}
decoding: {{beams: 2}}
evaluation: {{resamples: 100, baselines: false}}
"""


def row(tag: str, name: str, text: str) -> Row:
    return Row(f"{tag}/{name}", name, tag, {"text": text})


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory, tiny_tokenizer: PreTrainedTokenizerFast) -> Path:
    return write_nllb(tmp_path_factory.mktemp("nllb"), tiny_tokenizer)


def write_nllb(folder: Path, tokenizer: PreTrainedTokenizerFast) -> Path:
    """A real M2M100 checkpoint of one layer a side, random weights, with NLLB's tags."""
    tokenizer = tagged(tokenizer)
    torch.manual_seed(0)
    shape = {
        f"{side}_{name}": value
        for side in ("encoder", "decoder")
        for name, value in (("layers", 1), ("attention_heads", 2), ("ffn_dim", 64))
    }
    config = M2M100Config(
        vocab_size=len(tokenizer), d_model=32, max_position_embeddings=64, pad_token_id=1, bos_token_id=0, eos_token_id=2,
        decoder_start_token_id=2, init_std=0.1, dropout=0.0, attention_dropout=0.0, **shape,
    )  # fmt: skip
    M2M100ForConditionalGeneration(config).save_pretrained(folder)
    tokenizer.save_pretrained(str(folder))
    return folder


def tagged(tokenizer: PreTrainedTokenizerFast, *more: str) -> PreTrainedTokenizerFast:
    backend = tokenizer.backend_tokenizer
    found = PreTrainedTokenizerFast(
        tokenizer_object=backend.__class__.from_str(backend.to_str()), bos_token="<s>", eos_token="</s>", unk_token="<unk>",
        pad_token="<pad>",
    )  # fmt: skip
    tags = [AddedToken(tag, special=True, normalized=False) for tag in ("eng_Latn", "ind_Latn", *more)]
    found.add_tokens(tags, special_tokens=True)
    return found


def prepared(
    folder: Path, base: Path, *, section: str = "epochs: 4", both: bool = True, mono: Sequence[str] = ALONE
) -> Path:
    """Half of the texts with their translation in train, a quarter in dev and test, and the last quarter in the toy language only."""
    cuts = {"": TEXTS[0::4] + TEXTS[1::4], ".dev": TEXTS[2::8], ".test": TEXTS[6::8]}
    for name, part in cuts.items():
        (folder / f"en{name}.txt").write_text("\n".join(part) + "\n", encoding="utf-8")
        (folder / f"toy{name}.txt").write_text("\n".join(map(toy, part)) + "\n", encoding="utf-8")
    (folder / "mono.txt").write_text("\n".join(mono) + "\n", encoding="utf-8")
    recipe = folder / "recipe.yaml"
    recipe.write_text(RECIPE.format(base=base, section=section, both=str(both).lower()), encoding="utf-8")
    return recipe


@pytest.fixture(scope="module")
def told() -> list[Event]:
    return []


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, base: Path, cache: Path, told: list[Event]) -> Run:
    folder = tmp_path_factory.mktemp("back")
    options = Options(cache=cache, offline=True, device="cpu", threads=1)
    return run_recipe(prepared(folder, base), folder / "out", options=options, notify=told.append)


# A run


def test_the_record_says_what_was_translated_and_what_was_kept(finished: Run) -> None:
    (facts,) = finished.record.back_translation
    assert finished.record.status == "done"
    assert facts.texts == {"eng-Latn→qaa-Latn": len(ALONE)}, "no English text is without a translation"
    assert list(facts.kept) == list(facts.texts) and 0 < facts.kept["eng-Latn→qaa-Latn"] < len(ALONE)
    assert facts.kept["eng-Latn→qaa-Latn"] + sum(facts.dropped.values()) == len(ALONE)
    assert facts.dropped["round trip"] > 0 and facts.seconds > 0
    assert (facts.round, facts.filter, facts.tag) == (1, "round-trip", "<s>")


def test_further_training_joins_the_curve_and_the_best_of_all_weights_are_kept(
    finished: Run, told: list[Event]
) -> None:
    (facts,), training = finished.record.back_translation, finished.record.training
    assert training is not None and facts.dev_before is not None and facts.dev_after is not None
    assert training.best_dev == max(facts.dev_before, facts.dev_after)
    steps = [event for event in told if isinstance(event, Step)]
    assert [step.update for step in steps] == list(range(1, training.updates + 1))
    assert steps[-1].epoch == 24 and all(
        one.seconds <= other.seconds and one.tokens < other.tokens for one, other in pairwise(steps)
    )
    scored = [step.dev for step in steps if step.dev is not None]
    best = [step.dev for step in steps if step.best]
    assert len(scored) == 24 and best[-1] == max(scored) == training.best_dev and best == sorted(set(best))
    translator, plan, corpus = again(finished)
    assert objective(translator, plan, corpus).score() == pytest.approx(training.best_dev, abs=0.5)


def test_stages_are_told_in_their_order(finished: Run, told: list[Event]) -> None:
    names = [event.name for event in told if isinstance(event, Stage)]
    assert names[4:8] == ["training", "back-translation", "training", "confidence"]
    assert finished.record.cost is not None and finished.record.cost.seconds["back-translation"] > 0


def test_the_report_tells_of_it(finished: Run) -> None:
    page = (finished.folder / "report.html").read_text(encoding="utf-8")
    assert (
        f"translated {len(ALONE)} texts that had no translation" in page
        and "The special token <code>&lt;s&gt;</code> stands before their sources" in page
    )
    assert "whose translation back was far from the original" in page


ROUNDS = """\
method: {{kind: {method}}}
training: {{epochs: {epochs}, learning_rate: {rate}, batch_tokens: 256, max_length: 60, patience: 100, dropout: 0.1}}
"""
TAUGHT = {"full": (1, 0.001), "adalora": (2, 0.05)}  # epochs and rate with which the first round makes the model better


def in_two_rounds(folder: Path, base: Path, method: str) -> Path:
    """A recipe with two rounds of back-translation, and dropout."""
    recipe = prepared(folder, base, section="rounds: 2, epochs: 2, filter: length")
    text = recipe.read_text(encoding="utf-8")
    start, end = text.index("method:"), text.index("ensemble:")
    recipe.write_text(
        text[:start] + ROUNDS.format(method=method, epochs=TAUGHT[method][0], rate=TAUGHT[method][1]) + text[end:],
        encoding="utf-8",
    )
    return recipe


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, finished: Run, cache: Path) -> dict[str, tuple[Run, list[Event]]]:
    """Runs of two rounds that nobody cut off, over a model that can translate already, and what they told."""
    found = {}
    monkeypatch = pytest.MonkeyPatch()
    monkeypatch.setattr("lowres.running.check_reload", reloaded_here)
    for method in TAUGHT:
        folder, heard = tmp_path_factory.mktemp(method), list[Event]()
        options = Options(cache=cache, offline=True, device="cpu", threads=1)
        recipe = in_two_rounds(folder, finished.folder, method)
        found[method] = run_recipe(recipe, folder / "out", options=options, notify=heard.append), heard
    monkeypatch.undo()
    return found


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
@pytest.mark.usefixtures("eager", "one_process")
@pytest.mark.parametrize(
    ("method", "at"), [("full", "translating"), ("full", "training"), ("full", "scoring"), ("adalora", "training")]
)
def test_no_round_that_has_ended_is_made_again(
    method: str,
    at: str,
    whole: dict[str, tuple[Run, list[Event]]],
    options: Options,
) -> None:
    """Killed in the second round, while its sources are written or while it trains, or after it."""
    (expected, told), updates, written = whole[method], 0, 0
    assert expected.record.training is not None
    recipe = expected.folder.parent / "recipe.yaml"
    facts = expected.record.back_translation
    assert len(facts) == 2 and all(one.kept for one in facts)
    steps = [event for event in told if isinstance(event, Step)]
    second = sum(step.epoch <= TAUGHT[method][0] + 2 for step in steps)
    last = {"translating": second, "training": second + 5, "scoring": len(steps)}[at]

    def cut(event: Event) -> None:
        nonlocal updates, written
        updates = event.update if isinstance(event, Step) else updates
        written += event == Stage("back-translation")
        now = {"translating": written == 2, "training": updates == last, "scoring": event == Stage("evaluation")}
        if now[at]:
            os._exit(KILLED)

    out, heard = recipe.parent / at, list[Event]()
    assert in_fork(lambda: run_recipe(recipe, out, options=options, notify=cut)) == KILLED
    resumed = run_recipe(recipe, out, options=options, notify=heard.append)
    again = [event.update for event in heard if isinstance(event, Step)]
    lost = 1 if at == "training" else 0  # the update whose checkpoint was not written when it was told
    assert again == [step.update for step in steps[last - lost :]]
    assert heard.count(Stage("back-translation")) == (1 if at == "translating" else 0)
    assert model_files(out / "model") == model_files(expected.folder / "model")
    assert (out / "predictions.jsonl").read_bytes() == (expected.folder / "predictions.jsonl").read_bytes()
    then, now = expected.record.training, resumed.record.training
    assert now is not None and now.resumed_after == ([last - 1] if at == "training" else [])
    assert [(one.update, one.loss, one.dev) for one in now.steps] == [
        (one.update, one.loss, one.dev) for one in then.steps
    ]
    without_time = {"exclude": {"seconds"}}
    assert [one.model_dump(**without_time) for one in resumed.record.back_translation] == [
        one.model_dump(**without_time) for one in facts
    ]
    assert resumed.record.cost is not None and resumed.record.cost.seconds["training"] >= now.seconds
    assert not (out / "checkpoints").exists()


def test_predictions_are_of_the_test_pairs_only(finished: Run) -> None:
    lines = (finished.folder / "predictions.jsonl").read_text(encoding="utf-8").splitlines()
    sources = {json.loads(line)["source"] for line in lines}
    assert sources == {*TEXTS[6::8], *map(toy, TEXTS[6::8])}


def again(run: Run) -> tuple[Translator, Plan, Corpus]:
    file = open_recipe(run.folder.parent / "recipe.yaml")
    predictor = run.predictor
    assert isinstance(predictor, Translator)
    return predictor, prepare(file, run.options), read_data(file, run.options)


def test_the_model_writes_sources_and_only_sources(finished: Run) -> None:
    translator, plan, corpus = again(finished)
    texts = chosen_texts(translator, corpus, 2000, 13)
    section = BackTranslation(filter="length")
    found = translate_back(translator, section, texts, corpus, 1)
    assert {row.fields["text"] for rows in texts.values() for row in rows} == set(ALONE)
    real = {row.id: row.fields["text"] for row in corpus.train}
    assert found.pairs and all(real[pair.target.id] == pair.target.fields["text"] for pair in found.pairs)
    written = translator.greedy().predict(
        [pair.target.fields["text"] for pair in found.pairs], source=TOY, target=ENGLISH
    )
    assert [pair.source.fields["text"] for pair in found.pairs] == [one.translation for one in written]
    assert all(pair.synthetic and pair.direction == (ENGLISH, TOY) for pair in found.pairs)
    lesson = objective(translator, plan, corpus, found.pairs)
    marked = [number for number, ids in enumerate(lesson.sources) if ids[1] == translator.inputs.synthetic_tag]
    assert marked == list(range(len(lesson.sources) - len(found.pairs), len(lesson.sources)))
    assert not any(translator.inputs.synthetic_tag in ids for ids in (*lesson.targets, *lesson.dev_sources))


def test_the_round_trip_keeps_what_comes_back_best(finished: Run) -> None:
    translator, _, corpus = again(finished)
    texts = chosen_texts(translator, corpus, 2000, 13)
    every = translate_back(translator, BackTranslation(filter="length"), texts, corpus, 1).pairs
    kept = translate_back(translator, BackTranslation(keep=0.3), texts, corpus, 1).pairs
    home = translator.greedy().predict([pair.source.fields["text"] for pair in every], source=ENGLISH, target=TOY)
    scores = sentence_scores([pair.target.fields["text"] for pair in every], [one.translation for one in home])
    of = {pair.id: score for pair, score in zip(every, scores, strict=True)}
    assert len(kept) == max(1, round(0.3 * len(every))) < len(every)
    assert sorted((of[pair.id] for pair in kept), reverse=True) == sorted(scores, reverse=True)[: len(kept)]


def test_texts_are_chosen_by_the_seed_and_none_is_too_long(finished: Run) -> None:
    translator, _, corpus = again(finished)

    def chosen(most: int, seed: int) -> list[str]:
        return [row.id for row in chosen_texts(translator, corpus, most, seed)[ENGLISH, TOY]]

    assert chosen(5, 1) == chosen(5, 1) == chosen(9, 1)[:5] != chosen(5, 2)
    assert len(chosen(5, 1)) == 5 and len(chosen(99, 1)) == len(ALONE)
    shortest = min(translator.inputs.lengths(ALONE, TOY, ENGLISH))
    narrow = replace(translator, facts=translator.facts.model_copy(update={"longest": shortest}))
    left = chosen_texts(narrow, corpus, 99, 1)[ENGLISH, TOY]
    assert left and {*translator.inputs.lengths([row.fields["text"] for row in left], TOY, ENGLISH)} == {shortest}


def test_training_that_does_harm_leaves_the_weights_as_they_were(finished: Run) -> None:
    translator, plan, corpus = again(finished)
    assert finished.record.training is not None
    lesson = objective(translator, plan, corpus)
    start = Step(
        update=7, updates=7, epoch=2.0, loss=1.0, learning_rate=0.0, examples=70, tokens=700, seconds=1.0, seconds_on_dev=0.5,
        dev=lesson.score(), best=True,
    )  # fmt: skip
    before = {name: weight.clone() for name, weight in translator.model.named_parameters()}
    wild = plan.recipe.training.model_copy(update={"epochs": 1, "learning_rate": 0.5})
    training = train(translator.model, lesson, wild, accelerator=translator.accelerator, micro_batch_tokens=512)
    steps = list(further(translator.model, training, [start]))
    assert steps[0].update == 8 and steps[-1].epoch == 3.0 and steps[-1].examples > 70
    assert steps[-1].dev is not None and start.dev is not None and steps[-1].dev < start.dev
    assert not any(step.best for step in steps)
    assert all(torch.equal(weight, before[name]) for name, weight in translator.model.named_parameters())


def test_rounds_go_on_until_the_model_writes_what_it_wrote(finished: Run) -> None:
    translator, plan, corpus = again(finished)
    task = plan.recipe.task.model_copy(update={"back_translation": BackTranslation(rounds=3, filter="length")})
    plan = replace(plan, recipe=plan.recipe.model_copy(update={"task": task}))
    stages: list[str] = []
    found = rounds(translator, plan, corpus, stages.append, lambda name, make: make())
    assert found is not None and len(list(found)) == 1  # nobody trains, so nothing new is written
    assert stages == ["back-translation"] * 2


# What is refused, and what check says


def test_a_direction_that_nothing_translates_back_is_refused(tmp_path: Path, base: Path, options: Options) -> None:
    words = r"texts of qaa-Latn are to be translated back, but the task does not teach qaa-Latn→eng-Latn \(say task.both: true\)"
    with pytest.raises(DataError, match=rf"recipe\.yaml:\d+:\d+  task\.back_translation: {words}$"):
        run_recipe(prepared(tmp_path, base, both=False), tmp_path / "out", options=options)


def test_data_without_a_text_that_stands_alone_are_refused(tmp_path: Path, base: Path, options: Options) -> None:
    mono = [toy(TEXTS[0]), toy(TEXTS[2]), toy(TEXTS[6])]  # of train, dev and test
    with pytest.raises(DataError, match="no text of qaa-Latn or eng-Latn that is without a translation"):
        read_data(open_recipe(prepared(tmp_path, base, mono=mono)), options)


def test_a_share_to_keep_needs_the_round_trip(tmp_path: Path, base: Path, options: Options) -> None:
    file = open_recipe(prepared(tmp_path, base, section="filter: length, keep: 0.5"))
    with pytest.raises(PlanError, match=r"task.back_translation.keep  is for round-trip, not for length"):
        prepare(file, options)


@pytest.mark.parametrize(
    ("section", "words"),
    [
        ("{max_text: 5}", "unknown key .did you mean “max_texts”"),
        ("{filter: trip}", "“trip” is not possible .possible: round-trip, length"),
        ("{keep: 0}", "0 is out of range .more than 0, at most 1"),
        ("on", "“on” is not a section .write back_translation: {max_texts: …}"),
    ],
)  # fmt: skip
def test_the_section_is_read_strictly(tmp_path: Path, base: Path, section: str, words: str) -> None:
    recipe = prepared(tmp_path, base)
    recipe.write_text(recipe.read_text(encoding="utf-8").replace("{epochs: 4}", section), encoding="utf-8")
    with pytest.raises(RecipeError, match=words):
        open_recipe(recipe)


def test_check_says_how_many_texts_there_are_and_counts_the_further_training(
    tmp_path: Path, base: Path, options: Options
) -> None:
    file = open_recipe(prepared(tmp_path, base, section="rounds: 2, epochs: 10"))
    plan, corpus = prepare(file, options), read_data(file, options)
    assert "training texts without a translation, for back-translation: qaa-Latn 15, eng-Latn 0" in [
        finding.what for finding in corpus.findings
    ]
    task = plan.recipe.task.model_copy(update={"back_translation": None})
    once = replace(plan, recipe=plan.recipe.model_copy(update={"task": task}))
    assert estimate_seconds(plan, corpus) == pytest.approx(2 * estimate_seconds(once, corpus))
