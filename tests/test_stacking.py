"""MAD-X: a language adapter from pre-training stands under a task's adapter, and another takes its place for another language."""

from pathlib import Path

import pytest
import torch
from conftest import rows, write_tsv
from transformers import PreTrainedTokenizerFast, XLMRobertaConfig, XLMRobertaModel

from lowres.errors import ModelError, PlanError
from lowres.methods.stacking import activate_language, adapter_languages
from lowres.planning import Options
from lowres.running import run as run_recipe
from lowres.runs.run import Run

LANGUAGE = """\
lowres: 2
name: Adapter of {tag}
task: {{kind: pre-training, language: {tag}}}
data: {{files: {{train: {tag}.txt}}, licence: CC0-1.0, source: written for this test}}
base: {{name: "{base}", pooling: mean}}
vocabulary: {{extend: {extend}, initialise: mean, trim: used}}
method: {{kind: bottleneck, reduction_factor: 4, invertible: true}}
training: {{epochs: 3, learning_rate: 0.01, batch_tokens: 256, max_length: 60}}
evaluation: {{resamples: 100, baselines: false}}
"""
TASK = """\
lowres: 2
name: Reviews in another language
task: {{kind: classification}}
data:
  - {{files: {{train: train.tsv, dev: dev.tsv}}, language: eng-Latn, licence: CC0-1.0, source: written, use: [train, dev]}}
  - {{files: {{train: train.tsv, test: test.tsv}}, language: qaa-Latn, licence: CC0-1.0, source: written, use: [test]}}
base: {{name: "{base}", pooling: mean}}
vocabulary: {{extend: off, trim: used}}
method: {{kind: bottleneck, reduction_factor: 4, language_adapters: {{{over}}}}}
training: {{epochs: 10, learning_rate: 0.01, batch_tokens: 256, max_length: 60}}
ensemble: {{ngrams: off}}
evaluation: {{resamples: 100, baselines: false}}
"""


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory, tiny_tokenizer: PreTrainedTokenizerFast) -> Path:
    folder = tmp_path_factory.mktemp("base")
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=tiny_tokenizer.backend_tokenizer.__class__.from_str(tiny_tokenizer.backend_tokenizer.to_str()),
        bos_token="<s>", eos_token="</s>", cls_token="<s>", sep_token="</s>", unk_token="<unk>", pad_token="<pad>",
        mask_token="<mask>",
    )  # fmt: skip
    torch.manual_seed(0)
    config = XLMRobertaConfig(
        vocab_size=len(tokenizer), hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64,
        max_position_embeddings=66, pad_token_id=1, type_vocab_size=1,
    )  # fmt: skip
    XLMRobertaModel(config, add_pooling_layer=False).save_pretrained(folder)
    tokenizer.save_pretrained(str(folder))
    return folder


def turned(text: str) -> str:
    """A toy language: the same words the other way round."""
    return " ".join(reversed(text.split()))


def language_run(folder: Path, base: Path, tag: str, options: Options, extend: str = "off") -> Path:
    lines = [text if tag == "eng-Latn" else turned(text) for text, _ in rows(0, 40)]
    (folder / f"{tag}.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    recipe = folder / f"{tag}.yaml"
    recipe.write_text(LANGUAGE.format(tag=tag, base=base, extend=extend), encoding="utf-8")
    return run_recipe(recipe, folder / f"run-{tag}-{extend}", options=options).folder


def task_recipe(folder: Path, base: Path, over: dict[str, Path]) -> Path:
    for split, (start, stop) in {"train": (0, 24), "dev": (24, 32)}.items():
        write_tsv(folder / f"{split}.tsv", rows(start, stop))
    write_tsv(folder / "test.tsv", [(turned(text), label) for text, label in rows(32, 44)])
    recipe = folder / "task.yaml"
    said = ", ".join(f'{tag}: "{run}"' for tag, run in over.items())
    recipe.write_text(TASK.format(base=base, over=said), encoding="utf-8")
    return recipe


def test_a_task_learned_in_one_language_is_predicted_in_another(base: Path, tmp_path: Path, options: Options) -> None:
    runs = {tag: language_run(tmp_path, base, tag, options) for tag in ("eng-Latn", "qaa-Latn")}
    run = run_recipe(task_recipe(tmp_path, base, runs), tmp_path / "task", options=options)
    assert run.record.status == "done", "asked again in a fresh process, it gave the same answers"
    classifier = Run(run.folder, options=options).predictor
    encoder = classifier.model.encoder
    assert set(adapter_languages(encoder)) == set(runs)
    text = ["good rice and friendly people"]
    english, other = (classifier.predict(text, language=tag)[0].probabilities for tag in runs)
    assert english != other, "each language is read through its own adapter"
    with pytest.raises(ModelError, match="a text of unknown language cannot be read"):
        classifier.predict(text)
    assert not (run.folder / "merged").exists()


def test_only_the_task_learns(base: Path, tmp_path: Path, options: Options) -> None:
    runs = {tag: language_run(tmp_path, base, tag, options) for tag in ("eng-Latn",)}
    recipe = task_recipe(tmp_path, base, runs)
    recipe.write_text(recipe.read_text().replace("qaa-Latn", "eng-Latn"))
    run = run_recipe(recipe, tmp_path / "task", options=options)
    saved = tmp_path / "run-eng-Latn-off" / "model" / "adapter" / "adapter_model.safetensors"
    from safetensors.torch import load_file

    before = load_file(saved)
    after = load_file(run.folder / "model" / "adapter" / "language_eng-Latn" / "adapter_model.safetensors")
    assert {name.replace(".roberta.", ".") for name in before} == set(after)
    for name, weight in before.items():
        assert torch.equal(weight, after[name.replace(".roberta.", ".")])
    encoder = run.predictor.model.encoder
    activate_language(encoder, "eng-Latn")
    assert any(bool(weight.any()) for name, weight in encoder.named_parameters() if "default" in name and "up" in name)


def test_what_cannot_be_stacked_is_refused(base: Path, tiny_encoder: Path, tmp_path: Path, options: Options) -> None:
    grown = language_run(tmp_path, base, "qaa-Latn", options, extend="8")
    with pytest.raises(ModelError, match="do not have the same pieces"):
        run_recipe(task_recipe(tmp_path, base, {"qaa-Latn": grown}), tmp_path / "one", options=options)
    with pytest.raises(PlanError, match="“nowhere” is not the folder of a run"):
        run_recipe(task_recipe(tmp_path, base, {"qaa-Latn": Path("nowhere")}), tmp_path / "two", options=options)
    with pytest.raises(ModelError, match="another base"):
        run_recipe(task_recipe(tmp_path, tiny_encoder, {"qaa-Latn": grown}), tmp_path / "three", options=options)
    recipe = tmp_path / "qaa-Latn.yaml"
    recipe.write_text(recipe.read_text().replace("invertible: true", f'language_adapters: {{qaa-Latn: "{grown}"}}'))
    with pytest.raises(PlanError, match="is for classification, not for pre-training"):
        run_recipe(recipe, tmp_path / "four", options=options)
