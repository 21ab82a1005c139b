"""The commands for a finished run: predict, report, export."""

import json as json_format
import os
import sys
from codecs import BOM_UTF8
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

from lowres.cli.arrivals import model_here, yes_option
from lowres.cli.making import cache_option, device_option, json_option, machine_options, offline_option, threads_option
from lowres.cli.quiet import quiet_libraries, set_up_torch
from lowres.cli.safe_text import echo, echo_json, one_line
from lowres.garbage import without_cycle_search
from lowres.runs.layout import MODEL, RECORD, SUMMARY, runs_of

if TYPE_CHECKING:
    from lowres.export.formats import FormatName
    from lowres.planning import Options
    from lowres.runs.run import Run
    from lowres.tasks.engines import EngineName


def share_of(context: click.Context, option: click.Parameter, value: str | None) -> float | None:
    """“20%” as 0.2."""
    if value is None:
        return None
    try:
        share = float(value.strip().rstrip("% ")) / (100 if value.strip().endswith("%") else 1)
    except ValueError:
        share = 0.0
    if not 0 < share <= 1:
        raise click.BadParameter("is no share of the lines; say --flag 20%", context, option)
    return share


engine_option = click.option(
    "--engine", type=click.Choice(["torch", "ctranslate2", "onnx"]), default="torch", show_default=True,
    help="What computes; another than torch after  lowres export RUN --to ENGINE.",
)  # fmt: skip
run_argument = click.argument("run", type=click.Path(path_type=Path))


@click.command()
@click.argument("run", type=click.Path())
@click.argument("texts", nargs=-1)
@click.option("--language", help="Language tag of the texts, such as min-Latn, for a classifier of several languages.")
@click.option("--head", help="Auxiliary task whose labels to predict, for a classifier that has learned several.")
@click.option("--from", "source", help="Language tag of the source; needed if the run knows several directions.")
@click.option("--to", "target", help="Language tag of the target; needed if the run knows several directions.")
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    help="TEXTS is one file: fill in what is missing, and write it here.",
)
@click.option(
    "--earlier",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="With --out, for messages in JSON: a translation of the file, whose messages are kept.",
)
@click.option(
    "--flag",
    callback=share_of,
    metavar="SHARE",
    help="Mark the lines to check first, such as 20%: those with the lowest confidence.",
)
@engine_option
@cache_option
@offline_option
@device_option
@threads_option
@yes_option
@json_option
def predict(
    run: str,
    texts: tuple[str, ...],
    language: str | None,
    head: str | None,
    source: str | None,
    target: str | None,
    out: Path | None,
    earlier: Path | None,
    flag: float | None,
    engine: "EngineName",
    cache: Path | None,
    offline: bool,
    device: str,
    threads: int | None,
    yes: bool,
    as_json: bool,
) -> None:
    """Classify, translate or answer TEXTS, or fill their <mask>, with the model of RUN; without TEXTS, every line of standard input.

    One line is printed for each text: the translation; the text with its <mask> filled in; or label, probability and text, separated
    by tabs.

    With --out, TEXTS is one file (.po .xlf .tmx .json .arb .tsv .csv .txt): what is untranslated in it is translated and marked as not
    reviewed, and everything else stays as it is.

    With --flag, each line ends with a tab and, if it is to be checked first, the word “check”; with --json, “check” is true or false;
    with --out, these lines are listed in a table beside the file, and in .po marked by a comment.

    RUN is the folder of a run; that of several seeds (lowres run --seeds), which then answer together; or a bundle that others have
    shared: a .zip, its https address, or owner/name of the Hugging Face hub, which is shown, fetched into a new folder if you agree,
    and verified.
    """
    options = machine_options(cache, (), offline, device, threads)
    folder = model_here(run, offline=offline, yes=yes)
    if not any((folder / name).exists() for name in (RECORD, SUMMARY)):
        from lowres.errors import ModelError, Problem

        raise ModelError(
            Problem(str(folder), "is not the folder of a run: it has no record.json", "see the folders in runs/")
        )
    if out or (len(texts) == 1 and Path(texts[0]).is_file()):
        fill_file(folder, texts, out, source, target, earlier, flag, engine, options, as_json)
        return
    if texts:
        lines = [decoded(f"text {number}", os.fsencode(text)) for number, text in enumerate(texts, start=1)]
    else:
        lines = lines_of(sys.stdin.buffer.read())
    set_up_torch(runs_of(folder)[0] / MODEL)
    with without_cycle_search(for_good=True):
        found = _loaded(folder, engine, options)
    predictions = found.predict(
        lines, language=language, source=source, target=target, head=head, confidence=as_json or flag is not None
    )
    marks = predictions.flagged(flag) if flag else [False] * len(predictions)
    for prediction, mark in zip(predictions, marks, strict=True):
        if as_json:
            facts = vars(prediction) | ({"check": mark} if flag else {})
            echo_json(json_format.dumps(facts, ensure_ascii=False))
        else:
            click.echo(shown(prediction) + (("\tcheck" if mark else "\t") if flag else ""))
    for notice in notices(predictions):
        click.echo(notice, err=True)


def _loaded(run: Path, engine: "EngineName", options: "Options") -> "Run":
    """The run with its model in memory."""
    quiet_libraries()

    from lowres.ensemble import load

    found = load(run, options=options, engine=engine)
    _ = found.predictor
    return found


def fill_file(
    run: Path, texts: tuple[str, ...], out: Path | None, source: str | None, target: str | None, earlier: Path | None,
    flag: float | None, engine: "EngineName", options: "Options", as_json: bool,
) -> None:  # fmt: skip
    """Translate a file with the model of a run, and say what became of it."""
    from lowres.errors import DataError, Problem

    if out is None:
        raise DataError(Problem(texts[0], "is a file", "say --out FILE to write it with translations filled in"))
    if len(texts) != 1:
        raise DataError(Problem("--out", f"one file is filled in, but {len(texts)} are named", "name one file"))
    set_up_torch(runs_of(run)[0] / MODEL)
    quiet_libraries()

    from lowres.ensemble import load

    filled = load(run, options=options, engine=engine).fill(
        texts[0], out, source=source, target=target, earlier=earlier, flag=flag
    )
    if as_json:
        echo_json(json_format.dumps(vars(filled), ensure_ascii=False))
        return
    mark = f"marked as {filled.marks}" if filled.marks else "not marked as such, since the format has no mark for it"
    echo(
        f"{out}: {filled.written:,} translated, which nobody has reviewed ({mark}); {filled.finished:,} were there before"
    )
    if filled.check_file:
        echo(f"{out.with_name(filled.check_file)}: the {filled.flagged:,} to check first")
    if filled.in_pieces:
        click.echo(
            f"{filled.in_pieces:,} of them were translated between their placeholders, so look at these first", err=True
        )
    for reason, count in filled.skipped.items():
        click.echo(f"{count:,} left empty {reason}", err=True)


def notices(predictions: Sequence[object]) -> Iterator[str]:
    """What a user of predictions must know: texts were truncated or divided, placeholders were lost."""
    if shortened := numbers_of(predictions, "truncated"):
        yield f"{shortened}: too long for the model; the end was not read (training.max_length)"
    if divided := sum(getattr(prediction, "parts", 1) > 1 for prediction in predictions):
        yield f"{divided} long text{'s were' if divided > 1 else ' was'} translated in parts"
    if broken := numbers_of(predictions, "lost"):
        yield f"a tag, an address or a placeholder is missing from the translation of {broken}"


def numbers_of(predictions: Sequence[object], fact: str) -> str:
    """“line 3” or “lines 3, 8 …”: the predictions of which a fact is true; empty where there are none."""
    found = [str(number) for number, one in enumerate(predictions, start=1) if getattr(one, fact, None)]
    return (
        f"line{'s' if len(found) > 1 else ''} {', '.join(found[:20])}{' …' if len(found) > 20 else ''}" if found else ""
    )


def shown(prediction: object) -> str:
    """A prediction in one line."""
    from lowres.tasks.classification.model import Prediction

    if isinstance(prediction, Prediction):
        label = one_line(prediction.label)
        return f"{label}\t{prediction.probabilities[prediction.label]:.3f}\t{one_line(prediction.text)}"
    facts = vars(prediction)
    return one_line(str(next(facts[name] for name in ("filled", "translation", "answer") if name in facts)))


def lines_of(data: bytes) -> list[str]:
    """The lines of UTF-8 text without their ends; only LF and CR LF end a line. Raises DataError for another encoding."""
    lines = data.removeprefix(BOM_UTF8).removesuffix(b"\n").split(b"\n") if data else []
    return [decoded(f"line {number}", line.removesuffix(b"\r")) for number, line in enumerate(lines, start=1)]


def decoded(where: str, data: bytes) -> str:
    """Decode UTF-8. Raises DataError for another encoding; `where` names the text in it."""
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
    """Write report.html of RUN again from its record; of a folder of several seeds from its summary."""
    quiet_libraries()

    from lowres.runs.layout import SUMMARY
    from lowres.runs.run import Run
    from lowres.seeds import write_report

    echo(str(write_report(run) if (run / SUMMARY).exists() else Run(run).report()))


@click.command()
@run_argument
@click.option(
    "--to",
    type=click.Choice(["merged", "ctranslate2", "onnx", "gguf"]),
    default="merged",
    show_default=True,
    help="merged: a checkpoint for transformers; smaller: ctranslate2 (translators, decoders), onnx (encoders), gguf (decoders).",
)
@click.option("--bits", type=click.Choice(["8", "16", "32"]), help="Bits of each weight; the format's own by default.")
@click.option(
    "--out", type=click.Path(path_type=Path), help="Folder to write; by default RUN/merged, RUN/ctranslate2 …"
)
@cache_option
@offline_option
@threads_option
@json_option
def export(
    run: Path, to: "FormatName", bits: str | None, out: Path | None, cache: Path | None, offline: bool, threads: int | None,
    as_json: bool,
) -> None:  # fmt: skip
    """Write the model of RUN as one ordinary checkpoint, for transformers alone or as the base of another recipe (base.name: RUN), or
    in a smaller and quicker format for use without lowres.

    Nothing is written unless the exported model predicts as RUN does.
    """
    quiet_libraries()

    from lowres.export import export as export_run
    from lowres.runs.run import Run

    found = Run(run, options=machine_options(cache, (), offline, "cpu", threads))
    folder, fidelity = export_run(found, to, int(bits) if bits else None, out)
    if as_json:
        measured = {"fidelity": fidelity.model_dump(mode="json")} if fidelity else {}
        echo_json(json_format.dumps({"folder": str(folder), **measured}, ensure_ascii=False))
        return
    echo(f"{folder}: weights, tokenizer and README.md, which says how to use them without lowres")
    for line in fidelity.sentences() if fidelity else ():
        echo(f"  {line}")
