"""Speakers' corrections: a table in a folder to which rows are only ever added, with a card that says who agreed to what."""

import csv
import io
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Literal

from filelock import FileLock

from lowres.atomic import write_whole
from lowres.data.formats.file_text import decode, read_bytes
from lowres.data.formats.quoting import quoted_rows
from lowres.demo.corrections_card import card
from lowres.errors import DataError, Problem
from lowres.languages import normalise

TABLE, CARD = "corrections.tsv", "README.md"
LONGEST_TEXT, LONGEST_NAME = 10_000, 80  # characters
Task = Literal["translation", "classification"]
Row = Mapping[str, str]
AGREED = ("by", "licence", "consent", "date")
# Of each task: the columns of the languages, of the text, and of what is right.
COLUMNS: Mapping[Task, tuple[tuple[str, ...], str, str]] = {
    "translation": (("source_language", "target_language"), "source", "target"),
    "classification": (("language",), "text", "label"),
}
_KEPT = "I agree that my correction is kept by those who run this page"
# Licences that a speaker can choose, with the sentence that they agree to.
CONSENT: Mapping[str, str] = {
    "private": f"{_KEPT}, and used to train and test their own language models. It is not passed on to others.",
    **{
        licence: f"{_KEPT}, used to train and test language models, and passed on to everyone under {licence}, with the name above."
        for licence in ("CC0-1.0", "CC-BY-4.0", "CC-BY-SA-4.0", "CC-BY-NC-SA-4.0", "NOODL-1.0", "Esethu")
    },
}


@dataclass(frozen=True)
class Agreement:
    """What a speaker says to a correction: a name or pseudonym, a licence, and whether they agree to its sentence."""

    by: str
    licence: str
    agreed: bool


@dataclass(frozen=True)
class Corrections:
    """The corrections of one run's answers, in a folder of their own."""

    folder: Path
    run_name: str
    task: Task

    @property
    def header(self) -> tuple[str, ...]:
        """The columns of the table. `answer` is what the run had answered."""
        languages, text, right = COLUMNS[self.task]
        return (*languages, text, right, "answer", *AGREED)

    def rows(self) -> list[dict[str, str]]:
        """What is there so far. Raises DataError where the table is not one of this task."""
        path = self.folder / TABLE
        if not path.exists():
            return []
        found = quoted_rows(decode(read_bytes(path, str(path)).data, str(path)), "\t", str(path))
        (_, header), *body = found.rows or [(1, [])]
        wrong = [
            Problem(f"{path}:{line}", "has another number of fields") for line, row in body if len(row) != len(header)
        ]
        if tuple(header) != self.header:
            what = f"has other columns than corrections of {self.task}: {', '.join(self.header)}"
            wrong = [Problem(f"{path}:1", what, "choose another folder with --corrections")]
        if wrong or found.problems:
            raise DataError(*found.problems, *wrong)
        return [dict(zip(header, row, strict=True)) for _, row in body]

    def add(self, languages: Sequence[str], text: str, right: str, answer: str, agreement: Agreement) -> int:
        """Keep a correction, and return how many there are now. One that is there already is not kept twice.

        It is on the disk when this returns; what stood in the table before stays byte for byte. Raises DataError, which names each
        field that is missing, too long or no text.
        """
        text, right, by = normalise(text), normalise(right), " ".join(normalise(agreement.by).split())
        if problems := _problems(text, right, by, agreement):
            raise DataError(*problems)
        tags, text_column, right_column = COLUMNS[self.task]
        row = {
            **dict(zip(tags, languages, strict=True)),
            text_column: text,
            right_column: right,
            "answer": normalise(answer),
            "by": by,
            "licence": agreement.licence,
            "consent": CONSENT[agreement.licence],
            "date": date.today().isoformat(),
        }
        self.folder.mkdir(parents=True, exist_ok=True)
        with FileLock(self.folder / f".{TABLE}.lock"):
            rows = self.rows()
            if row not in rows:
                rows.append(row)
                write_whole(self.folder / TABLE, self._with(row))
            write_whole(self.folder / CARD, card(self.run_name, self.task, rows, TABLE))
        return len(rows)

    def _with(self, row: Row) -> bytes:
        """The table with one row more."""
        path = self.folder / TABLE
        before = path.read_bytes() if path.exists() else b""
        new = [row[column] for column in self.header]
        if not before:
            return _lines(self.header, new)
        return before + (b"" if before.endswith(b"\n") else b"\n") + _lines(new)


def _problems(text: str, right: str, by: str, agreement: Agreement) -> list[Problem]:
    said = {"text": (text, LONGEST_TEXT), "correction": (right, LONGEST_TEXT), "name": (by, LONGEST_NAME)}
    problems = [Problem(field, "is missing", "write it down") for field, (value, _) in said.items() if not value]
    problems += [
        Problem(field, f"has more than {most:,} characters", "shorten it")
        for field, (value, most) in said.items()
        if len(value) > most
    ]
    problems += [
        Problem(field, f"holds the control character U+{ord(odd):04X}", "remove it")
        for field, (value, _) in said.items()
        if (odd := next((one for one in value if unicodedata.category(one) == "Cc" and one not in "\t\r\n"), None))
    ]
    if agreement.licence not in CONSENT:
        problems.append(Problem("licence", f"is not one of {', '.join(CONSENT)}"))
    if not agreement.agreed:
        problems.append(Problem("consent", "is missing", "nothing is kept without it"))
    return problems


def _lines(*rows: Sequence[str]) -> bytes:
    """Rows with tabs between their fields; those that hold a tab, a line break or a quotation mark are quoted."""
    text = io.StringIO()
    csv.writer(text, dialect="excel-tab", lineterminator="\n").writerows(rows)
    return text.getvalue().encode()
