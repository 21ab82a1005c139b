"""Does a language adapter under the task's adapter help where a language has no labels? Beside it the same without, paired.

    python benchmarks/madx.py --mirror ../shared/data --out runs

Runs recipes/madx-indonesian.yaml, madx-buginese.yaml and madx-sentiment.yaml into the folders that the third names, and the third
without its language adapters; finished runs are kept.
"""

import argparse
from pathlib import Path

import numpy as np
from carrying import carry_out
from methods import TASKS, Cell, difference, resampled

RECIPES = Path(__file__).parent.parent / "recipes"
OVER = ", language_adapters: {ind-Latn: runs/madx-indonesian, bug-Latn: runs/madx-buginese}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mirror", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=Path("runs"))
    parser.add_argument("--seeds", type=int, nargs="+", default=[13, 14, 15])
    asked = parser.parse_args()
    for language in ("indonesian", "buginese"):
        carry_out(
            (RECIPES / f"madx-{language}.yaml").read_text("utf-8"), asked.out / f"madx-{language}", [asked.mirror]
        )
    text = (RECIPES / "madx-sentiment.yaml").read_text("utf-8")
    ways = {"plain": text.replace(OVER, ""), "stacked": text.replace("runs/madx", str(asked.out.resolve() / "madx"))}
    cells = {way: Cell(way, "16", {seed: asked.out / f"madx-{way}-{seed}" for seed in asked.seeds}) for way in ways}
    for seed in asked.seeds:
        for way, recipe in ways.items():
            carry_out(
                recipe.replace("patience: 100", f"patience: 100, seed: {seed}"),
                cells[way].folders[seed],
                [asked.mirror],
            )
    task, folders = TASKS["sentiment"], {way: list(cell.done.values()) for way, cell in cells.items()}
    print("| zero-shot, Indonesian → Buginese | macro-F1 [95 %] |\n|---|---|")
    for way, found in folders.items():
        scores = resampled(task, found)
        low, high = np.quantile(scores[1:], [0.025, 0.975])
        print(f"| {way} | {scores[0]:.1f} [{low:.1f}, {high:.1f}] |")
    print(f"\nstacked less plain: {difference(task, folders['stacked'], folders['plain'])}")


if __name__ == "__main__":
    main()
