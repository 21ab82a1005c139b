"""Files of every format become tables, and every fault names its place."""

import hashlib
import json
import lzma
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest
from readings import golden, said, texts, written

from lowres.data.formats.gettext import read_po
from lowres.data.formats.readers import read_file
from lowres.errors import DataError


@pytest.mark.parametrize("name", ["a.tsv", "a.csv", "a.jsonl"])
def test_words_that_look_like_something_else_stay_words(here: Path, name: str) -> None:
    words = ["NA", "null", "nan", "007", "1e5", "True", "1.0", "None"]
    content = {
        "a.tsv": "text\n" + "\n".join(words),
        "a.csv": "text\n" + "\n".join(words),
        "a.jsonl": "\n".join(json.dumps({"text": word}) for word in words),
    }[name]
    assert texts(read_file(written(here, name, content), name)) == words


def test_json_inside_json_becomes_columns_with_dots(here: Path) -> None:
    table = read_file(written(here, "a.jsonl", '{"translation": {"en": "one", "min": "ciek"}, "id": 7}\n'), "a.jsonl")
    assert table.records[0].fields == {"translation.en": "one", "translation.min": "ciek", "id": "7"}


@pytest.mark.parametrize("name", ["a.csv", "a.tsv"])
def test_the_first_column_may_lack_a_name(here: Path, name: str) -> None:
    content = ",text\n0,satu\n1,dua\n".replace(",", "\t" if name == "a.tsv" else ",")
    table = read_file(written(here, name, content), name)
    assert [record.fields["index"] for record in table.records] == ["0", "1"]


def test_json_numbers_stay_as_they_are_written(here: Path) -> None:
    table = read_file(
        written(here, "a.jsonl", '{"text": 1.50}\n{"text": 12345678901234567890}\n{"text": false}\n'), "a.jsonl"
    )
    assert texts(table) == ["1.50", "12345678901234567890", "false"]


@pytest.mark.parametrize("sign", ["\u2028", "\u2029", "\x85", "\x0b", "\x0c", "\x1c", "\r"])
@pytest.mark.parametrize("name", ["a.txt", "a.tsv"])
def test_only_newlines_end_a_line(here: Path, name: str, sign: str) -> None:
    header = "" if name == "a.txt" else "text\n"
    table = read_file(written(here, name, f"{header}one{sign}two\r\nthree\n"), name)
    assert texts(table) == [f"one{sign}two", "three"]


@pytest.mark.parametrize("name", ["a.txt", "a.tsv", "a.csv", "a.jsonl"])
def test_joiners_stay_as_they_were_written(here: Path, name: str) -> None:
    words = ["می\u200cخواهم", "क्\u200dष", "ക്\u200d", "\U0001f469\u200d\U0001f33e", "Auf\u200clage"]
    lines = [json.dumps({"text": word}, ensure_ascii=False) for word in words] if name == "a.jsonl" else words
    header = "text\n" if name in ("a.tsv", "a.csv") else ""
    assert texts(read_file(written(here, name, header + "\n".join(lines) + "\n"), name)) == words


def test_tsv_has_no_quoting(here: Path) -> None:
    table = read_file(written(here, "a.tsv", 'text\tlabel\n"open\tp\nsaid "hi"\tn\n"both"\tp\n'), "a.tsv")
    assert texts(table) == ['"open', 'said "hi"', '"both"']


def test_csv_rows_may_take_several_lines(here: Path) -> None:
    content = 'id,text\n1,"one\n\ntwo, ""three"""\n\n2,four\n'
    table = read_file(written(here, "a.csv", content), "a.csv")
    assert texts(table) == ['one\n\ntwo, "three"', "four"]
    assert [record.where for record in table.records] == ["a.csv:2", "a.csv:6"]
    assert (table.read, table.empty) == (3, 1)


@pytest.mark.parametrize("name", ["a.tsv", "a.csv", "a.txt"])
def test_a_byte_order_mark_is_no_text(here: Path, name: str) -> None:
    table = read_file(written(here, name, b"\xef\xbb\xbftext\nbana\n"), name)
    assert table.columns == ("text",)
    assert texts(table)[-1] == "bana"


def test_text_becomes_nfc_and_is_counted(here: Path) -> None:
    table = read_file(written(here, "a.tsv", "text\ncafe\u0301\ncafé\n"), "a.tsv")
    assert texts(table) == ["café", "café"]
    assert table.converted == 1


def test_parquet(here: Path) -> None:
    pyarrow.parquet.write_table(
        pyarrow.table({"text": ["satu", None, "NA"], "label": [1, 2, None], "tokens": [["satu"], [], ["NA", "a"]]}),
        "a.parquet",
    )
    table = read_file(here / "a.parquet", "a.parquet")
    assert [dict(record.fields) for record in table.records] == [
        {"text": "satu", "label": "1"},
        {"text": "", "label": "2"},
        {"text": "NA", "label": ""},
    ]


CATALOGUE = """\
msgid ""
msgstr ""
"Content-Type: text/plain; charset=UTF-8\\n"

msgctxt "noun"
msgid "Post"
msgstr "Pos"

msgid "%(n)d day ago"
msgid_plural "%(n)d days ago"
msgstr[0] "%(n)d hari"
msgstr[1] "%(n)d hari-hari"

#, fuzzy
msgid "Guess"
msgstr "Tebak"

msgid "Untranslated"
msgstr ""

msgid "PostgreSQL"
msgstr "PostgreSQL"

#~ msgid "Old"
#~ msgstr "Lamo"
"""


def test_gettext(here: Path) -> None:
    table = read_po(written(here, "a.po", CATALOGUE), "a.po")
    rows = [(record.fields["source"], record.fields["target"], record.fields["context"]) for record in table.records]
    assert rows == [("Post", "Pos", "noun"), ("%(n)d day ago", "%(n)d hari", "")]
    assert table.records[1].fields["target_1"] == "%(n)d hari-hari"
    assert table.records[1].where == "a.po:9"
    assert (table.notes, table.empty, table.read) == ({"fuzzy": 1, "obsolete": 1, "same as the source": 1}, 1, 6)


def test_a_catalogue_without_translations_is_the_source_language(here: Path) -> None:
    table = read_po(written(here, "en.po", 'msgid "One"\nmsgstr ""\n\nmsgid "Two"\nmsgstr ""\n'), "en.po")
    assert [record.fields["target"] for record in table.records] == ["One", "Two"]


FAULTS: dict[str, tuple[str, str | bytes]] = {
    "not-utf-8": (
        "a.tsv",
        b"text\tlabel\nbaik\tp\n" + ("Привет, как дела? Всё хорошо, спасибо.\tp\n" * 9).encode("cp1251"),
    ),
    "utf-16": ("a.csv", "text,label\nbaik,p\n".encode("utf-16")),
    "nul": ("a.txt", "satu\ndu\0o\n"),
    "width-tsv": ("a.tsv", "text\tlabel\nbaik\tp\nburuk\nsatu\tdua\ttiga\n"),
    "width-csv": ("a.csv", 'text,label\n"a\nb",p\nburuk, sekali,n\n'),
    "quote-csv": ("a.csv", 'text,label\n"dia "bilang" baik",p\n'),
    "open-quote-csv": ("a.csv", 'text,label\nbaik,p\n"buruk,n\n'),
    "semicolons": ("a.csv", "text;label\nbaik; sekali;p\nburuk;n;;x;\n"),
    "header-twice": ("a.tsv", "text\ttext\t\nbaik\tp\t\n"),
    "empty-file": ("a.tsv", ""),
    "jsonl": ("a.jsonl", '{"text": "a"}\n["b"]\n{"text": "c", "text": "d"}\n{"text": ["e"]}\n{text: f}\n'),
    "parquet": ("a.parquet", "text\n"),
    "gettext": ("a.po", 'msgid "One"\nmsgstr "Ciek"\n\nso what\n'),
    "ending": ("a.docx", ""),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_faulty_files(here: Path, fault: str) -> None:
    name, content = FAULTS[fault]
    assert said(lambda: read_file(written(here, name, content), name)) == golden(fault)


def test_a_packed_file_is_read_as_if_it_were_not(here: Path) -> None:
    plain = "text\tlabel\ncafe\u0301\tx\n".encode()
    table = read_file(written(here, "a.tsv.xz", lzma.compress(plain)), "a.tsv.xz")
    # as sha256sum gives it, and as a card says it
    assert texts(table) == ["café"] and table.sha256 == hashlib.sha256((here / "a.tsv.xz").read_bytes()).hexdigest()
    assert table.records[0].where == "a.tsv.xz:2"
    assert table.records[0].original == {"text": "cafe\u0301"}


def test_a_packed_file_that_is_cut_short_or_too_large_is_named(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = lzma.compress(b"a" * 100_000)
    with pytest.raises(DataError, match=r"a.txt.xz  is not a whole .xz file"):
        read_file(written(here, "a.txt.xz", whole[:-20]), "a.txt.xz")
    with pytest.raises(DataError, match=r"b.txt.xz  is not a whole .xz file"):
        read_file(written(here, "b.txt.xz", b"plain text"), "b.txt.xz")
    monkeypatch.setattr("lowres.data.formats.file_text.MAX_BYTES", 1 << 16)
    with pytest.raises(DataError, match="unpacks to more than"):
        read_file(written(here, "c.txt.xz", whole), "c.txt.xz")
