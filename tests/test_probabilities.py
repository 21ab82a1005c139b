"""Probabilities of labels: calibrated on dev without changing a label, told on test, and the same by every engine."""

from pathlib import Path

import numpy as np
import pytest
from conftest import rows, write_tsv
from sklearn.metrics import brier_score_loss
from test_export import labelled

import lowres
from lowres.evaluation.probability_calibration import at_temperature_one, calibration_facts
from lowres.evaluation.resampling import Resampling
from lowres.export import export
from lowres.planning import Options
from lowres.report import render
from lowres.runs.run import Run
from lowres.statistical.ngrams import combine, ensemble_weights

LABELS = 3
DRAWN = np.random.default_rng(3)
TRUE = DRAWN.dirichlet([0.7] * LABELS, size=600)  # how probable each label really is
ANSWERS = [int(DRAWN.choice(LABELS, p=row)) for row in TRUE]
RESAMPLING = Resampling(resamples=100)


def sharpened(power: float) -> np.ndarray:
    """Logarithms of probabilities that are surer than they should be."""
    table = power * np.log(TRUE)
    return table - np.logaddexp.reduce(table, axis=1, keepdims=True)


@pytest.mark.parametrize("power", [0.5, 1.0, 4.0])
def test_a_temperature_undoes_what_is_too_sure_or_not_sure_enough(power: float) -> None:
    (weight,) = ensemble_weights([sharpened(power)], ANSWERS)
    assert 1 / weight == pytest.approx(power, rel=0.15)
    found = np.exp(combine([sharpened(power)], (weight,)))
    assert (found.argmax(1) == TRUE.argmax(1)).all()
    np.testing.assert_allclose(at_temperature_one(found, 1 / weight), np.exp(sharpened(power)), atol=1e-9)


def test_no_label_is_lost_where_probabilities_are_worthless() -> None:
    """Against the truth, the least weight is left: labels stay what they were."""
    wrong = np.roll(sharpened(4.0), 1, axis=1)
    found = combine([wrong], ensemble_weights([wrong], ANSWERS))
    assert (found.argmax(1) == wrong.argmax(1)).all() and np.exp(found).max() < 0.5


def test_scores_of_probabilities_are_those_of_scikit_learn_and_of_the_definition() -> None:
    weight = 0.3
    given = np.exp(combine([sharpened(4.0)], (weight,)))
    facts = calibration_facts(
        given, ANSWERS, [str(row) for row in range(len(ANSWERS))], 1 / weight, split="test", resampling=RESAMPLING
    )
    for scores, table in ((facts.scores, given), (facts.untempered, np.exp(sharpened(4.0)))):
        brier, error = scores
        expected = 100 * brier_score_loss(ANSWERS, table, labels=range(LABELS), scale_by_half=True)
        assert brier.value == pytest.approx(expected) and brier.low < brier.value < brier.high
        sure, right = table.max(1), table.argmax(1) == ANSWERS
        bins = np.array_split(np.argsort(sure, kind="stable"), 10)
        assert error.value == pytest.approx(
            sum(100 * abs(sure[one].sum() - right[one].sum()) for one in bins) / len(sure)
        )
    assert facts.scores[1].high < facts.untempered[1].low, "the untempered ones are much too sure"
    assert [one.sentences for one in facts.bins] == [60] * 10
    assert all(one.low <= one.true <= one.high for one in facts.bins)


@pytest.fixture(scope="module")
def alone(tiny_encoder: Path, cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A classifier without n-grams."""
    folder = tmp_path_factory.mktemp("alone")
    for split, (start, stop) in {"train": (0, 24), "dev": (24, 36), "test": (36, 48)}.items():
        write_tsv(folder / f"{split}.tsv", rows(start, stop))
    changes = {"epochs: 30": "epochs: 20", "{kind: lora, rank: 8}": "{kind: full}"}
    return labelled(folder, tiny_encoder, Options(cache=cache, offline=True, device="cpu", threads=1), **changes)


def test_a_classifier_without_ngrams_is_calibrated_and_says_so(alone: Run) -> None:
    facts = alone.record.calibration
    assert facts and abs(facts.temperature - 1) > 0.05
    assert alone.predictor.facts.weights == (pytest.approx(1 / facts.temperature),)
    texts = [text for text, _ in rows(50, 54)]
    found = alone.predict(texts)
    heads = alone.predictor.head_probabilities(texts, ["eng-Latn"] * len(texts))
    assert [one.label for one in found] == [alone.predictor.labels[best] for best in heads.argmax(1)]
    for one, head in zip(found, heads, strict=True):
        powers = head.astype(float) ** (1 / facts.temperature)
        assert list(one.probabilities.values()) == pytest.approx((powers / powers.sum()).tolist(), abs=1e-6)
    page = render(alone.record)
    assert "at temperature 1" in page and f"here {facts.temperature:.2f}" in page


def test_onnx_gives_the_same_probabilities(alone: Run) -> None:
    pytest.importorskip("onnxruntime", reason="onnxruntime is not installed: pip install lowres[onnx]")
    folder, _ = export(alone, "onnx")
    texts = [text for text, _ in rows(50, 54)]
    quick = lowres.load(alone.folder, options=alone.options, engine="onnx")
    for one, other in zip(alone.predict(texts), quick.predict(texts), strict=True):
        assert one.probabilities == pytest.approx(other.probabilities, abs=2e-2)
    weight = alone.predictor.facts.weights[0]
    assert f"the softmax of {weight:.3f} times the logits" in (folder / "README.md").read_text(encoding="utf-8")
