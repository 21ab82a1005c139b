"""Classifiers as graphs of ONNX: every family computes the same, a run is exported, checked, and used."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from bases import BASES, parallel, write_base
from click.testing import CliRunner
from conftest import rows, write_tsv
from encoder_bases import ENCODERS
from test_export import TEXTS_TO_LABEL, code_of, labelled, said_by
from untrained import CLASSIFICATION, labelled_corpus, plan_of, predictor_of

import lowres
from lowres.cli import lowres as command
from lowres.errors import ModelError
from lowres.export import export, to_onnx
from lowres.export.to_onnx import ACCEPTED, centres_of_logits, write_graph
from lowres.planning import Options
from lowres.runs.run import Run, load_predictor
from lowres.tasks.classification.exported import GRAPH, OnnxClassifier, OnnxFacts, restore_exported, session_of
from lowres.tasks.engines import EXPORT_JSON, seal_export

FAMILIES = {**BASES, **ENCODERS}
TEXTS = [english for english, _ in parallel("id")][:30]


def untrained(family: str, folder: Path, options: Options, heads: int = 1, more: str = "") -> Any:
    """A classifier over a tiny base, merged, and its model folder."""
    plan = plan_of(
        write_base(family, folder / "base", FAMILIES), CLASSIFICATION, vocabulary=f"{{extend: 6, trim: off{more}}}"
    )
    predictor_of(plan, labelled_corpus(TEXTS, heads)).save(folder / "model")
    return load_predictor(folder / "model", options, "merged")


def graph_of(classifier: Any, folder: Path, bits: int, options: Options) -> OnnxClassifier:
    """The same classifier as a graph, traced with two texts."""
    (folder / "onnx").mkdir()
    example = classifier.inputs.batch(classifier.inputs.token_ids(TEXTS[:2]), torch.device("cpu"))
    write_graph(classifier.model, example, bits, folder / "onnx")
    facts = OnnxFacts(model="digest", centres=centres_of_logits(classifier.model))
    (folder / "onnx" / EXPORT_JSON).write_text(facts.model_dump_json(), encoding="utf-8")
    return restore_exported(folder / "onnx", folder / "model", "digest", options)


@pytest.mark.parametrize(
    "family", ["xlm-roberta", "mmbert", "mdeberta", "rembert", "xlm-r-xl", "distilbert", "electra"]
)
def test_every_family_computes_the_same_in_onnx(family: str, tmp_path: Path, options: Options) -> None:
    own = untrained(family, tmp_path, options)
    graph = graph_of(own, tmp_path, 32, options)
    for texts in (TEXTS, TEXTS[3:4], [" ".join(TEXTS), "a"]):
        expected = own.head_probabilities(texts, [None] * len(texts))
        assert len(texts) == 1 or np.ptp(expected[:, 0]) > 1e-3, "these texts differ"
        np.testing.assert_allclose(graph.head_probabilities(texts, [None] * len(texts)), expected, atol=1e-5)


@pytest.mark.parametrize("pooling", ["mean", "first"])
def test_heads_and_means_of_languages(pooling: str, tmp_path: Path, options: Options) -> None:
    made = untrained("xlm-roberta", tmp_path, options, heads=2)
    made.model.pooling = pooling
    generator = torch.Generator().manual_seed(2)
    made.model.centres = {tag: torch.randn(32, generator=generator) for tag in ("eng-Latn", "ind-Latn")}
    graph = graph_of(made, tmp_path, 32, options)
    languages = ["eng-Latn", "ind-Latn", None]
    for head, sizes in enumerate(((3, 2), (3, 3))):
        expected = made.head_probabilities(TEXTS[:3], languages, head)
        assert expected.shape == sizes
        np.testing.assert_allclose(graph.head_probabilities(TEXTS[:3], languages, head), expected, atol=1e-5)
    assert graph.head_probabilities([], []).shape == (0, 2)


def test_weights_of_matrices_and_tables_have_eight_bits(
    tmp_path: Path, options: Options, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = untrained("xlm-roberta", tmp_path, options)
    graph = graph_of(own, tmp_path, 8, options)
    expected = own.head_probabilities(TEXTS, [None] * len(TEXTS))
    found = graph.head_probabilities(TEXTS, [None] * len(TEXTS))
    assert 1e-6 < np.abs(found - expected).mean() < ACCEPTED[8]
    weights = onnx.load(tmp_path / "onnx" / GRAPH).graph.initializer
    large = [weight for weight in weights if np.prod(weight.dims) >= 32 * 32]
    assert len(large) >= 6 * 2 + 1 and {weight.data_type for weight in large} == {onnx.TensorProto.UINT8}
    monkeypatch.setattr(to_onnx, "LARGEST_MIB", 0.0)
    (tmp_path / "onnx").rename(tmp_path / "small")
    beside = graph_of(own, tmp_path, 8, options).head_probabilities(TEXTS, [None] * len(TEXTS))
    assert len(list((tmp_path / "onnx").glob(f"{GRAPH}*"))) == 2, "weights of a large model lie beside its graph"
    np.testing.assert_allclose(beside, found, atol=1e-6)


@pytest.fixture(scope="module")
def classifier(tiny_encoder: Path, cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A small classifier with new embedding rows and n-grams."""
    folder = tmp_path_factory.mktemp("classifier")
    for split, (start, stop) in {"train": (0, 24), "dev": (24, 32), "test": (32, 44)}.items():
        write_tsv(folder / f"{split}.tsv", rows(start, stop))
    changes = {
        "method: {kind: lora, rank: 8}": "vocabulary: {extend: 12, initialise: mean}\nmethod: {kind: lora, rank: 8}",
        "ensemble: {ngrams: off, phrase_table: off}\n": "",
    }
    return labelled(folder, tiny_encoder, Options(cache=cache, offline=True, device="cpu", threads=1), **changes)


@pytest.fixture
def run(classifier: Run, tmp_path: Path) -> Run:
    """A copy of it, beside which its base still lies."""
    folder = classifier.folder.parent / tmp_path.name
    shutil.copytree(classifier.folder, folder)
    return Run(folder, options=classifier.options)


def test_an_exported_classifier_answers_as_the_run_does(run: Run) -> None:
    folder, fidelity = export(run, "onnx")
    assert fidelity and fidelity.bits == 32 and fidelity.same == fidelity.texts and fidelity.comparison
    for line in fidelity.sentences():
        assert line in (folder / "README.md").read_text(encoding="utf-8")
    own = Run(run.folder, options=run.options).predict(TEXTS_TO_LABEL)
    quick = lowres.load(run.folder, options=run.options, engine="onnx")
    assert quick.predictor.ngrams is not None
    for one, other in zip(own, quick.predict(TEXTS_TO_LABEL), strict=True):
        assert (one.label, one.text, one.truncated) == (other.label, other.text, other.truncated)
        assert one.probabilities == pytest.approx(other.probabilities, abs=2e-2), (
            "the run computes in 16 bits where it can"
        )
    assert quick.predict([]) == []
    code = code_of(folder / "README.md").replace('["…"]', json.dumps(TEXTS_TO_LABEL))
    assert "lowres" not in code and "torch" not in code
    alone = quick.predictor.without_ngrams().predict(TEXTS_TO_LABEL)
    assert said_by(code, folder) == str([answer.label for answer in alone])


def test_eight_bits_by_command_line(run: Run) -> None:
    asked = [str(run.folder), "--cache", str(run.options.cache), "--offline", "--threads", "1"]
    done = CliRunner().invoke(command, ["export", *asked, "--to", "onnx", "--bits", "8"])
    assert done.exit_code == 0, done.output
    assert f"accepted: {ACCEPTED[8]}" in done.output
    said = subprocess.run(
        [sys.executable, "-m", "lowres", "predict", *asked, TEXTS_TO_LABEL[0], "--engine", "onnx"], capture_output=True, text=True,
        check=True,
    )  # fmt: skip
    label, probability, text = said.stdout.strip().split("\t")
    assert label in ("positive", "negative") and 0.5 <= float(probability) <= 1 and text == TEXTS_TO_LABEL[0]
    folder, whole = run.folder / "onnx", (run.folder / "onnx" / GRAPH).read_bytes()
    (folder / GRAPH).write_bytes(b"cut")
    with pytest.raises(ModelError, match="export again"):
        _ = Run(run.folder, options=run.options, engine="onnx").predictor
    with pytest.raises(ModelError, match="export again"):
        session_of(folder / GRAPH, 1)
    (folder / GRAPH).write_bytes(whole)
    facts = folder / EXPORT_JSON
    facts.write_text(facts.read_text().replace('"model": "', '"model": "0'))
    seal_export(folder)  # as the export of another run is sealed
    with pytest.raises(ModelError, match="from another model"):
        _ = Run(run.folder, options=run.options, engine="onnx").predictor
