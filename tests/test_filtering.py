"""Back-translation: which texts can be translated back, and which of the pairs that come of it are kept."""

import pytest

from lowres.data.corpus import Row
from lowres.data.pairs import returning
from lowres.tasks.translation.filtering import best_share, plausible, synthetic, usual_lengths

ENGLISH, TOY = "eng-Latn", "qaa-Latn"


def row(tag: str, name: str, text: str) -> Row:
    return Row(f"{tag}/{name}", name, tag, {"text": text})


def test_a_text_is_used_once_and_never_if_it_stands_elsewhere() -> None:
    train = [
        row(ENGLISH, "1", "the soup"), row(TOY, "1", "lo mira"), row(TOY, "2", "lo bado"), row(TOY, "3", "Lo bado!"),
        row(TOY, "4", "lo mira."), row(TOY, "5", "lo rivo"), row(TOY, "6", "the cook"), row(TOY, "7", "lo pelo"),
        row("min-Latn", "8", "nan lain"),
    ]  # fmt: skip
    held = [row(TOY, "9", "lo rivo"), row(ENGLISH, "9", "The cook")]
    both = [(ENGLISH, TOY), (TOY, ENGLISH)]
    found = returning(train, held, both)
    assert {way: [one.fields["text"] for one in rows] for way, rows in found.items()} == {
        (ENGLISH, TOY): ["lo bado", "lo pelo"],
        (TOY, ENGLISH): [],
    }
    assert returning(train, held, [(ENGLISH, TOY)]) == {}, "nobody could translate them back"


def test_what_is_empty_copied_or_of_unusual_length_is_left_out() -> None:
    real = [synthetic(row(TOY, str(size), "a" * size), ENGLISH, "b" * (2 * size)) for size in range(5, 30)]
    usual = usual_lengths(real)
    assert usual[ENGLISH, TOY] == pytest.approx((-0.693, -0.693), abs=0.001)
    text = row(TOY, "x", "lo mira tas keli")
    made = [
        synthetic(text, ENGLISH, written)
        for written in ("the soup that was warm and good.", "  ", "Lo mira tas keli!", "the soup", "the soup " * 9)
    ]
    sifted = plausible(made, usual)
    assert [pair.source.fields["text"] for pair in sifted.pairs] == ["the soup that was warm and good."]
    assert sifted.dropped == {"empty": 1, "copy": 1, "length": 2}
    assert len(plausible(made, {}).pairs) == 3, "no real pair says what is usual"


def test_of_each_direction_the_best_share_is_kept() -> None:
    made = [
        synthetic(row(TOY, str(number), f"lo {number}"), source, f"the {number}")
        for source in (ENGLISH, "ind-Latn")
        for number in range(4)
    ]
    sifted = best_share(made, [5, 9, 9, 1, 50, 40, 60, 70], 0.5)
    assert [pair.id for pair in sifted.pairs] == [made[number].id for number in (1, 2, 6, 7)]
    assert sifted.dropped == {"round trip": 4}
    assert len(best_share(made, [0.0] * 8, 0.01).pairs) == 2 and best_share(made, [0.0] * 8, 1.0).dropped == {}
