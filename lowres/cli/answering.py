"""predict, report, export: from a finished run."""

import json as json_format
import os
import sys
from codecs import BOM_UTF8
from collections.abc import Iterator, Sequence
from pathlib import Path

import rich_click as click

from lowres.cli.making import cache_option, device_option, json_option, machine_options, offline_option, threads_option
from lowres.cli.quiet import quiet_libraries, skip_compilation
from lowres.cli.safe_text import echo, echo_json, one_line

run_argument = click.argument("run", type=click.Path(path_type=Path))


@click.command()
@run_argument
@click.argument("texts", nargs=-1)
@click.option("--language", help="Language tag of the texts, such as min-Latn, for a classifier of several languages.")
@click.option("--head", help="Name of the labels to give, for a classifier that learned several kinds.")
@click.option("--from", "source", help="Language tag to translate from; needed where the run knows several.")
@click.option("--to", "target", help="Language tag to translate into; needed where the run knows several.")
@cache_option
@offline_option
@device_option
@threads_option
@json_option
def predict(
    run: Path,
    texts: tuple[str, ...],
    language: str | None,
    head: str | None,
    source: str | None,
    target: str | None,
    cache: Path | None,
    offline: bool,
    device: str,
    threads: int | None,
    as_json: bool,
) -> None:
    """Label, translate or fill in TEXTS with the model of RUN; without TEXTS, every line of standard input.

    One line out for one line in: the translation; the text with its <mask> filled in; or label, probability and text, with tabs
    between.
    """
    if not (run / "record.json").exists():
        from lowres.errors import ModelError, Problem

        raise ModelError(
            Problem(str(run), "is not the folder of a run: it has no record.json", "see the folders in runs/")
        )
    if texts:
        lines = [decoded(f"text {number}", os.fsencode(text)) for number, text in enumerate(texts, start=1)]
    else:
        lines = lines_of(sys.stdin.buffer.read())
    skip_compilation(run / "model")
    quiet_libraries()

    from lowres.runs.run import Run

    found = Run(run, options=machine_options(cache, (), offline, device, threads))
    answers = found.predict(lines, language=language, source=source, target=target, head=head)
    for answer in answers:
        if as_json:
            echo_json(json_format.dumps(vars(answer), ensure_ascii=False))
        else:
            click.echo(shown(answer))
    for notice in notices(answers):
        click.echo(notice, err=True)


def notices(answers: Sequence[object]) -> Iterator[str]:
    """What whoever uses translations must know of them."""
    if shortened := numbers_of(answers, "truncated"):
        yield f"{shortened}: too long for the model, the end has no part in the answer (training.max_length)"
    if cut := sum(getattr(answer, "parts", 1) > 1 for answer in answers):
        yield f"{cut} long text{'s were' if cut > 1 else ' was'} translated in parts"
    if broken := numbers_of(answers, "lost"):
        yield f"a tag, an address or a place to be filled in is missing from the translation of {broken}"


def numbers_of(answers: Sequence[object], fact: str) -> str:
    """“line 3” or “lines 3, 8 …”: the answers of which a fact is true; empty where there are none."""
    found = [str(number) for number, answer in enumerate(answers, start=1) if getattr(answer, fact, None)]
    return f"line{'s' if len(found) > 1 else ''} {', '.join(found[:20])}{' …' if len(found) > 20 else ''}" if found else ""


def shown(answer: object) -> str:
    """An answer in one line."""
    from lowres.tasks.classification.model import Prediction

    if isinstance(answer, Prediction):
        label = one_line(answer.label)
        return f"{label}\t{answer.probabilities[answer.label]:.3f}\t{one_line(answer.text)}"
    said = vars(answer)
    return one_line(str(said["filled"] if "filled" in said else said["translation"]))


def lines_of(data: bytes) -> list[str]:
    """The lines of UTF-8 text without their ends; only a newline ends one. Raises DataError for another encoding."""
    lines = data.removeprefix(BOM_UTF8).removesuffix(b"\n").split(b"\n") if data else []
    return [decoded(f"line {number}", line.removesuffix(b"\r")) for number, line in enumerate(lines, start=1)]


def decoded(where: str, data: bytes) -> str:
    """Bytes as text. Raises DataError if they are not UTF-8."""
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        from lowres.errors import DataError, Problem

        raise DataError(
            Problem(where, f"is not UTF-8 (byte {error.start + 1})", "convert the text to UTF-8")
        ) from error


@click.command()
@run_argument
def report(run: Path) -> None:
    """Write report.html of RUN again from its record."""
    quiet_libraries()

    from lowres.report import render
    from lowres.runs.layout import RECORD, REPORT
    from lowres.runs.run import read_record

    path = run / REPORT
    path.write_text(render(read_record(run / RECORD)), encoding="utf-8")
    echo(str(path))


@click.command()
@run_argument
@click.option("--out", type=click.Path(path_type=Path), help="Folder to write; by default RUN/merged.")
@cache_option
@offline_option
@json_option
def export(run: Path, out: Path | None, cache: Path | None, offline: bool, as_json: bool) -> None:
    """Write one ordinary checkpoint of RUN: for transformers alone, or as the base of a next recipe (base.name: RUN).

    Merged and adapted model must answer the same, else nothing is written.
    """
    quiet_libraries()

    from lowres.export import export_merged
    from lowres.runs.run import Run

    folder = export_merged(Run(run, options=machine_options(cache, (), offline, "cpu", None)), out)
    if as_json:
        echo_json(json_format.dumps({"folder": str(folder)}))
        return
    echo(f"{folder}: weights, tokenizer and README.md, which says how to use them without lowres")
