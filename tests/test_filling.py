"""Missing translations are filled into a file and marked; what was there stays byte for byte, and other parsers read the result."""

import csv
import io
import json
from collections.abc import Sequence
from difflib import SequenceMatcher
from pathlib import Path

import polib
import pytest
from readings import said, written
from test_translate_run import prepared, toy

from lowres.cli import lowres as command
from lowres.data.formats.readers import read_file
from lowres.languages.placeholders import missing_placeholders
from lowres.planning import Options
from lowres.running import run as run_recipe
from lowres.runs.filling import Filled, direction_of, fill
from lowres.runs.run import Run

DIRECTION = ("eng-Latn", "min-Latn")
MIN = {
    "good": "rancak",
    "morning": "pagi",
    "open": "buka",
    "close": "tutuik",
    "file": "berkas",
    "files": "berkas",
    "day": "ari",
    "days": "ari",
}


def minangkabau(texts: Sequence[str]) -> list[str]:
    """A translator word by word, in brackets; like a small model it loses placeholders in long texts."""
    out = []
    for text in texts:
        words = [MIN.get(word.lower(), word) for word in text.split()]
        out.append(" ".join(word for word in words if len(words) < 4 or not missing_placeholders(word, "")))
    return [f"‹{one}›" if one else "" for one in out]


def filled(here: Path, name: str, content: str | bytes, earlier: Path | None = None) -> tuple[Filled, bytes, bytes]:
    path = written(here, name, content)
    said_of_it = fill(path, here / f"out-{name}", DIRECTION, minangkabau, earlier)
    return said_of_it, path.read_bytes(), (here / f"out-{name}").read_bytes()


def changes(before: bytes, after: bytes) -> list[tuple[bytes, bytes]]:
    """The lines that were changed: what stood there, and what stands there now."""
    old, new = before.splitlines(keepends=True), after.splitlines(keepends=True)
    return [
        (b"".join(old[a:b]), b"".join(new[c:d]))
        for kind, a, b, c, d in SequenceMatcher(None, old, new, autojunk=False).get_opcodes()
        if kind != "equal"
    ]


PO = r"""# Minangkabau translations
msgid ""
msgstr ""
"Content-Type: text/plain; charset=UTF-8\n"
"Language: min\n"
"Plural-Forms: nplurals=2; plural=(n != 1);\n"

#. A comment
#: menu.c:12
msgid "Open"
msgstr ""

#: menu.c:14
#, c-format
msgctxt "verb"
msgid "Close %s"
msgstr ""

#   oddly   spaced, and done
msgid   "Good"
msgstr "Rancak bana"

#, fuzzy
msgid "Morning"
msgstr "Pagi?"

#, python-format
msgid "%(n)d day"
msgid_plural "%(n)d days"
msgstr[0] ""
msgstr[1] ""

msgid ""
"Good morning, the \"file\" %(name)s\n"
"is open\n"
msgstr ""

#~ msgid "Old"
#~ msgstr "Lamo"
"""


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_gettext(here: Path, end: str) -> None:
    told, before, after = filled(here, "a.po", PO.replace("\n", end).encode())
    assert (told.written, told.finished, told.in_pieces, told.marks) == (4, 2, 1, "fuzzy")
    catalogue = {entry.msgid: entry for entry in polib.pofile(str(here / "out-a.po"))}
    assert catalogue["Open"].msgstr == "‹buka›" and catalogue["Close %s"].msgstr == "‹tutuik %s›"
    assert catalogue["%(n)d day"].msgstr_plural == {0: "‹%(n)d ari›", 1: "‹%(n)d ari›"}
    last = catalogue['Good morning, the "file" %(name)s\nis open\n']
    assert "%(name)s" in last.msgstr and last.msgstr.endswith("\n") and '"' in last.msgstr
    assert {entry.msgid for entry in catalogue.values() if "fuzzy" in entry.flags} == {
        "Open", "Close %s", "Morning", "%(n)d day", last.msgid,
    }  # fmt: skip
    assert catalogue["Close %s"].flags == ["c-format", "fuzzy"] and catalogue["Open"].comment == "A comment"
    touched = [old.decode().replace(end, "\n") for old, _ in changes(before, after)]
    assert all(
        set(old.split("\n")) <= {"", 'msgstr ""', 'msgstr[0] ""', 'msgstr[1] ""', "#, c-format", "#, python-format"}
        for old in touched
    )
    assert after.count(b"\r\n") == (after.count(b"\n") if end == "\r\n" else 0)
    again, _, same = filled(here, "b.po", after)
    assert again.written == 0 and same == after


def test_a_language_with_one_form_takes_the_translation_of_the_plural(here: Path) -> None:
    content = (
        PO.replace("nplurals=2; plural=(n != 1)", "nplurals=1; plural=0")
        .replace('msgstr[1] ""\n', "")
        .replace('%(n)d day"', 'One day"')
    )
    filled(here, "a.po", content)
    entry = next(entry for entry in polib.pofile(str(here / "out-a.po")) if entry.msgid_plural)
    assert entry.msgstr_plural == {0: "‹%(n)d ari›"}


XLIFF_1 = """<?xml version="1.0" encoding="ENCODING"?>
<xliff version="1.2" xmlns="urn:oasis:names:tc:xliff:document:1.2">
  <file original="a.html" source-language="en" target-language="min" datatype="html"><body>
    <trans-unit id="1">
      <source>Open &lt;<g id="1">file</g>&gt;</source>
    </trans-unit>
    <trans-unit id="2"><source>Close</source><target state='new' xml:lang="min"/><note>a > b</note></trans-unit>
    <trans-unit id="3"><source>Good</source><target state="final">Rancak</target></trans-unit>
    <trans-unit id="4" translate="no"><source>Day</source></trans-unit>
    <trans-unit id="5" approved="no"><source>Good <x id="a"/> morning <x id="b"/> file</source><target></target></trans-unit>
  </body></file>
</xliff>
"""
XLIFF_2 = """<xliff xmlns="urn:oasis:names:tc:xliff:document:2.0" version="2.0" srcLang="en" trgLang="min">
 <file id="f"><unit id="u">
  <segment id="s1" state="initial">
   <source>Open</source>
  </segment>
  <segment><source>Close <pc id="1">file</pc></source><target/></segment>
  <segment state="final"><source>Good</source><target>Rancak</target></segment>
 </unit></file>
</xliff>
"""


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "iso-8859-1"])
def test_xliff_1(here: Path, encoding: str) -> None:
    content = XLIFF_1.replace("ENCODING", encoding).encode(encoding)
    told, before, after = filled(here, "a.xlf", content)
    assert (told.written, told.finished, told.in_pieces) == (3, 1, 0)
    assert told.skipped == {"that the file says are not to be translated": 1}
    old, new = before.decode(encoding), after.decode(encoding)
    assert old.partition('<trans-unit id="3">')[2].partition('id="5"')[0] in new, "finished units are not touched"
    assert '</source>\n      <target state="needs-review-translation">' in new, "on a line of its own, as the source is"
    from translate.storage import xliff

    units = {unit.getid().split("\x04")[-1]: unit for unit in xliff.xlifffile.parsestring(after).units}
    codes = {
        name: [part for part in unit.rich_target[0] if getattr(part, "id", None)]
        for name, unit in units.items()
        if unit.target
    }
    assert [code.id for code in codes["1"]] == ["1"] and str(codes["1"][0].sub[0]) == "file"
    assert units["2"].xmlelement.find("{*}target").get("state") == "needs-review-translation"
    assert units["2"].isfuzzy() and units["3"].target == "Rancak" and not units["4"].target
    assert [code.id for code in codes["5"]] == ["a", "b"]


def test_xliff_2(here: Path) -> None:
    told, _, after = filled(here, "a.xlf", XLIFF_2)
    assert (told.written, told.finished, told.marks) == (2, 1, "translated, not reviewed")
    assert read_file(here / "out-a.xlf", "a").records[0].fields["target"] == "‹buka›"
    text = after.decode()
    assert (
        '<segment id="s1" state="translated">' in text and "<source>Open</source>\n   <target>‹buka›</target>" in text
    )
    assert '<segment state="translated"><source>Close <pc id="1">file</pc></source><target>' in text
    assert '<segment state="final"><source>Good</source><target>Rancak</target></segment>' in text


TMX = """<?xml version="1.0" encoding="UTF-8"?>
<tmx version="1.4"><header creationtool="x" creationtoolversion="1" segtype="sentence" o-tmf="x" adminlang="en"
 srclang="EN" datatype="html"/><body>
  <tu tuid="1">
    <tuv xml:lang="EN"><seg>Open <bpt i="1">&lt;b&gt;</bpt>file<ept i="1">&lt;/b&gt;</ept></seg></tuv>
  </tu>
  <tu><tuv xml:lang="EN"><seg>Good</seg></tuv><tuv xml:lang="min"><seg>Rancak</seg></tuv></tu>
  <tu><tuv xml:lang="EN"><seg>Close</seg></tuv><tuv xml:lang="min"><seg/></tuv></tu>
  <tu><tuv xml:lang="fr"><seg>Seulement</seg></tuv></tu>
</body></tmx>
"""


def test_tmx(here: Path) -> None:
    told, before, after = filled(here, "a.tmx", TMX)
    assert (told.written, told.finished) == (2, 1)
    assert len(changes(before, after)) == 2, "a new line in the first unit, one changed line in the third"
    from translate.storage import tmx

    pairs = {unit.source: unit.gettarget("min") for unit in tmx.tmxfile.parsestring(after).units if unit.source}
    assert pairs["Good"] == "Rancak" and pairs["Close"] == "‹tutuik›"
    assert b'<bpt i="1">&lt;b&gt;</bpt>file<ept i="1">&lt;/b&gt;</ept>' in after.split(b'<tuv xml:lang="min">')[1]
    assert after.count(b'<prop type="x-state">needs-review-translation</prop>') == 2


I18NEXT = (
    '{\r\n\t"menu": { "open":"Open {{name}}", "close" : "Close" },\r\n\t"n": 1.50,\r\n'
    '\t"many": "{n, plural, one {day} other {days}}",\r\n\t"empty": ""\r\n}'
)
ARB = '{\n  "@@locale": "en",\n  "good": "Good",\n  "@good": {"description": "Open"},\n  "day": "Day"\n}\n'


def test_messages_in_json(here: Path) -> None:
    earlier = written(here, "min.json", '{"menu": {"close": "Tutuik lah", "gone": "x"}}')
    told, before, after = filled(here, "en.json", I18NEXT, earlier)
    assert (told.written, told.finished, told.marks) == (1, 1, "") and sum(told.skipped.values()) == 1
    assert json.loads(after)["menu"] == {"open": "‹buka {{name}}›", "close": "Tutuik lah"}
    assert after == before.replace(b"Open {{name}}", "‹buka {{name}}›".encode()).replace(b"Close", b"Tutuik lah")
    _, _, arb = filled(here, "app.arb", ARB)
    assert json.loads(arb) == {"@@locale": "min", "good": "‹rancak›", "@good": {"description": "Open"}, "day": "‹ari›"}


def test_tables_and_texts(here: Path) -> None:
    content = 'id;source;target\n1;"Good; ""morning""";\n2;Close;Tutuik\n3;;\n'
    told, before, after = filled(here, "a.csv", content)
    rows = list(csv.reader(io.StringIO(after.decode()), delimiter=";"))
    assert (told.written, told.finished) == (1, 1) and rows[1] == ["1", 'Good; "morning"', '‹Good; "morning"›']
    assert [new.split(b";")[0] for _, new in changes(before, after)] == [b"1"]
    _, _, table = filled(here, "a.tsv", 'text\tn\r\nGood "x"\t1\r\n\t2\r\nClose\t3\r\n')
    assert table.decode() == 'text\tn\ttarget\r\nGood "x"\t1\t‹rancak "x"›\r\n\t2\t\r\nClose\t3\t‹tutuik›\r\n'
    _, _, lines = filled(here, "a.txt", "Good\n\n  Close  \r\nDay")
    assert lines.decode() == "‹rancak›\n\n  ‹tutuik›  \r\n‹ari›"


USFM = r"""\id MAT - Test
\usfm 3.0
\h Matiu
\mt1 Matiu
\c 5
\s1 A heading \f + \ft a note\f*
\p
\v 1 Good\f + \fr 5:1 \ft a “note”
over two lines\f* morning, \nd day\nd*
\q1 and \w close|lemma="close"\w*
the
\q1 file.
\p
\v 2-3 \x - \xo 5:2 \xt Mark 3:13\x* Open. \v 4 Day
\v 5
\c 6
\p
\v 1
\q1 “Day” ümlaut
"""


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_scripture(here: Path, end: str) -> None:
    """Verses are translated; the USFM committee's own parser finds the same paragraphs, verses and notes as before."""
    from usfmtc import USX

    told, before, after = filled(here, "40MAT.SFM", "\ufeff" + USFM.replace("\n", end))
    assert (told.written, told.finished, told.marks) == (4, 0, "\\rem") and sum(told.skipped.values()) == 2
    verses = {row.fields["id"]: row.fields["text"] for row in read_file(here / "out-40MAT.SFM", "out").records}
    assert verses == {
        "MAT 5:1": "‹rancak morning, ari and tutuik the file.›", "MAT 5:2-3": "‹Open.›", "MAT 5:4": "‹ari›", "MAT 5:5": "",
        "MAT 6:1": "‹“Day” ümlaut›",
    }  # fmt: skip

    def bones(data: bytes) -> list[tuple[str, str, str]]:
        """Books, chapters, paragraphs, verses and notes in their order, the notes with their text."""
        root = USX.fromUsfm(data.decode("utf-8-sig")).getroot()
        found = [one for one in root.iter() if one.tag != "char" and one.get("style") != "rem"]
        notes = ["".join(one.itertext()) if one.tag == "note" else "" for one in found]
        return [
            (one.tag, f"{one.get('style')} {one.get('number')}", note) for one, note in zip(found, notes, strict=True)
        ]

    assert bones(after) == bones(before)
    assert len(bones(before)) == 21 and after.startswith(b"\xef\xbb\xbf\\id MAT")
    assert after.count(b"\n") == after.count(end.encode())
    shown = after.decode().replace(end, "\n")
    assert (
        "\\v 1 ‹rancak morning, ari and tutuik the file.›\\f + \\fr 5:1 \\ft a “note”\nover two lines\\f* \n\\q1 \n\\q1 \n"
        in shown
    )
    assert "\\usfm 3.0\n\\rem Verses translated by lowres" in shown and "\\v 1\n\\q1 ‹“Day” ümlaut›\n" in shown


def test_codes_that_would_overlap_are_not_written(here: Path) -> None:
    """All codes are there, but the closing one comes first: the unit stays empty, and its place is told."""
    path = written(here, "a.xlf", XLIFF_2)

    told = fill(
        path, here / "out.xlf", DIRECTION, lambda texts: [f'</pc>{text.partition("<")[0]}<pc id="1">' for text in texts]
    )
    assert (told.written, told.skipped, told.places) == (1, {"whose codes could not be put back": 1}, ("a.xlf:6",))
    assert "<target/>" in (here / "out.xlf").read_text(encoding="utf-8")


def test_the_languages_of_a_file_choose_the_direction(here: Path) -> None:
    path = written(here, "a.xlf", XLIFF_1.replace("ENCODING", "utf-8"))
    known = [("eng-Latn", "ind-Latn"), ("eng-Latn", "min-Latn"), ("min-Latn", "eng-Latn")]
    assert direction_of(path, known) == ("eng-Latn", "min-Latn")
    assert direction_of(written(here, "a.txt", "Good\n"), known) is None


@pytest.mark.parametrize(
    ("name", "content", "what"),
    [
        ("a.docx", "x", "a.docx  files ending on “.docx” are not written back (possible: .po"),
        ("a.po", 'msgid "x"\nnonsense\nmsgstr ""\n', "a.po:2  is not in the syntax of a gettext catalogue"),
        ("a.sfm", "\\lx aba\n", "a.sfm  holds no verse (a book begins with"),
        ("a.json", '[{"text": "a"}]', "a.json  holds no messages"),
        (
            "a.tsv",
            "words\tn\na\t1\n",
            "a.tsv:1  there is no column “source” or “text” to translate (columns: words, n)",
        ),
        ("a.csv", "source,target\na,b,c\n", "a.csv:2  has 3 fields, the header has 2"),
    ],
)
def test_files_that_cannot_be_filled_say_why(here: Path, name: str, content: str, what: str) -> None:
    path = written(here, name, content)
    assert said(lambda: fill(path, here / "out", DIRECTION, minangkabau)).startswith(what)
    assert not (here / "out").exists()


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, tiny_encoder: Path, cache: Path) -> Run:
    folder = tmp_path_factory.mktemp("filling")
    options = Options(cache=cache, offline=True, device="cpu", threads=1)
    return run_recipe(prepared(folder, tiny_encoder), folder / "out", options=options)


def test_predict_fills_a_catalogue(finished: Run, here: Path, cache: Path) -> None:
    from click.testing import CliRunner

    text = "the soup was warm and the cook was good"
    written(
        here,
        "a.po",
        f'msgid ""\nmsgstr "Language: qaa\\n"\n\nmsgid "{text}"\nmsgstr ""\n\nmsgid "soup"\nmsgstr "supo"\n',
    )
    arguments = ["predict", str(finished.folder), "a.po", "--cache", str(cache), "--offline", "--device", "cpu"]
    answer = CliRunner().invoke(command, [*arguments, "--out", "a.qaa.po"])
    assert answer.exit_code == 0, answer.output
    assert "a.qaa.po: 1 translated, which nobody has reviewed (marked as fuzzy); 1 were there before" in answer.output
    first, second = polib.pofile("a.qaa.po")
    assert (first.msgstr, first.flags, second.msgstr, second.flags) == (toy(text), ["fuzzy"], "supo", [])
    from lowres.errors import DataError, ModelError

    with pytest.raises(DataError, match=r"a.qaa.po  exists already"):
        finished.fill("a.po", "a.qaa.po")
    with pytest.raises(DataError, match=r"say --out FILE"):
        CliRunner().invoke(command, arguments, catch_exceptions=False, standalone_mode=False)
    with pytest.raises(ModelError, match="several directions"):
        finished.fill(written(here, "b.txt", "the soup\n"), "b.qaa.txt")
