"""Vocabulary adaptation before classification: every treatment with the same seeds on NusaX sentiment in one language.

    python benchmarks/vocabulary_sentiment.py bug --mirror FOLDER --out runs/vocabulary

The encoder is scored alone, without the n-gram classifier. Scores are means over the seeds; the interval and p value of the difference
to `untouched` come from the predictions of all seeds, paired and resampled by text. Finished runs are kept and not repeated.
"""

import argparse
import json
import sys
from pathlib import Path

import numpy as np
from carrying import carry_out
from sklearn.metrics import f1_score

from lowres.runs.layout import PREDICTIONS, RECORD
from lowres.runs.run import read_record

RECIPE = """lowres: 2
name: vocabulary {treatment}
task: {{kind: classification}}
data: {{card: nusax-sentiment, subset: {language}}}
base: {{name: starter:encoder}}
vocabulary: {vocabulary}
method: {{kind: lora, rank: 16}}
training: {{epochs: {epochs}, batch_tokens: 512, patience: 100, seed: {seed}}}
ensemble: {{ngrams: off}}
evaluation: {{baselines: false}}
"""
PIVOT = "pivot: [ind, eng]"
TREATMENTS = {
    "untouched": "{extend: off, trim: off}",
    "trim": "{extend: off, trim: lattice}",
    "extend, random": "{extend: 2000, initialise: random, trim: off}",
    "extend, mean": "{extend: 2000, initialise: mean, trim: off}",
    "extend, similarity": "{extend: 2000, initialise: similarity, trim: off}",
    "extend, meaning": f"{{extend: 2000, initialise: meaning, {PIVOT}, trim: off}}",
    "extend, meaning+distil, trim": f"{{extend: 2000, initialise: meaning+distil, {PIVOT}, trim: lattice}}",
}
RESAMPLES = 2000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("language")
    parser.add_argument("--mirror", type=Path, action="append", default=[])
    parser.add_argument("--out", type=Path, default=Path("runs/vocabulary"))
    parser.add_argument("--seeds", type=int, nargs="+", default=[13, 14, 15])
    parser.add_argument("--treatments", nargs="+", default=list(TREATMENTS), choices=list(TREATMENTS))
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--threads", type=int)
    asked = parser.parse_args()
    folders = {}
    for seed in asked.seeds:
        for treatment in asked.treatments:
            vocabulary = TREATMENTS[treatment]
            name = f"{asked.language}-{treatment}-{seed}".replace(", ", "-").replace("+", "-")
            folder = folders[treatment, seed] = asked.out / name
            text = RECIPE.format(
                treatment=treatment, language=asked.language, vocabulary=vocabulary, epochs=asked.epochs, seed=seed
            )
            if not carry_out(text, folder, asked.mirror, asked.threads):
                sys.exit(1)
            print(f"{treatment} {seed}: {record_score(folder):.2f}", flush=True)
    print(table(folders, asked.seeds))


def record_score(folder: Path) -> float:
    record = read_record(folder / RECORD)
    return next(
        score.value for score in record.scores if score.name == record.primary_metric and score.language is None
    )


def table(folders: dict[tuple[str, int], Path], seeds: list[int]) -> str:
    """A line for each treatment."""
    lines = [
        "| treatment | macro-F1, mean of seeds | by seed | difference to untouched [95 %] | p | tokens | new | tokens per word, dev | "
        "seconds: vocabulary, training | GiB |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for treatment in dict.fromkeys(treatment for treatment, _ in folders):
        scores = [record_score(folders[treatment, seed]) for seed in seeds]
        low, high, p = difference([folders[treatment, s] for s in seeds], [folders["untouched", s] for s in seeds])
        record = read_record(folders[treatment, seeds[0]] / RECORD)
        fit, cost = record.vocabulary, record.cost
        assert fit and cost
        fertility = next(row.tokens_per_word for row in fit.fertility if row.split == "dev")
        gap = np.mean(scores) - np.mean([record_score(folders["untouched", seed]) for seed in seeds])
        lines.append(
            f"| {treatment} | {np.mean(scores):.1f} | {' '.join(f'{score:.1f}' for score in scores)} | {gap:+.1f} "
            f"[{low:+.1f}, {high:+.1f}] | {p:.2f} | {fit.tokens} | {fit.added} | {fertility:.2f} | "
            f"{cost.seconds['vocabulary']:.0f}, {cost.seconds['training']:.0f} | {cost.peak_memory_gib:.1f} |"
        )
    return "\n".join(lines)


def difference(mine: list[Path], theirs: list[Path]) -> tuple[float, float, float]:
    """Difference of macro-F1, mean over seeds, by a bootstrap over texts: 95 % interval and two-sided p value."""
    sides = [[predictions(folder) for folder in side] for side in (mine, theirs)]
    references = np.array([row["reference"] for row in sides[0][0]])
    chosen = [[np.array([row["prediction"] for row in seed]) for seed in side] for side in sides]
    rng, found = np.random.default_rng(13), []
    for _ in range(RESAMPLES):
        rows = rng.integers(len(references), size=len(references))
        scores = [
            np.mean([100 * f1_score(references[rows], seed[rows], average="macro") for seed in side]) for side in chosen
        ]
        found.append(scores[0] - scores[1])
    low, high = np.quantile(found, [0.025, 0.975])
    p = 2 * min(np.mean(np.array(found) <= 0), np.mean(np.array(found) >= 0))
    return float(low), float(high), min(1.0, float(p))


def predictions(folder: Path) -> list[dict[str, str]]:
    return [json.loads(line) for line in (folder / PREDICTIONS).read_text(encoding="utf-8").splitlines()]


if __name__ == "__main__":
    main()
