"""Recognising files that are something else than their name says: spreadsheets, archives, marked-up text."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import regex

SAMPLE_LINES = 200  # lines that are not blank, from the file's start
TEXT_ONLY = "take the texts out, one on each line"
SAVE_AS_TABLE = "open it and save it as CSV in UTF-8, or as .tsv"


@dataclass(frozen=True)
class Format:
    """A file format that is not read: its name with an article, and what the user can do."""

    name: str
    remedy: str


EXCEL = Format("an Excel file", "name it .xlsx")
CALC = Format("a LibreOffice table", "name it .ods")
WORD = Format("a Word file", "save it as plain text in UTF-8")
WRITER = Format("a LibreOffice text", "save it as plain text in UTF-8")
PDF = Format("a PDF file", "copy its text into a plain text file, one text on each line, and look it through")
ARCHIVE = Format("an archive", "unpack it and name the file inside, or name it .zip if it is one")
LFS = Format("a pointer of Git LFS", "get the file itself with “git lfs pull”")
WEB_PAGE = Format("a web page (HTML)", f"download the file itself, not the page that shows it; or {TEXT_ONLY}")
XML = Format("an XML file", TEXT_ONLY)
TMX = Format("a translation memory (TMX)", "name it .tmx")
XLIFF = Format("an XLIFF file", "name it .xlf")
ELAN = Format("an ELAN annotation", "name it .eaf")
FLEX = Format("a text of FLEx", "name it .flextext")
LIFT = Format("a dictionary in LIFT", "export its example sentences as a table")
TOOLBOX = Format("a Toolbox file (standard format markers such as \\lx)", "name it .sfm")
USFM = Format("a text of the Bible in USFM", "name it .usfm")
CONLLU = Format("a treebank in CoNLL-U", "name it .conllu")
CONLL = Format("a list of tagged words (CoNLL)", "put the words of each sentence together, one sentence on each line")
SUBTITLES = Format("a file of subtitles", "take the times out, one text on each line")
TEXTGRID = Format("a TextGrid of Praat", "take out the texts of a tier, one on each line")
CHAT = Format("a transcript in CHAT", TEXT_ONLY)
RTF = Format("a document in RTF", "save it as plain text in UTF-8")
LATEX = Format("a LaTeX document", TEXT_ONLY)
CATALOGUE = Format("a gettext catalogue", "name it .po")
JSON = Format("JSON", "name it .json, or .jsonl with one object on each line")

# First bytes → format. Inside a zip archive the names of its files tell more.
SIGNATURES: Mapping[bytes, Format] = {
    b"PK\x03\x04": ARCHIVE, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1": Format("an old Excel or Word file", SAVE_AS_TABLE),
    b"%PDF-": PDF, b"\x1f\x8b": Format("a gzip file", "give its name the ending .gz"),
    b"\xfd7zXZ": Format("an xz file", "give its name the ending .xz"),
    b"BZh": Format("a bzip2 file", "give its name the ending .bz2"),
    b"PAR1": Format("a Parquet file", "give its name the ending .parquet"), b"7z\xbc\xaf\x27\x1c": ARCHIVE,
    b"Rar!": ARCHIVE, b"\x28\xb5\x2f\xfd": Format("a zstd file", "unpack it"),
    b"SQLite format 3\x00": Format("an SQLite database", "export its table as CSV"), b"version https://git-lfs": LFS,
}  # fmt: skip
INSIDE_ZIP: Mapping[bytes, Format] = {
    b"xl/workbook": EXCEL, b"xl/worksheets": EXCEL, b"word/document": WORD, b"opendocument.spreadsheet": CALC,
    b"opendocument.text": WRITER,
}  # fmt: skip
# Endings of formats that are not read.
ENDINGS: Mapping[str, Format] = {
    ".docx": WORD, ".doc": WORD, ".odt": WRITER, ".pdf": PDF, ".tar": ARCHIVE, ".tgz": ARCHIVE, ".7z": ARCHIVE, ".rar": ARCHIVE,
    ".lift": LIFT, ".html": WEB_PAGE, ".htm": WEB_PAGE, ".conll": CONLL, ".srt": SUBTITLES, ".vtt": SUBTITLES,
    ".textgrid": TEXTGRID, ".cha": CHAT, ".rtf": RTF, ".tex": LATEX,
}  # fmt: skip
# Root element of an XML file, without its namespace and in small letters → format.
ROOTS: Mapping[str, Format] = {
    "tmx": TMX, "xliff": XLIFF, "annotation_document": ELAN, "document": FLEX, "lift": LIFT,
    "html": WEB_PAGE, "head": WEB_PAGE, "body": WEB_PAGE,
}  # fmt: skip
# (format, share of lines, pattern at the start of a line): the first that fits is taken.
MARKUP: Sequence[tuple[Format, float, "regex.Pattern[str]"]] = tuple(
    (kind, share, regex.compile(pattern))
    for kind, share, pattern in (
        (USFM, 0.3, r"\\v \d"),
        (TOOLBOX, 0.5, r"\\\w{1,6}(\s|$)"),
        (CONLLU, 0.5, r"\d+(?:[-.]\d+)?\t(?:[^\t]*\t){8}[^\t]*$|# (?:sent_id|text|newdoc|newpar)\b"),
        (CONLL, 0.8, r"\S+(?:[ \t]+\S+)*[ \t]+(?:O|[BIESLU]-[A-Za-z]+)$"),
        (CONLL, 0.8, r"\S+[ \t]+[A-Z]{1,5}[A-Z0-9$:.]*$"),
        (SUBTITLES, 0.2, r"(?:\d+:)?\d\d:\d\d[.,]\d{3} --> "),
        (CATALOGUE, 0.2, r'msgid "'),
        (CHAT, 0.5, r"\*[A-Z]{3}:|%[a-z]{3}:|@(?:UTF8|Begin|End|Languages|Participants|ID|Media)\b"),
        (JSON, 0.9, r"[{\[].*[}\]],?$"),
        (XML, 0.5, r"<[\p{L}/!?][^<>]*>(?:.*>)?$|.*</\p{L}[^<>]*>$"),
    )
)
FIRST_LINE: Sequence[tuple["regex.Pattern[str]", Format]] = tuple(
    (regex.compile(pattern), kind)
    for pattern, kind in (
        (r"\{\\rtf", RTF), (r"\\documentclass|\\begin\{", LATEX), (r"WEBVTT", SUBTITLES), (r'File type = "ooTextFile', TEXTGRID),
        (r"@UTF8$", CHAT), (r"\\id [A-Z0-9]{3}\b", USFM), (r"\\_sh ", TOOLBOX), (r"\[\s*$|\[\s*\{|\{\s*$|\{\"", JSON),
    )
)  # fmt: skip
_ROOT = regex.compile(
    r"(?:\s|<\?xml.*?\?>|<!doctype[^>\[]*(?:\[.*?\]\s*)?>|<!--.*?-->)*<(?:\w+:)?(\w+)", regex.DOTALL | regex.IGNORECASE
)
_XML = regex.compile(r"\s*<(?:\?xml|!doctype|(?:tmx|xliff|html|lift|annotation_document)\b)", regex.IGNORECASE)


def binary_format(raw: bytes) -> Format | None:
    """The format whose signature a file begins with, if it is one that cannot be read as text."""
    found = next((kind for signature, kind in SIGNATURES.items() if raw.startswith(signature)), None)
    if found is ARCHIVE:
        return next((kind for name, kind in INSIDE_ZIP.items() if name in raw), found)
    return found


def xml_format(text: str) -> Format | None:
    """What kind of XML or HTML a whole file is; None for a file that is neither."""
    if not _XML.match(text[:1000]):
        return None
    root = _ROOT.match(text[:10_000])
    return ROOTS.get(root[1].lower(), XML) if root else XML


def markup_format(text: str) -> Format | None:
    """The format of a text that is marked up, so that its lines are no plain text; None for plain text."""
    whole = xml_format(text)
    if whole:
        return whole
    sample = [line.strip() for line in text[: SAMPLE_LINES * 500].split("\n") if line.strip()][:SAMPLE_LINES]
    if not sample:
        return None
    first = next((kind for pattern, kind in FIRST_LINE if pattern.match(sample[0])), None)
    if first:
        return first
    for kind, share, pattern in MARKUP:
        if len(sample) > 2 and sum(pattern.match(line) is not None for line in sample) >= share * len(sample):
            return kind
    return None
