"""A small translator over starter:decoder as lowres and as CTranslate2 compute it: processor seconds, size, equal answers.

    python benchmarks/decoder_export.py --out runs/decoder-export

Software messages (the package django), Indonesian into English, one thread. The run and its exports are kept and not repeated.
"""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import numpy as np
import polib
import torch
from carrying import carry_out

from lowres.evaluation.prediction_files import read_predictions
from lowres.evaluation.translation_scores import primary_metric
from lowres.export.decoder_answers import trial_keys
from lowres.export.decoders_to_ctranslate2 import convert, signals
from lowres.export.fidelity import Trial, mib_of, weights_mib
from lowres.planning import Options
from lowres.runs.layout import MODEL, PREDICTIONS
from lowres.runs.run import Run, load_predictor, model_digest
from lowres.tasks.engines import EXPORT_JSON, restore_exported
from lowres.tasks.prompted_translation.exported import PromptedExportFacts

RECIPE = """\
lowres: 2
name: Messages from Indonesian by a small decoder
task: {kind: translation, source: ind-Latn, target: eng-Latn, hints: off}
data:
  files:
    train: {ind-Latn: train.id, eng-Latn: train.en}
    dev: {ind-Latn: dev.id, eng-Latn: dev.en}
    test: {ind-Latn: test.id, eng-Latn: test.en}
  licence: BSD-3-Clause
  source: messages of Django
base: {name: starter:decoder}
vocabulary: {extend: off, trim: off}
method: {kind: lora}
training: {epochs: 2, batch_tokens: 512, max_length: 128}
ensemble: {phrase_table: off}
evaluation: {few_shot: 0, resamples: 100}
"""
SPLITS = {"train": 96, "dev": 12, "test": 40}


@click.command()
@click.option("--out", type=click.Path(path_type=Path), default=Path("runs/decoder-export"), show_default=True)
@click.option("--texts", type=int, default=40, show_default=True, help="Number of test texts.")
def main(out: Path, texts: int) -> None:
    """Print a Markdown table."""
    out.mkdir(parents=True, exist_ok=True)
    write_messages(out)
    if not carry_out(RECIPE, out / "run", ()):
        raise SystemExit(1)
    options = Options(device="cpu", threads=1)
    model, run = out / "run" / MODEL, Run(out / "run", options=options)
    rows = list(read_predictions(run.folder / PREDICTIONS).rows.values())[:texts]
    trial = Trial([[str(row[key]) for key in trial_keys("translation")] for row in rows], rows)
    exact = load_predictor(model, options, "merged")
    size, digest = weights_mib(exact.transformer), model_digest(model)
    print(
        f"| {len(rows)} texts | MiB | seconds | answers as in 32 bits by lowres | difference | chrF++ |\n|---|---|---|---|---|---|"
    )
    own = told("lowres, float32", exact, trial, size)
    expected = signals(exact, trial, own)
    told("lowres, as `lowres predict` computes", load_predictor(model, options), trial, size, own, expected)
    for bits in (32, 8):
        folder = out / str(bits)
        if not folder.exists():
            merged = load_predictor(model, options, "merged")
            folder.mkdir()
            convert(merged, bits, folder)
            facts = PromptedExportFacts(model=digest, positions=merged.prompts.positions)
            (folder / EXPORT_JSON).write_text(facts.model_dump_json(), encoding="utf-8")
        converted = restore_exported("ctranslate2", folder, model, digest, options)
        told(f"CTranslate2, {bits} bits", converted, trial, mib_of(folder), own, expected)


def told(
    name: str, predictor: Any, trial: Trial, size: float, own: Sequence[str] = (), expected: Sequence[float] = ()
) -> list[str]:
    """Print a row of the table, and return the answers."""
    torch.set_num_threads(1)
    begun = time.process_time()
    found: list[str] = predictor.raw_predictions(trial.inputs)
    spent = time.process_time() - begun
    same = sum(map(str.__eq__, own, found)) if own else "–"
    apart = f"{np.abs(np.subtract(expected, signals(predictor, trial, own))).mean():.2g}" if own else "–"
    score = primary_metric([str(row["reference"]) for row in trial.rows], found, ["ind-Latn→eng-Latn"] * len(found))
    print(f"| {name} | {size:.0f} | {spent:.1f} | {same} | {apart} | {score:.1f} |", flush=True)
    return found


def write_messages(folder: Path) -> None:
    """Write the messages of each split, in both languages, line by line."""
    from importlib.metadata import distribution

    package = distribution("django")
    files = [file for file in package.files or () if file.match("locale/id/LC_MESSAGES/django.po")]
    entries = [entry for file in sorted(map(str, files)) for entry in polib.pofile(str(package.locate_file(file)))]
    pairs = [
        (one.msgstr, one.msgid) for one in entries if 30 < len(one.msgid) < 120 and one.msgstr and "\n" not in one.msgid
    ]
    start = 0
    for split, count in SPLITS.items():
        for side, end in enumerate(("id", "en")):
            lines = [pair[side].replace("\n", " ") for pair in pairs[start : start + count]]
            (folder / f"{split}.{end}").write_text("\n".join(lines) + "\n", encoding="utf-8")
        start += count


if __name__ == "__main__":
    main()
