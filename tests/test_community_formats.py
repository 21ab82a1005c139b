"""The formats in which communities keep their texts: each is read with its languages, ids and places."""

import io
import json
import zipfile
from pathlib import Path

import pytest
from readings import said, texts, written

from lowres.data.formats.readers import read_file
from lowres.data.formats.tables import Table
from lowres.data.reading import read_corpus
from lowres.places import Places
from lowres.recipe.data_section import FileData
from lowres.recipe.task_section import Classification, PreTraining, Translation


def read(here: Path, name: str, content: str | bytes) -> Table:
    return read_file(written(here, name, content), name)


def fields(table: Table) -> list[dict[str, str]]:
    return [dict(record.fields) for record in table.records]


TMX = """<?xml version="1.0" encoding="ENCODING"?>
<!DOCTYPE tmx SYSTEM "tmx14.dtd">
<tmx version="1.4">
  <header creationtool="x" creationtoolversion="1" segtype="sentence" o-tmf="x" adminlang="en" srclang="en-US" datatype="html"/>
  <body>
    <tu tuid="a-1">
      <tuv xml:lang="en-US"><seg>Good <bpt i="1">&lt;b&gt;</bpt>morning<ept i="1">&lt;/b&gt;</ept> &amp; welcome</seg></tuv>
      <tuv xml:lang="ha"><seg>Barka da <bpt i="1">&lt;b&gt;</bpt>safiya<ept i="1">&lt;/b&gt;</ept>, ɓarayi</seg></tuv>
    </tu>
    <tu><tuv xml:lang="EN-us"><seg>Only English</seg></tuv></tu>
  </body>
</tmx>
"""


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
@pytest.mark.parametrize("name", ["memory.tmx", "memory.xml"])
def test_a_translation_memory_has_a_column_for_each_language(here: Path, name: str, encoding: str) -> None:
    table = read(here, name, TMX.replace("ENCODING", encoding).encode(encoding))
    assert table.columns == ("tuid", "en-US", "ha") and table.languages == {"en-US": "en-US", "ha": "ha"}
    assert fields(table) == [
        {"tuid": "a-1", "en-US": "Good <b>morning</b> & welcome", "ha": "Barka da <b>safiya</b>, ɓarayi"},
        {"tuid": "2", "en-US": "Only English", "ha": ""},
    ]
    assert [record.where for record in table.records] == [f"{name}:6", f"{name}:10"]


XLIFF_1 = """<?xml version="1.0" encoding="utf-8"?>
<xliff version="1.2" xmlns="urn:oasis:names:tc:xliff:document:1.2"><file original="a.html" source-language="en" target-language="yo"
 datatype="html"><body>
<trans-unit id="1"><source>Save <x id="1"/> files</source><target state="translated">Fi <x id="1"/> pamọ́</target></trans-unit>
<trans-unit id="2"><source>Open</source><target state="needs-review-translation">Ṣí</target></trans-unit>
<trans-unit id="3"><source>Close</source></trans-unit>
<trans-unit id="4"><source>PDF</source><target>PDF</target></trans-unit>
</body></file></xliff>
"""
XLIFF_2 = """<xliff xmlns="urn:oasis:names:tc:xliff:document:2.0" version="2.1" srcLang="en" trgLang="yo"><file id="f1">
<unit id="u1"><segment id="s1"><source>Close</source><target>Tì í</target></segment>
<segment id="s2"><source>Open</source><target/></segment></unit>
<unit id="u2"><segment state="initial"><source>Guess</source><target>Mẹ́fò</target></segment></unit>
</file></xliff>
"""


def test_xliff_gives_what_has_been_translated(here: Path) -> None:
    table = read(here, "a.xlf", XLIFF_1)
    assert fields(table) == [
        {"id": "1", "source": 'Save <x id="1"/> files', "target": 'Fi <x id="1"/> pamọ́', "state": "translated"}
    ]
    assert (table.empty, table.notes) == (1, {"not confirmed": 1, "same as the source": 1})
    assert table.languages == {"source": "en", "target": "yo"} and table.records[0].where == "a.xlf:4"
    second = read(here, "b.xliff", XLIFF_2)
    assert [tuple(record.fields.values())[:3] for record in second.records] == [("u1/s1", "Close", "Tì í")]
    assert (second.empty, second.notes) == (1, {"not confirmed": 1})


DANGEROUS = {
    "swelling": '<!DOCTYPE tmx [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]><tmx><body>&b;</body></tmx>',
    "another file": '<!DOCTYPE tmx [<!ENTITY a SYSTEM "file:///etc/hostname">]><tmx><body>&a;</body></tmx>',
    "parameters": '<!DOCTYPE tmx [<!ENTITY % a SYSTEM "http://localhost/x.dtd"> %a;]><tmx><body/></tmx>',
}


@pytest.mark.parametrize("name", DANGEROUS)
@pytest.mark.parametrize("ending", ["tmx", "xlf", "eaf", "flextext", "xml"])
def test_xml_that_declares_entities_is_refused(here: Path, name: str, ending: str) -> None:
    message = said(lambda: read(here, f"a.{ending}", f'<?xml version="1.0"?>\n{DANGEROUS[name]}'))
    assert message == (
        f"a.{ending}:2  declares entities, which is not allowed (write the characters themselves, without a document type)\n"
    )


@pytest.mark.parametrize(
    ("content", "what"),
    [
        ("<tmx>\n<body>\n<tu>\n</body></tmx>", "a.tmx:4  is not well-formed XML: mismatched tag"),
        ("<tmx>\n<body>a &nbsp; b</body></tmx>", "a.tmx:2  is not well-formed XML: undefined entity"),
        ('<!DOCTYPE tmx SYSTEM "tmx14.dtd">\n<tmx>\n&nbsp;</tmx>', "a.tmx:3  holds “&nbsp;”, which XML does not know"),
        ("<a>" * 200, "a.tmx:1  has more than 100 elements inside one another"),
        ("<xliff/>", "a.tmx:1  is not TMX: it begins with <xliff>"),
        ('<?xml version="1.0" encoding="x-none"?><tmx/>', "a.tmx  is in the encoding x-none, which is not known"),
    ],
)
def test_faulty_xml_names_its_line(here: Path, content: str, what: str) -> None:
    assert said(lambda: read(here, "a.tmx", content)).startswith(what)


I18NEXT = '{\n  "menu": {"open": "Open {{name}}", "close": "Close"},\n  "tips": ["One", "Two"],\n  "count": 3\n}\n'
CHROME = (
    '{"hello": {"message": "Hello $USER$", "description": "greeting", "placeholders": {"user": {"content": "$1"}}},\n'
    '"bye": {"message": "Bye"}}'
)
ARB = '{\n "@@locale": "en",\n "hi": "Hi {name}",\n "@hi": {"description": "x", "placeholders": {"name": {}}},\n "bye": "Bye"\n}'


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("en.json", I18NEXT, {"menu.open": "Open {{name}}", "menu.close": "Close", "tips.0": "One", "tips.1": "Two"}),
        ("messages.json", CHROME, {"hello.message": "Hello $USER$", "bye.message": "Bye"}),
        ("app_en.arb", ARB, {"hi": "Hi {name}", "bye": "Bye"}),
    ],
)
def test_messages_of_programs(here: Path, name: str, content: str, expected: dict[str, str]) -> None:
    table = read(here, name, content)
    assert {record.fields["id"]: record.fields["text"] for record in table.records} == expected
    assert table.key == "id"
    line = content.count("\n", 0, content.rindex(texts(table)[-1])) + 1
    number = f":{len(table.records)}" if name == "en.json" else ""  # two of its messages stand on one line
    assert table.records[-1].where == f"{name}:{line}{number}"


def spreadsheet(title: str) -> bytes:
    """The least that every spreadsheet program opens: two sheets, the first of them empty."""
    cells = [["text", "label", "year"], ["Bia toka", "P", 2024], ["Bia lako", "N", 0.5], [None, None, None]]
    rows = "".join(
        f'<row r="{number}">' + "".join(
            f'<c r="{"ABC"[place]}{number}"'
            + (f' t="inlineStr"><is><t>{cell}</t></is></c>' if isinstance(cell, str) else f"><v>{cell}</v></c>")
            for place, cell in enumerate(row) if cell is not None
        ) + "</row>"
        for number, row in enumerate(cells, 1)
    )  # fmt: skip
    main, office = "http://schemas.openxmlformats.org/spreadsheetml/2006/main", "http://schemas.openxmlformats.org"
    kind, relation = (
        "application/vnd.openxmlformats-officedocument.spreadsheetml",
        f"{office}/officeDocument/2006/relationships",
    )
    parts = {
        "[Content_Types].xml": f'<Types xmlns="{office}/package/2006/content-types"><Default Extension="rels" '
        'ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Override PartName="/xl/workbook.xml" ContentType="{kind}.sheet.main+xml"/>'
        f'<Override PartName="/xl/worksheets/s1.xml" ContentType="{kind}.worksheet+xml"/>'
        f'<Override PartName="/xl/worksheets/s2.xml" ContentType="{kind}.worksheet+xml"/></Types>',
        "_rels/.rels": f'<Relationships xmlns="{office}/package/2006/relationships"><Relationship Id="r1" '
        f'Type="{relation}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{main}" xmlns:r="{relation}"><sheets><sheet name="Notes" sheetId="1" r:id="r1"/>'
        f'<sheet name="{title}" sheetId="2" r:id="r2"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{office}/package/2006/relationships">'
        f'<Relationship Id="r1" Type="{relation}/worksheet" Target="worksheets/s1.xml"/>'
        f'<Relationship Id="r2" Type="{relation}/worksheet" Target="worksheets/s2.xml"/></Relationships>',
        "xl/worksheets/s1.xml": f'<worksheet xmlns="{main}"><sheetData/></worksheet>',
        "xl/worksheets/s2.xml": f'<worksheet xmlns="{main}"><sheetData>{rows}</sheetData></worksheet>',
    }  # fmt: skip
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, f'<?xml version="1.0" encoding="UTF-8"?>{content}')
    return out.getvalue()


def open_document() -> bytes:
    """A spreadsheet of LibreOffice."""
    office = "urn:oasis:names:tc:opendocument:xmlns"
    kinds = " ".join(f'xmlns:{name}="{office}:{name}:1.0"' for name in ("office", "table", "text"))
    rows = "".join(
        "<table:table-row>"
        + "".join(f'<table:table-cell office:value-type="string"><text:p>{cell}</text:p></table:table-cell>' for cell in row)
        + "</table:table-row>"
        for row in (["text", "label"], ["Bia toka", "P"], ["Bia lako", "N"])
    )  # fmt: skip
    content = f'<office:document-content {kinds}><office:body><office:spreadsheet><table:table table:name="S">{rows}</table:table>'
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        archive.writestr("content.xml", content + "</office:spreadsheet></office:body></office:document-content>")
        manifest = f'<manifest:manifest xmlns:manifest="{office}:manifest:1.0"/>'
        archive.writestr("META-INF/manifest.xml", manifest)
    return out.getvalue()


def test_spreadsheets(here: Path) -> None:
    pytest.importorskip("python_calamine", reason="python-calamine is not installed: pip install lowres[formats]")
    table = read(here, "a.xlsx", spreadsheet("Data"))
    assert fields(table) == [
        {"text": "Bia toka", "label": "P", "year": "2024"},
        {"text": "Bia lako", "label": "N", "year": "0.5"},
    ]
    assert table.records[1].where == "a.xlsx:3"
    assert fields(read(here, "a.ods", open_document())) == [
        {"text": "Bia toka", "label": "P"},
        {"text": "Bia lako", "label": "N"},
    ]
    assert said(lambda: read(here, "b.xlsx", b"PK\x03\x04 no")).startswith(
        "b.xlsx  is not a spreadsheet that can be read"
    )


def task(number: int, *answers: str, cancelled: bool = False) -> dict[str, object]:
    """A task of Label Studio with the choices of its annotators."""
    results = [
        {
            "was_cancelled": cancelled,
            "result": [{"type": "choices", "from_name": "mood", "to_name": "t", "value": {"choices": [answer]}}],
        }
        for answer in answers
    ]  # fmt: skip
    return {
        "id": number,
        "data": {"text": f"text {number}", "meta": {"a": 1}},
        "annotations": results,
        "predictions": [],
    }


def test_label_studio(here: Path) -> None:
    tasks = [task(1, "good"), task(2, "good", "bad"), task(3), task(4, "bad", "bad"), task(5, "bad", cancelled=True)]
    table = read(here, "export.json", json.dumps(tasks, indent=1))
    assert [(row["id"], row["text"], row["label"]) for row in fields(table)] == [
        ("1", "text 1", "good"), ("3", "text 3", ""), ("4", "text 4", "bad"), ("5", "text 5", ""),
    ]  # fmt: skip
    assert table.notes == {"on which annotators disagree": 1} and table.records[0].where == "export.json:2"


def test_doccano_of_every_age(here: Path) -> None:
    old = '{"id": 1, "text": "a", "labels": ["P"], "meta": {}}\n{"id": 2, "data": "b", "label": ["N"]}\n'
    assert [(row["text"], row["label"]) for row in fields(read(here, "a.jsonl", old))] == [("a", "P"), ("b", "N")]


def corpus_of(here: Path, task: object, **data: object) -> object:
    facts = {"licence": "private", "source": "ours", **data}
    return read_corpus(FileData.model_validate(facts), task, Places(here, here, [], offline=True), seed=1)  # type: ignore[arg-type]


def memory(pairs: int) -> str:
    units = "".join(
        f'<tu><tuv xml:lang="EN"><seg>number {n}</seg></tuv><tuv xml:lang="min"><seg>nomor {n}</seg></tuv></tu>\n'
        for n in range(pairs)
    )
    return f'<tmx version="1.4"><body>\n{units}</body></tmx>'


def test_a_recipe_finds_the_columns_of_its_languages(here: Path) -> None:
    written(here, "memory.tmx", memory(60))
    task = Translation(kind="translation", source="eng-Latn", target="min-Latn")
    found = corpus_of(here, task, files={"train": "memory.tmx"})
    assert {row.language for row in found.train} == {"eng-Latn", "min-Latn"} and found.dev and found.test  # type: ignore[attr-defined]
    plain = corpus_of(
        here, PreTraining(kind="pre-training", language="min-Latn"), files={"train": "memory.tmx"}, language="min-Latn"
    )
    assert all(row.fields["text"].startswith("nomor") for row in plain.train)  # type: ignore[attr-defined]


def test_columns_that_a_recipe_names_win_over_those_that_a_file_tells(here: Path) -> None:
    lines = "".join(f"{n},yor,ewé {n},leaf {n},a leaf {n}\n" for n in range(60))
    written(here, "examples.csv", f"ID,Language_ID,Primary_Text,Gloss,Translated_Text\n{lines}")
    task = Translation(kind="translation", source="yor-Latn", target="eng-Latn")
    told = corpus_of(here, task, files={"train": "examples.csv"})
    named = corpus_of(
        here, task, files={"train": "examples.csv"}, columns={"source": "Primary_Text", "target": "Gloss"}
    )
    for found, begun in ((told, "a leaf "), (named, "leaf ")):
        english = [row.fields["text"] for row in found.train if row.language == "eng-Latn"]  # type: ignore[attr-defined]
        assert english and all(text.startswith(begun) for text in english)


def test_messages_and_verses_of_two_files_are_paired_by_their_names(here: Path) -> None:
    """The second file lacks some, has others in another order, and nothing depends on lines."""
    written(here, "en.json", json.dumps({"app": {f"k{n}": f"number {n}" for n in range(60)}}))
    written(here, "min.json", json.dumps({"app": {f"k{n}": f"nomor {n}" for n in reversed(range(3, 60))}}, indent=2))
    task = Translation(kind="translation", source="eng-Latn", target="min-Latn")
    found = corpus_of(here, task, files={"train": {"eng-Latn": "en.json", "min-Latn": "min.json"}})
    from lowres.data.pairs import pairs

    for split in ("train", "dev", "test"):
        paired = pairs(found.split(split), [("eng-Latn", "min-Latn")])  # type: ignore[attr-defined]
        assert paired and all(
            pair.source.fields["text"].split()[1] == pair.target.fields["text"].split()[1] for pair in paired
        )
    assert len({row.cluster for row in found.rows() if row.language == "min-Latn"}) == 57  # type: ignore[attr-defined]


def test_label_studio_trains_a_classifier(here: Path) -> None:
    tasks = [task(number, ("good", "bad")[number % 2]) for number in range(80)]
    written(here, "export.json", json.dumps(tasks))
    found = corpus_of(here, Classification(kind="classification"), files={"train": "export.json"}, language="min-Latn")
    assert found.labels == ("bad", "good")  # type: ignore[attr-defined]
    assert len({row.id for row in found.train}) == len(found.train) > 50, "all tasks stand on one line"  # type: ignore[attr-defined]
