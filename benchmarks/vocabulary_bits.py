"""Vocabulary adaptation before pre-training: every treatment with the same seeds on one language of NusaX, compared on the same words.

    python benchmarks/vocabulary_bits.py bug --mirror FOLDER --out runs/bits

The metric is bits per character on the same words of the test texts; lower is better. Values are means over the seeds. The interval
and p value of the difference to `untouched` (or to what `--against` names) come from the bits of all seeds, paired and resampled by
text. Finished runs are kept and not repeated.
"""

import argparse
import json
import sys
from pathlib import Path

import numpy as np
from carrying import carry_out

from lowres.evaluation.bits_per_character import bits_statistics, compare_bits
from lowres.evaluation.resampling import Resampling
from lowres.evaluation.sufficient_statistics import SufficientStatistics
from lowres.record import Comparison
from lowres.runs.layout import PREDICTIONS, RECORD
from lowres.runs.run import read_record

RECIPE = """lowres: 2
name: vocabulary {treatment}
task: {{kind: pre-training, scored_words: {words}}}
data: {{card: nusax-sentiment, subset: {language}}}
base: {{name: starter:encoder}}
vocabulary: {vocabulary}
method: {{kind: lora, rank: 16}}
training: {{epochs: {epochs}, batch_tokens: 1024, patience: 100, seed: {seed}}}
evaluation: {{resamples: 200}}
"""
PIVOT = "pivot: [ind, eng]"
TREATMENTS = {
    "untouched": "{extend: off, trim: off}",
    "trim": "{extend: off, trim: lattice}",
    "extend, meaning": f"{{extend: 1000, initialise: meaning, {PIVOT}, trim: off}}",
    "extend, mean": "{extend: 1000, initialise: mean, trim: off}",
    "extend, random": "{extend: 1000, initialise: random, trim: off}",
    "extend, meaning, trim": f"{{extend: 1000, initialise: meaning, {PIVOT}, trim: lattice}}",
    "extend, mean, trim": "{extend: 1000, initialise: mean, trim: lattice}",
    "extend, random, trim": "{extend: 1000, initialise: random, trim: lattice}",
    "extend, similarity, trim": f"{{extend: 1000, initialise: similarity, {PIVOT}, trim: lattice}}",
    "extend, meaning+distil, trim": f"{{extend: 1000, initialise: meaning+distil, {PIVOT}, trim: lattice}}",
}
RESAMPLES = 2000
Folders = dict[tuple[str, int], Path]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("language")
    parser.add_argument("--mirror", type=Path, action="append", default=[])
    parser.add_argument("--out", type=Path, default=Path("runs/bits"))
    parser.add_argument("--seeds", type=int, nargs="+", default=[13, 14, 15])
    parser.add_argument("--treatments", nargs="+", default=list(TREATMENTS), choices=list(TREATMENTS))
    parser.add_argument("--against", default="untouched", choices=list(TREATMENTS))
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--words", type=int, default=400)
    parser.add_argument("--threads", type=int)
    asked = parser.parse_args()
    folders: Folders = {}
    for seed in asked.seeds:
        for treatment in asked.treatments:
            name = f"{asked.language}-{treatment}-{seed}".replace(", ", "-").replace("+", "-")
            folder = folders[treatment, seed] = asked.out / name
            text = RECIPE.format(
                treatment=treatment, language=asked.language, vocabulary=TREATMENTS[treatment], epochs=asked.epochs,
                seed=seed, words=asked.words,
            )  # fmt: skip
            if not carry_out(text, folder, asked.mirror, asked.threads):
                sys.exit(1)
            print(f"{treatment} {seed}: {value(folder):.3f}", flush=True)
    print(table(folders, asked.treatments, asked.seeds, asked.against))


def value(folder: Path) -> float:
    return read_record(folder / RECORD).scores[0].value


def sums(folders: Folders, treatment: str, seeds: list[int]) -> SufficientStatistics:
    """Bits and characters of the runs of all seeds; each text is a cluster."""
    found = [
        json.loads(line)
        for seed in seeds
        for line in (folders[treatment, seed] / PREDICTIONS).read_text(encoding="utf-8").splitlines()
    ]
    bits, characters = (np.array([float(one[key]) for one in found]) for key in ("bits", "characters"))
    return bits_statistics(bits, characters, [one["language"] for one in found], [one["id"] for one in found])


def difference(folders: Folders, treatment: str, against: str, seeds: list[int]) -> Comparison:
    (found,) = compare_bits(
        sums(folders, treatment, seeds), sums(folders, against, seeds), against=against,
        resampling=Resampling(resamples=RESAMPLES),
    )  # fmt: skip
    return found


def table(folders: Folders, treatments: list[str], seeds: list[int], against: str) -> str:
    """A line for each treatment."""
    lines = [
        f"| treatment | bits per character, mean of seeds | by seed | difference to {against} [95 %] | p | tokens | new | seconds |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for treatment in treatments:
        records = [read_record(folders[treatment, seed] / RECORD) for seed in seeds]
        values = [record.scores[0].value for record in records]
        cells = [treatment, f"{np.mean(values):.3f}", ", ".join(f"{one:.3f}" for one in values)]
        if treatment == against or (against, seeds[0]) not in folders:
            cells += ["", ""]
        else:
            found = difference(folders, treatment, against, seeds)
            cells += [f"{found.difference:+.3f} [{found.low:+.3f}, {found.high:+.3f}]", f"{found.p:.2g}"]
        vocabulary = records[0].vocabulary
        assert vocabulary is not None
        seconds = [record.training.seconds for record in records if record.training]
        cells += [f"{vocabulary.tokens:,}", f"{vocabulary.added:,}", f"{np.mean(seconds):.0f}"]
        lines.append(f"| {' | '.join(cells)} |")
    rival = [next(one for one in record.baselines if one.name.startswith("character")) for record in records]
    lines.append(f"| character 5-grams | {np.mean([one.scores[0].value for one in rival]):.3f} | | | | | | |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
