"""MAD-X: zero-shot transfer with and without language adapters under the task adapter, compared on the same texts.

    python benchmarks/madx.py --mirror FOLDER --out runs

Runs recipes/madx-indonesian.yaml, madx-buginese.yaml and madx-sentiment.yaml, the first two into the folders that the third names,
and the third again without its language adapters. Finished runs are kept and not repeated.
"""

import argparse
from pathlib import Path

import numpy as np
from carrying import carry_out
from methods import TASKS, Cell, difference, resampled

RECIPES = Path(__file__).parent.parent / "recipes"
LANGUAGE_ADAPTERS = ", language_adapters: {ind-Latn: runs/madx-indonesian, bug-Latn: runs/madx-buginese}"


def main() -> None:
    """Run what is missing, print both scores and their difference."""
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
    recipes = {
        "plain": text.replace(LANGUAGE_ADAPTERS, ""),
        "stacked": text.replace("runs/madx", str(asked.out.resolve() / "madx")),
    }
    cells = {
        system: Cell(system, "16", {seed: asked.out / f"madx-{system}-{seed}" for seed in asked.seeds})
        for system in recipes
    }
    for seed in asked.seeds:
        for system, recipe in recipes.items():
            carry_out(
                recipe.replace("patience: 100", f"patience: 100, seed: {seed}"),
                cells[system].folders[seed],
                [asked.mirror],
            )
    task, folders = TASKS["sentiment"], {system: list(cell.done.values()) for system, cell in cells.items()}
    print("| zero-shot, Indonesian → Buginese | macro-F1 [95 %] |\n|---|---|")
    for system, found in folders.items():
        scores = resampled(task, found)
        low, high = np.quantile(scores[1:], [0.025, 0.975])
        print(f"| {system} | {scores[0]:.1f} [{low:.1f}, {high:.1f}] |")
    print(f"\ndifference, stacked − plain: {difference(task, folders['stacked'], folders['plain'])}")


if __name__ == "__main__":
    main()
