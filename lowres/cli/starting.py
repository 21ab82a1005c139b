"""The commands to start with: init writes a recipe, doctor says what works here, explain says what a key does."""

import json as json_format
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

from lowres.cli import completing
from lowres.cli.making import cache_option, json_option
from lowres.cli.safe_text import echo, echo_json

if TYPE_CHECKING:
    from lowres.cli.drafting import Draft
    from lowres.data.formats.tables import Table

KINDS = ("classification", "translation", "pre-training")


@click.command()
@click.argument("files", nargs=-1, type=click.Path(path_type=Path, dir_okay=False, exists=True))
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    default="recipe.yaml",
    show_default=True,
    help="Recipe to write.",
)
@click.option("--task", type=click.Choice(KINDS), help="What the model is to do.")
@click.option("--language", help="Language tag of the texts, such as min-Latn.")
@click.option("--from", "source_language", help="Language tag to translate from.")
@click.option("--to", "target_language", help="Language tag to translate into.")
@click.option("--licence", help="Licence of the texts: an SPDX identifier such as CC-BY-4.0, or private.")
@click.option("--source", help="Where the texts come from, and who agreed to their use.")
@click.option("--name", help="Name of the experiment.")
def init(
    files: tuple[Path, ...], out: Path, task: str | None, language: str | None, source_language: str | None,
    target_language: str | None, licence: str | None, source: str | None, name: str | None,
) -> None:  # fmt: skip
    """Write a recipe for FILES: one table or a file for each split; for translation also a text file for each language.

    What the options leave open is asked, with what the files suggest as the default.
    """
    from lowres.atomic import write_whole
    from lowres.cli.drafting import likely_task
    from lowres.errors import DataError, Problem
    from lowres.recipe.reader import parse_recipe

    if out.exists():
        raise DataError(Problem(str(out), "exists already", "choose another name with --out"))
    while not files:
        given = Path(click.prompt("File with your texts (a table such as .tsv or .xlsx, or plain text)"))
        files = (given,) if given.is_file() else ()
        if not files:
            click.echo(f"there is no file {given}", err=True)
    tables = {path: _read(path) for path in files}
    first = tables[files[0]]
    side_by_side = len(files) > 1 and all(table.columns == ("text",) for table in tables.values())
    task = task or click.prompt(
        "Task", type=click.Choice(KINDS), default="translation" if side_by_side else likely_task(first)
    )
    if task == "translation":
        pair = (_tag("Translate from", source_language), _tag("Translate into", target_language))
        draft = _translation(tables, pair, out.parent)
    else:
        draft = _one_language(task, tables, _tag("Language of the texts", language), out.parent)
    text = replace(
        draft,
        licence=licence or click.prompt("Licence of the texts", default="private"),
        source=source or click.prompt("Where the texts come from, and who agreed to their use"),
        name=name or click.prompt("Name of the experiment", default=files[0].stem),
    ).text()
    parse_recipe(text, str(out))
    write_whole(out, text)
    echo(f"{out}: check it with  lowres check {out}")


def _read(path: Path) -> "Table":
    from lowres.data.formats.readers import read_file

    return read_file(path, str(path))


def _tag(question: str, given: str | None) -> str:
    """A language tag, asked until there is one; one that was given as an option and is none is refused."""
    from lowres.errors import LowresError
    from lowres.languages import language

    if given:
        return language(given).tag
    while True:
        try:
            return language(click.prompt(f"{question} (such as min-Latn)").strip()).tag
        except LowresError as error:
            click.echo(str(error), err=True)


def _one_language(task: str, tables: Mapping[Path, "Table"], tag: str, near: Path) -> "Draft":
    from lowres.cli.drafting import Draft, label_column, text_column

    first, notes = next(iter(tables.values())), []
    columns = {"text": text_column(first)}
    if task == "classification":
        label = label_column(first)
        choices = [column for column in first.columns if column != columns["text"]]
        if not label and choices:
            label = click.prompt("Column with the labels", type=click.Choice(choices))
        columns["label"] = label
        found = sorted({record.fields[label] for record in first.records if record.fields.get(label)})
        notes = [f"Its labels: {', '.join(found[:8])}{' …' if len(found) > 8 else ''}."] if found else []
    named = {role: column for role, column in columns.items() if column and column != role}
    return Draft(task, _by_split(tables, near), language=tag, columns=named, notes=notes)


def _translation(tables: Mapping[Path, "Table"], pair: tuple[str, str], near: Path) -> "Draft":
    from lowres.cli.drafting import Draft
    from lowres.languages.tags import is_written_as

    first = next(iter(tables.values()))
    if first.columns == ("text",) or first.key == "id":
        files: dict[str, dict[str, str]] = {}
        for path in tables:
            tag = next((one for one in pair if any(is_written_as(one, part) for part in path.name.split(".")[1:])), "")
            tag = tag or click.prompt(f"Language of {path}", type=click.Choice(pair))
            files.setdefault(_split(path), {})[tag] = _relative(path, near)
        return Draft("translation", files, languages=pair)
    by_language = {
        tag: next((column for column, code in first.languages.items() if is_written_as(tag, code)), "") for tag in pair
    }
    texts = {}
    if not all(by_language.values()) and not {"source", "target"} <= set(first.columns):
        texts = {tag: click.prompt(f"Column with {tag}", type=click.Choice(first.columns)) for tag in pair}
    return Draft("translation", _by_split(tables, near), languages=pair, texts=texts)


def _by_split(tables: Mapping[Path, "Table"], near: Path) -> dict[str, str]:
    from lowres.errors import DataError, Problem

    files: dict[str, str] = {}
    for path in tables:
        split = _split(path)
        if split in files:
            what = f"two files are for {split}: {files[split]} and {path}"
            raise DataError(Problem(str(path), what, "let their names say train, dev and test"))
        files[split] = _relative(path, near)
    return files


def _split(path: Path) -> str:
    from lowres.cli.drafting import split_of

    return split_of(path.name)


def _relative(path: Path, near: Path) -> str:
    """The path as the recipe's folder sees it."""
    import os

    return Path(os.path.relpath(path, near)).as_posix()


@click.command()
@cache_option
@json_option
def doctor(cache: Path | None, as_json: bool) -> None:
    """Say what works on this machine, and how to mend what does not. Nothing is downloaded."""
    from lowres.cli.health import checks
    from lowres.cli.own_pip import with_own_pip

    found = [replace(one, remedy=with_own_pip(one.remedy)) for one in checks(cache)]
    if as_json:
        echo_json(json_format.dumps([vars(one) for one in found], ensure_ascii=False, indent=1))
        return
    width = max(len(one.name) for one in found)
    for one in found:
        sign = {True: "ok  ", False: "no  ", None: "–   "}[one.works]
        echo(
            f"{sign}{one.name:<{width}}  {one.what}"
            + (
                f"\n    {'':<{width}}  {'to have it' if one.works is None else 'to mend it'}: {one.remedy}"
                if one.remedy
                else ""
            )
        )


@click.command()
@click.argument("key", shell_complete=completing.explained)
def explain(key: str) -> None:
    """Say in plain words what KEY of a recipe does, such as method.rank, or what a word of a report means, such as chrF++.

    “lowres explain recipe” lists all sections.
    """
    from lowres.cli.explaining import NAMES, explained

    for line in explained(key):
        echo(line, " " * (NAMES if line.startswith("    ") else 2))
