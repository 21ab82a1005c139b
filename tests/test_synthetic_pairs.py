"""Synthetic pairs of back-translation: how their sources are marked, that they have no hint, and that they take no real one's turn."""

import pytest
from test_backtranslation import ENGLISH, TEXTS, TOY, row, tagged, toy
from tokenizers import processors
from transformers import PreTrainedTokenizerFast

from lowres.data.pairs import Pair, pairs
from lowres.models.architectures import ARCHITECTURES
from lowres.tasks.translation.filtering import synthetic
from lowres.tasks.translation.model import language_marking_of
from lowres.tasks.translation.objective import Hints, TranslationInputs, encode_pairs, epoch_rows
from lowres.tasks.translation.phrase_tables import phrase_tables_of

MARKED = {  # family → pieces that its tokenizer has besides; what stands before a synthetic source, the mark in brackets
    "m2m_100": ([], ["eng_Latn", "[<s>]"]),
    "mbart": (["<mask>"], ["eng_Latn", "[<s>]"]),
    "mt5": (["▁<extra_id_0>"], ["[▁<extra_id_0>]", "▁"]),
    "t5": (["<extra_id_0>"], ["[<extra_id_0>]", "▁"]),
    "bart": (["<mask>"], ["<s>", "[<mask>]", "▁the"]),
    "marian": ([], ["qaa_Latn", "▁the"]),
}


def inputs(kind: str, tokenizer: PreTrainedTokenizerFast, more: list[str], max_length: int = 120) -> TranslationInputs:
    found, language_marking = (
        tagged(tokenizer, "qaa_Latn", *more),
        language_marking_of(ARCHITECTURES[kind].language_marking),
    )
    if kind != "bart":  # the others put nothing before a text
        found.backend_tokenizer.post_processor = processors.TemplateProcessing(
            single="$A </s>", special_tokens=[("</s>", 2)]
        )
    found.mask_token = "<mask>" if "<mask>" in more else None
    tags = (
        {tag: int(found.convert_tokens_to_ids(tag.replace("-", "_"))) for tag in (ENGLISH, TOY)}
        if language_marking.tags
        else {}
    )
    return TranslationInputs(found, language_marking, tags if kind != "bart" else {}, 2, 2, 1, "", max_length)


@pytest.mark.parametrize("kind", MARKED)
def test_synthetic_sources_bear_a_piece_that_others_do_not(kind: str, tiny_tokenizer: PreTrainedTokenizerFast) -> None:
    more, wanted = MARKED[kind]
    found = inputs(kind, tiny_tokenizer, more)
    text = "the soup was warm and good"
    ((plain,), (marked,)) = (found.sources([text], ENGLISH, TOY, synthetic=made) for made in (False, True))
    place = next((number for number, name in enumerate(wanted) if name.startswith("[")), None)
    assert found.tokenizer.convert_ids_to_tokens(marked)[: len(wanted)] == [name.strip("[]") for name in wanted]
    assert (found.synthetic_tag is None) is (place is None)
    assert marked == (plain if place is None else [*plain[:place], found.synthetic_tag, *plain[place:]])
    if place is not None:
        assert found.synthetic_tag not in plain and found.synthetic_tag == marked[place]


def test_a_marked_text_is_cut_before_its_end(tiny_tokenizer: PreTrainedTokenizerFast) -> None:
    found = inputs("m2m_100", tiny_tokenizer, [], max_length=6)
    (marked,) = found.sources(["the soup was warm and good and the cook"], ENGLISH, TOY, synthetic=True)
    assert len(marked) == 6 and marked[-1] == found.end and marked[1] == found.synthetic_tag


def test_a_synthetic_pair_has_no_hint_and_leaves_those_of_others_alone(tiny_tokenizer: PreTrainedTokenizerFast) -> None:
    train = pairs(
        [row(tag, str(number), text) for number, one in enumerate(TEXTS) for tag, text in ((ENGLISH, one), (TOY, toy(one)))],
        [(ENGLISH, TOY)],
    )  # fmt: skip
    hints = Hints(phrase_tables_of(train))
    made = [synthetic(row(TOY, f"alone {number}", toy(text)), ENGLISH, text) for number, text in enumerate(TEXTS[:5])]
    both = [*train, *made]
    shown = hints.of_train(both, range(len(both)))
    assert shown[: len(train)] == hints.of_train(train, range(len(train))) and sum(map(bool, shown)) > 50
    assert shown[len(train) :] == [""] * 5 and all(hints.of(made)), "the lexicon would give all of them away"
    found = encode_pairs(inputs("m2m_100", tiny_tokenizer, []), made, shown[len(train) :])
    assert all(ids[1] == 0 for ids in found.sources) and all(len(ids) > 5 for ids in found.targets)


def test_synthetic_pairs_take_no_real_ones_turn() -> None:
    real = [Pair(f"r{number}", row(ENGLISH, "", "a"), row(TOY, "", "b")) for number in range(10)]
    made = [synthetic(row(TOY, str(number), "b"), ENGLISH, "a") for number in range(30)]
    assert sorted(epoch_rows([*real, *made], 1.0, None, 13)(0)) == list(range(40))
    alone, auxiliary = epoch_rows(real, 1.0, 4, 13), epoch_rows([*real, *made], 1.0, 4, 13)
    for epoch in range(3):
        assert [number for number in auxiliary(epoch) if number < 10] == alone(epoch)
        assert sum(number >= 10 for number in auxiliary(epoch)) == 4
