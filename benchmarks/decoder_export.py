"""A small translator over starter:decoder as lowres and as CTranslate2 compute it: processor seconds, size, equal answers.

    python benchmarks/decoder_export.py --out runs/decoder-export

Software messages (the package django), Indonesian into English, one thread. The run and its exports are kept and not repeated.
"""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import polib
import torch
from carrying import carry_out

from lowres.evaluation.prediction_files import read_predictions
from lowres.evaluation.translation_scores import primary_metric
from lowres.export import export
from lowres.export.fidelity import mib_of, weights_mib
from lowres.planning import Options
from lowres.runs.layout import MODEL, PREDICTIONS
from lowres.runs.run import Run, load_exported, load_predictor

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
def main(out: Path) -> None:
    """Print a Markdown table."""
    out.mkdir(parents=True, exist_ok=True)
    write_messages(out)
    if not carry_out(RECIPE, out / "run", ()):
        raise SystemExit(1)
    options = Options(device="cpu", threads=1)
    run = Run(out / "run", options=options)
    rows = list(read_predictions(run.folder / PREDICTIONS).rows.values())
    inputs = [[str(row[key]) for key in ("source", "source_language", "target_language")] for row in rows]
    references = [str(row["reference"]) for row in rows]
    exact = load_predictor(run.folder / MODEL, options, "merged")
    size = weights_mib(exact.transformer)
    print(
        f"| {len(rows)} texts | weights, MiB | seconds | answers as in 32 bits by lowres | chrF++ |\n|---|---|---|---|---|"
    )
    own = told("lowres, float32", exact, inputs, references, size, ())
    told(
        "lowres, as `lowres predict` computes",
        load_predictor(run.folder / MODEL, options),
        inputs,
        references,
        size,
        own,
    )
    for bits in (32, 16, 8):
        folder = out / f"{bits}"
        if not folder.exists():
            export(run, "ctranslate2", bits, folder)
        shown = run.folder / "ctranslate2"
        shown.unlink(missing_ok=True)
        shown.symlink_to(folder.resolve())
        converted = load_exported(run.folder, "ctranslate2", options)
        told(f"CTranslate2, {bits} bits", converted, inputs, references, mib_of(folder), own)


def told(
    name: str,
    predictor: Any,
    inputs: Sequence[Sequence[str]],
    references: Sequence[str],
    size: float,
    own: Sequence[str],
) -> list[str]:
    """Print a row of the table, and return the answers."""
    torch.set_num_threads(1)
    predictor.raw_predictions(inputs[:2])
    begun = time.process_time()
    found: list[str] = predictor.raw_predictions(inputs)
    spent = time.process_time() - begun
    same = sum(map(str.__eq__, own, found)) if own else "–"
    score = primary_metric(references, found, ["ind-Latn→eng-Latn"] * len(found))
    print(f"| {name} | {size:.0f} | {spent:.1f} | {same} | {score:.1f} |", flush=True)
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
