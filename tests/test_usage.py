"""The README of a model: its code predicts as the model does, without lowres, for every method, family and number of heads."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from bases import parallel, write_base
from encoder_bases import ENCODERS, write_encoder
from transformers import MarianMTModel
from untrained import CLASSIFICATION, labelled_corpus, pairs_corpus, plan_of, predictor_of, translation

from lowres.export import adapter_usage
from lowres.recipe.methods import METHOD_FACTS
from lowres.record import RecipeFacts, Record
from lowres.statistical.ngrams import NgramClassifier

RECORD = Record(status="done", recipe=RecipeFacts(name="Untrained", path="recipe.yaml", text="", sha256=""))
PAIRS = [pair for pair in parallel("id") if 4 < len(pair[0].split()) < 12][:60]
TEXTS = [english for english, _ in PAIRS]
GROWN = "{extend: 8, trim: used, initialise: mean}"
KINDS = {"lora": "{kind: lora}", "oft": "{kind: oft, block_size: 8}", "freeze": "{kind: freeze, layers: 1}"}
METHODS = {method: KINDS.get(method, f"{{kind: {method}}}") for method in METHOD_FACTS}
FAMILIES = ["marian", "marian-multilingual", "m2m100", "nllb", "mbart50", "mt5", "umt5", "madlad", "t5gemma2", "byt5"]
ENCODER_FAMILIES = ["mmbert", "mdeberta", "rembert", "xlm-r-xl", "distilbert", "electra"]


def saved(predictor: Any, folder: Path) -> str:
    """The README beside the saved model."""
    predictor.save(folder)
    text = adapter_usage(predictor, RECORD)
    (folder / "README.md").write_text(text, encoding="utf-8")
    return text


def printed(
    readme: str, text: str, folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> str:
    """What the README's code prints for a text."""
    code = readme.split("```python\n")[1].split("```")[0]
    monkeypatch.chdir(folder)
    capsys.readouterr()
    exec(compile(code.replace('"…"', json.dumps(text)), "README.md", "exec"), {})
    return capsys.readouterr().out.strip("\n").splitlines()[-1]


@pytest.mark.parametrize("heads", [1, 2])
@pytest.mark.parametrize("method", [name for name, facts in METHOD_FACTS.items() if "classification" in facts.tasks])
@pytest.mark.parametrize("family", ["xlm-roberta", *ENCODER_FAMILIES])
def test_a_classifier_is_used_as_its_readme_says(
    family: str, method: str, heads: int, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    base = (write_encoder if family in ENCODERS else write_base)(family, tmp_path / "base")
    plan = plan_of(base, CLASSIFICATION, method=METHODS[method], vocabulary="{extend: off, trim: used}")
    found = predictor_of(plan, labelled_corpus(TEXTS, heads))
    readme = saved(found, tmp_path / "model")
    if method == "bottleneck":
        assert "needs lowres" in readme and "lowres.load" in readme
        return
    assert "lowres" not in readme.split("```")[1] and "transformers 5" in readme
    assert ("place (a, b, c)" in readme) is (heads == 2)
    labels = {text: found.predict([text])[0].label for text in TEXTS[:6]}
    assert {text: printed(readme, text, tmp_path / "model", capsys, monkeypatch) for text in labels} == {
        text: str([label]) for text, label in labels.items()
    }


@pytest.mark.parametrize("method", [name for name, facts in METHOD_FACTS.items() if "translation" in facts.tasks])
@pytest.mark.parametrize("family", FAMILIES)
def test_a_translator_is_used_as_its_readme_says(
    family: str, method: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    base = (write_encoder if family in ENCODERS else write_base)(family, tmp_path / "base")
    if family.startswith("marian"):  # whose base has a bias of its own
        model = MarianMTModel.from_pretrained(base)
        model.final_logits_bias.normal_(generator=torch.Generator().manual_seed(2))
        model.save_pretrained(base)
    length = 250 if family == "byt5" else 60
    plan = plan_of(base, translation(more=", hints: off"), method=METHODS[method], max_length=length)
    found = predictor_of(plan, pairs_corpus(PAIRS))
    readme = saved(found, tmp_path / "model")
    if method == "bottleneck":
        assert "needs lowres" in readme and "source='eng-Latn', target='ind-Latn'" in readme
        return
    for text in TEXTS[:3]:
        translated = found.without_phrase_tables().predict([text], source="eng-Latn", target="ind-Latn")[0].translation
        assert (
            printed(readme, text, tmp_path / "model", capsys, monkeypatch).strip()
            == translated.splitlines()[-1].strip()
        )


def test_the_readme_says_what_else_takes_part_in_the_predictions(tmp_path: Path) -> None:
    base = write_base("xlm-roberta", tmp_path / "base")
    corpus = labelled_corpus(TEXTS, 1)
    found = predictor_of(plan_of(base, CLASSIFICATION), corpus)
    ngrams = NgramClassifier.fit(corpus.train, corpus.dev, found.labels, 13)
    both = replace(found, ngrams=ngrams, facts=found.facts.model_copy(update={"weights": (0.25, 0.5)}))
    assert "n-gram" not in adapter_usage(found, RECORD)
    assert "n-gram classifier together (log-linear ensemble, weights 0.25 and 0.50)" in adapter_usage(both, RECORD)
    base = write_base("byt5", tmp_path / "byt5")
    translator = predictor_of(plan_of(base, translation()), pairs_corpus(PAIRS))
    left = [("eng-Latn", "ind-Latn")]
    tables = replace(translator, facts=translator.facts.model_copy(update={"by_phrase_table": left}))
    assert "In the directions eng-Latn→ind-Latn" in adapter_usage(tables, RECORD)
    assert "phrase table's translation before each text" in adapter_usage(translator, RECORD)
