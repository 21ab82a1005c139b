"""A classifier reads a translation beside each text, by a phrase table learned from rows that are translations of each other."""

import json
from pathlib import Path

import pytest
from bases import parallel, write_base
from readings import MIRROR, needs_mirror
from transformers import AutoTokenizer

from lowres.errors import DataError, LowresError, ModelError, PlanError, RecipeError
from lowres.export.bundle import share
from lowres.export.formats import export
from lowres.export.verification import verify
from lowres.planning import Options, examine, read_data
from lowres.planning.licensing import chain_of
from lowres.recipe import open_recipe
from lowres.running import run as run_recipe
from lowres.runs.run import Run
from lowres.tasks.classification.translations import Translations
from lowres.tasks.translation.phrase_tables import PHRASE_TABLES

RECIPE = """\
lowres: 2
name: Trained in English, tested in Upper Sorbian
task:
  kind: classification
  translate_into: eng-Latn
  parallel:
    files: {{train: {{hsb-Latn: known.hsb, eng-Latn: known.eng}}}}
    licence: BSD-3-Clause
    source: Django
data:
  - {{files: {{train: eng.jsonl}}, use: [train, dev], language: eng-Latn, licence: BSD-3-Clause, source: Django}}
  - {{files: {{test: hsb.jsonl}}, language: hsb-Latn, licence: BSD-3-Clause, source: Django}}
base: {{name: base}}
vocabulary: {{extend: off, trim: off}}
method: {{kind: {method}}}
training: {{epochs: 2, max_length: 64}}
evaluation: {{resamples: 100}}
"""
ASKED = ("enter", "valid", "ensure")  # words of messages that ask for something


def label(english: str) -> str:
    return "request" if any(word in english.lower() for word in ASKED) else "other"


def write_rows(path: Path, found: list[tuple[str, str]]) -> None:
    lines = [json.dumps({"text": text, "label": name}, ensure_ascii=False) for text, name in found]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Django's messages: English ones with labels to learn from, Upper Sorbian ones as test, and others in both languages."""
    folder = tmp_path_factory.mktemp("translate-test")
    messages = [pair for pair in parallel("hsb") if "%" not in pair[0] and len(pair[0].split()) > 1]
    asked = [pair for pair in messages if label(pair[0]) == "request"]
    others = [pair for pair in messages if label(pair[0]) == "other"][: len(asked)]
    mixed = [pair for both in zip(asked, others, strict=True) for pair in both]
    test, rest = mixed[: len(mixed) // 4], mixed[len(mixed) // 4 :]
    write_rows(folder / "eng.jsonl", [(english, label(english)) for english, _ in rest])
    write_rows(folder / "hsb.jsonl", [(text, label(english)) for english, text in test])
    used = {english for english, _ in test}
    known = [pair for pair in messages if pair[0] not in used]
    (folder / "known.eng").write_text("".join(f"{english}\n" for english, _ in known), encoding="utf-8")
    (folder / "known.hsb").write_text("".join(f"{text}\n" for _, text in known), encoding="utf-8")
    write_base("xlm-roberta", folder / "base")
    return folder


def recipe(project: Path, method: str, **changes: str) -> Path:
    text = RECIPE.format(method=method)
    for old, new in changes.values():
        assert old in text
        text = text.replace(old, new)
    path = project / f"{method}-{'-'.join(changes) or 'whole'}.yaml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def finished(project: Path, cache: Path) -> Run:
    return run_recipe(
        recipe(project, "lora"), project / "out", options=Options(cache=cache, offline=True, device="cpu", threads=1)
    )


def test_what_is_learned_in_one_language_is_found_in_another(finished: Run) -> None:
    assert finished.record.status == "done"  # the reload check, in a process of its own, included
    scores = {one.name: one.scores[0].value for one in finished.record.baselines}
    assert scores["TF-IDF of translations"] > scores["TF-IDF + logistic regression"] + 15
    assert finished.record.scores[0].value > scores["TF-IDF + logistic regression"] + 15
    assert "language not given" in scores
    readme = (finished.folder / "model" / "README.md").read_text(encoding="utf-8")
    assert "reads a translation into eng-Latn beside each text" in readme


def test_a_text_and_its_translation_are_read_as_a_pair(finished: Run) -> None:
    classifier = finished.predictor
    text = "Zapodajće płaćiwy datum."
    (translation,) = classifier.translations.of([text], ["hsb-Latn"])
    assert "valid" in translation and "date" in translation
    (ids,) = classifier.inputs.token_ids([text], [translation])
    assert ids == classifier.tokenizer(text, translation)["input_ids"]
    assert classifier.inputs.token_ids([text], [text]) == classifier.inputs.token_ids([text])
    assert classifier.translations.of(["Enter a valid date."], ["eng-Latn"]) == ["Enter a valid date."]
    named = finished.predict(text, language="hsb-Latn")[0].probabilities
    assert finished.predict(text)[0].probabilities == named, "the language is guessed by its words"
    assert classifier.translations.of(["Enter a valid date.", text], [None, None]) == [
        "Enter a valid date.",
        translation,
    ]


def test_a_training_row_is_translated_by_a_table_that_has_not_seen_it(project: Path, options: Options) -> None:
    corpus = read_data(open_recipe(recipe(project, "lora")), options)
    found = Translations.learn((*corpus.train, *corpus.parallel), "eng-Latn")
    assert found.languages == ("hsb-Latn",) and not found.places.keys() & {row.id for row in corpus.train}
    seen = [row for row in corpus.parallel if row.language == "hsb-Latn"]
    without = found.of_rows(seen)
    assert len(found.places) == len(seen)
    table = found.tables["hsb-Latn", "eng-Latn"]
    assert without == [table.translate(row.fields["text"], leave=found.places[row.id]) for row in seen]
    assert without != found.of([row.fields["text"] for row in seen], ["hsb-Latn"] * len(seen))


def test_a_pruned_vocabulary_still_reads_the_translations(project: Path, options: Options) -> None:
    pruned = recipe(project, "lora", pruned=("trim: off", "trim: lattice"), small=("epochs: 2", "epochs: 1"))
    run = run_recipe(pruned, project / "pruned", options=options)
    tokenizer, whole = run.predictor.tokenizer, AutoTokenizer.from_pretrained(project / "base")
    assert len(tokenizer) < len(whole)
    for name in ("known.eng", "known.hsb"):
        for line in (project / name).read_text(encoding="utf-8").splitlines()[:100]:
            assert tokenizer.tokenize(line) == whole.tokenize(line)


def test_features_and_mean_vectors_are_of_the_pairs(project: Path, options: Options, tmp_path: Path) -> None:
    centred = {"centre": ('base: {name: ', 'base: {centre: {files: {train: known.hsb}, language: hsb-Latn, licence: BSD-3-Clause, '
                          'source: Django}, name: ')}  # fmt: skip
    run = run_recipe(recipe(project, "features", **centred), tmp_path / "out", options=options)
    assert run.record.status == "done" and run.predictor.centres == ("eng-Latn", "hsb-Latn")


def test_an_export_reads_the_translations_too(finished: Run, options: Options) -> None:
    pytest.importorskip("onnxruntime", reason="onnxruntime is not installed: pip install lowres[onnx]")
    export(finished, "onnx", 32)
    texts, languages = ["Zapodajće płaćiwy datum.", "Wšě prawa"], ["hsb-Latn"] * 2
    own = finished.predictor.head_probabilities(texts, languages)
    other = Run(finished.folder, options=options, engine="onnx").predictor.head_probabilities(texts, languages)
    assert abs(own - other).max() < 0.02


def test_a_bundle_answers_as_the_run_does(finished: Run, project: Path, options: Options) -> None:
    bundle = project / "bundle"  # as far from the base as the run
    share(finished, bundle, agreed="its makers, for this test")
    assert f"model/{PHRASE_TABLES}" in json.loads((bundle / "bundle.json").read_text(encoding="utf-8"))["files"]
    verify(bundle)
    text = "Zapodajće płaćiwy datum."
    here, there = finished.predict(text), Run(bundle, options=options).predict(text)
    assert here[0].probabilities == there[0].probabilities
    (bundle / "model" / PHRASE_TABLES).unlink()
    with pytest.raises(ModelError, match=r"phrase-tables\.json\.xz"):
        Run(bundle, options=options).predict(text)


FAULTS = {
    "no-pairs": (("translate_into: eng-Latn", "translate_into: deu-Latn"), "no language has 50 rows in train with a translation into"),
    "no-use": (("  translate_into: eng-Latn\n", ""), "has no effect without task.translate_into"),
}  # fmt: skip


@pytest.mark.parametrize("name", FAULTS)
def test_what_cannot_be_translated_is_said_with_its_line(name: str, project: Path, options: Options) -> None:
    change, message = FAULTS[name]
    with pytest.raises((DataError, PlanError, LowresError)) as caught:
        examine(recipe(project, "lora", **{name: change}), options)
    (problem,) = caught.value.problems
    assert message in problem.what and ":" in problem.where


def test_languages_without_translations_are_named(project: Path, options: Options) -> None:
    few = project / "few.hsb", project / "few.eng"
    for path, source in zip(few, (project / "known.hsb", project / "known.eng"), strict=True):
        path.write_text("".join(source.read_text(encoding="utf-8").splitlines(keepends=True)[:60]), encoding="utf-8")
    more = "data:\n  - {files: {train: sk.jsonl}, use: [train], language: slk-Latn, licence: BSD-3-Clause, source: Django}\n"
    write_rows(project / "sk.jsonl", [(text, label(english)) for english, text in parallel("sk")[:20]])
    path = recipe(project, "lora", slovak=("data:\n", more), few=("known.", "few."))
    findings = [finding.what for finding in examine(path, options).findings]
    assert any("texts in slk-Latn are read without a translation" in what for what in findings)


def test_the_licences_of_parallel_texts_stages_and_mean_vectors_bind_the_model(project: Path) -> None:
    further = {
        "terms": ("    licence: BSD-3-Clause\n    source: Django\ndata:", "    licence: CC-BY-NC-4.0\n    source: a word list\ndata:"),
        "stage": ("training:",
                  "first: [{kind: rows, data: {card: nusax-sentiment, subset: ind}}]\ntraining:"),
    }  # fmt: skip
    chain = chain_of(open_recipe(recipe(project, "lora", **further)).recipe, [project], "base", "MIT")
    named = {(link.name, link.licence) for link in chain.links}
    assert ("own files (a word list)", "CC-BY-NC-4.0") in named and ("NusaX sentiment", "cc-by-sa-4.0") in named


def test_the_language_of_every_source_is_checked(project: Path) -> None:
    wrong = {
        "stage": ("training:",
                  "first: [{kind: texts, data: {files: {train: a.txt}, language: ber-Latn, licence: MIT, source: us}}]\ntraining:"),
        "centre": ("base: {", "base: {centre: [{files: {train: b.txt}, language: xq-Latn, licence: MIT, source: us}], "),
    }  # fmt: skip
    with pytest.raises(RecipeError) as caught:
        open_recipe(recipe(project, "lora", **wrong))
    said = [problem.what for problem in caught.value.problems]
    assert len(said) == 2 and any("first.0.data.language" in what or "first, item 1" in what for what in said)
    assert any("centre" in what for what in said)


@needs_mirror
@pytest.mark.parametrize(("subset", "told"), [("min, ind, eng", True), ("jav, ind, eng", False), ("min", False)])
def test_check_says_where_translations_would_help(subset: str, told: bool, tmp_path: Path, cache: Path) -> None:
    assert MIRROR is not None
    options = Options(cache=cache, mirrors=(Path(MIRROR),), offline=True, device="cpu", threads=1)
    text = f"lowres: 2\nname: x\ntask: {{kind: classification}}\ndata: {{card: nusax-sentiment, subset: [{subset}]}}\n"
    (tmp_path / "recipe.yaml").write_text(text, encoding="utf-8")
    findings = [finding.what for finding in examine(tmp_path / "recipe.yaml", options).findings]
    expected = "not trained on min-Latn, but these rows are translated into ind-Latn or eng-Latn"
    assert any(expected in what for what in findings) == told
    assert any("task.translate_into" in what for what in findings) == told
