"""Long texts are cut at the sentences of every script, else at words, else at characters."""

import pytest

from lowres.languages.sentences import parts, sentences


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("እኔ ነኝ። አንተ ነህ።", ["እኔ ነኝ።", "አንተ ነህ።"]),  # Ethiopic
        ("यह अच्छा है। वह नहीं॥ बस", ["यह अच्छा है।", "वह नहीं॥", "बस"]),
        ("یہ اچھا ہے۔ کیا؟ جی", ["یہ اچھا ہے۔", "کیا؟", "جی"]),
        ("ᱥᱟᱱᱛᱟᱲᱤ᱾ ᱚᱞ᱿", ["ᱥᱟᱱᱛᱟᱲᱤ᱾", "ᱚᱞ᱿"]),  # Ol Chiki
        ("ߒߞߏ߹ ߒ", ["ߒߞߏ߹", "ߒ"]),  # N’Ko
        ("ꤊꤢꤛꤢ꤯ ꤊ", ["ꤊꤢꤛꤢ꤯", "ꤊ"]),  # Kayah Li
        ("ខ្ញុំទៅ។អ្នកមក។", ["ខ្ញុំទៅ។", "អ្នកមក។"]),
        ("བོད་ཡིག།ང་ཚོ།", ["བོད་ཡིག།", "ང་ཚོ།"]),
        ("မြန်မာ။စာ။", ["မြန်မာ။", "စာ။"]),
        ("等等。。。好！", ["等等。。。", "好！"]),
    ],
)
def test_sentences_end_as_each_script_ends_them(text: str, found: list[str]) -> None:
    assert sentences(text) == found


def test_text_without_spaces_is_cut_by_characters_and_nothing_is_lost() -> None:
    text = "ก้" * 250  # each with its tone mark
    cut = parts(text, 100, len)
    assert "".join(cut) == text and all(len(part) <= 100 for part in cut) and len(cut) == 5
    assert not any(part.startswith("\u0e49") for part in cut)


def test_cutting_goes_as_deep_as_it_must() -> None:
    assert parts("今天很热。我们喝汤！今天很热。", 11, len) == ["今天很热。我们喝汤！", "今天很热。"]
    assert parts("ab " + "x" * 20 + " cd", 8, len) == ["ab", "x" * 8, "x" * 8, "xxxx", "cd"]
    assert parts("👩‍👩‍👧" * 2, 1, len) == ["👩‍👩‍👧"] * 2  # what cannot be cut is a part by itself


def test_a_word_space_without_width_is_a_place_to_cut() -> None:
    assert parts("ខ្មែរ\u200bភាសា", 6, len) == ["ខ្មែរ\u200b", "ភាសា"]
