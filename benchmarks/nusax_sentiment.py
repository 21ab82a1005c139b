"""Run a recipe with several seeds and print its scores as a Markdown table, by language and on average.

    python benchmarks/nusax_sentiment.py recipes/nusax-sentiment-all.yaml --mirror FOLDER --out runs/bench

A finished run is kept and not repeated, so an interrupted benchmark can be started again.
"""

import statistics
from pathlib import Path

import click

from lowres.planning import Options
from lowres.recipe import RecipeFile, open_recipe
from lowres.record import Record
from lowres.running import run
from lowres.runs.layout import RECORD
from lowres.runs.run import read_record


@click.command()
@click.argument("recipe", type=click.Path(exists=True, path_type=Path))
@click.option("--seed", "seeds", multiple=True, type=int, default=(13, 14, 15), show_default=True)
@click.option("--out", type=click.Path(path_type=Path), default=Path("runs/bench"), show_default=True)
@click.option("--mirror", "mirrors", multiple=True, type=click.Path(exists=True, path_type=Path))
@click.option("--threads", type=int)
@click.option("--table-only", is_flag=True, help="Run nothing; print the table of finished runs.")
def main(
    recipe: Path, seeds: tuple[int, ...], out: Path, mirrors: tuple[Path, ...], threads: int | None, table_only: bool
) -> None:
    """Train with every seed, then print the table."""
    file = open_recipe(recipe)
    options = Options(mirrors=mirrors, threads=threads)
    records = []
    for seed in seeds:
        folder = out / f"{recipe.stem}-{seed}"
        done = (folder / RECORD).exists() and read_record(folder / RECORD).status == "done"
        if not done and not table_only:
            click.echo(f"seed {seed} …", err=True)
            run(seeded(file, seed), folder, options=options)
            done = True
        if done:
            records.append(read_record(folder / RECORD))
    click.echo(table(records))


def seeded(file: RecipeFile, seed: int) -> RecipeFile:
    """The same recipe with another seed."""
    training = file.recipe.training.model_copy(update={"seed": seed})
    return file.model_copy(update={"recipe": file.recipe.model_copy(update={"training": training})})


def primary_values(record: Record) -> dict[str, dict[str, float]]:
    """System → language (or “average”) → primary metric."""
    systems = [("lowres", record.scores), *((baseline.name, baseline.scores) for baseline in record.baselines)]
    return {
        name: {
            score.language or "average": score.value
            for score in scores
            if score.name == record.primary_metric and score.label is None
        }
        for name, scores in systems
    }


def table(records: list[Record]) -> str:
    """One line per system: mean over seeds by language, and mean ± standard deviation of the average."""
    found = [primary_values(record) for record in records]
    columns = [column for column in found[0]["lowres"] if column != "average"]
    lines = [
        "| system | " + " | ".join(columns) + f" | average of {len(found)} seeds |",
        "|---|" + "---|" * (len(columns) + 1),
    ]
    for system in found[0]:
        cells = [f"{statistics.mean(one[system][column] for one in found):.1f}" for column in columns]
        averages = [one[system]["average"] for one in found]
        spread = f" ± {statistics.stdev(averages):.1f}" if len(averages) > 1 else ""
        lines.append(f"| {system} | " + " | ".join(cells) + f" | {statistics.mean(averages):.1f}{spread} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
