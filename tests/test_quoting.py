"""Whether a table in text is quoted is decided for each file: from what would be whole, and what could mean nothing else."""

import csv
import io
from pathlib import Path

import pytest
from readings import corpus, files, said, texts, written

from lowres.data.formats.readers import read_file
from lowres.errors import DataError

NEWS = [
    ("headline", "text", "label"),
    ('BBC: "Ìròyìn"', 'Ó sọ pé "mo ti dé" ní àná', "politics"),
    ("Eré bọ́ọ̀lù", "Ìlà kan\nìlà kejì\tàti táàbù", "sports"),
    ("Ìlera", "Ó dára", "health"),
]
LITERAL = {
    "yaoure": 'text\tlabel\n"bʋɩnun yaa\tpositive\n-a \'wɩ "o\tnegative\n',
    "tatoeba": 'id\ttext\n1\t"Kamusta!" sabi niya.\n2\t"Oo\n3\tSabi niya: "hindi"\n',
    "uzbek": 'text\tlabel\n"Bilayn" - eng yaxshi\tpositive\n"Ucell" - "yomon"\tnegative\n',
    "whole": 'text\tlabel\n"Baik"\tp\n"Buruk"\tn\n',
    "one doubled among bare": 'text\tlabel\n"sero bana"" 2RA"\tp\ninyo "rancak"\tn\niko "lamak" bana\tn\n',
    "spread over lines": 'id\ttext\n1\t"Baik\n2\tburuk"\n3\tsatu\n',
}


def pandas(rows: list[tuple[str, ...]]) -> str:
    """What pandas writes with to_csv(sep="\\t", index=False): fields are quoted where they need it."""
    out = io.StringIO()
    csv.writer(out, delimiter="\t", lineterminator="\n").writerows(rows)
    return out.getvalue()


def test_a_table_that_pandas_wrote_is_read_as_it_was(here: Path) -> None:
    table = read_file(written(here, "a.tsv", pandas(NEWS)), "a.tsv")
    assert [tuple(record.fields.values()) for record in table.records] == NEWS[1:]
    assert [record.where for record in table.records] == ["a.tsv:2", "a.tsv:3", "a.tsv:5"]
    assert [finding.what[:44] for finding in table.findings] == ["the file is read as quoted, since it holds 1"]


def test_doubled_quotation_marks_alone_are_enough(here: Path) -> None:
    table = read_file(written(here, "a.tsv", pandas(NEWS[:2])), "a.tsv")
    assert texts(table) == [NEWS[1][1]]
    as_it_stands = read_file(written(here, "a.tsv", pandas(NEWS[:2])), "a.tsv", "no")
    assert texts(as_it_stands) == ['"Ó sọ pé ""mo ti dé"" ní àná"'] and not as_it_stands.findings


def test_a_quoted_header_is_enough(here: Path) -> None:
    assert texts(read_file(written(here, "a.tsv", '"text"\t"label"\n"Baik"\t"p"\n'), "a.tsv")) == ["Baik"]


@pytest.mark.parametrize("name", LITERAL)
def test_files_that_quote_nothing_stay_as_they_stand(here: Path, name: str) -> None:
    content = LITERAL[name]
    table = read_file(written(here, "a.tsv", content), "a.tsv")
    assert ["\t".join(record.fields.values()) for record in table.records] == content.splitlines()[1:]


def test_the_recipe_settles_doubt_and_is_told_of_it(here: Path) -> None:
    content = LITERAL["whole"]
    said_so = read_file(written(here, "a.tsv", content), "a.tsv").findings[0]
    assert said_so.what.startswith(
        "2 fields stand in quotation marks, which are read as part of the text; “quotes: yes”"
    )
    assert texts(read_file(here / "a.tsv", "a.tsv", "yes")) == ["Baik", "Buruk"]


def test_quotes_is_a_key_of_files_and_the_choice_reaches_the_findings(here: Path) -> None:
    train = 'text\tlabel\n"rancak"\tpositive\n"buruak"\tnegative\n'
    data = files(here, train=train, dev="text\tlabel\nelok\tpositive\n", test="text\tlabel\njaek\tnegative\n")
    found = corpus(data, here)
    assert found.train[0].fields["text"] == '"rancak"'
    assert any("2 fields stand in quotation marks" in finding.what for finding in found.findings)
    bare = corpus(data.model_copy(update={"quotes": "yes"}), here)
    assert [row.fields["text"] for row in bare.train] == ["rancak", "buruak"]


def test_broken_lines_that_would_be_whole_under_quoting_are_told_in_one_line(here: Path) -> None:
    rows = [NEWS[0], *([NEWS[2]] * 50)]
    content = pandas(rows) + 'Èkó\tó ní "kò sí\thealth\n"Ìbàdàn" ni\tbẹ́ẹ̀ ni\thealth\n'
    message = said(lambda: read_file(written(here, "a.tsv", content), "a.tsv"))
    assert message.splitlines()[0] == (
        "a.tsv  50 lines do not have the header's fields as they stand; read as quoted, all but 1 would (mend these first)"
    )
    assert len(message.splitlines()) == 2 and message.splitlines()[1].startswith(
        "a.tsv:103  is not CSV: '\t' expected after"
    )


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("sá\tsí\tàwọn\thealth", "a.tsv:5  has 4 fields"),
        ('"Ìbàdàn" ni\tbẹ́ẹ̀ ni\thealth', "a.tsv:5  is not CSV"),
        ('"Ìbàdàn\tni\thealth', "a.tsv:5  is not CSV"),
    ],
)
def test_one_broken_line_is_told_apart_from_the_quoted_ones(here: Path, line: str, fault: str) -> None:
    """A table of pandas to which a line was added by hand: the remedy is to mend that line, not the quoted ones."""
    content = pandas([NEWS[0], NEWS[2], NEWS[3]]) + f"{line}\n" + pandas([NEWS[1], NEWS[2]])
    message = said(lambda: read_file(written(here, "a.tsv", content), "a.tsv")).splitlines()
    assert "read as quoted, all but 1 would" in message[0] and message[1].startswith(fault) and len(message) == 2


def test_a_space_may_stand_before_a_quotation_mark(here: Path) -> None:
    table = read_file(written(here, "a.csv", 'text, label\n"satu, dua", p\ntiga, "p, q"\n'), "a.csv")
    assert [tuple(record.fields.values()) for record in table.records] == [("satu, dua", "p"), ("tiga", "p, q")]
    literal = read_file(written(here, "b.csv", 'text,label\np, "satu" dua\n'), "b.csv")
    assert literal.records[0].fields["label"] == '"satu" dua'


def test_a_text_may_be_long(here: Path) -> None:
    chapter = "satu, " * 50_000
    assert texts(read_file(written(here, "a.csv", f'text,label\n"{chapter}",p\n'), "a.csv")) == [chapter.strip()]


def test_every_faulty_line_of_a_csv_is_named(here: Path) -> None:
    content = 'text,label\n"dia "bilang" baik",p\nbaik,p\nburuk, sekali,n\n"lagi "satu"",n\nsatu,p\n"terbuka,n\ndua,p\n'
    with pytest.raises(DataError) as error:
        read_file(written(here, "a.csv", content), "a.csv")
    assert [problem.where for problem in error.value.problems] == ["a.csv:2", "a.csv:4", "a.csv:5", "a.csv:7"]
