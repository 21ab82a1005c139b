"""predict, report: from a finished run."""

import json as json_format
import sys
from pathlib import Path

import rich_click as click

from lowres.cli.making import cache_option, device_option, json_option, machine_options, offline_option

run_argument = click.argument("run", type=click.Path(path_type=Path))


@click.command()
@run_argument
@click.argument("texts", nargs=-1)
@click.option("--language", help="Language tag of the texts, such as min-Latn, for a model of several languages.")
@cache_option
@offline_option
@device_option
@json_option
def predict(
    run: Path,
    texts: tuple[str, ...],
    language: str | None,
    cache: Path | None,
    offline: bool,
    device: str,
    as_json: bool,
) -> None:
    """Label TEXTS with the model of RUN; without TEXTS, every line of standard input.

    One line out for one line in: label, probability, text, with tabs between.
    """
    if not (run / "record.json").exists():
        from lowres.errors import ModelError, Problem

        raise ModelError(
            Problem(str(run), "is not the folder of a run: it has no record.json", "see the folders in runs/")
        )
    from lowres.cli.terminal import quiet_libraries
    from lowres.cli.text import echo
    from lowres.runs import Run

    quiet_libraries()
    lines = list(texts) or [line.rstrip("\r\n") for line in sys.stdin]
    for prediction in Run(run, options=machine_options(cache, (), offline, device, None)).predict(
        lines, language=language
    ):
        if as_json:
            click.echo(json_format.dumps(vars(prediction), ensure_ascii=False))
        else:
            echo(f"{prediction.label}\t{prediction.probabilities[prediction.label]:.3f}\t{prediction.text}")


@click.command()
@run_argument
def report(run: Path) -> None:
    """Write report.html of RUN again from its record."""
    from lowres.cli.text import echo
    from lowres.report import render
    from lowres.runs import RECORD, REPORT, read_record

    path = run / REPORT
    path.write_text(render(read_record(run / RECORD)), encoding="utf-8")
    echo(str(path))
