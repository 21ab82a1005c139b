"""Damaged texts are counted by kind and told with the first place; sound texts of any script are not."""

from pathlib import Path

import pytest
from readings import corpus, files, written

from lowres.data.formats.damage import damages
from lowres.data.formats.readers import read_file
from lowres.languages import normalise

DAMAGED = {
    "lost": ["ka\ufffdi", "\ufffd\ufffd"],
    "mojibake": [
        "MÃ©xico",
        "donâ€™t",
        "pÃ£o",
        "ÐŸÑ€Ð¸Ð²ÐµÑ‚",
        "РџСЂРёРІРµС‚",
        "áº¹Ì€kÃ³",
        "ðŸ˜€",
        "Ø§Ù„Ù„Ù‡",
        "Â« oui Â»",
        "Ă©tĂ©",  # Central European Windows
        "N√£o",  # old Macs
        "caf├®",  # DOS
        "lΓÇÖeau",
    ],
    "entity": ["Tom &amp; Jerry", "caf&eacute;", "&#8217;", "&#x2019; a"],
    "tag": ["satu<br>dua", "satu<br/>dua", "<p>satu</p>", '<a href="x">satu</a>'],
    "escape": [
        "satu\\n dua",
        "satu.\\nDua",
        "satu\\tDua",
        "\\u00e9t\\u00e9",
        "satu\\ndua",
        "caf=C3=A9",
        "caf%C3%A9",
        "caf\\xe9",
    ],
    "questions": ["ma?ana", "se?or, ni?o", "??? ???? ??"],
    "control": ["\x93oui\x94", "l\x92eau", "a\x07b", "a\x85b"],
    "tokens": ["▁kumu sta", "kumu@@ sta ka", "well @-@ known"],
    "wiki": ["di [[Padang|kota]]", "'''Minang''' adalah"],
    "forms": ["ﻣﺮﺣﺒﺎ"],
    "private": ["\uf0b7 satu"],
    "invisible": ["pendu\u00adduk", "\u202adua\u202c"],
    "dropped": ["posi\u200btive", "\u200bbaik", "baik\ufeff"],
}
SOUND = [
    "MANHÃ”", "“À l’Ã”", "n° 5", "Ærøskøbing", "ẹ̀kọ́", "Ðà Nẵng", "Привет", "сказаў «Ћ»", "你好 世界", "ខ្មែរ\u200bភាសា", "a & b; c",
    "AT&T;", "x < y > z", "<name>", "C:\\temp\\new", "\\textbf{a}", "ÄÖÜäöüß", "Þórr", "šķ", "ñandú", "«Â»", "هذا", "1 €", "100 % sûr",
    "L’été", "“Ó ní”", "ma? ana", "Apa?LIHAT", "ʔa?", "what?! no", "?? ??", "x.com/a?b=%C3%A9", "a?b=c", "ana@mail.id", "Ġorġ",
    "\u200fهذا",
    "'\'\'\'baik\'\'\'\'", "[satu]", "Ăn", "ăâ", "√2", "\u2801\u2803", "می‌روم",
]  # fmt: skip


@pytest.mark.parametrize("kind", DAMAGED)
def test_damage_is_found(kind: str) -> None:
    for text in DAMAGED[kind]:
        assert [found for found, _ in damages(text, normalise(text))] == [kind], text


@pytest.mark.parametrize("text", SOUND)
def test_sound_text_is_not_damaged(text: str) -> None:
    assert not list(damages(text, text))


def test_damage_reaches_the_findings_of_the_data_once_and_only_of_columns_that_are_used(here: Path) -> None:
    train = (
        "text\tlabel\thtml\nMÃ©xico &amp; Kuba\tpositive\t<p>\ndonâ€™t\tnegative\t<br>\nlamak\u200b\tpositive\t<br>\n"
    )
    other = "text\tlabel\thtml\nelok\tpositive\t\njaek\tnegative\t\n"
    read = corpus(
        files(here, train=train, dev=other, test=other.replace("elok", "sanang").replace("jaek", "berang")), here
    )
    found = {
        finding.what: (finding.level, finding.where) for finding in read.findings if "column “text”" in finding.what
    }
    assert found == {
        "2 texts in the column “text” were decoded by a wrong encoding (“Ã©” for “é”); take the texts from their source again": (
            "warning",
            "train.tsv:2",
        ),
        "1 text in the column “text” holds HTML entities such as “&amp;”; replace them by the characters they mean": (
            "warning",
            "train.tsv:2",
        ),
        "1 text in the column “text” held zero-width spaces or byte order marks, which were dropped": (
            "note",
            "train.tsv:4",
        ),
    }
    assert not any("<br>" in finding.what for finding in read.findings)


def test_messages_of_programs_may_hold_entities_and_escapes(here: Path) -> None:
    content = 'msgid "Tom &amp; \\\\n <br>"\nmsgstr "MÃ©xico &amp; \\\\n <br>"\n'
    table = read_file(written(here, "a.po", content), "a.po")
    assert {kind for kinds in table.damage.values() for kind in kinds} == {"mojibake"}
