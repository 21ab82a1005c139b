"""Translators in other formats than a checkpoint: every family computes the same, a run is exported, checked, and used."""

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bases import parallel, write_base
from click.testing import CliRunner
from test_export import code_of, said_by
from test_export import labelled as classification_run
from test_translate_run import TEXTS, prepared
from untrained import pairs_corpus, plan_of, predictor_of, translation

import lowres
from lowres.cli import lowres as command
from lowres.demo.answers import answer
from lowres.errors import ModelError
from lowres.export import export
from lowres.export.to_ctranslate2 import (
    ACCEPTED,
    convert,
    converted_log_probabilities,
    log_probabilities,
)
from lowres.planning import Options
from lowres.running import run as run_recipe
from lowres.runs.run import Run, load_predictor, model_digest
from lowres.tasks.engines import EXPORT_JSON, seal_export
from lowres.tasks.translation.exported import TranslatorExportFacts, restore_exported

FAMILIES = ("marian", "marian-multilingual", "m2m100", "nllb", "mbart50", "mt5", "umt5", "madlad", "byt5")
PAIRS = parallel("id")[:24]
TRIMMED = "{extend: off, trim: used}"


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_computes_the_same_in_ctranslate2(family: str, tmp_path: Path, options: Options) -> None:
    base = write_base(family, tmp_path / "base")
    plan = plan_of(base, translation(more=", hints: off"), vocabulary=TRIMMED)
    corpus = pairs_corpus(PAIRS)
    predictor_of(plan, corpus).save(tmp_path / "model")
    merged: Any = load_predictor(tmp_path / "model", options, "merged")
    direction = merged.facts.directions[0]
    asked = [
        (merged.source_ids(source, *direction), merged.inputs.targets([target], direction[1])[0])
        for source, target in PAIRS
    ]
    inputs = [[source, *direction] for source, _ in PAIRS[:8]]
    written, expected = merged.raw_predictions(inputs), log_probabilities(merged, asked)
    triples, answers = [(source, *direction) for source, _ in PAIRS], [target for _, target in PAIRS]
    given, ends = len(merged.inputs.decoder_prefix(direction[1])) - 1, np.cumsum([0, *(len(ids) for _, ids in asked)])
    sums = [sum(expected[start + given : end]) for start, end in pairwise(ends)]
    likely = merged.likelihoods(triples, answers)
    np.testing.assert_allclose([one.log_probability for one in likely], sums, atol=2e-2)
    digest = model_digest(tmp_path / "model")
    facts = TranslatorExportFacts.of(merged.inputs, digest)
    (tmp_path / "ctranslate2").mkdir()
    convert(merged, 32, tmp_path / "ctranslate2")
    (tmp_path / "ctranslate2" / EXPORT_JSON).write_text(facts.model_dump_json(), encoding="utf-8")
    exported = restore_exported(tmp_path / "ctranslate2", tmp_path / "model", digest, options)
    np.testing.assert_allclose(converted_log_probabilities(exported.model, asked), expected, atol=2e-3)
    quick = exported.likelihoods(triples, answers)
    np.testing.assert_allclose([one.log_probability for one in quick], sums, atol=5e-2)
    assert [one.tokens for one in quick] == [one.tokens for one in likely], "confidence has the same signals in both"
    assert exported.inputs.symbols == merged.inputs.symbols, "placeholders are hidden and revealed alike"
    hidden = ['See <a href="/x">%(name)s</a> and <b>%(name)s</b> ★', *direction]
    assert exported.source_ids(*hidden) == merged.source_ids(*hidden)
    for one, other in zip(exported.raw_predictions(inputs), written, strict=True):
        assert one.startswith(other), "transformers ends the longest translation of some families one token sooner"


@pytest.fixture(scope="module")
def translator(tiny_encoder: Path, cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A small translator of both directions, with hints and phrase tables."""
    recipe = prepared(tmp_path_factory.mktemp("translator"), tiny_encoder, "lora")
    longer = recipe.read_text(encoding="utf-8").replace(
        "epochs: 3", "epochs: 20"
    )  # with fewer, rounding changes the answers
    recipe.write_text(longer, encoding="utf-8")
    options = Options(cache=cache, offline=True, device="cpu", threads=1)
    return run_recipe(recipe, recipe.parent / "out", options=options)


@pytest.fixture
def run(translator: Run, tmp_path: Path) -> Run:
    """A copy of it, beside which its base still lies."""
    folder = translator.folder.parent / tmp_path.name
    shutil.copytree(translator.folder, folder)
    return Run(folder, options=translator.options)


def test_an_exported_translator_answers_as_the_run_does(run: Run) -> None:
    own = run.predict(TEXTS[:12], source="eng-Latn", target="qaa-Latn")
    folder, fidelity = export(run, "ctranslate2", 32)
    assert folder == run.folder / "ctranslate2" and fidelity and fidelity.comparison
    assert fidelity.deviation < 1e-3 and fidelity.mib > 0
    for line in fidelity.sentences():
        assert line in (folder / "README.md").read_text(encoding="utf-8")
    quick = lowres.load(run.folder, options=run.options, engine="ctranslate2")
    answers = quick.predict(TEXTS[:12], source="eng-Latn", target="qaa-Latn")
    same = sum(one.translation == other.translation for one, other in zip(own, answers, strict=True))
    assert same >= 11, "the hints, phrase tables and parts of texts are the same"
    shown, seen = (answer(one, TEXTS[0], ("eng-Latn", "qaa-Latn")) for one in (run, quick))
    assert shown.suggestions[0].text == own[0].translation and seen.suggestions[0].text == answers[0].translation
    theirs = quick.predictor.hypotheses(TEXTS[0], ("eng-Latn", "qaa-Latn"))
    mine = run.predictor.hypotheses(TEXTS[0], ("eng-Latn", "qaa-Latn"))
    assert theirs[0].text == quick.predictor.raw_predictions([[TEXTS[0], "eng-Latn", "qaa-Latn"]])[0]
    assert len(theirs) == len(mine) and len({one.text for one in theirs}) == len(theirs)
    assert [one.probability for one in theirs] == pytest.approx([one.probability for one in mine], abs=5e-2)
    long = " and ".join(TEXTS[:8])
    assert [one.parts for one in quick.predict([long, ""], source="eng-Latn", target="qaa-Latn")] == [
        one.parts for one in run.predict([long, ""], source="eng-Latn", target="qaa-Latn")
    ]
    code = code_of(folder / "README.md").replace('"…"', json.dumps(TEXTS[0]))
    assert "lowres" not in code and "torch" not in code
    plain = replace(quick.predictor, facts=quick.predictor.facts.model_copy(update={"hints": False})).greedy()
    asked = [[TEXTS[0], *plain.facts.directions[0]]]
    greedy = code.replace("beam_size=2, patience=2.0", "beam_size=1, patience=1")
    assert greedy != code
    assert said_by(
        f"{greedy}\nprint(repr(tokenizer.decode(written, skip_special_tokens=True).strip()))", folder
    ) == repr(plain.raw_predictions(asked)[0].strip())


def test_eight_bits_by_command_line(run: Run) -> None:
    asked = [str(run.folder), "--cache", str(run.options.cache), "--offline", "--threads", "1"]
    done = CliRunner().invoke(command, ["export", *asked, "--to", "ctranslate2"])
    assert done.exit_code == 0, done.output
    assert "answers are those of the run itself" in done.output and "accepted: 0.1" in done.output
    options = ["--from", "eng-Latn", "--to", "qaa-Latn", "--engine", "ctranslate2"]
    said = subprocess.run(
        [sys.executable, "-m", "lowres", "predict", *asked, TEXTS[0], *options], capture_output=True, text=True, check=True
    )  # fmt: skip
    assert said.stdout.strip()
    facts = run.folder / "ctranslate2" / EXPORT_JSON
    facts.write_text(facts.read_text().replace('"model":"', '"model":"0').replace('"model": "', '"model": "0'))
    seal_export(facts.parent)  # as the export of another run is sealed
    with pytest.raises(ModelError, match="from another model"):
        _ = Run(run.folder, options=run.options, engine="ctranslate2").predictor
    (run.folder / "ctranslate2" / "model.bin").write_bytes(b"cut")
    with pytest.raises(ModelError, match="export again"):
        _ = Run(run.folder, options=run.options, engine="ctranslate2").predictor


def test_a_failed_check_writes_nothing(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ACCEPTED, 8, 0.0)
    with pytest.raises(ModelError, match=r"in 8 bits the log-probability of a token differs .* \(try --bits 32\)"):
        export(run, "ctranslate2", 8)
    assert not [path for path in run.folder.iterdir() if path.name.startswith(("ctranslate2", "making"))]


def test_what_a_format_cannot_do_is_refused(
    run: Run, small_data: Path, tiny_encoder: Path, options: Options
) -> None:  # fmt: skip
    with pytest.raises(ModelError, match=r"lowres export .* --to ctranslate2"):
        _ = Run(run.folder, options=options, engine="ctranslate2").predictor
    with pytest.raises(ModelError, match=r"cannot be written in 8 bits .*32"):
        export(run, "merged", 8)
    with pytest.raises(ModelError, match=r"translation with encoder-decoder bases is not written as GGUF"):
        export(run, "gguf")
    with pytest.raises(ModelError, match=r"does not use ONNX Runtime for translation .*encoders that classify"):
        export(run, "onnx")
    classifier = classification_run(small_data, tiny_encoder, options)
    with pytest.raises(
        ModelError, match=r"does not use CTranslate2 for classification .*encoder-decoders that translate"
    ):
        export(classifier, "ctranslate2")
    (run.folder / "ctranslate2").mkdir()
    with pytest.raises(ModelError, match="exists already"):
        export(run, "ctranslate2")
