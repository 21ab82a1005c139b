"""The formats of linguists: ELAN, FLEx, Toolbox, USFM and CoNLL-U are read with their languages, ids and places."""

from pathlib import Path

import pytest
from readings import said
from test_community_formats import fields, read

EAF = """<?xml version="1.0" encoding="UTF-8"?>
<ANNOTATION_DOCUMENT AUTHOR="" DATE="2020-01-01T00:00:00+00:00" FORMAT="3.0" VERSION="3.0">
<TIME_ORDER><TIME_SLOT TIME_SLOT_ID="ts1" TIME_VALUE="0"/><TIME_SLOT TIME_SLOT_ID="ts2" TIME_VALUE="900"/>
<TIME_SLOT TIME_SLOT_ID="ts3"/><TIME_SLOT TIME_SLOT_ID="ts4" TIME_VALUE="2000"/></TIME_ORDER>
<TIER TIER_ID="ft@A" LINGUISTIC_TYPE_REF="ft" PARENT_REF="tx@A" LANG_REF="eng">
<ANNOTATION><REF_ANNOTATION ANNOTATION_ID="a3" ANNOTATION_REF="a1">
<ANNOTATION_VALUE>He came.</ANNOTATION_VALUE></REF_ANNOTATION></ANNOTATION>
</TIER>
<TIER TIER_ID="tx@A" LINGUISTIC_TYPE_REF="tx" PARTICIPANT="A" LANG_REF="yor">
<ANNOTATION><ALIGNABLE_ANNOTATION ANNOTATION_ID="a1" TIME_SLOT_REF1="ts1" TIME_SLOT_REF2="ts3">
<ANNOTATION_VALUE>Ó wá.</ANNOTATION_VALUE></ALIGNABLE_ANNOTATION></ANNOTATION>
<ANNOTATION><ALIGNABLE_ANNOTATION ANNOTATION_ID="a2" TIME_SLOT_REF1="ts3" TIME_SLOT_REF2="ts4">
<ANNOTATION_VALUE>Ó lọ.</ANNOTATION_VALUE></ALIGNABLE_ANNOTATION></ANNOTATION>
</TIER>
<TIER TIER_ID="wd@A" LINGUISTIC_TYPE_REF="wd" PARENT_REF="tx@A">
<ANNOTATION><ALIGNABLE_ANNOTATION ANNOTATION_ID="a4" TIME_SLOT_REF1="ts1" TIME_SLOT_REF2="ts2">
<ANNOTATION_VALUE>Ó</ANNOTATION_VALUE></ALIGNABLE_ANNOTATION></ANNOTATION>
<ANNOTATION><ALIGNABLE_ANNOTATION ANNOTATION_ID="a5" TIME_SLOT_REF1="ts2" TIME_SLOT_REF2="ts3">
<ANNOTATION_VALUE>wá</ANNOTATION_VALUE></ALIGNABLE_ANNOTATION></ANNOTATION>
</TIER></ANNOTATION_DOCUMENT>
"""


def test_elan_puts_dependent_tiers_beside_what_they_belong_to(here: Path) -> None:
    table = read(here, "a.eaf", EAF)
    assert fields(table) == [
        {"annotation": "a1", "tx": "Ó wá.", "ft": "He came.", "wd": "Ó wá"},
        {"annotation": "a2", "tx": "Ó lọ.", "ft": "", "wd": ""},
    ]
    assert table.languages == {"ft": "eng", "tx": "yor"} and table.records[0].where == "a.eaf:10"


FLEX = """<?xml version="1.0" encoding="utf-8"?>
<document version="2"><interlinear-text guid="t"><item type="title" lang="en">Story</item><paragraphs><paragraph><phrases>
<phrase guid="p1"><item type="segnum" lang="en">1.1</item><words>
<word guid="w"><item type="txt" lang="qaa-x-kal">Mi</item><item type="gls" lang="en">I</item>
<morphemes><morph><item type="txt" lang="qaa-x-kal">mi</item></morph></morphemes></word>
<word><item type="txt" lang="qaa-x-kal">kama</item></word><word><item type="punct" lang="qaa-x-kal">.</item></word></words>
<item type="gls" lang="en">I come.</item><item type="gls" lang="fr">Je viens.</item></phrase>
</phrases></paragraph></paragraphs></interlinear-text></document>
"""


def test_flex_puts_the_words_of_a_phrase_together(here: Path) -> None:
    table = read(here, "a.flextext", FLEX)
    row = {"id": "p1", "segnum": "1.1", "gls-en": "I come.", "gls-fr": "Je viens.", "text-qaa-x-kal": "Mi kama."}
    assert fields(table) == [row] and table.records[0].where == "a.flextext:3"
    assert table.languages == {"gls-en": "en", "gls-fr": "fr", "text-qaa-x-kal": "qaa-x-kal"}


TOOLBOX_TEXT = """\\_sh v3.0  400  Text

\\id Story
\\ref Story.001
\\tx Ba    toli
\\mb ba=   toli
\\tx na ngai.
\\ft They called
me.

\\ref Story.002
\\tx Bia.
\\ft Good.
"""
TOOLBOX_DICTIONARY = """\\_sh v3.0  400  MDF 4.0

\\lx aba
\\ge father
\\xv Aba tɔ.
\\xe Father came.
\\xv Aba kɔ.
\\xe Father went.

\\lx abo
\\ge stone
"""


def test_toolbox_texts_and_dictionaries(here: Path) -> None:
    table = read(here, "story.txt", TOOLBOX_TEXT)
    assert fields(table) == [
        {"ref": "Story.001", "tx": "Ba toli na ngai.", "mb": "ba= toli", "ft": "They called me."},
        {"ref": "Story.002", "tx": "Bia.", "mb": "", "ft": "Good."},
    ]
    assert [record.where for record in table.records] == ["story.txt:4", "story.txt:11"]
    assert table.findings[0].what.startswith("is a Toolbox file")
    entries = fields(read(here, "lexicon.db", TOOLBOX_DICTIONARY))
    assert [(row["lx"], row["ge"], row["xv"], row["xe"]) for row in entries] == [
        ("aba", "father", "Aba tɔ.", "Father came."), ("aba", "", "Aba kɔ.", "Father went."), ("abo", "stone", "", ""),
    ]  # fmt: skip


def test_a_short_file_of_toolbox_is_no_plain_text(here: Path) -> None:
    assert fields(read(here, "a.sfm", "\\lx aba\n")) == [{"lx": "aba"}]
    assert said(lambda: read(here, "b.sfm", "aba\n")).startswith("b.sfm  holds no field (a field begins with a marker")
    assert "is an XML file" in said(lambda: read(here, "c.xml", "<?xml version='1.0'?><a>b</a>"))


USFM = r"""\id MAT - Test
\usfm 3.0
\h Matiu
\mt1 Matiu
\c 5
\s1 A heading \f + \ft note\f*
\p
\v 1 When Jesus saw\f + \fr 5:1 \ft a note
over two lines\f* the crowds, \nd Lord\nd* went,
\q1 and \w sat|lemma="sit"\w* down.
\s2 Another heading
\p
\v 2-3 He taught. \v 4 They listened.
\c 6
\v 1 \qt “Beware\qt*
"""


@pytest.mark.parametrize("name", ["40MAT.SFM", "mat.usfm", "mat.txt"])
def test_usfm_gives_verses_by_reference(here: Path, name: str) -> None:
    table = read(here, name, USFM)
    assert [(record.fields["id"], record.fields["text"], record.where.split(":")[1]) for record in table.records] == [
        ("MAT 5:1", "When Jesus saw the crowds, Lord went, and sat down.", "8"),
        ("MAT 5:2-3", "He taught.", "13"),
        ("MAT 5:4", "They listened.", "13"),
        ("MAT 6:1", "“Beware", "15"),
    ]
    assert table.key == "id"
    assert said(lambda: read(here, "b.usfm", "\\c 1\n\\v 1 x\n")).startswith("b.usfm:2  has a verse before any book")


CONLLU = """# newdoc
# sent_id = s1
# text = Du vin, mi
# text_en = Some wine, me
1-2\tDu\t_\t_\t_\t_\t_\t_\t_\t_
1\tde\tde\tADP\t_\t_\t0\troot\t_\t_
2\tle\tle\tDET\t_\t_\t1\tdet\t_\t_

# sent_id = s2
# text[spa] = Del vino,
1-2\tDu\t_\t_\t_\t_\t_\t_\t_\t_
1\tde\tde\tADP\t_\t_\t0\troot\t_\t_
2\tle\tle\tDET\t_\t_\t1\tdet\t_\t_
3\tvin\tvin\tNOUN\t_\t_\t1\tx\t_\tSpaceAfter=No
3.1\telided\t_\t_\t_\t_\t_\t_\t_\t_
4\t,\t,\tPUNCT\t_\t_\t1\tpunct\t_\t_
"""


def test_a_translation_whose_language_has_no_code_keeps_its_column(here: Path) -> None:
    table = read(here, "a.conllu", CONLLU.replace("# text_en = ", "# text_port = "))
    assert [one["text_port"] for one in fields(table)] == ["Some wine, me", ""]
    assert table.languages == {"text_port": "port", "text[spa]": "spa"}


def test_treebanks_give_sentences_and_their_translations(here: Path) -> None:
    table = read(here, "a.conllu", CONLLU)
    assert fields(table) == [
        {"id": "s1", "text": "Du vin, mi", "text_en": "Some wine, me", "text[spa]": ""},
        {"id": "s2", "text": "Du vin,", "text_en": "", "text[spa]": "Del vino,"},
    ]
    assert table.languages == {"text_en": "en", "text[spa]": "spa"} and table.records[1].where == "a.conllu:9"
    assert said(lambda: read(here, "b.conllu", "1\ta\tb\n\n1 x\n")) == (
        "b.conllu:1  has 3 fields; a word of CoNLL-U has 10\nb.conllu:3  has 1 fields; a word of CoNLL-U has 10\n"
    )


CLDF = """\
ID,Language_ID,Primary_Text,Analyzed_Word,Gloss,Translated_Text,Meta_Language_ID
1,{first},"Ó wá, ""Adé"".",Ó\twá,3SG\tcome,"He came, ""Adé"".
He sat.",{told}
2,{second},Ó lọ.,Ó\tlọ,3SG\tgo,He went.,{told}
"""


@pytest.mark.parametrize(
    ("values", "languages"),
    [
        ({"first": "yor", "second": "yor", "told": ""}, {"Primary_Text": "yor", "Translated_Text": "eng"}),
        ({"first": "yor", "second": "yor", "told": "fra"}, {"Primary_Text": "yor", "Translated_Text": "fra"}),
        ({"first": "yor", "second": "ibo", "told": ""}, {}),
        ({"first": "west2876", "second": "west2876", "told": ""}, {}),
    ],
    ids=["English untold", "French", "two languages", "no code of ISO 639"],
)
def test_examples_of_cldf_name_their_language(here: Path, values: dict[str, str], languages: dict[str, str]) -> None:
    table = read(here, "examples.csv", CLDF.format(**values))
    assert [(one["Primary_Text"], one["Translated_Text"]) for one in fields(table)] == [
        ('Ó wá, "Adé".', 'He came, "Adé".\nHe sat.'),
        ("Ó lọ.", "He went."),
    ]
    assert table.languages == languages and [record.where for record in table.records] == [
        "examples.csv:2",
        "examples.csv:4",
    ]


def test_other_tables_say_nothing_of_languages(here: Path) -> None:
    assert read(here, "words.csv", "ID,Language_ID,Form\n1,yor,wá\n").languages == {}
