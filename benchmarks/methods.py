"""Every method over a base in 16, 8 and 4 bits: scores, trained parameters, time and memory. One table per task.

    python benchmarks/methods.py --mirror FOLDER --out runs/methods

Each run is a process of its own, so that its memory is its own; finished runs are kept and not repeated, and the table is made of
those that are there. Scores are means over the seeds with the 95 % interval from resampling the texts; the difference to the same
method in 16 bits is paired by text over all seeds.
"""

import argparse
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from carrying import carry_out, done
from numpy.typing import NDArray

from lowres.evaluation.classification_statistics import count
from lowres.evaluation.sufficient_statistics import SufficientStatistics
from lowres.evaluation.translation_statistics import CHRF, match
from lowres.recipe.methods import METHOD_FACTS, MethodFacts
from lowres.runs.layout import MODEL, PREDICTIONS, RECORD
from lowres.runs.run import read_record

METHODS = {
    "lora": "{kind: lora}",
    "lora, dora": "{kind: lora, dora: true}",
    "lora, rslora": "{kind: lora, rslora: true}",
    "lora, pissa": "{kind: lora, init: pissa}",
    "lora, loftq": "{kind: lora, init: loftq}",
    "oft": "{kind: oft}",
    "ia3": "{kind: ia3}",
    "adalora": "{kind: adalora}",
    "bottleneck, pfeiffer": "{kind: bottleneck}",
    "bottleneck, houlsby": "{kind: bottleneck, style: houlsby}",
    "bottleneck, parallel": "{kind: bottleneck, style: parallel}",
    "full": "{kind: full}",
    "freeze": "{kind: freeze}",
    "features": "{kind: features}",
    "head": "{kind: head}",
    "decoder": "{kind: decoder}",
}
BITS = {"16": "off", "8": "8bit", "4": "4bit"}
SENTIMENT = """\
lowres: 2
name: {name}
task: {{kind: classification}}
data: {{card: nusax-sentiment, subset: min}}
base: {{name: starter:encoder, quantize: {bits}}}
vocabulary: {{extend: off, trim: lattice}}
method: {method}
training: {{batch_tokens: 1024, patience: 100, seed: {seed}{training}}}
ensemble: {{ngrams: off}}
evaluation: {{baselines: false}}
"""
TRANSLATION = """\
lowres: 2
name: {name}
task: {{kind: translation, source: dsb-Latn, target: hsb-Latn}}
data: {{card: django-messages, subset: [dsb, hsb]}}
base: {{name: starter:translation, quantize: {bits}}}
vocabulary: {{extend: off, trim: used}}
method: {method}
training: {{batch_tokens: 1024, patience: 100, seed: {seed}{training}}}
ensemble: {{phrase_table: off}}
decoding: {{beams: 1}}
evaluation: {{baselines: false}}
"""
RESAMPLES = 1000


def labels(lines: Sequence[Mapping[str, str]]) -> SufficientStatistics:
    true, chosen = ([line[key] for line in lines] for key in ("reference", "prediction"))
    return count(true, chosen, ["all"] * len(lines), sorted({*true, *chosen}), None)


def translations(lines: Sequence[Mapping[str, str]]) -> SufficientStatistics:
    true, written = ([line[key] for line in lines] for key in ("reference", "prediction"))
    return match(true, written, ["all"] * len(lines), None, (CHRF,))


@dataclass(frozen=True)
class Task:
    """A recipe template, and the sufficient statistics of its predictions."""

    recipe: str
    kind: str
    sums: Callable[[Sequence[Mapping[str, str]]], SufficientStatistics]


TASKS = {
    "sentiment": Task(SENTIMENT, "classification", labels),
    "translation": Task(TRANSLATION, "translation", translations),
}


@dataclass(frozen=True)
class Cell:
    """A method, the bits of the base's weights, and the folders of the runs by seed."""

    method: str
    bits: str
    folders: Mapping[int, Path]

    @property
    def done(self) -> dict[int, Path]:
        """The folders of finished runs, by seed."""
        return {seed: folder for seed, folder in self.folders.items() if done(folder)}


def main() -> None:
    """Run what is missing, then print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mirror", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=Path("runs/methods"))
    parser.add_argument("--seeds", type=int, nargs="+", default=[13, 14, 15])
    parser.add_argument("--tasks", nargs="+", choices=list(TASKS), default=list(TASKS))
    parser.add_argument("--methods", nargs="+", choices=list(METHODS), default=list(METHODS))
    parser.add_argument("--bits", nargs="+", choices=list(BITS), default=list(BITS))
    parser.add_argument("--epochs", type=int, help="for the methods whose default is ten epochs")
    parser.add_argument("--table", action="store_true", help="run nothing")
    asked = parser.parse_args()
    for task in asked.tasks:
        cells = cells_of(task, asked.methods, asked.bits, asked.seeds, asked.out)
        for seed in asked.seeds:
            for cell in () if asked.table else cells:
                if seed not in cell.done:
                    often = asked.epochs and facts_of(cell.method).epochs == 10
                    training = f", epochs: {asked.epochs}" if often else ""
                    carry_out(recipe_of(TASKS[task], cell, seed, training), cell.folders[seed], [asked.mirror])
        print(f"\n{task}\n\n{table(TASKS[task], cells)}", flush=True)


def cells_of(task: str, methods: list[str], bits: list[str], seeds: list[int], out: Path) -> list[Cell]:
    """The combinations that are possible, those in 16 bits first."""
    return [
        Cell(method, held, {seed: out / f"{task}-{method.replace(', ', '-')}-{held}-{seed}" for seed in seeds})
        for held in bits
        for method in methods
        if possible(TASKS[task].kind, method, held)
    ]


def facts_of(method: str) -> MethodFacts:
    return METHOD_FACTS[METHODS[method].removeprefix("{kind: ").split(",")[0].rstrip("}")]


def possible(kind: str, method: str, bits: str) -> bool:
    facts = facts_of(method)
    starts = {"lora, pissa": bits == "16", "lora, loftq": bits != "16", "lora, dora": bits != "8"}
    return kind in facts.tasks and (bits == "16" or facts.quantizable) and starts.get(method, True)


def recipe_of(task: Task, cell: Cell, seed: int, training: str) -> str:
    """The recipe of one run; `training` holds further keys of its section “training”."""
    return task.recipe.format(
        name=cell.folders[seed].name, bits=BITS[cell.bits], method=METHODS[cell.method], seed=seed, training=training
    )


def table(task: Task, cells: Sequence[Cell]) -> str:
    """A line for each cell that has finished runs."""
    lines = [
        "| method | bits | seeds | dev | test [95 %] | difference to 16 bits [95 %], p | trained | seconds | GiB | MB on disk |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    whole = {cell.method: cell for cell in cells if cell.bits == "16"}
    for cell in cells:
        if cell.done:
            lines.append(line(task, cell, whole.get(cell.method)))
    return "\n".join(lines)


def line(task: Task, cell: Cell, whole: Cell | None) -> str:
    records = [read_record(folder / RECORD) for folder in cell.done.values()]
    scores = resampled(task, list(cell.done.values()))
    low, high = np.quantile(scores[1:], [0.025, 0.975])
    shared = sorted(set(cell.done) & set(whole.done)) if whole and whole is not cell else []
    gap = difference(task, [cell.done[s] for s in shared], [whole.done[s] for s in shared]) if whole and shared else ""
    dev = np.mean([record.training.best_dev for record in records if record.training])
    trained = np.mean([record.training.trained_parameters for record in records if record.training])
    seconds = np.mean([record.training.seconds for record in records if record.training])
    memory = max(record.cost.peak_memory_gib for record in records if record.cost)
    size = sum(file.stat().st_size for file in (cell.done[min(cell.done)] / MODEL / "adapter").rglob("*")) / 1e6
    return (
        f"| {cell.method} | {cell.bits} | {len(records)} | {dev:.1f} | {scores[0]:.1f} [{low:.1f}, {high:.1f}] | {gap} | "
        f"{trained:,.0f} | {seconds:.0f} | {memory:.1f} | {size:.1f} |"
    )


def resampled(task: Task, folders: Sequence[Path], seed: int = 13) -> NDArray[np.float64]:
    """The score of all test texts, then those of the resamples, each the mean over the runs: shape (1 + resamples,)."""
    runs = [
        task.sums([json.loads(text) for text in (folder / PREDICTIONS).read_text("utf-8").splitlines()])
        for folder in folders
    ]
    texts = runs[0].clusters
    drawn = np.random.default_rng(seed).multinomial(texts, np.full(texts, 1 / texts), size=RESAMPLES)
    weights = np.vstack([np.ones(texts), drawn])
    return np.mean([run.primary_values(run.weighted(weights))[:, 0] for run in runs], axis=0)


def difference(task: Task, mine: Sequence[Path], theirs: Sequence[Path]) -> str:
    """Difference of two sets of runs on the same texts, resampled together: value, 95 % interval, two-sided p value."""
    gaps = resampled(task, mine) - resampled(task, theirs)
    low, high = np.quantile(gaps[1:], [0.025, 0.975])
    p = min(1.0, 2 * min(np.mean(gaps[1:] <= 0), np.mean(gaps[1:] >= 0)))
    return f"{gaps[0]:+.1f} [{low:+.1f}, {high:+.1f}], {p:.2f}"


if __name__ == "__main__":
    main()
