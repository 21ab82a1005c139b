"""The commands for giving things to others: share, verify, croissant."""

import json as json_format
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

from lowres.cli.answering import run_argument
from lowres.cli.arrivals import agree, bundle_to_look_at, listed, yes_option
from lowres.cli.making import json_option, machine_choices, machine_options
from lowres.cli.quiet import quiet_libraries
from lowres.cli.safe_text import echo, echo_json, one_line

if TYPE_CHECKING:
    from lowres.runs.run import Run
    from lowres.shared.addresses import HubAddress


@click.command()
@run_argument
@click.argument("out", type=click.Path())
@click.option(
    "--agreed", default="", help="Who agreed to sharing, and when, where data or base need their owners' consent."
)
@click.option(
    "--cards", "folders", multiple=True, type=click.Path(path_type=Path, file_okay=False, exists=True),
    help="Folder with the recipe's own data cards.",
)  # fmt: skip
@click.option("--public", is_flag=True, help="With hub:owner/name: everybody can see it. Otherwise only its owner can.")
@yes_option
@json_option
def share(run: Path, out: str, agreed: str, folders: tuple[Path, ...], public: bool, yes: bool, as_json: bool) -> None:
    """Bundle what of RUN may be given to others into OUT: a new folder, a .zip, or hub:owner/name on the Hugging Face hub.

    A bundle holds recipe, lock, model, scores, data cards, the licence chain and a model card. Predictions, logs and the report, which
    quote texts, stay here. What would be sent to the hub is shown and asked first.
    """
    from lowres.errors import DataError, Problem
    from lowres.shared.addresses import HUB, HubAddress, meant

    address = meant(out).address if out.startswith(HUB) else None
    if public and not address:
        raise DataError(
            Problem("--public", "has no effect for a folder or a .zip", f"leave it out, or say {HUB}owner/name")
        )
    quiet_libraries()

    from lowres.export.bundle import share as share_run
    from lowres.runs.run import Run

    if isinstance(address, HubAddress):
        _publish(Run(run), address, agreed, folders, public=public, yes=yes, as_json=as_json)
        return
    chain = share_run(Run(run), Path(out), agreed, folders)
    if as_json:
        echo_json(json_format.dumps({"bundle": out, "licences": chain.sentences()}, ensure_ascii=False))
        return
    for line in chain.sentences():
        echo(f"  {line}")
    echo(f"{out}: check it with  lowres verify {out}")


def _publish(
    run: "Run", address: "HubAddress", agreed: str, folders: tuple[Path, ...], *, public: bool, yes: bool, as_json: bool
) -> None:
    """Show what would be sent to the hub, ask, and send it."""
    from lowres.errors import DataError, Problem
    from lowres.export.bundle import share as share_run
    from lowres.export.publishing import destination, files_of_bundle, publish

    name = f"hub:{address.repository}"
    if address.revision != "main":
        raise DataError(Problem(str(address), "names a revision", f"say {name}: every sharing makes a new one"))
    with tempfile.TemporaryDirectory(prefix="lowres-") as place:
        bundle = Path(place) / "bundle"
        chain = share_run(run, bundle, agreed, folders, name)
        target = destination(address.repository, bundle, public=public)
        for line in (
            *(f"  {line}" for line in chain.sentences()),
            f"{name}: {'a change of' if target.exists else 'a new'} repository, which {_SEEN[target.private]}; you are {target.user}",
            *listed(files_of_bundle(bundle)),
            *(f"  {one} is removed" for one in target.stale),
        ):
            click.echo(one_line(line), err=as_json)
        agree("Send it?", name, yes=yes)
        done = publish(bundle, target, f"{run.record.recipe.name}, shared with lowres")
    if as_json:
        facts = {"url": done.url, "address": done.address, "private": target.private, "licences": chain.sentences()}
        echo_json(json_format.dumps(facts, ensure_ascii=False))
        return
    echo(f"{done.url}\nothers run it with  lowres run {done.address}")


_SEEN = {True: "only its owner sees", False: "everybody sees"}


@click.command()
@click.argument("bundle", type=click.Path())
@click.option("--scores", is_flag=True, help="Also predict the test rows again; this needs data and base.")
@click.option(
    "--data", "near", type=click.Path(path_type=Path, file_okay=False, exists=True),
    help="With --scores: the folder that the recipe's own files lie in.",
)  # fmt: skip
@machine_choices
@json_option
def verify(
    bundle: str, scores: bool, near: Path | None, mirrors: tuple[Path, ...], cache: Path | None, offline: bool, device: str,
    threads: int | None, as_json: bool,
) -> None:  # fmt: skip
    """Check that the files of BUNDLE are those that were shared; with --scores, that it scores what it says.

    BUNDLE is a folder, a .zip, its https address, or owner/name of the Hugging Face hub; what is fetched does not stay here.
    """
    options = machine_options(cache, mirrors, offline, device, threads)
    quiet_libraries()

    from lowres.errors import ModelError, Problem
    from lowres.export.verification import opened, reproduce
    from lowres.export.verification import verify as verify_bundle

    with bundle_to_look_at(bundle, offline=offline, quiet=as_json) as place, opened(place) as folder:
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
        echo(f"{bundle}: {found.files} files, and bundle.json that lists them: all as they were shared")
        for score, now in found.scores:
            where = f" {score.language}" if score.language else ""
            echo(f"  {score.name}{where}  shared {score.value:.{score.digits}f}  now {now:.{score.digits}f}")
    if not found.reproduced:
        raise ModelError(
            Problem(
                bundle,
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
