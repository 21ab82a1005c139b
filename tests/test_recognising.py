"""Files that are something else than their name says are recognised, and it is said what to do."""

import bz2
import gzip
import io
import zipfile
from pathlib import Path

import pytest
from readings import said, texts, written

from lowres.data.formats.readers import read_file
from lowres.data.formats.tables import no_column

READ = ("Toolbox", "Toolbox without its head", "USFM", "CoNLL-U", "TMX", "ELAN")  # by their content, whatever the name
TOOLBOX = (
    "\\_sh v3.0  400  MDF 4.0\n\n\\lx aba\n\\ps n\n\\ge father\n\\xv Aba tɔ.\n\\xe Father came.\n\n\\lx abo\n\\ps v\n"
)
MARKED_UP = {
    "Toolbox": (TOOLBOX, "a Toolbox file"),
    "Toolbox without its head": (TOOLBOX.partition("\n\n")[2], "a Toolbox file"),
    "USFM": (
        "\\id GEN - Wolof\n\\h Njàlbéen\n\\c 1\n\\p\n\\v 1 Ca njàlbéen ga\n\\v 2 Suuf si\n",
        "a text of the Bible in USFM",
    ),
    "CoNLL-U": (
        "# sent_id = 1\n# text = Mo wá.\n1\tMo\tmo\tPRON\t_\t_\t2\tnsubj\t_\t_\n2\twá\twá\tVERB\t_\t_\t0\troot\t_\t_\n\n",
        "a treebank in CoNLL-U",
    ),
    "CoNLL": ("Ó O\nlọ O\nsí O\nÌbàdàn B-LOC\n. O\n\nAdé B-PER\n", "a list of tagged words (CoNLL)"),
    "words and tags": ("Ó PRON\nlọ VERB\nsí ADP\nÌbàdàn PROPN\n\n. PUNCT\n", "a list of tagged words (CoNLL)"),
    "TMX": (
        '<?xml version="1.0"?>\n<!DOCTYPE tmx SYSTEM "tmx14.dtd">\n<tmx version="1.4"><body>\n<tu><tuv xml:lang="en"><seg>One</seg>'
        "</tuv></tu></body></tmx>",
        "a translation memory (TMX)",
    ),
    "HTML": ("<!DOCTYPE html>\n<html lang='yo'>\n<p>Ẹ káàbọ̀</p>\n", "a web page (HTML)"),
    "HTML from the middle": ("<p>Ẹ káàbọ̀</p>\n<p>Ẹ kú</p>\n<div class='x'>\nÓ dára</div>\n", "an XML file"),
    "ELAN": ('<?xml version="1.0" encoding="UTF-8"?>\n<ANNOTATION_DOCUMENT AUTHOR=""/>\n', "an ELAN annotation"),
    "subtitles": (
        "1\n00:00:01,000 --> 00:00:02,000\nẸ káàbọ̀\n\n2\n00:00:03,000 --> 00:00:04,000\nẸ kú\n",
        "a file of subtitles",
    ),
    "TextGrid": ('File type = "ooTextFile"\nObject class = "TextGrid"\n', "a TextGrid of Praat"),
    "gettext": ('msgid ""\nmsgstr ""\n\nmsgid "One"\nmsgstr "Ọ̀kan"\n', "a gettext catalogue"),
    "JSON": ('{"text": "a"}\n{"text": "b"}\n', "JSON"),
    "RTF": ("{\\rtf1\\ansi Mo wá.}\n", "a document in RTF"),
}
PLAIN = {
    "tones as marks": "-a 'wɩ \"o\n\"bʋɩnun yaa\n'kpa -le\n",
    "clicks": "!xa /xa ǁxa\n//gana\n#oab\n",
    "numbers": "1 Mo wá.\n2 O lọ.\n3 A rí.\n",
    "a few tags": "Mo <i>wá</i> ní àná\nO lọ\nA rí wọn\n",
    "dialogue": "- Mo wá.\n* O lọ?\n@ade: A rí\n",
    "tweets": "<user> Mo wá\n<user> O lọ\n@ade: A rí\n",
    "brackets": "[Mo wá ní àná]\nO lọ\n{A rí}\n",
    "one": "Mo wá\n",
    "empty": "",
}


@pytest.mark.parametrize("name", READ)
def test_marked_up_text_with_a_reader_is_read_by_it(here: Path, name: str) -> None:
    content, what = MARKED_UP[name]
    table = read_file(written(here, "a.txt", content), "a.txt")
    assert "text" not in table.columns or name in ("USFM", "CoNLL-U")
    assert table.findings[-1].what.startswith(f"is {what}") and table.findings[-1].what.endswith("read as one")


@pytest.mark.parametrize("name", sorted(MARKED_UP.keys() - READ))
def test_marked_up_text_is_no_plain_text(here: Path, name: str) -> None:
    content, what = MARKED_UP[name]
    message = said(lambda: read_file(written(here, "a.txt", content), "a.txt"))
    assert message.startswith(f"a.txt  is {what}") and " (" in message and len(message.splitlines()) == 1


@pytest.mark.parametrize("name", PLAIN)
def test_plain_text_is_plain_text(here: Path, name: str) -> None:
    assert texts(read_file(written(here, "a.txt", PLAIN[name]), "a.txt")) == PLAIN[name].splitlines()


def excel() -> bytes:
    """The least that is recognised: a zip archive with a workbook."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        archive.writestr("xl/workbook.xml", "<workbook/>")
    return out.getvalue()


def test_other_formats_under_a_tables_name_are_named(here: Path) -> None:
    remedy = "(name it .xlsx)"
    assert (
        said(lambda: read_file(written(here, "a.tsv", excel()), "a.tsv"))
        == f"a.tsv  is an Excel file, not text {remedy}\n"
    )
    assert said(lambda: read_file(written(here, "a.parquet", excel()), "a.parquet")).startswith(
        "a.parquet  is an Excel file, not a Parquet file"
    )
    pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"
    assert "is a pointer of Git LFS, not text (get the file itself with “git lfs pull”)" in said(
        lambda: read_file(written(here, "b.csv", pointer), "b.csv")
    )
    assert "is a pointer of Git LFS, not XML (get the file itself with “git lfs pull”)" in said(
        lambda: read_file(written(here, "b.eaf", pointer), "b.eaf")
    )
    page = b"<!DOCTYPE html>\n<html><head><title>GitHub</title></head></html>\n"
    for name in ("c.tsv", "c.jsonl"):
        assert "is a web page (HTML), not" in said(lambda name=name: read_file(written(here, name, page), name))  # type: ignore[misc]
    assert "is a gzip file, not text (give its name the ending .gz)" in said(
        lambda: read_file(written(here, "d.tsv", gzip.compress(b"text\n")), "d.tsv")
    )


@pytest.mark.parametrize("ending", [".lift", ".PDF", ".docx", ".srt", ".7z"])
def test_endings_that_are_not_read_say_what_to_do(here: Path, ending: str) -> None:
    message = said(lambda: read_file(written(here, f"a{ending}", "x"), f"a{ending}"))
    assert "by its ending, which is not read (" in message


@pytest.mark.parametrize("name", ["train.en", "corpus.efi", "train.min"])
def test_the_ending_may_be_a_language(here: Path, name: str) -> None:
    table = read_file(written(here, name, "satu\ndua\n"), name)
    assert texts(table) == ["satu", "dua"] and not table.findings


@pytest.mark.parametrize(
    ("name", "said_of_it"), [("corpus", "the name has no ending"), ("a.tsv-old", "the ending “.tsv-old” is not known")]
)
def test_unknown_endings_are_plain_text_and_said_to_be_so(here: Path, name: str, said_of_it: str) -> None:
    table = read_file(written(here, name, "satu\ndua\n"), name)
    assert texts(table) == ["satu", "dua"] and table.findings[0].what.startswith(
        f"{said_of_it}; it is read as plain text"
    )


@pytest.mark.parametrize(("ending", "pack"), [(".gz", gzip.compress), (".bz2", bz2.compress), (".GZ", gzip.compress)])
def test_packed_files(here: Path, ending: str, pack: object) -> None:
    whole = pack(b"text\tlabel\nbaik\tp\n" * 50)  # type: ignore[operator]
    assert len(texts(read_file(written(here, f"a.tsv{ending}", whole), "a"))) == 99
    for broken in (whole[:-20], b"text\nbaik\n"):
        message = said(lambda broken=broken: read_file(written(here, f"b.tsv{ending}", broken), "b"))  # type: ignore[misc]
        assert message.startswith(f"b  is not a whole {ending.lower()} file")


def test_a_misspelled_ending_is_thought_of_where_a_column_is_missing(here: Path) -> None:
    """.tvs is a language's code, too: that of Taveta."""
    table = read_file(written(here, "a.tvs", "text\tlabel\nbaik\tp\n"), "a.tvs")
    assert "if it is a table, let its name end on .tsv or .csv" in no_column(table, "label").hint


def test_a_table_named_txt_is_warned_of(here: Path) -> None:
    table = read_file(written(here, "a.txt", "1\tMo wá\n2\tO lọ\n3\tA rí\n"), "a.txt")
    assert [finding.level for finding in table.findings] == ["warning"] and "name it .tsv" in table.findings[0].what


def test_other_encodings_are_guessed_with_a_sample_line(here: Path) -> None:
    content = "text\tlabel\nbaik\tp\nJá não há pão em São João\tn\n".encode("cp1252")
    message = said(lambda: read_file(written(here, "a.tsv", content), "a.tsv"))
    assert message.startswith("a.tsv:3  is not UTF-8: byte 0xe1") and "“Já não há pão em São João n”" in message
    polish = "text\nŻółta łódź płynie\nświeże jabłka są dobre\n".encode("cp1250")
    assert "“Żółta łódź płynie”" in said(lambda: read_file(written(here, "b.tsv", polish), "b.tsv"))


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("[00:01:{n:02}] Mo wá {n}", "begins with a time"),
        ("1 Kọ 1:{n} Mo wá", "begins with a reference to a verse"),
        ("{n}. Mo wá", "begins with a number"),
        ("menu.item{n} = Mo wá", "begins with a key and “=”"),
        ('- text: "Mo wá {n}"', "begins with a key of YAML"),
        ("Mo/PRON wá/VERB {n}/NUM", "has a tag behind each word"),
        ("^mo/mo<prn>$ ^wá/wá<v>$", "has an analysis behind each word"),
    ],
)
def test_what_stands_beside_the_text_in_nearly_every_line_is_told(here: Path, line: str, what: str) -> None:
    content = "".join(line.format(n=n) + "\n" for n in range(10, 30)) + "Ó dára\n"
    (finding,) = read_file(written(here, "a.txt", content), "a.txt").findings
    assert finding.level == "warning" and finding.what.startswith(f"nearly every line {what}")
    plain = "".join(f"Mo rí {n} àti @ade = ọ̀rẹ́ 10:{n}\n" for n in range(10, 30))
    assert not read_file(written(here, "b.txt", plain), "b.txt").findings
