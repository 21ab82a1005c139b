"""JSON in the forms that tools write it: lines, arrays, objects over several lines, lists, columns nobody asked for."""

import json
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest
from readings import corpus, files, said, texts, written

from lowres.data.formats.readers import read_file
from lowres.data.reading import read_corpus
from lowres.places import Places
from lowres.recipe.data_section import FileData
from lowres.recipe.task_section import Classification

OBJECTS = [{"text": "baik", "label": "p"}, {"text": "buruk", "label": "n"}]
FORMS = {
    "a.jsonl": "\n".join(map(json.dumps, OBJECTS)),
    "a.ndjson": "\n".join(map(json.dumps, OBJECTS)) + "\n\n",
    "a.json": json.dumps(OBJECTS),
    "indented.json": json.dumps(OBJECTS, indent=2),
    "lines.json": "\n".join(map(json.dumps, OBJECTS)),
    "behind.json": "\n".join(json.dumps(one, indent=1) for one in OBJECTS),
    "array.jsonl": json.dumps(OBJECTS),
    "trailing.json": "[\n" + ",\n".join(map(json.dumps, OBJECTS)) + "\n]\n",
}


@pytest.mark.parametrize("name", FORMS)
def test_every_form_gives_the_same_rows(here: Path, name: str) -> None:
    assert [record.fields for record in read_file(written(here, name, FORMS[name]), name).records] == OBJECTS


def test_the_line_is_that_on_which_an_object_begins(here: Path) -> None:
    found = read_file(written(here, "a.json", FORMS["indented.json"]), "a.json")
    assert [record.where for record in found.records] == ["a.json:2", "a.json:6"]


def test_a_list_of_one_label_is_the_label(here: Path) -> None:
    """doccano writes labels so."""
    content = '{"id": 1, "text": "baik", "label": ["p"], "Comments": []}\n{"id": 2, "text": "buruk", "label": ["n"], "Comments": []}\n'
    assert [record.fields["label"] for record in read_file(written(here, "a.jsonl", content), "a.jsonl").records] == [
        "p",
        "n",
    ]


def test_lists_in_columns_nobody_asked_for_are_no_fault(here: Path) -> None:
    first = {"text": "baik", "tokens": ["ba", "ik"], "entities": [[0, 2, "X"]], "meta": {"by": ["a", "b"]}}
    content = f'{json.dumps(first)}\n{{"text": "buruk", "tokens": []}}\n'
    table = read_file(written(here, "a.jsonl", content), "a.jsonl")
    assert table.columns == ("text",) and texts(table) == ["baik", "buruk"]


def test_a_list_where_one_label_is_wanted_names_its_line(here: Path) -> None:
    several = '{"text": "baik", "label": ["p"]}\n{"text": "buruk", "label": ["n", "x"]}\n{"text": "cuma", "label": ["n", "y"]}\n'
    written(here, "train.jsonl", several)
    data = FileData.model_validate(
        {
            "files": dict.fromkeys(("train", "dev", "test"), "train.jsonl"),
            "language": "min-Latn",
            "licence": "private",
            "source": "ours",
        }
    )
    message = said(
        lambda: read_corpus(data, Classification(kind="classification"), Places(here, here, [], offline=True), seed=1)
    )
    assert message.startswith(
        "train.jsonl:2  “label” holds a list of 2, as 1 further rows do (one text, one label for each row)"
    )


def test_half_an_emoji_is_a_lost_character_and_told(here: Path) -> None:
    table = read_file(
        written(here, "a.jsonl", '{"text": "baik \\ud83d"}\n{"text": "buruk \\ud83d\\ude00"}\n'), "a.jsonl"
    )
    assert texts(table) == ["baik \ufffd", "buruk 😀"]
    (finding,) = table.damaged("text")
    assert (finding.level, finding.where) == ("warning", "a.jsonl:1") and finding.what.startswith(
        "1 text in the column “text” holds U+FFFD"
    )
    json.dumps([dict(record.original) for record in table.records], ensure_ascii=False).encode()


def test_nan_and_nul_are_refused_with_their_lines(here: Path) -> None:
    message = said(
        lambda: read_file(written(here, "a.jsonl", '{"text": "a"}\n{"text": NaN}\n{"text": -Infinity}\n'), "a.jsonl")
    )
    assert [line.partition("  ")[0] for line in message.splitlines()] == ["a.jsonl:2", "a.jsonl:3"]
    assert "NaN is no value of JSON; write null where a value is missing" in message
    message = said(lambda: read_file(written(here, "b.jsonl", '{"text": "a"}\n{"text": "sa\\u0000tu"}\n'), "b.jsonl"))
    assert message == "b.jsonl:2  holds a NUL, which no text holds (take it out)\n"


def test_an_array_that_is_cut_short_names_its_line(here: Path) -> None:
    assert said(lambda: read_file(written(here, "a.json", '[\n{"text": "a"},\n{"te'), "a.json")).startswith(
        "a.json:3  is not JSON: "
    )
    assert said(lambda: read_file(written(here, "b.json", '[\n{"text": "a"},\n'), "b.json")).startswith(
        "b.json:3  is not JSON: the array"
    )


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (
            '{"data": [{"text": "a"}, {"text": "b"}]}',
            "is one object, whose rows stand in the list “data” (write that list alone",
        ),
        ('{"rows": [{"row": {"text": "a"}}]}', "is one object, whose rows stand in the list “rows”"),
        (
            '{"text": {"0": "a", "1": "b"}, "label": {"0": "p", "1": "n"}}',
            "is a table written column by column (write a row at a time",
        ),
        ("[" * 100_000, "too many lists or objects inside one another"),
        ('{"text": "a", "text ": "b"}', "the column “text” stands twice"),
    ],
)
def test_other_shapes_are_refused_with_what_to_do(here: Path, content: str, what: str) -> None:
    assert what in said(lambda: read_file(written(here, "a.json", content), "a.json"))


def test_parquet_has_structures_and_lists_of_one_too(here: Path) -> None:
    table = pyarrow.table(
        {
            "translation": [{"en": "one", "fr": "un"}, {"en": "two", "fr": "deux"}],
            "label": [["p"], []],
            "tokens": [["a", "b"], ["c"]],
        }
    )
    pyarrow.parquet.write_table(table, "a.parquet")
    read = read_file(here / "a.parquet", "a.parquet")
    assert [dict(record.fields) for record in read.records] == [
        {"translation.en": "one", "translation.fr": "un", "label": "p"},
        {"translation.en": "two", "translation.fr": "deux", "label": ""},
    ]
    assert read.unreadable["tokens"].where == "a.parquet:1"


def test_labels_of_the_recipe_are_in_the_same_unicode_form_as_those_of_the_data(here: Path) -> None:
    rows = "text\tlabel\nsatu\tdobre\u0301\ndua\tzle\u0301\n"
    task = Classification(kind="classification", labels=("dobre\u0301", "zl\u00e9"))
    read = corpus(
        files(here, train=rows, dev=rows.replace("satu", "tiga"), test=rows.replace("dua", "lima")), here, task
    )
    assert read.labels == ("dobr\u00e9", "zl\u00e9")
