"""The mean vector of a language is subtracted from those of its texts, also where plain texts are all that there is of it."""

from pathlib import Path

import pytest
import torch
from conftest import BAD, GOOD, rows, write_tsv

from lowres.errors import PlanError
from lowres.planning import Options, prepare, read_data
from lowres.recipe import open_recipe
from lowres.running import run as run_recipe
from lowres.runs.run import Run
from lowres.tasks.classification.forward import features

RECIPE = """\
lowres: 2
name: Trained in English, tested in Nigerian Pidgin
task: {{kind: classification}}
data:
  - {{files: {{train: eng.tsv}}, use: [train, dev], language: eng-Latn, licence: CC0-1.0, source: written for this test}}
  - {{files: {{test: pcm.tsv}}, language: pcm-Latn, licence: CC0-1.0, source: written for this test}}
base:
  name: "{base}"
  pooling: mean
  centre: {{files: {{train: pcm.txt}}, language: pcm-Latn, licence: CC-BY-4.0, source: written for this test}}
method: {{kind: features}}
ensemble: {{ngrams: off}}
training: {{epochs: 5, max_length: 64}}
evaluation: {{resamples: 100, baselines: false}}
"""


@pytest.fixture
def recipe(tmp_path: Path, tiny_encoder: Path) -> Path:
    write_tsv(tmp_path / "eng.tsv", rows(0, 20))
    short = [(f"abeg {sentences[number % 4]} {number}", label)
             for number in range(10) for sentences, label in ((GOOD, "positive"), (BAD, "negative"))]  # fmt: skip
    write_tsv(tmp_path / "pcm.tsv", short)
    plain = [f"abeg {sentence}" for sentence in (*GOOD, *BAD)]
    (tmp_path / "pcm.txt").write_text("\n".join([*plain, short[0][0]]) + "\n", encoding="utf-8")
    path = tmp_path / "recipe.yaml"
    path.write_text(RECIPE.format(base=tiny_encoder), encoding="utf-8")
    return path


def test_texts_of_every_language_have_a_mean_of_zero_and_are_read_so_again(
    recipe: Path, tmp_path: Path, options: Options
) -> None:
    corpus = read_data(open_recipe(recipe), options)
    assert len(corpus.plain) == 8, "the text that is also in test is left out"
    assert corpus.licence == "CC0-1.0 + CC-BY-4.0"
    run = run_recipe(recipe, tmp_path / "out", options=options)  # its reload check compares with a fresh process
    assert run.record.status == "done"
    classifier = Run(tmp_path / "out", options=options).predictor
    assert classifier.centres == ("eng-Latn", "pcm-Latn")
    for tag in classifier.centres:
        texts = [row.fields["text"] for row in (*corpus.train, *corpus.plain) if row.language == tag]
        ids = classifier.inputs.token_ids(texts)
        found = features(classifier.model, classifier.inputs, ids, [tag] * len(ids), classifier.accelerator)
        assert found.abs().max() > 0.01 and found.mean(0).abs().max() < 0.01
    one, other = (run.predict("abeg good soup", language=tag)[0].probabilities for tag in classifier.centres)
    assert one != other
    unknown = run.predict("abeg good soup")[0].probabilities
    assert (
        one["positive"] < unknown["positive"] < other["positive"]
        or other["positive"] < unknown["positive"] < one["positive"]
    )
    assert [baseline.name for baseline in run.record.baselines] == ["language not given"]
    assert any("see “language not given”" in finding.what for finding in run.record.findings)
    readme = (run.folder / "model" / "README.md").read_text(encoding="utf-8")
    assert 'vectors = vectors - head["centre eng-Latn"]  # the mean of the language that the texts are in' in readme


def test_a_shift_between_languages_does_not_reach_the_head(recipe: Path, tmp_path: Path, options: Options) -> None:
    """Texts of two languages that differ by a constant only have the same vectors."""
    from lowres.tasks.classification.head import ClassificationModel

    model = ClassificationModel(torch.nn.Identity(), 3, 2, "mean")
    vectors = torch.randn(4, 3)
    shift = torch.tensor([5.0, -1.0, 2.0])
    model.centres = {"eng-Latn": vectors.mean(0), "pcm-Latn": (vectors + shift).mean(0)}
    one = model.centred(vectors, ["eng-Latn"] * 4)
    assert torch.allclose(one, model.centred(vectors + shift, ["pcm-Latn"] * 4), atol=1e-6)
    assert torch.allclose(one, model.centred(vectors + shift / 2, [None] * 4), atol=1e-6)


def test_a_frozen_base_reads_a_text_once(recipe: Path, tmp_path: Path, options: Options) -> None:
    run = run_recipe(recipe, tmp_path / "out", options=options)
    classifier = run.predictor
    for weight in classifier.model.encoder.parameters():
        weight.requires_grad_(False)
    ids = classifier.inputs.token_ids(["good soup", "bad soup", "good soup"])
    languages = ["eng-Latn", "pcm-Latn", "pcm-Latn"]
    read: list[int] = []
    classifier.model.encoder.register_forward_pre_hook(
        lambda module, args, given: read.append(len(given["input_ids"])), with_kwargs=True
    )
    first = features(classifier.model, classifier.inputs, ids, languages, classifier.accelerator)
    seen = sum(read)
    again = features(classifier.model, classifier.inputs, ids, languages, classifier.accelerator)
    assert seen > 0 and sum(read) == seen and torch.equal(first, again)
    assert not torch.equal(first[0], first[2]), "the mean of the language is no part of what is kept"


def test_other_methods_have_no_centres(recipe: Path, options: Options) -> None:
    text = recipe.read_text(encoding="utf-8").replace("{kind: features}", "{kind: lora}")
    recipe.write_text(text, encoding="utf-8")
    with pytest.raises(PlanError, match=r"base\.centre  is for features, not for lora"):
        prepare(open_recipe(recipe), options)
