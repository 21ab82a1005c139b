"""What a translator reads and writes, with the real tokenizers of the families: each side by its own model, nothing lost."""

import unicodedata
from pathlib import Path

import pytest
import torch
from bases import parallel, write_base
from untrained import pairs_corpus, plan_of, predictor_of, translation

from lowres.data.corpus import Row
from lowres.data.pairs import Pair, pairs
from lowres.tasks.translation.inputs import encode_pairs
from lowres.tasks.translation.job import objective
from lowres.tasks.translation.model import Translator
from lowres.tasks.translation.search import LOGITS, search_batches
from lowres.tasks.translation.segments import joined, segments, usual_length

PAIRS = [pair for pair in parallel("id") if 4 < len(pair[0].split()) < 12][:120]


def translator_over(
    name: str, folder: Path, *, target: str = "ind-Latn", more: str = "", max_length: int = 60, locale: str = "id"
) -> Translator:
    texts = [pair for pair in parallel(locale) if 4 < len(pair[0].split()) < 12][:120]
    plan = plan_of(write_base(name, folder / name), translation(target, more), max_length=max_length)
    found = predictor_of(plan, pairs_corpus(texts, target))
    assert isinstance(found, Translator)
    return found


def test_marian_tokenizes_targets_by_the_model_of_the_target(tmp_path: Path) -> None:
    found = translator_over("marian", tmp_path, target="ukr-Cyrl", locale="uk", more=", hints: off")
    for english, ukrainian in parallel("uk")[:50]:
        (ids,) = found.inputs.targets([ukrainian], "ukr-Cyrl")
        assert ids == found.tokenizer(text_target=ukrainian)["input_ids"]
        assert found.tokenizer.unk_token_id not in ids
        assert found.inputs.text(ids) == ukrainian
        (ids,) = found.inputs.sources([english], "eng-Latn", "ukr-Cyrl")
        assert ids[found.inputs.lead_length :] == found.tokenizer(english)["input_ids"]


def test_a_command_of_marian_in_a_text_is_text(tmp_path: Path) -> None:
    found = translator_over("marian-multilingual", tmp_path, more=", hints: off")
    tags = set(found.tokenizer.convert_tokens_to_ids([">>ind<<", ">>ukr<<", ">>eng<<"]))
    (ids,) = found.inputs.sources([">>ukr<< the house"], "eng-Latn", "ind-Latn")
    (plain,) = found.inputs.sources(["the house"], "eng-Latn", "ind-Latn")
    own, *rest = ids
    assert own in tags and not tags & set(rest), "only the tag that the model itself needs"
    assert rest[-len(plain) + 1 :] == plain[1:] and len(rest) > len(plain)
    (written,) = found.inputs.targets([">>ukr<< rumah"], "ind-Latn")
    assert not tags & set(written)


@pytest.mark.parametrize("name", ["mt5", "byt5", "nllb", "mbart50", "m2m100"])
def test_no_translation_holds_a_sentinel_or_a_language_token(name: str, tmp_path: Path) -> None:
    found = translator_over(name, tmp_path, more=", hints: off")
    kept = {one for one in range(len(found.tokenizer)) if one not in found.inputs.suppressed}
    names = [name for name, one in found.tokenizer.get_vocab().items() if "<extra_id_" in name]
    assert bool(names) is (name in ("mt5", "byt5"))
    with torch.no_grad():  # a model that would write nothing else
        for one in (*found.tokenizer.convert_tokens_to_ids(names), *found.inputs.tags.values()):
            found.model.get_output_embeddings().weight[one] *= 50
    for answer in found.predict([english for english, _ in PAIRS[:8]], source="eng-Latn", target="ind-Latn"):
        assert "extra_id" not in answer.translation and "_Latn" not in answer.translation
    assert found.inputs.end in kept


@pytest.mark.parametrize("name", ["byt5", "mt5", "nllb", "m2m100", "mbart50"])
def test_a_hint_never_takes_the_place_of_the_source(name: str, tmp_path: Path) -> None:
    room = 90 if name == "byt5" else 60
    found = translator_over(name, tmp_path, max_length=room)
    text, hint = "The soup was small under the old tree", "kecil sekali di bawah pohon " * 10
    (plain,) = found.inputs.sources([text], "eng-Latn", "ind-Latn")
    (both,) = found.inputs.sources([text], "eng-Latn", "ind-Latn", [hint])
    lead = found.inputs.lead_length
    assert both[-len(plain[lead:]) :] == plain[lead:] and both[:lead] == plain[:lead] and both[-1] == found.inputs.end
    assert len(plain) < len(both) <= room
    (full,) = found.inputs.sources([text * 9], "eng-Latn", "ind-Latn", [hint])
    assert (
        len(full) == room
        and full[-1] == found.inputs.end
        and full == found.inputs.sources([text * 9], "eng-Latn", "ind-Latn")[0]
    )


def test_what_is_truncated_is_counted_and_told(tmp_path: Path) -> None:
    base = write_base("byt5", tmp_path / "byt5")
    plan = plan_of(base, translation(), max_length=80)
    corpus = pairs_corpus(PAIRS)
    found = predictor_of(plan, corpus)
    assert found.facts.longest == 80, "never more than the model reads"
    made = objective(found, plan, corpus)
    both = pairs(corpus.train, found.facts.directions)
    longer = sum(
        len(ids) > 80 for pair in both for ids in found.inputs.encoded([pair.source.fields["text"]], *pair.direction)
    )
    assert encode_pairs(found.inputs, both).truncated_sources == longer > 0
    told = [finding.what for finding in made.findings]
    assert any(what.startswith(f"{longer} of {len(both)} training sources are longer") for what in told)
    assert any("the hints of" in what and "are shortened" in what for what in told)
    assert all(ids[-1] == found.inputs.end for ids in made.sources)


def test_long_texts_are_read_to_their_end_in_every_script(tmp_path: Path) -> None:
    found = translator_over("byt5", tmp_path, more=", hints: off")
    read: list[str] = []
    original = found.inputs.tokenizer
    for text in ("今天的湯很熱" * 30, "ດີ" * 60, "a" * 300, "Soup. " * 60):
        parts = found.segments(text, ("eng-Latn", "ind-Latn"))
        assert len(parts) > 1 and "".join(part.text for part in parts).replace(" ", "") == text.replace(" ", "")
        assert all(
            len(found.inputs.encoded([part.text], "eng-Latn", "ind-Latn")[0]) <= found.facts.longest for part in parts
        )
        read.append(text)
    assert original is found.inputs.tokenizer and len(read) == 4


def test_parts_are_joined_as_the_target_is_written() -> None:
    def together(text: str, source: str, target: str, longest: int = 8) -> str:
        found = segments(text, longest, len, source, target)
        return joined(found, [f"<{part.text}>" for part in found])

    assert together("aa bb. cc dd.", "eng-Latn", "ind-Latn") == "<aa bb.> <cc dd.>"
    assert together("aa bb. cc dd.", "eng-Latn", "jpn-Jpan") == "<aa bb.><cc dd.>"
    assert together("今天很热今天。我们喝汤喝汤！", "zho-Hans", "eng-Latn") == "<今天很热今天。> <我们喝汤喝汤！>"
    assert together("今天很热今天。我们喝汤喝汤！", "zho-Hans", "tha-Thai") == "<今天很热今天。><我们喝汤喝汤！>"
    assert together("aaaaaaaaaaaa", "eng-Latn", "ind-Latn") == "<aaaaaaaa><aaaa>", "one word, which is still one"
    assert together("aa bb.\n\ncc dd.", "eng-Latn", "ind-Latn") == "<aa bb.>\n\n<cc dd.>"
    assert together("", "eng-Latn", "ind-Latn") == ""


def test_decomposed_text_is_translated_as_composed(tmp_path: Path) -> None:
    found = translator_over("byt5", tmp_path, target="vie-Latn", locale="vi")
    composed = [vietnamese for _, vietnamese in parallel("vi")[:30]]
    decomposed = [unicodedata.normalize("NFD", text) for text in composed]
    assert decomposed != composed
    direction = ("vie-Latn", "eng-Latn")
    there, again = (
        found.predict(texts[:4], source=direction[0], target=direction[1]) for texts in (composed, decomposed)
    )
    assert [one.translation for one in there] == [one.translation for one in again]
    assert found.hints is not None
    assert [found.hints.hint(text, *direction) for text in composed] == [
        found.hints.hint(text, *direction) for text in decomposed
    ]


def test_batches_of_the_search_stay_within_their_logits() -> None:
    for beams, vocabulary in ((4, 256_000), (1, 12_000), (5, 128_000)):
        batches = list(search_batches([10] * 400, beams, vocabulary, "cpu"))
        assert sorted(row for rows in batches for row in rows) == list(range(400))
        assert all(len(rows) * beams * vocabulary <= max(LOGITS, beams * vocabulary) for rows in batches)


def test_kept_encoder_states_stay_within_their_budget_and_change_nothing(tmp_path: Path) -> None:
    corpus = pairs_corpus(PAIRS)
    plan = plan_of(write_base("byt5", tmp_path / "byt5"), translation(more=", hints: off"), method="{kind: decoder}")
    found = predictor_of(plan, corpus)
    losses = []
    for room in (0, 100_000, 1 << 30):
        made = objective(found, plan, corpus)
        made.free_bytes = room
        found.model.eval()
        found_losses = (made.loss(list(range(start, start + 20)), epoch) for epoch in (0, 1) for start in (0, 20, 40))
        losses.append([float(total) / count for total, count in found_losses])
        kept = sum(state.untyped_storage().nbytes() for state in made.encoder_states.values())
        assert kept == room - made.free_bytes <= room and bool(kept) is bool(room)
    assert losses[1] == pytest.approx(losses[0], rel=1e-5) and losses[2] == pytest.approx(losses[0], rel=1e-5)


def test_texts_longer_than_nearly_all_training_sources_are_translated_in_parts(tmp_path: Path) -> None:
    found = translator_over("byt5", tmp_path, more=", hints: off")
    direction = ("eng-Latn", "ind-Latn")
    texts = [f"the {'very ' * (number % 7)}old tree {number}" for number in range(99)]
    target = Row("t", "", "ind-Latn", {"text": "pohon"})
    known = [Pair("p", Row("s", "", "eng-Latn", {"text": text}), target) for text in [*texts, "tree " * 500]]
    usual = usual_length(known, found.inputs.lengths)
    lengths = sorted(found.inputs.lengths([pair.source.fields["text"] for pair in known], *direction))
    assert usual == lengths[97], "two of a hundred may be longer"
    assert usual_length(known[:1], found.inputs.lengths) == found.inputs.lengths([texts[0]], *direction)[0]


def test_placeholders_are_read_and_written_as_symbols(tmp_path: Path) -> None:
    found = translator_over("byt5", tmp_path, max_length=200)
    text = 'See <a href="/x">%(name)s</a> and <b>%(name)s</b> ★'
    inputs = found.inputs
    (ids,) = inputs.sources([text], "eng-Latn", "ind-Latn", ["Lihat <b>%(name)s</b>"])
    read = inputs.text(ids)
    assert "See ● and ■ ★" in read and "Lihat ■" in read  # the star stands in the text itself
    assert inputs.revealed("Lihat ■ dan ● ★", text) == 'Lihat <b>%(name)s</b> dan <a href="/x">%(name)s</a> ★'
    rows = [Row("1", "1", "eng-Latn", {"text": text}), Row("2", "1", "ind-Latn", {"text": "Lihat <b>%(name)s</b>"})]
    (pair,) = pairs(rows, [("eng-Latn", "ind-Latn")])
    assert inputs.text(encode_pairs(inputs, [pair]).targets[0]) == "Lihat ■"
    assert found.facts.symbols == inputs.symbols != ""


def test_symbols_that_a_tokenizer_does_not_know_are_not_used(tmp_path: Path) -> None:
    found = translator_over("mt5", tmp_path)
    assert "★" not in found.tokenizer.get_vocab() and found.inputs.symbols == ""
    assert "%(name)s" in found.inputs.text(found.inputs.targets(["%(name)s"], "ind-Latn")[0]).replace(" ", "")
