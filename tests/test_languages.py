"""Language tags and the one Unicode form of text."""

import time
import unicodedata

import pytest

from lowres.errors import LowresError
from lowres.languages import language, matching_key, normalise
from lowres.languages.language_groups import MEMBERS_OF_GROUPS
from lowres.languages.placeholders import PLACEHOLDER, missing_placeholders


@pytest.mark.parametrize(
    ("tag", "name", "direction"),
    [
        ("min-Latn", "Minangkabau", "ltr"),
        ("hsb-Latn", "Upper Sorbian", "ltr"),
        ("udm-Cyrl", "Udmurt", "ltr"),
        ("ckb-Arab", "Central Kurdish", "rtl"),
        ("uig-Arab", "Uyghur", "rtl"),
        ("heb-Hebr", "Hebrew", "rtl"),
        ("nqo-Nkoo", "N’Ko", "rtl"),
        ("qaa-Latn", "local code qaa", "ltr"),
        ("cnr-Cyrl", "Montenegrin", "ltr"),
        ("prs-Arab", "Dari", "rtl"),
        ("swc-Latn", "Congo Swahili", "ltr"),
        ("tgl-Latn", "Tagalog", "ltr"),
        ("fil-Latn", "Filipino", "ltr"),
        ("hbs-Latn", "Serbo-Croatian", "ltr"),
    ],
)
def test_known_tags(tag: str, name: str, direction: str) -> None:
    found = language(tag)
    assert (found.tag, found.name, found.script, found.direction) == (tag, name, tag[4:], direction)
    assert found.code == tag[:3]


@pytest.mark.parametrize(
    ("tag", "message"),
    [
        ("en-Latn", "“en-Latn” is not a language tag (did you mean “eng-Latn”? {form})"),
        ("min", "“min” is not a language tag (did you mean “min-Latn”? {form})"),
        ("min_Latn", "“min_Latn” is not a language tag (did you mean “min-Latn”? {form})"),
        ("minangkabau", "“minangkabau” is not a language tag (did you mean “min-Latn”? {form})"),
        ("srp-cyrl", "“srp-cyrl” is not a language tag (did you mean “srp-Cyrl”? {form})"),
        ("", "“” is not a language tag ({form})"),
        ("ger-Latn", "“ger-Latn”: ISO 639-3 does not know “ger” (did you mean “deu-Latn”? see iso639-3.sil.org)"),
        ("min-Latx", "“min-Latx”: ISO 15924 does not know “Latx” (did you mean “min-Latn”? see unicode.org/iso15924)"),
    ],
)
def test_unknown_tags_say_what_was_meant(tag: str, message: str) -> None:
    with pytest.raises(LowresError) as error:
        language(tag)
    assert str(error.value) == message.format(form="an ISO 639-3 code and a script, such as min-Latn")


def test_a_misspelled_code_suggests_languages() -> None:
    with pytest.raises(LowresError, match=r"did you mean zza-Latn \(Zaza\), lzz-Latn \(Laz\)\?"):
        language("zzz-Latn")


@pytest.mark.parametrize(
    ("tag", "message"),
    [
        (
            "btk-Latn",
            "is a group of languages (Batak languages), not one language (choose one of its languages, such as bbc-Latn",
        ),
        (
            "nah-Latn",
            "(Nahuatl languages), not one language (choose one of its languages, such as nhe-Latn (Eastern Huasteca",
        ),
        ("oto-Latn", "ote-Latn (Mezquital Otomi)"),
        ("ber-Tfng", "kab-Tfng (Kabyle)"),
        ("bih-Deva", "bho-Deva (Bhojpuri)"),
        ("wen-Latn", "hsb-Latn (Upper Sorbian), dsb-Latn (Lower Sorbian)"),
        ("nai-Latn", "(North American Indian languages), not one language"),
        ("und-Latn", "“und” (Undetermined) is not a language"),
        ("mul-Latn", "“mul” (Multiple languages) is not a language"),
        ("zxx-Latn", "“zxx” (No linguistic content) is not a language"),
        ("mis-Latn", "“mis” (Uncoded languages) is not a language"),
        ("min-Zyyy", "“Zyyy” is not a script but characters common to all scripts"),
        ("min-Zxxx", "“Zxxx” is not a script"),
        ("min-Zinh", "“Zinh” is not a script"),
        ("mina1268", "this is a Glottocode; its ISO 639-3 code stands at glottolog.org/resource/languoid/id/mina1268"),
        ("mina1268-Latn", "this is a Glottocode"),
        (
            "nah",
            "is a group of languages (Nahuatl languages), not one language (choose one of its languages, such as nhe-Latn",
        ),
        ("oto", "(choose one of its languages, such as ote-Latn"),
        ("ber", "kab-Latn"),
        ("und", "(Undetermined) is not a language"),
        ("pt-BR", "did you mean “por-Latn”?"),
        ("uz-AF", "did you mean “uzb-Arab”?"),
        ("gsw-CH", "did you mean “gsw-Latn”?"),
        ("grc", "did you mean “grc-Grek”?"),
        ("tok-Latn", "for a language without a code, or with a new one: qaa-Latn to qtz-Latn"),
    ],
)
def test_what_is_no_single_language_is_said_to_be_so(tag: str, message: str) -> None:
    with pytest.raises(LowresError) as error:
        language(tag)
    assert message in str(error.value)


def test_every_member_of_a_group_is_a_language() -> None:
    for members in MEMBERS_OF_GROUPS.values():
        assert all(language(f"{member}-Latn") for member in members.split())


@pytest.mark.parametrize(
    ("tag", "bcp47"),
    [
        ("eng-Latn", "en-Latn"),
        ("heb-Hebr", "he-Hebr"),
        ("ind-Latn", "id-Latn"),
        ("min-Latn", "min-Latn"),
        ("fil-Latn", "fil-Latn"),
    ],
)
def test_the_web_writes_the_shortest_code(tag: str, bcp47: str) -> None:
    assert language(tag).bcp47 == bcp47


def test_normalise_composes_and_strips() -> None:
    assert normalise("\ufeff  e\u0301te\u0301 \u200b\n") == "été"
    assert normalise("  plain ascii\t") == "plain ascii"


def test_normalise_keeps_what_carries_meaning() -> None:
    assert normalise("क्\u200dष می\u200cخواهم") == "क्\u200dष می\u200cخواهم"
    assert normalise("two  spaces\u2028and a line\rbreak") == "two  spaces\u2028and a line\rbreak"


def test_zero_width_space_stays_only_where_scripts_part_words_with_it() -> None:
    assert normalise("ខ្មែរ\u200bភាសា") == "ខ្មែរ\u200bភាសា"
    assert normalise("posi\u200btive") == "positive"
    assert normalise("ខ្មែរ\u200b \u200bភាសា\u200b") == "ខ្មែរ ភាសា"
    for kept in ("ខ្មែរ\u200bABC", "ABC\u200bខ្មែរ", "ᯂᯂ\u200bᯂ", "བོད\u200bཡིག", "ꕙ\u200bꔤ", "ꨌ\u200bꨠ", "ខ្មែរ\u200b1"):
        assert normalise(kept) == kept
    assert normalise("ខ្មែរ\u200b, ABC") == "ខ្មែរ, ABC"


def test_half_an_emoji_is_a_lost_character() -> None:
    assert normalise("baik \ud83d") == "baik \ufffd"
    assert normalise("\ude00") == "\ufffd"


@pytest.mark.parametrize(
    "text", ["e\u0301", "e\u200b\u0301", "\u200bក\u200b\u200bខ\u200b", "\ufeff\u200b", " a\u0327\u0301 ", "ᄒ\u200bᅡᆫ"]
)
def test_normalise_is_nfc_and_idempotent(text: str) -> None:
    once = normalise(text)
    assert unicodedata.is_normalized("NFC", once)
    assert normalise(once) == once


def test_the_matching_key_ignores_capitals_and_punctuation() -> None:
    assert matching_key("“Enak,  SEKALI!!”") == matching_key("enak sekali") == "enak sekali"
    assert matching_key("ﬁn") == "fin"
    assert matching_key("हिन्दी।") == "हिन्दी"
    assert matching_key("!!!") == "!!!" != matching_key("???")


def test_addresses_markup_and_fields_are_placeholders() -> None:
    text = "See <b>%(name)s</b> (https://a.b/%(v)s/c), write to me@a.org: {0} of {n:.1f}, 100% sure, 5 % d; x < y > z &amp; %1$s."
    assert PLACEHOLDER.findall(text) == [
        "<b>", "%(name)s", "</b>", "https://a.b/%(v)s/c", "me@a.org", "{0}", "{n:.1f}", "&amp;", "%1$s",
    ]  # fmt: skip


def test_what_is_lost_is_counted() -> None:
    assert missing_placeholders("%s of %s in {place}", "{place}: %s") == ("%s",)
    assert missing_placeholders("%(count)s items", "%(items)s count") == ("%(count)s",)
    assert missing_placeholders("nothing fixed", "") == ()


def test_a_long_text_without_spaces_is_searched_once() -> None:
    """An address could begin at each of its letters; to try each to the end would take seconds."""
    text = "ก" * 100_000
    begun = time.process_time()
    assert missing_placeholders(text, text) == () and time.process_time() - begun < 5
