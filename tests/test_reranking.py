"""The neural model chooses among the phrase table's translations: what it knows decides where the table cannot."""

import random
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from decoder_bases import write_decoder
from test_export_formats import PAIRS
from untrained import pairs_corpus, plan_of, predictor_of, translation

from lowres import load
from lowres.data.corpus import Row
from lowres.data.pairs import Pair, pairs
from lowres.demo.answers import answer
from lowres.export import export
from lowres.planning import Options
from lowres.running import run as run_recipe
from lowres.runs.run import Run, load_predictor
from lowres.statistical.phrases import PhraseTable
from lowres.tasks.table import job_of
from lowres.tasks.translation.reranking import Candidate, asked_of, best, best_weight

RECIPE = """\
lowres: 2
name: Reranked
task: {{kind: translation, source: eng-Latn, target: qaa-Latn, {task}}}
data:
  files:
    train: {{eng-Latn: en.txt, qaa-Latn: toy.txt}}
    dev: {{eng-Latn: en.dev.txt, qaa-Latn: toy.dev.txt}}
    test: {{eng-Latn: en.test.txt, qaa-Latn: toy.test.txt}}
  licence: CC0-1.0
  source: written for this test
base: {{name: "{base}"}}
vocabulary: {{extend: off, trim: off}}
method: {{kind: full}}
training: {{epochs: {epochs}, learning_rate: 0.005, batch_tokens: 1024, max_length: 80, label_smoothing: 0.0}}
ensemble: {{rerank: 8}}
evaluation: {{resamples: 100, few_shot: 0}}
"""
DIRECTION = ("eng-Latn", "qaa-Latn")
WORDS = {
    "the": "lo",
    "was": "tas",
    "very": "multe",
    "old": "vecho",
    "village": "dorpa",
    "yesterday": "hiero",
    "here": "tie",
}
# “found” has another word after a woman than after a man; eight words lie between them, more than the table looks back.
SUBJECTS = {"woman": "ina", "man": "viro"}
FOUND = {"woman": "trovita", "man": "trovelo"}
MIDDLE = ["very", "old", "village", "here", "was", "the"]


@pytest.mark.parametrize(
    "family", ["llama", "smollm3", "mistral", "qwen2", "qwen3", "gemma2", "gemma3", "gpt2", "bloom", "opt"]
)
def test_several_answers_to_a_prompt_are_scored_as_one_by_one(family: str, tmp_path: Path) -> None:
    translator = predictor_of(
        plan_of(write_decoder(family, tmp_path / "base"), translation(), max_length=120), pairs_corpus(PAIRS)
    )
    direction = translator.facts.directions[0]
    asked = [(source, *direction) for source, _ in PAIRS[:3] for _ in range(4)]
    answers = [
        answer
        for _, target in PAIRS[:3]
        for answer in (target, f"{target} {target}", f"{target.rpartition(' ')[0]} lama", PAIRS[4][1])
    ]
    found = translator.likelihoods(asked, answers)
    for (source, *_), said, one in zip(asked, answers, found, strict=True):
        prompt, ids = translator.source_ids(source, *direction), translator.answer_ids(said, source, direction[1])
        with torch.no_grad():
            logits = translator.model(input_ids=torch.tensor([[*prompt, *ids]])).logits[0]
        logs = logits.log_softmax(-1)[torch.arange(len(prompt) - 1, len(prompt) + len(ids) - 1), torch.tensor(ids)]
        assert one.tokens == len(ids) and one.log_probability == pytest.approx(float(logs.sum()), abs=1e-2)


def test_the_weight_is_the_one_that_is_best_on_dev() -> None:
    table = PhraseTable.learn([("a bank", "ein ufer"), ("a bank", "eine bank"), ("the bank", "die bank")])
    (first, second, *_) = table.translations("a bank", 4).items()
    sure = [Candidate(first[0], first[1], -30.0), Candidate(second[0], second[1], -1.0)]
    corpus = pairs_corpus([("a bank", second[0])])
    judged: tuple[Pair, ...] = pairs(corpus.train, [("eng-Latn", "ind-Latn")])[:1]
    assert best(sure, 0.0) == first[0] and best(sure, 1.0) == second[0]
    weight = best_weight(judged, {asked_of(judged[0]): sure})
    assert best(sure, weight) == second[0] and weight * 29 > first[1] - second[1]


def sentences(count: int) -> list[tuple[str, str]]:
    """Sentences with a name that no other sentence has, so that only copying it is right."""
    drawn, found = random.Random(5), []
    for _ in range(count):
        subject = drawn.choice(list(SUBJECTS))
        middle = [drawn.choice(MIDDLE) for _ in range(6)]
        name = "".join(drawn.choice("bdgklmnprst") + drawn.choice("aeiou") for _ in range(3)).capitalize()
        source = ["the", subject, *middle, "found", name]
        target = ["lo", SUBJECTS[subject], *(WORDS[word] for word in middle), FOUND[subject], name]
        found.append((" ".join(source), " ".join(target)))
    return found


def finished(folder: Path, cache: Path, task: str, epochs: int) -> Run:
    """A run on these sentences, after so many epochs."""
    whole = sentences(150)
    for name, part in {"": whole[:110], ".dev": whole[110:130], ".test": whole[130:]}.items():
        (folder / f"en{name}.txt").write_text("".join(f"{source}\n" for source, _ in part), encoding="utf-8")
        (folder / f"toy{name}.txt").write_text("".join(f"{target}\n" for _, target in part), encoding="utf-8")
    recipe = folder / "recipe.yaml"
    recipe.write_text(
        RECIPE.format(base=write_decoder("qwen2", folder / "base"), task=task, epochs=epochs), encoding="utf-8"
    )
    return run_recipe(recipe, folder / "out", options=Options(cache=cache, offline=True, device="cpu", threads=1))


@pytest.fixture(scope="module")
def reranked(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> Run:
    return finished(tmp_path_factory.mktemp("reranked"), cache, "hints: off", 10)


@pytest.fixture(scope="module")
def language_model(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> Run:
    return finished(tmp_path_factory.mktemp("language-model"), cache, "objective: language-model", 12)


def test_table_and_model_together_are_better_than_each(reranked: Run) -> None:
    record = reranked.record
    assert record.answers == {"eng-Latn→qaa-Latn": "phrase table and model"}
    systems = {one.name: one.scores[0].value for one in record.baselines}
    assert record.scores[0].value > max(systems["phrase table alone"], systems["model alone"]) + 1
    assert record.transfer is not None and record.transfer.verdict == "helps"
    assert "the base chooses among the translations of the phrase table" in record.transfer.why


def test_a_loaded_run_chooses_as_the_trained_one(reranked: Run, cache: Path) -> None:
    options = Options(cache=cache, offline=True, device="cpu", threads=1)
    again = load(reranked.folder, options=options)
    assert again.predictor.facts.rerank_weight == reranked.predictor.facts.rerank_weight > 0
    for text, _ in sentences(4):
        (found,) = again.predict(text)
        assert found.translation == reranked.predictor.predict([text])[0].translation
        proposed = again.predictor.phrase_tables[DIRECTION].translations(text, 8)
        assert found.translation in proposed
        first = answer(again, text, DIRECTION).suggestions[0]
        assert first.text == found.translation and {"phrase table", "model"} <= set(first.systems)


def test_a_language_model_of_the_target_chooses_and_translates_nothing(language_model: Run) -> None:
    record = language_model.record
    assert record.answers == {"eng-Latn→qaa-Latn": "phrase table and model"}
    systems = {one.name: one.scores[0].value for one in record.baselines}
    assert "model alone" not in systems and record.scores[0].value > systems["phrase table alone"] + 1
    assert record.transfer is not None
    assert "the base chooses among the translations of the phrase table" in record.transfer.why


def test_a_language_model_reads_a_candidate_without_its_source(language_model: Run) -> None:
    model = load_predictor(language_model.folder / "model", language_model.options, "precise")
    said = "lo ina tas trovita Bado"
    first, second = model.likelihoods([("the woman found Bado", *DIRECTION), ("here", *DIRECTION)], [said, said])
    assert first.log_probability == pytest.approx(second.log_probability, abs=1e-3)
    with torch.no_grad():
        ids = [*model.prompts.frame.begin, *model.answer_ids(said, "", DIRECTION[1])]
        logs = model.model(input_ids=torch.tensor([ids])).logits[0].log_softmax(-1)
    expected = logs[torch.arange(len(ids) - 1), torch.tensor(ids[1:])].sum()
    assert first.log_probability == pytest.approx(float(expected), abs=1e-2)


def test_a_loaded_language_model_chooses_as_the_trained_one(language_model: Run, cache: Path) -> None:
    again = load(language_model.folder, options=Options(cache=cache, offline=True, device="cpu", threads=1))
    shown = {}
    for text, _ in sentences(150)[130:140]:
        (found,) = again.predict(text)
        assert found.translation == language_model.predictor.predict([text])[0].translation
        shown[text] = answer(again, text, DIRECTION).suggestions
        assert shown[text][0].text == found.translation
        assert all("phrase table" in one.systems for one in shown[text])
    assert any(len(suggestions) > 1 for suggestions in shown.values())


def test_a_converted_language_model_chooses_alike(language_model: Run) -> None:
    pytest.importorskip("ctranslate2", reason="ctranslate2 is not installed: pip install lowres[export]")
    export(language_model, "ctranslate2", 32)
    quick = load(language_model.folder, options=language_model.options, engine="ctranslate2")
    texts = [text for text, _ in sentences(20)]
    own = [one.translation for one in language_model.predict(texts)]
    same = sum(one.translation == other for one, other in zip(quick.predict(texts), own, strict=True))
    assert same >= 19


def test_a_language_model_learns_every_text_of_the_target_languages_once(tmp_path: Path) -> None:
    corpus = pairs_corpus([*PAIRS, PAIRS[0]])
    lone = Row("lone", "lone", "ind-Latn", {"text": "Rumah itu sudah tua sekali."})
    foreign = Row("foreign", "foreign", "eng-Latn", {"text": "That house is very old."})
    corpus = replace(corpus, train=(*corpus.train, lone, foreign))
    task = "{kind: translation, source: eng-Latn, target: ind-Latn, objective: language-model}"
    plan = plan_of(write_decoder("llama", tmp_path / "base"), task, max_length=120)
    model = predictor_of(plan, corpus)
    learned = job_of("translation", "decoder").objective(model, plan, corpus).examples
    texts = [target for _, target in PAIRS] + ["Rumah itu sudah tua sekali."]
    assert [model.prompts.frame.answer(one.answer) for one in learned] == list(dict.fromkeys(texts))
    assert all(one.prompt == model.prompts.frame.begin for one in learned)
