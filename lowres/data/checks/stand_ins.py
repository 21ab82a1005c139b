"""What stands where a translation should be: nothing, or a sign that there is none."""

from collections import Counter
from collections.abc import Iterator, Sequence

import regex

from lowres.data.formats.tables import Record
from lowres.data.rows import Part, Sample, line_of
from lowres.errors import Finding
from lowres.languages import strict_key

# These are never a translation: a verse that is part of the one before (Bible corpora), and what spreadsheets and databases write.
ALWAYS = frozenset(("<range>", "#N/A", "#N/D", "#NV", "\\N", "<NA>"))
_ERROR = regex.compile(
    r"#[¡¿]?[\p{Lu}/0]+[!?]|Err:\d{3}"
)  # of a spreadsheet, in the language of its program: #NAME?, #¡VALOR!
# These translate only themselves.
OF_THEMSELVES = frozenset(("NaN", "NULL", "N/A", "n/a", "N.A.", "n.a.", "TBD", "TODO"))
# These do not translate a text of several words. (“nan” is bread in Kurdish, “null” is zero in German.)
OF_WORDS = frozenset(("nan", "null", "Null", "None", "undefined"))
_EMPTY_MARK = regex.compile(r"<\s*[\w /]+\s*>|[\[({]\s*[\])}]")  # <blank>, []
_SPOKEN = regex.compile(
    r"[\p{L}\p{N}\p{Extended_Pictographic}\p{Co}]"
)  # what can translate words; dashes, dots and boxes cannot
LONGEST = 30  # characters of a stand-in
WORDS, LETTERS = 3, 12  # words, or characters where there are no spaces, from which on a text has several words


def without_stand_ins(samples: Sequence[Sample]) -> tuple[list[Sample], tuple[Finding, ...]]:
    """The samples without texts that stand for a missing translation, with findings that count these for each split.

    Such a text is left out, and its translations become texts without a translation.
    """
    doubtful = {id(sample) for sample in samples if _is_doubtful(sample.row.fields["text"])}
    if not doubtful:
        return list(samples), ()
    named = {sample.row.cluster for sample in samples if id(sample) in doubtful}
    clusters: dict[str, list[Sample]] = {}
    for sample in samples:
        if sample.row.cluster in named:
            clusters.setdefault(sample.row.cluster, []).append(sample)
    gone = [
        sample for sample in samples if id(sample) in doubtful and _is_stand_in(sample, clusters[sample.row.cluster])
    ]
    left = {id(sample) for sample in gone}
    return [sample for sample in samples if id(sample) not in left], tuple(_told(gone))


def blank_sides(parts: Sequence[Part]) -> Iterator[Finding]:
    """Rows of parallel texts that have nothing in one of the languages, and so make no pair."""
    sets: dict[tuple[str, str], list[Part]] = {}
    for part in parts:
        if part.scope and part.roles.cluster:
            sets.setdefault((part.entry, part.scope), []).append(part)
    for some in sets.values():
        rows = [_filled_rows(part) for part in some]
        every = {tie: record for filled in reversed(rows) for tie, record in filled.items()}
        for part, own in zip(some, rows, strict=True):
            blank = sorted(every.keys() - own.keys(), key=lambda tie: line_of(every[tie]))
            if blank:
                name, first = part.table.name, every[blank[0]]
                where = first.where if part.table.key else f"{name}:{line_of(first)}"
                one_table = any(part.table is other.table for other in some if other is not part)
                place = f"the column “{part.roles.text}” of {name}" if one_table else f"{name}"
                what = f"{len(blank):,} of {len(every):,} rows have nothing in {place} ({where}), so they make no pair"
                yield Finding("note", what, where)


def _filled_rows(part: Part) -> dict[str | int, Record]:
    """What ties a row to its translations, its id or its line, → the row, where it has a text."""
    return {
        record.fields[part.table.key] if part.table.key else line_of(record): record
        for record in part.table.records
        if record.fields[part.roles.text]
    }


def _is_doubtful(text: str) -> bool:
    if len(text) > LONGEST:
        return False
    if text in ALWAYS or text in OF_THEMSELVES or text in OF_WORDS or not _SPOKEN.search(text):
        return True
    return (_ERROR.fullmatch(text) or _EMPTY_MARK.fullmatch(text)) is not None


def _is_stand_in(sample: Sample, cluster: Sequence[Sample]) -> bool:
    """Whether a doubtful text stands for nothing, judged by its translations."""
    text = sample.row.fields["text"]
    if text in ALWAYS:
        return True
    if _EMPTY_MARK.fullmatch(text) and any(
        text == other.row.fields["text"] for other in cluster if other is not sample
    ):
        return False  # a tag that is the same in both languages
    others = [strict_key(other.row.fields["text"]) for other in cluster if other.row.language != sample.row.language]
    if text in OF_THEMSELVES:
        return bool(others) and strict_key(text) not in others
    return any(len(other.split()) >= WORDS or len(other) > LETTERS for other in others)


def _told(gone: Sequence[Sample]) -> Iterator[Finding]:
    counts = Counter((sample.split, sample.row.language, sample.row.fields["text"]) for sample in gone)
    first = {(sample.split, sample.row.language, sample.row.fields["text"]): sample.where for sample in reversed(gone)}
    for (split, language, text), count in counts.most_common(10):
        where = first[split, language, text]
        texts = f"1 {split} text of {language} is" if count == 1 else f"{count:,} {split} texts of {language} are"
        yield Finding("warning", f"{texts} “{text}” ({where}), which is no translation: left out", where, "stand-in")
