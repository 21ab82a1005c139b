"""The commands for a recipe: run, check, schema."""

import json as json_format
import os
from collections.abc import Callable
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any

import rich_click as click

from lowres.cli import completing
from lowres.cli.arrivals import recipe_here, recipe_to_look_at, yes_option
from lowres.cli.quiet import quiet_libraries
from lowres.cli.safe_text import echo, echo_json

if TYPE_CHECKING:
    from lowres.planning import Options
    from lowres.recipe import RecipeFile
    from lowres.record import Record

recipe_argument = click.argument("recipe", type=click.Path(), shell_complete=completing.recipes)
mirror_option = click.option(
    "--mirror", "mirrors", multiple=True, type=click.Path(path_type=Path, file_okay=False, exists=True),
    help="Folder with data files, such as a USB stick; they are found by their hash. May be given several times.",
)  # fmt: skip
cache_option = click.option(
    "--cache", type=click.Path(path_type=Path, file_okay=False), help="Folder for downloads and starters."
)
offline_option = click.option("--offline", is_flag=True, help="Never use the network.")
device_option = click.option(
    "--device", type=click.Choice(["auto", "cpu", "cuda", "mps"]), default="auto", show_default=True
)
threads_option = click.option("--threads", type=click.IntRange(1), help="Processor cores to use; all by default.")
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


def machine_choices(command: Callable[..., Any]) -> Callable[..., Any]:
    """Where data and bases come from, and what computes: the options that `machine_options` turns into Options."""
    for option in reversed((mirror_option, cache_option, offline_option, device_option, threads_option)):
        command = option(command)
    return command


def machine_options(
    cache: Path | None, mirrors: tuple[Path, ...], offline: bool, device: str, threads: int | None
) -> "Options":
    """The options of the command line as a value of the library. With `offline` the libraries of Hugging Face stay offline as well."""
    if offline:
        os.environ["HF_HUB_OFFLINE"] = "1"  # read when huggingface_hub is imported, which no command has done yet

    from lowres.data.files import cache_folder
    from lowres.planning import Options

    return Options(cache or cache_folder(), mirrors, offline, device, threads)


@click.command()
@recipe_argument
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder of the run; runs/<recipe>-<time> by default.",
)
@click.option("--restart", is_flag=True, help="Start again instead of resuming an interrupted run of this recipe.")
@click.option(
    "--seeds",
    type=click.IntRange(2),
    help="Carry it out so many times, with the recipe's seed and those that follow it; runs that are done are kept.",
)
@machine_choices
@yes_option
@json_option
def run(
    recipe: str, out: Path | None, restart: bool, seeds: int | None, mirrors: tuple[Path, ...], cache: Path | None,
    offline: bool, device: str, threads: int | None, yes: bool, as_json: bool,
) -> None:  # fmt: skip
    """Carry out RECIPE: train, evaluate, report. An interrupted run of the same recipe is resumed from its last checkpoint.

    RECIPE is a file, the name of a shipped recipe, or one that others have shared: owner/name of the Hugging Face hub, or the https
    address of a recipe or a .zip. What would be fetched and done is shown and asked first; it comes into a new folder here.
    """
    from lowres.recipe import open_recipe

    options = machine_options(cache, mirrors, offline, device, threads)
    here = recipe_here(recipe, offline=offline, yes=yes, quiet=as_json)
    file = open_recipe(here)  # refused before the seconds that heavy libraries take to load

    quiet_libraries()

    if seeds is not None:
        _run_seeds(file, seeds, out, options, restart=restart, as_json=as_json)
        return

    from lowres.cli.terminal import Watcher
    from lowres.running import run as run_recipe
    from lowres.runs.writing import silent

    if as_json:
        echo_json(
            run_recipe(file, out, options=options, notify=silent, restart=restart).record.model_dump_json(indent=1)
        )
        return
    with Watcher() as watcher:
        watcher.say(f"{file.recipe.name}  ({file.path})")
        finished = run_recipe(file, out, options=options, notify=watcher, restart=restart)
    for line in summary(finished.record):
        watcher.say(line)
    watcher.say(f"report: {finished.folder / 'report.html'}")
    watcher.say(f'try it: lowres predict {finished.folder} "…"')


def _run_seeds(
    file: "RecipeFile", seeds: int, out: Path | None, options: "Options", *, restart: bool, as_json: bool
) -> None:
    """Several runs, and what they say together."""
    from lowres.cli.comparing import told
    from lowres.cli.terminal import Watcher
    from lowres.runs.writing import silent
    from lowres.seeds import run_seeds

    if as_json:
        _, found = run_seeds(file, seeds, out, options=options, notify=silent, restart=restart)
        echo_json(found.model_dump_json(indent=1))
        return
    with Watcher() as watcher:
        watcher.say(f"{file.recipe.name}, {seeds} seeds  ({file.path})")
        folder, found = run_seeds(file, seeds, out, options=options, notify=watcher, restart=restart)
    for line in ["", *told(found.ranking), "", f"report: {folder / 'report.html'}"]:
        watcher.say(line)


def summary(record: "Record") -> list[str]:
    """The result in a few lines: the primary metric with its interval, baselines, verdict, times."""
    from lowres.report.verdict import answering, sureness, terms_kept

    rows = [(record.recipe.name, record.scores), *((baseline.name, baseline.scores) for baseline in record.baselines)]
    width = max(len(name) for name, _ in rows)
    lines = [""]
    for name, scores in rows:
        for score in scores:
            overall = score.language is None and score.label is None and score.split == "test"
            if score.name == record.primary_metric and overall:
                digits = score.digits
                known = isfinite(score.low) and isfinite(score.high)
                interval = f"[{score.low:.{digits}f}, {score.high:.{digits}f}]" if known else "not estimable"
                value = f"{score.name} {score.value:5.{digits}f}"
                lines.append(f"  {name:<{width}}  {value}  {score.confidence:.0%} interval {interval}")
    lines += [f"  {sentence}" for sentence in (*answering(record), *sureness(record), *terms_kept(record))]
    lines += [f"  {finding.level}: {finding.what}" for finding in record.findings]
    if record.transfer:
        lines.append(f"  {record.transfer.verdict}: {record.transfer.why}")
        lines += [f"  to try: {record.transfer.advice}"] if record.transfer.advice else []
    if record.cost:
        seconds = ", ".join(f"{name} {value:.0f} s" for name, value in record.cost.seconds.items())
        lines.append(f"  {seconds}; peak memory {record.cost.peak_memory_gib:.1f} GiB")
    return [*lines, ""]


@click.command()
@recipe_argument
@machine_choices
@json_option
def check(
    recipe: str,
    mirrors: tuple[Path, ...],
    cache: Path | None,
    offline: bool,
    device: str,
    threads: int | None,
    as_json: bool,
) -> None:
    """Validate a recipe and plan it: data, licence, memory, time. Trains nothing.

    RECIPE may be one that others have shared, as for  lowres run; nothing of it stays here.
    """
    from lowres.cli.check_facts import check_facts, check_lines
    from lowres.planning import examine

    options = machine_options(cache, mirrors, offline, device, threads)
    with recipe_to_look_at(recipe, offline=offline, quiet=as_json) as (path, name):
        facts = check_facts(examine(path, options))
    if as_json:
        echo_json(json_format.dumps(facts, ensure_ascii=False, indent=1))
        return
    for line, indent in check_lines(facts):
        echo(line, indent)
    echo(f"\nready: lowres run {name}")


@click.command()
@recipe_argument
@click.option(
    "--into",
    type=click.Path(path_type=Path, file_okay=False),
    help="New folder, such as one on a USB stick, for the recipe and everything that it needs; by default it all goes to the cache.",
)
@mirror_option
@cache_option
@yes_option
def fetch(recipe: str, into: Path | None, mirrors: tuple[Path, ...], cache: Path | None, yes: bool) -> None:  # fmt: skip
    """Fetch what RECIPE needs – data, base, starter – so that it can be run without a connection. Trains nothing."""
    if into:  # read when the libraries are imported, which nothing has done yet; the user's token stays where it is
        os.environ["HF_HUB_CACHE"], os.environ["HF_DATASETS_CACHE"] = (
            str((into / "huggingface" / part).absolute()) for part in ("hub", "datasets")
        )

    options = machine_options(cache, mirrors, False, "auto", None)
    here = recipe_here(recipe, offline=False, yes=yes)

    quiet_libraries()

    from lowres.fetching import fetch_into, fetch_needs
    from lowres.recipe import open_recipe

    file = open_recipe(here)
    with file.naming_lines():
        plan, corpus = fetch_into(into, file, options) if into else fetch_needs(file, options)
    rows = sum(len(part) for part in (corpus.train, corpus.dev, corpus.test))
    echo(f"{plan.recipe.name}: {rows:,} rows of {corpus.name}; base {plan.checkpoint.name}")
    echo(f"it lies in {into}; README.txt says how to run it" if into else f"ready: lowres run {recipe} --offline")


@click.command()
def schema() -> None:
    """Print the recipe's JSON Schema, for editors."""
    from lowres.recipe import schema_text

    click.echo(schema_text(), nl=False)
