"""Which texts are the same: for certain (strict_key), and to a reader (matching_key)."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lowres.languages import matching_key, strict_key
from lowres.languages.keys import _any_matching_key, _any_strict_key

DIFFERENT = [
    ("ka ˥˧", "ka ˧˥"), ("!xa", "/xa"), ("!xa", "xa"), ("'a", "a"), ("-a", "a"), ('"a', "a"), ("=a", "-a"), ("bla-", "bla"),
    ('"a "bʋɩ', "a bʋɩ"), ("ka:ti", "kati"), ("ʰa", "ha"), ("Bagus 😀", "Bagus 😡"), ("I ❤️", "I 💔️"), ("5 < 6", "5 > 6"),
    ("C++", "C"), ("C#", "C"), ("\ue000", "\ue001"), ("\ue000 a", "\ue001 a"), ("!!!", "???"), ("K'iche'", "Kiche"),
    ("baik :)", "baik :("), ("baik ;-)", "baik :-/"), (":)", ":("),
    ("ka !xa", "ka xa"), ("ka -a", "ka a"), ("lo. =a", "lo. a"), ("ñ (!xa)", "ñ (xa)"),
]  # fmt: skip
SAME = [
    ("Kʼicheʼ", "K'iche'"), ("Kʼicheʼ", "k’iche’"), ("❤️", "❤"), ("baik.", "Baik"), ("ya?", "ya  !"), ("हिन्दी।", "हिन्दी"), ("–a", "-a"),
    ("“Baik” katanya", '"Baik" katanya'), ("ê\u0301", "\u1ebf"), ("ⵣ.", "ⵣ"),
]  # fmt: skip
ALIKE = [  # to a reader only: enough for a warning
    ("“Enak,  SEKALI!!”", "enak sekali"), ('"Enak" sekali', "enak sekali"), ("well-known", "well known"), ("(a)", "a"),
    ("یک\u200cشنبه", "یک شنبه"), ("１２", "12"), ("«oui» dit", "oui, dit"), ("5,5", "5.5"),
]  # fmt: skip


@pytest.mark.parametrize(("one", "other"), DIFFERENT)
def test_what_tells_short_texts_apart_is_kept(one: str, other: str) -> None:
    assert matching_key(one) != matching_key(other)
    assert strict_key(one) != strict_key(other)


@pytest.mark.parametrize(("one", "other"), SAME)
def test_texts_that_are_surely_the_same(one: str, other: str) -> None:
    assert strict_key(one) == strict_key(other)
    assert matching_key(one) == matching_key(other)


@pytest.mark.parametrize(("one", "other"), ALIKE)
def test_texts_that_look_the_same_are_warned_of_and_kept(one: str, other: str) -> None:
    assert matching_key(one) == matching_key(other)
    assert strict_key(one) != strict_key(other)


PLAIN = st.text(st.sampled_from([*map(chr, range(128)), *"\"'`-:!ab _([ " * 6]), max_size=12)


@settings(max_examples=2000, deadline=None)
@given(PLAIN)
def test_plain_text_has_the_same_keys_on_the_short_way(text: str) -> None:
    assert matching_key(text) == _any_matching_key(text)
    assert strict_key(text) == _any_strict_key(text)
