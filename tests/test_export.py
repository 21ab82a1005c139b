"""What leaves a run: proof that the files are the model, one ordinary checkpoint, and code that needs no lowres."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file
from test_run import write_recipe
from test_translate_run import TEXTS, prepared

from lowres.errors import ModelError
from lowres.export import export_merged
from lowres.planning import Options
from lowres.planning.plan import base_of
from lowres.recipe import open_recipe
from lowres.running import run as run_recipe
from lowres.runs.reload_check import check_reload, read_sample
from lowres.runs.run import Run, load_predictor

TEXTS_TO_LABEL = ["the soup was warm and good by the river", "bad rice and angry people on the hill", "rude"]
QUIET = {"evaluation:": "ensemble: {ngrams: off, phrase_table: off}\nevaluation:", "epochs: 30": "epochs: 4"}


def labelled(folder: Path, base: Path, options: Options, **changes: str) -> Run:
    return run_recipe(write_recipe(folder, base, **{**QUIET, **changes}), folder / "out", options=options)


def code_of(readme: Path) -> str:
    return readme.read_text(encoding="utf-8").split("```python\n")[1].split("```")[0]


def said_by(code: str, folder: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=False, timeout=300
    )
    assert not done.returncode, done.stderr
    return done.stdout.strip().splitlines()[-1]


@pytest.mark.parametrize(
    "changes",
    [
        {"method: {kind: lora, rank: 8}": "vocabulary: {extend: 12, initialise: mean}\nmethod: {kind: lora, rank: 8}"},
        {"pooling: mean": "pooling: first, quantize: 4bit", "{kind: lora, rank: 8}": "{kind: oft, block_size: 8}"},
        {"{kind: lora, rank: 8}": "{kind: freeze, layers: 1}"},
    ],
    ids=["lora and new rows", "oft over 4 bits", "freeze"],
)
def test_a_run_becomes_one_checkpoint_that_transformers_alone_can_use(
    changes: dict[str, str], small_data: Path, tiny_encoder: Path, options: Options
) -> None:
    run = labelled(small_data, tiny_encoder, options, **changes)
    here = [answer.label for answer in Run(run.folder, options=options).predict(TEXTS_TO_LABEL)]
    merged = export_merged(run)
    for folder in (merged, run.folder / "model"):
        code = code_of(folder / "README.md").replace('["…"]', json.dumps(TEXTS_TO_LABEL))
        assert "lowres" not in code
        assert said_by(code, folder) == str(here)
    again = (small_data / "again").absolute()
    recipe = write_recipe(small_data, run.folder, **{**QUIET, "pooling: mean": "pooling: auto"})
    second = run_recipe(recipe, again, options=options)
    assert second.record.status == "done"
    kept = Run(again, options=options).predictor.facts
    assert kept.pooling == run.predictor.facts.pooling, "the next run reads texts as the first one did"


def test_a_run_becomes_a_base_by_itself(small_data: Path, tiny_encoder: Path, options: Options) -> None:
    """With the tokens that it chose and added; its head for labels is left out."""
    rows = "vocabulary: {extend: 12, initialise: mean, trim: used}\nmethod: {kind: lora, rank: 8}"
    run = labelled(small_data, tiny_encoder, options, **{"method: {kind: lora, rank: 8}": rows})
    recipe = write_recipe(small_data, run.folder, **{**QUIET, "pooling: mean": "pooling: auto"})
    before = base_of(open_recipe(recipe), options, build=False)
    assert not (run.folder / "merged").exists() and before.vocabulary_size == len(run.predictor.tokenizer)
    second = run_recipe(recipe, small_data / "again", options=options)
    after = base_of(open_recipe(recipe), options, build=True)
    assert (run.folder / "merged" / "config.json").exists()
    assert (after.vocabulary_size, after.parameters, after.name) == (
        before.vocabulary_size,
        before.parameters,
        before.name,
    )
    assert any("was merged into its base" in finding.what for finding in second.record.findings)
    assert second.predict(TEXTS_TO_LABEL)


def test_a_translator_leaves_as_one_checkpoint(tiny_encoder: Path, tmp_path: Path, options: Options) -> None:
    recipe = prepared(tmp_path, tiny_encoder, "lora")
    recipe.write_text(recipe.read_text().replace("both: true", "hints: off") + "ensemble: {phrase_table: off}\n")
    run = run_recipe(recipe, tmp_path / "out", options=options)
    assert "lowres export" in (run.folder / "model" / "README.md").read_text(encoding="utf-8")
    merged = export_merged(run)
    code = code_of(merged / "README.md").replace('"…"', json.dumps(TEXTS[0]))
    asked = [[TEXTS[0], "eng-Latn", "qaa-Latn"]]
    assert (
        said_by(code, merged)
        == load_predictor(run.folder / "model", options, "merged").raw_predictions(asked)[0].strip()
    )


def test_what_cannot_be_merged_exactly_is_refused(small_data: Path, tiny_encoder: Path, options: Options) -> None:
    run = labelled(small_data, tiny_encoder, options, **{"pooling: mean": "pooling: mean, quantize: 8bit"})
    with pytest.raises(ModelError, match="8 bits, where activations are rounded as well"):
        export_merged(run)
    assert not (run.folder / "merged").exists()
    recipe = write_recipe(small_data, run.folder, **QUIET)
    with pytest.raises(ModelError, match="8 bits, where activations are rounded as well"):
        run_recipe(recipe, small_data / "again", options=options)
    with pytest.raises(ModelError, match="cannot be one checkpoint: lora over a base in '8bit' is not merged exactly"):
        base_of(open_recipe(recipe), options, build=False)


def test_a_bottleneck_cannot_be_merged(small_data: Path, tiny_encoder: Path, options: Options) -> None:
    run = labelled(
        small_data, tiny_encoder, options, **{"{kind: lora, rank: 8}": "{kind: bottleneck, reduction_factor: 2}"}
    )
    with pytest.raises(ModelError, match="not a linear map"):
        export_merged(run)


@pytest.mark.parametrize("lost", ["adapter/adapter_model.safetensors", "head.safetensors"])
def test_a_model_that_was_not_saved_as_trained_is_found_out(
    lost: str, small_data: Path, tiny_encoder: Path, options: Options
) -> None:
    run = labelled(small_data, tiny_encoder, options)
    sample = read_sample(run.folder)
    check_reload(run.folder, sample, options)
    file = run.folder / "model" / lost
    weights = load_file(file)
    save_file(
        {name: weight * (-9.0 if "lora_B" in name or name == "weight" else 1.0) for name, weight in weights.items()},
        file,
    )
    with pytest.raises(ModelError, match="the trained model predicted"):
        check_reload(run.folder, sample, options)
    file.unlink()
    with pytest.raises(ModelError, match="cannot be loaded again"):
        check_reload(run.folder, sample, options)
