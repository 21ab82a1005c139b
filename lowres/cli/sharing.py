"""The commands for giving things to others: share, verify, croissant."""

import json as json_format
from pathlib import Path

import rich_click as click

from lowres.cli.answering import run_argument
from lowres.cli.making import (
    cache_option,
    device_option,
    json_option,
    machine_options,
    mirror_option,
    offline_option,
    threads_option,
)
from lowres.cli.quiet import quiet_libraries
from lowres.cli.safe_text import echo, echo_json


@click.command()
@run_argument
@click.argument("out", type=click.Path(path_type=Path))
@click.option(
    "--agreed", default="", help="Who agreed to sharing, and when, where data or base need their owners' consent."
)
@click.option(
    "--cards", "folders", multiple=True, type=click.Path(path_type=Path, file_okay=False, exists=True),
    help="Folder with the recipe's own data cards.",
)  # fmt: skip
@json_option
def share(run: Path, out: Path, agreed: str, folders: tuple[Path, ...], as_json: bool) -> None:
    """Bundle what of RUN may be given to others into OUT, a new folder or a .zip.

    A bundle holds recipe, lock, model, scores, data cards, the licence chain and a model card. Predictions, logs and the report, which
    quote texts, stay here.
    """
    quiet_libraries()

    from lowres.export.bundle import share as share_run
    from lowres.runs.run import Run

    chain = share_run(Run(run), out, agreed, folders)
    if as_json:
        echo_json(json_format.dumps({"bundle": str(out), "licences": chain.sentences()}, ensure_ascii=False))
        return
    for line in chain.sentences():
        echo(f"  {line}")
    echo(f"{out}: check it with  lowres verify {out}")


@click.command()
@click.argument("bundle", type=click.Path(path_type=Path, exists=True))
@click.option("--scores", is_flag=True, help="Also predict the test rows again; this needs data and base.")
@click.option(
    "--data", "near", type=click.Path(path_type=Path, file_okay=False, exists=True),
    help="With --scores: the folder that the recipe's own files lie in.",
)  # fmt: skip
@mirror_option
@cache_option
@offline_option
@device_option
@threads_option
@json_option
def verify(
    bundle: Path, scores: bool, near: Path | None, mirrors: tuple[Path, ...], cache: Path | None, offline: bool, device: str,
    threads: int | None, as_json: bool,
) -> None:  # fmt: skip
    """Check that the files of BUNDLE, a folder or a .zip, are those that were shared; with --scores, that it scores what it says."""
    options = machine_options(cache, mirrors, offline, device, threads)
    quiet_libraries()

    from lowres.errors import ModelError, Problem
    from lowres.export.verification import opened, reproduce
    from lowres.export.verification import verify as verify_bundle

    with opened(bundle) as folder:
        found = verify_bundle(folder)
        if scores or near:
            found = reproduce(folder, options, near)
    if as_json:
        compared = [{**score.model_dump(), "now": now} for score, now in found.scores]
        echo_json(
            json_format.dumps(
                {"files": found.files, "reproduced": found.reproduced if found.scores else None, "scores": compared}
            )
        )
    else:
        echo(f"{bundle}: {found.files} files, all as they were shared")
        for score, now in found.scores:
            where = f" {score.language}" if score.language else ""
            echo(f"  {score.name}{where}  shared {score.value:.{score.digits}f}  now {now:.{score.digits}f}")
    if not found.reproduced:
        raise ModelError(
            Problem(
                str(bundle),
                "the scores are not reproduced",
                "compare recipe.lock with the versions here",
            )
        )


@click.command()
@click.argument("card")
def croissant(card: str) -> None:
    """Print CARD, the name or path of a data card, as Croissant 1.1: JSON-LD that search engines and other tools read."""
    from lowres.cards import read_card
    from lowres.cards.croissant import croissant as described

    echo_json(json_format.dumps(described(read_card(card, Path())), ensure_ascii=False, indent=1))
