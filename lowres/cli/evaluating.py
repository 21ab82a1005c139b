"""evaluate: a finished run on other data."""

from pathlib import Path

import rich_click as click

from lowres.cli.answering import run_argument
from lowres.cli.making import json_option, machine_choices, machine_options, summary
from lowres.cli.quiet import quiet_libraries
from lowres.cli.safe_text import echo_json


@click.command()
@run_argument
@click.option(
    "--data", required=True, help="A file with labels or translations, or a card, with a subset as card/subset."
)
@click.option("--split", type=click.Choice(["train", "dev", "test"]), default="test", show_default=True)
@click.option("--language", help="Language tag of the texts of a file, such as min-Latn; by default that of the run.")
@click.option(
    "--column", "columns", multiple=True, help="Column of a file, as text=review; by default those of the recipe."
)
@click.option(
    "--seen",
    type=click.Choice(["leave-out", "keep"]),
    default="leave-out",
    show_default=True,
    help="What becomes of rows that stand in the run's training or dev rows.",
)
@click.option(
    "--near",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    help="Folder of the recipe that was run, which its own data files are relative to, if it is not found.",
)
@click.option(
    "--out", type=click.Path(path_type=Path, file_okay=False), help="Folder to write; in RUN/evaluations by default."
)
@machine_choices
@json_option
def evaluate(
    run: Path, data: str, split: str, language: str | None, columns: tuple[str, ...], seen: str, near: Path | None, out: Path | None,
    mirrors: tuple[Path, ...], cache: Path | None, offline: bool, device: str, threads: int | None, as_json: bool,
) -> None:  # fmt: skip
    """Score RUN on other data: predictions, scores with intervals, baselines, and a report, as for its own test rows.

    Rows that the run has seen in training or on dev are left out. Of a folder of `lowres run --seeds` every run is scored.
    """
    if wrong := [column for column in columns if column.count("=") != 1]:
        raise click.BadParameter(f"“{wrong[0]}” is not of the form text=review", param_hint="--column")
    options = machine_options(cache, mirrors, offline, device, threads)
    quiet_libraries()

    from lowres.cli.comparing import told
    from lowres.cli.terminal import Watcher
    from lowres.evaluation.prediction_files import read_predictions, with_parts
    from lowres.evaluation.ranking import rank_predictions
    from lowres.evaluation.resampling import Resampling
    from lowres.other_data import OtherData
    from lowres.other_data import evaluate as evaluate_run
    from lowres.runs.layout import runs_of
    from lowres.runs.writing import silent

    wanted = OtherData(data, split, language, dict(column.split("=") for column in columns), seen, near)  # type: ignore[arg-type]
    folders = {one: out / one.name if out and one != run else out for one in runs_of(run)}
    if as_json:
        found = [evaluate_run(one, wanted, place, options=options, notify=silent) for one, place in folders.items()]
        echo_json("\n".join(one.record.model_dump_json(indent=1) for one in found))
        return
    with Watcher() as watcher:
        found = [evaluate_run(one, wanted, place, options=options, notify=watcher) for one, place in folders.items()]
    for one in found:
        for line in (*summary(one.record), f"report: {one.folder / 'report.html'}"):
            watcher.say(line)
    if len(found) > 1:
        systems = with_parts(found[0].record.recipe.name, [read_predictions(one.folder) for one in found])
        for line in ("", *told(rank_predictions(systems, Resampling()))):
            watcher.say(line)
