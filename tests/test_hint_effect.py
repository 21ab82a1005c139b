"""What a model makes of its hints, word by word."""

from lowres.evaluation.hint_effect import hint_effects


def test_words_are_kept_damaged_mended_and_found() -> None:
    (effect,) = hint_effects(
        ["Dodać nowy wužiwar dźensa", "Hesło"],
        ["dodać nowa wužiwar wčera", "Hesło"],
        ["Dodać nowy młowak dźensa", "Hesło Hesło"],
        ["eng-Latn→hsb-Latn"] * 2,
    )
    assert effect.counts == {
        "words": 5, "right": 3, "wrong": 2,  # right: dodać, wužiwar, hesło; wrong: nowa, wčera
        "kept": 2, "damaged": 1,  # wužiwar became młowak
        "mended": 2, "found": 2,  # nowy and dźensa; a word written twice is found once
    }  # fmt: skip


def test_directions_are_counted_apart_and_sentences_without_a_hint_left_out() -> None:
    effects = hint_effects(["a b", "c", "d"], ["a", "c", ""], ["a b", "x", "d"], ["x→y", "y→x", "x→y"])
    assert [
        (one.direction, *(one.counts[name] for name in ("words", "kept", "damaged", "found"))) for one in effects
    ] == [
        ("x→y", 2, 1, 0, 1),
        ("y→x", 1, 0, 1, 0),
    ]
