"""The command for a page to try a run: demo."""

import importlib.util
import os
import socket
import threading
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

from lowres.cli.answering import engine_option, run_argument
from lowres.cli.making import cache_option, device_option, machine_options, offline_option, threads_option
from lowres.cli.quiet import quiet_libraries, set_up_torch
from lowres.cli.safe_text import echo

if TYPE_CHECKING:
    from lowres.demo.corrections import Corrections
    from lowres.runs.run import Run
    from lowres.tasks.engines import EngineName

OPEN = (
    "Everyone in this network can open the page, ask the model and leave corrections, and what they write is sent unencrypted. "
    "Use it in a network that you trust, and stop it afterwards."
)


@click.command()
@run_argument
@click.option(
    "--corrections", "folder", type=click.Path(path_type=Path, file_okay=False),
    help="Folder of the corrections; by default RUN-corrections, beside the run.",
)  # fmt: skip
@click.option(
    "--port", type=click.IntRange(1024, 65535), help="Port of the page; the first free one from 7860 by default."
)
@click.option(
    "--on-network", is_flag=True, help="Let others in the same network, such as phones, open the page too."
)  # fmt: skip
@engine_option
@cache_option
@offline_option
@device_option
@threads_option
def demo(
    run: Path, folder: Path | None, port: int | None, on_network: bool, engine: "EngineName", cache: Path | None, offline: bool,
    device: str, threads: int | None,
) -> None:  # fmt: skip
    """Open a local page to translate or classify with RUN, and to collect speakers' corrections as new training rows.

    The page asks nothing of the internet. Stop it with Ctrl-C.
    """
    from lowres.errors import ModelError, Problem

    if importlib.util.find_spec("gradio") is None:
        raise ModelError(Problem("lowres demo", "needs gradio, which is not installed", 'pip install "lowres[demo]"'))
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"  # read when gradio is imported
    options = machine_options(cache, (), offline, device, threads)
    set_up_torch(run / "model")
    quiet_libraries()

    from lowres.demo.corrections import Corrections
    from lowres.demo.demo_page import beside, demo_page, serve
    from lowres.runs.run import Run

    found = Run(run, options=options, engine=engine)
    corrections = Corrections(folder or beside(run), found.record.recipe.name, found.predictor.facts.task)
    page = demo_page(found, corrections)
    before = len(corrections.rows())  # refused now rather than when a speaker has written something
    address = serve(page, port, on_network=on_network)
    echo(f"{address}  (stop it with Ctrl-C)")
    if on_network:
        echo(f"http://{_own_address()}:{page.server_port}  for others in this network")
        click.secho(OPEN, err=True, fg="yellow")
    with suppress(KeyboardInterrupt):
        threading.Event().wait()
    page.close(verbose=False)
    _say_what_is_kept(found, corrections, before)


def _say_what_is_kept(run: "Run", corrections: "Corrections", before: int) -> None:
    """How many corrections there are, and the lines that add them to the recipe."""
    from lowres.demo.corrections import TABLE
    from lowres.demo.corrections_card import data_lines

    rows = corrections.rows()
    echo(f"\nNew corrections: {len(rows) - before}; in all: {len(rows)}, in {corrections.folder}")
    if rows:
        echo("Train on them with these lines in the recipe (paths are those of its folder):\n")
        echo(data_lines(run.record.recipe.text, corrections.task, rows, str(corrections.folder / TABLE)))


def _own_address() -> str:
    """This machine's address in its network. Nothing is sent: connecting a datagram socket only chooses a route."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as route, suppress(OSError):
        route.connect(("192.0.2.1", 9))  # an address that documentation uses, and nobody has
        return str(route.getsockname()[0])
    return socket.gethostname()
