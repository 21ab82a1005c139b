"""Learning rates of a method: dev scores of NusaX sentiment in Minangkabau, one seed. The test part is not looked at.

    python benchmarks/learning_rates.py --mirror FOLDER --methods lora ia3 --rates 0.0003 0.001 0.003

The default rates in lowres/recipe/methods.py were chosen with it. Finished runs are kept and not repeated.
"""

import argparse
from pathlib import Path

from carrying import carry_out
from methods import METHODS, TASKS, Cell, recipe_of

from lowres.runs.layout import RECORD
from lowres.runs.run import read_record


def main() -> None:
    """Run what is missing and print one line per method."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mirror", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=Path("runs/rates"))
    parser.add_argument("--methods", nargs="+", choices=list(METHODS), default=list(METHODS))
    parser.add_argument("--rates", nargs="+", default=["0.0003", "0.001", "0.003"])
    parser.add_argument("--epochs", type=int, default=5)
    asked = parser.parse_args()
    print(f"| method | {' | '.join(asked.rates)} |\n|---|{'---|' * len(asked.rates)}", flush=True)
    for method in asked.methods:
        print(f"| {method} | {' | '.join(dev(method, rate, asked) for rate in asked.rates)} |", flush=True)


def dev(method: str, rate: str, asked: argparse.Namespace) -> str:
    """The best dev score of one run, carried out if need be."""
    cell = Cell(method, "16", {13: asked.out / f"{method.replace(', ', '-')}-{rate.partition('.')[2]}"})
    if not cell.done:
        training = f", epochs: {asked.epochs}, learning_rate: {rate}"
        carry_out(recipe_of(TASKS["sentiment"], cell, 13, training), cell.folders[13], [asked.mirror])
    if not cell.done:
        return "–"
    facts = read_record(cell.folders[13] / RECORD).training
    return f"{facts.best_dev:.1f}" if facts else "–"


if __name__ == "__main__":
    main()
