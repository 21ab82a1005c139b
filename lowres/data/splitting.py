"""What a recipe says about the rows of own tables: which are used, which label they have, which split they belong to."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from lowres.data.corpus import Split
from lowres.data.formats.tables import Table, capped, no_column
from lowres.data.rows import Cut, line_of
from lowres.errors import DataError, Problem
from lowres.languages import normalise, strict_key

TENTH = 10  # percent of train for each split that the user has no file for
NAMES: Mapping[str, Split] = {
    "train": "train", "training": "train", "dev": "dev", "development": "dev", "valid": "dev", "validation": "dev",
    "val": "dev", "test": "test", "testing": "test",
}  # fmt: skip


def kept_rows(table: Table, wanted: Mapping[str, str | tuple[str, ...]]) -> Table:
    """The rows whose columns hold the wanted values; the others are counted in the table's notes.

    `wanted` maps a column to a value or to several. Raises DataError for a column that is missing, or where no row is left.
    """
    for name, value in wanted.items():
        column = normalise(name)
        if column not in table.columns:
            raise DataError(no_column(table, column))
        values = tuple(map(normalise, (value,) if isinstance(value, str) else value))
        records = tuple(record for record in table.records if record.fields[column] in values)
        if not records and table.records:
            found = list(dict.fromkeys(record.fields[column] for record in table.records))
            hint = f"there are {', '.join(found[:12])}{', …' if len(found) > 12 else ''}"
            raise DataError(Problem(table.name, f"no row has {' or '.join(values)} in the column “{column}”", hint))
        reason = f"with another value in the column “{column}”"
        table = replace(table, records=records, notes=_noted(table, reason, len(table.records) - len(records)))
    return table


def without_headers(table: Table) -> Table:
    """The table without rows that repeat its header, as where several files were put together; counted in its notes."""
    columns = [column.casefold() for column in table.columns]
    if len(columns) < 2:
        return table
    records = tuple(
        record for record in table.records if [record.fields[column].casefold() for column in table.columns] != columns
    )
    return replace(
        table, records=records, notes=_noted(table, "that repeat the header", len(table.records) - len(records))
    )


def with_label(table: Table, column: str, label: str) -> Table:
    """The table with a column that holds the same label in every row, as where each label has a file of its own."""
    records = tuple(replace(record, fields={**record.fields, column: label}) for record in table.records)
    return replace(table, columns=tuple(dict.fromkeys((*table.columns, column))), records=records)


def split_by_column(table: Table, column: str) -> Mapping[int, Split]:
    """Line → split, as a column of the table says. Raises DataError with the lines where it says something else."""
    if column not in table.columns:
        raise DataError(no_column(table, column))
    places: dict[int, Split] = {}
    problems = []
    for record in table.records:
        found = NAMES.get(record.fields[column].casefold())
        if found is None:
            what = f"“{record.fields[column]}” in the column “{column}” is no split"
            problems.append(Problem(record.where, what, "one of train, dev, test"))
        else:
            places[line_of(record)] = found
    if problems:
        raise DataError(*capped(problems))
    return places


def split_by_hash(texts: Sequence[tuple[Table, str]], missing: Sequence[Split]) -> Mapping[int, Split]:
    """Line → split of a train file, a tenth for each of the `missing` splits, chosen by the hash of the text.

    `texts` are tables and columns; what they hold in one line translates one another. Texts that `strict_key` takes for equal
    are in one split. A line with fewer than two of several languages makes no pair, and belongs to train.
    """
    cut = id_split(missing)
    lines: dict[int, list[str]] = {}
    for table, column in texts:
        if column not in table.columns:
            raise DataError(no_column(table, column))
        for record in table.records:
            if record.fields[column]:
                lines.setdefault(line_of(record), []).append(record.fields[column])
            else:
                lines.setdefault(line_of(record), [])
    least = min(2, len(texts))
    return {line: cut.split(strict_key(found[0])) if len(found) >= least else "train" for line, found in lines.items()}


def id_split(missing: Sequence[Split]) -> Cut:
    """The rule that sets aside a tenth for each of the `missing` splits by the hash of the id."""
    return Cut("id", 100 - TENTH * len(missing), TENTH * ("dev" in missing), "test" in missing)


def _noted(table: Table, reason: str, count: int) -> dict[str, int]:
    return {**table.notes, reason: table.notes.get(reason, 0) + count} if count else dict(table.notes)
