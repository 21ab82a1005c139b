"""Headers and separators as programs write them."""

from pathlib import Path

import pytest
from readings import corpus, files, said, texts, written

from lowres.data.formats.readers import read_file

ROWS = [{"text": "baik, sekali", "label": "p"}, {"text": "buruk", "label": "n"}]
TABLES = {
    "semicolons": ("a.csv", 'text;label\n"baik, sekali";p\nburuk;n\n'),
    "semicolons unquoted": ("a.csv", "text;label\nbaik, sekali;p\nburuk;n\n"),
    "bars": ("a.csv", "text|label\nbaik, sekali|p\nburuk|n\n"),
    "tabs named csv": ("a.csv", "text\tlabel\nbaik, sekali\tp\nburuk\tn\n"),
    "commas named tsv": ("a.tsv", 'text,label\n"baik, sekali",p\nburuk,n\n'),
    "sep=": ("a.csv", 'sep=;\r\ntext;label\r\n"baik, sekali";p\r\nburuk;n\r\n'),
    "old mac": ("a.tsv", "text\tlabel\rbaik, sekali\tp\rburuk\tn\r"),
    "old mac csv": ("a.csv", 'text,label\r"baik, sekali",p\rburuk,n\r'),
    "capitals": ("A.TSV", "text\tlabel\nbaik, sekali\tp\nburuk\tn\n"),
    ".tab": ("a.tab", "text\tlabel\nbaik, sekali\tp\nburuk\tn\n"),
    "blank lines above": ("a.tsv", "\n \t \ntext\tlabel\nbaik, sekali\tp\n\t\n   \nburuk\tn\n"),
    "title": ("a.tsv", "Ulasan 2024\n\ntext\tlabel\nbaik, sekali\tp\nburuk\tn\n"),
    "nameless columns without texts": ("a.tsv", "text\tlabel\t\t\nbaik, sekali\tp\t\t\nburuk\tn\t\t\n"),
    "blank fields beyond the header": ("a.tsv", "text\tlabel\nbaik, sekali\tp\t\t\nburuk\tn\n"),
}


@pytest.mark.parametrize("name", TABLES)
def test_tables_as_programs_write_them(here: Path, name: str) -> None:
    file, content = TABLES[name]
    assert [record.fields for record in read_file(written(here, file, content), file).records] == ROWS


def test_lines_keep_their_numbers(here: Path) -> None:
    for name, line in (("sep=", 3), ("title", 4), ("blank lines above", 4), ("old mac", 2)):
        file, content = TABLES[name]
        assert read_file(written(here, file, content), file).records[0].where == f"{file}:{line}"


def test_what_was_taken_is_said(here: Path) -> None:
    for name, what in (
        ("semicolons", "its columns are separated by semicolons"),
        ("title", "“Ulasan 2024” stands above the header and is left out"),
    ):
        file, content = TABLES[name]
        assert [finding.what for finding in read_file(written(here, file, content), file).findings] == [what]


def test_excel_writes_a_title_over_all_columns(here: Path) -> None:
    content = "Ulasan;;\ntext;label;source\nbaik;p;a\nburuk;n;b\n"
    assert read_file(written(here, "a.csv", content), "a.csv").columns == ("text", "label", "source")


def test_columns_without_a_name_get_one(here: Path) -> None:
    content = ",text,,label,\n0,baik,x,p,y\n1,buruk,,n,\n"
    table = read_file(written(here, "a.csv", content), "a.csv")
    assert table.columns == ("index", "text", "column 3", "label", "column 5")


def test_r_names_the_rows_and_not_their_column(here: Path) -> None:
    table = read_file(written(here, "a.tsv", "text\tlabel\n1\tbaik\tp\n2\tburuk\tn\n"), "a.tsv")
    assert table.columns == ("index", "text", "label") and texts(table) == ["baik", "buruk"]


def test_a_header_that_lacks_a_name_is_no_title_and_no_row_numbers(here: Path) -> None:
    assert read_file(written(here, "a.tsv", "text\n1\tbaik\n2\tburuk\n"), "a.tsv").columns == ("index", "text")
    message = said(lambda: read_file(written(here, "b.tsv", "text\nbaik\tp\nburuk\tn\n"), "b.tsv"))
    assert message.startswith(
        "b.tsv:1  the header has 1 field, but 2 of 2 rows have 2 (does this line name the columns?"
    )


def test_a_table_without_a_header_is_told_so(here: Path) -> None:
    rows = "1\tIni sangat bagus, saya suka.\tpositive\n2\tItu buruk sekali.\tnegative\n"
    message = said(lambda: corpus(files(here, train=rows, dev=rows, test=rows), here))
    assert (
        "there is no column “text” (the first line seems to be a row already: add one above it that names the columns;"
        in message
    )


def test_a_column_of_commas_stays_one_column(here: Path) -> None:
    assert texts(read_file(written(here, "a.tsv", "text\nsatu, dua\ntiga\nempat, lima, enam\n"), "a.tsv")) == [
        "satu, dua",
        "tiga",
        "empat, lima, enam",
    ]


def test_a_carriage_return_inside_quotes_stays(here: Path) -> None:
    assert texts(read_file(written(here, "a.csv", 'text,label\n"satu\rdua",p\n'), "a.csv")) == ["satu\rdua"]


DECIMALS = [f"saya suka {n}, ya;positive;{n},5" for n in range(40)]


@pytest.mark.parametrize("title", ["", "Korpus 2021\n", "Korpus;;\n"])
def test_numbers_with_commas_do_not_part_what_semicolons_part(here: Path, title: str) -> None:
    """Excel in most of Europe writes semicolons between columns, since the comma stands in numbers."""
    table = read_file(written(here, "a.csv", title + "text;label;score\n" + "\n".join(DECIMALS)), "a.csv")
    assert table.columns == ("text", "label", "score") and table.records[3].fields["score"] == "3,5"


def test_a_title_of_one_word_ends_at_a_blank_line(here: Path) -> None:
    table = read_file(written(here, "a.csv", "Korpus\n\n# oleh kami\ntext,label\nbaik,p\nburuk,n\n"), "a.csv")
    assert table.columns == ("text", "label") and texts(table) == ["baik", "buruk"]


def test_a_table_in_markdown_has_a_rule_below_its_header(here: Path) -> None:
    rows = "| text | label |\n|:---|---|\n| baik | p |\n| --- | n |\n"
    table = read_file(written(here, "a.csv", rows), "a.csv")
    assert table.columns == ("index", "text", "label") and texts(table) == ["baik", "---"]


@pytest.mark.parametrize(
    ("content", "meant"),
    [
        ("Korpus, kata\ntext,label\nbaik,p\n", "is line 2 the header? take out what stands above it"),
        ("text^label\nbaik^p\n", "the columns seem separated by “^”: save the table with tabs, as .tsv"),
        ("text    label\nbaik    p\n", "the columns seem separated by spaces: save the table with tabs, as .tsv"),
        ("saya suka itu sekali ya,p\nburuk,n\n", "the first line seems to be a row already: add one above it"),
    ],
)
def test_a_missing_column_is_sought_where_it_may_be(here: Path, content: str, meant: str) -> None:
    assert meant in said(lambda: corpus(files(here, train=content, dev=content, test=content), here))


def test_rows_that_are_too_wide_say_why_in_one_line(here: Path) -> None:
    rows = "".join(f"saya, {n},p\n" for n in range(40))
    assert said(lambda: read_file(written(here, "a.csv", "text,label\n" + rows), "a.csv")) == (
        "a.csv:1  the header has 2 fields, but 40 of 40 rows have 3 "
        "(does this line name the columns? texts that hold commas must stand in quotation marks)\n"
    )
    mixed = "text\tlabel\nbaik\tp\nburuk\tn\rjelek\tn\rsedih\tn\n"
    assert "a.tsv:3  has 4 fields, the header has 2 (it holds carriage returns" in said(
        lambda: read_file(written(here, "a.tsv", mixed), "a.tsv")
    )
