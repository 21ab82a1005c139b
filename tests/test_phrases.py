"""The learned lexicon on small sentences made here: links, phrases, respelling, leaving out, files, signs and capitals."""

from pathlib import Path

import pytest

from lowres.statistical.phrase_table_files import load_phrase_tables, save_phrase_tables
from lowres.statistical.phrases import PhraseTable, learn_phrase_tables
from lowres.statistical.word_alignment import AlignedPair, align_pairs

# A made-up pair of tongues: "no" goes in front on the left and behind on the right; final -a becomes -o.
NOUNS = {"bira": "biro", "mola": "molo", "tena": "teno", "kura": "kuro", "sola": "solo", "dima": "dimo", "pena": "peno"}
VERBS = {"makat": "guleng", "lihat": "wasper", "bawat": "tindik"}
PAIRS = [
    (f"{noun} {verb} {other}, ya.", f"{NOUNS[noun]} {VERBS[verb]} {NOUNS[other]}, he.")
    for k, (noun, verb) in enumerate((noun, verb) for noun in NOUNS for verb in VERBS)
    for other in [list(NOUNS)[(k * 3 + 1) % len(NOUNS)]]
]
TRIPLES = [(noun, verb, list(NOUNS)[(k + 2) % len(NOUNS)]) for k, noun in enumerate(NOUNS) for verb in VERBS]


@pytest.fixture(scope="module")
def table() -> PhraseTable:
    return PhraseTable.learn(PAIRS)


def test_words_are_linked_to_their_translations() -> None:
    pair = align_pairs(PAIRS)[0]
    assert pair.left == ("bira", "makat", "mola", ",", "ya", ".")
    assert pair.links == tuple((i, i) for i in range(6))


def test_phrases_hold_linked_runs_with_the_unlinked_words_beside_them() -> None:
    phrases = set(AlignedPair(("a", "b", "c"), ("x", "y", "z"), ((0, 1), (1, 0))).phrases())
    assert {("a", "y"), ("b", "x"), ("a b", "x y"), ("a", "y z"), ("c", "")} <= phrases
    assert ("a", "x y") not in phrases, "x is linked to b, which is outside"


def test_phrases_never_join_a_sign_that_is_not_linked() -> None:
    phrases = set(AlignedPair(("a",), ("x", ","), ((0, 0),)).phrases())
    assert phrases == {("a", "x")}


def test_a_new_sentence_is_translated(table: PhraseTable) -> None:
    assert table.translate("kura bawat pena, ya.") == "kuro tindik peno, he."
    assert table.reversed().translate("kuro tindik peno, he.") == "kura bawat pena, ya."


def test_phrases_swap_words() -> None:
    pairs = [(f"tak {verb} {noun}", f"{VERBS[verb]} ora {NOUNS[noun]}") for verb in VERBS for noun in NOUNS] + PAIRS
    assert PhraseTable.learn(pairs).translate("tak lihat kura") == "wasper ora kuro"


def test_an_unseen_word_is_respelled_as_linked_words_are(table: PhraseTable) -> None:
    assert table.translate("rola lihat bira, ya.") == "rolo wasper biro, he."


def test_an_unseen_word_is_guessed_from_its_kin() -> None:
    stems = {"kantor": "ziburu", "pasar": "gelema", "rumah": "hovedi", "warung": "setiko", "sungai": "bakelu"}
    pairs = [(f"{word} makat", f"{other} guleng") for word, other in stems.items()] * 2
    pairs += [(f"{word}nya makat", f"{other}qe guleng") for word, other in stems.items() if word != "sungai"] * 2
    assert PhraseTable.learn(pairs).translate("sungainya makat") == "bakeluqe guleng"


def test_signs_spaces_and_capitals_stay(table: PhraseTable) -> None:
    assert table.translate("Bira  makat (MOLA), ya!") == "Biro  guleng (MOLO), he!"
    assert table.translate("  12% 😀 ") == "  12% 😀 "
    assert table.translate("") == ""


def test_what_must_stay_stays_also_where_it_was_never_seen() -> None:
    """Places to fill in, markup and addresses: a program breaks where they are translated."""
    ways = [(f"%({noun})s {verb} {other}", f"{VERBS[verb]} {NOUNS[other]} %({noun})s") for noun, verb, other in TRIPLES]
    found = PhraseTable.learn([*PAIRS, *ways])
    assert found.counts["\ufffc"].keys() == {"\ufffc"}, "a place is never left out or made a word"
    for fixed in (
        "%(mola)s",
        "{kura:.2f}",
        "<a href='https://a.b/mola?x=1' class='kura'>",
        "https://kura.org/mola",
        "&bira;",
    ):
        assert found.translate(f"Kura bawat {fixed}, ya.") == f"Kuro tindik {fixed}, he."
        assert fixed in found.translate(f"{fixed} makat bira")
    assert found.translate("{mola} {KURA} %(bira)s") == "{mola} {KURA} %(bira)s"
    assert found.translate("100 %d makat, 5 % mola") == "100 %d guleng, 5 % molo"


def test_a_word_without_end_stays(table: PhraseTable) -> None:
    """Its respelling is a product of thousands of shares, which sinks to 0."""
    assert table.translate("bre" * 3000) == "bre" * 3000


def test_leaving_a_pair_out_forgets_only_what_it_alone_taught() -> None:
    once = ("zuqib makat bira, ya.", "weflan guleng biro, he.")
    table = PhraseTable.learn([*PAIRS, once])
    assert table.translate(once[0]) == once[1]
    left = table.translate(once[0], leave=len(PAIRS))
    assert "weflan" not in left
    assert left.endswith("guleng biro, he."), "what others taught is still known"
    assert "weflan" in table.translate(once[0], leave=0), "another pair taught it"


def test_leaving_a_pair_out_is_as_never_having_learned_it() -> None:
    once = ("zuqiba makat rola, ya.", "zuqibo guleng rolo, he.")
    whole, without = PhraseTable.learn([*PAIRS, once]), PhraseTable.learn(PAIRS)
    texts = [once[0], "zuqiba lihat rola.", "pena bawat zuqiba, ya."]
    assert [whole.translate(text, leave=len(PAIRS)) for text in texts] == [without.translate(text) for text in texts]
    assert whole.translate(once[0]) == once[1], "what was left out is back at the next call"


def test_lexicons_come_back_from_their_file(tmp_path: Path) -> None:
    made = learn_phrase_tables({("aaa", "bbb"): PAIRS, ("bbb", "aaa"): [pair[::-1] for pair in PAIRS]})
    save_phrase_tables(tmp_path / "lexicons.json", made)
    back = load_phrase_tables(tmp_path / "lexicons.json")
    assert list(back) == list(made)
    texts = ["Rola lihat bira, ya.", "Solo tindik dimo, he."]
    for way, table in made.items():
        assert [back[way].translate(text) for text in texts] == [table.translate(text) for text in texts]
    with pytest.raises(ValueError, match="learn it again"):
        back["aaa", "bbb"].reversed()


def test_both_directions_are_linked_alike() -> None:
    made = learn_phrase_tables({("aaa", "bbb"): PAIRS, ("bbb", "aaa"): [pair[::-1] for pair in PAIRS]})
    assert made["bbb", "aaa"] == made["aaa", "bbb"].reversed()
