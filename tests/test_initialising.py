"""Where new rows start: meanings from translations, likeness of company, distillation – and that the best is taken."""

import random
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from transformers import AutoTokenizer

from lowres.errors import DataError
from lowres.models.checkpoint import Checkpoint, describe
from lowres.models.loading import load_encoder
from lowres.planning import Options, read_data
from lowres.recipe import open_recipe
from lowres.recipe.vocabulary_section import Vocabulary
from lowres.statistical.lexical_translation import meanings
from lowres.vocabulary.adapting import adapt, new_tokens
from lowres.vocabulary.embeddings import NewRows
from lowres.vocabulary.fitting_data import FittingData, gather
from lowres.vocabulary.initialisation.encoder_states import EncoderStates, positions_of, sentence_vectors
from lowres.vocabulary.initialisation.strategies import STRATEGIES, Evidence, with_meaning
from lowres.vocabulary.saving import load_rows, save_rows
from lowres.vocabulary.tokenizer_json import TokenizerJson

WORDS = {"dom": "house", "pes": "dog", "kocka": "cat", "velky": "big", "maly": "small", "vidi": "sees", "ma": "has"}


def sentences(count: int) -> list[tuple[list[str], list[str]]]:
    """A language of seven words and its word-for-word translation, in another order."""
    rng = random.Random(3)
    found = []
    for _ in range(count):
        chosen = rng.sample(sorted(WORDS), 4)
        translated = [WORDS[word] for word in chosen]
        rng.shuffle(translated)
        found.append((chosen, translated))
    return found


def test_a_word_for_word_language_is_understood() -> None:
    found = meanings(sentences(60))
    assert {word: others[0][0] for word, others in found.items()} == WORDS
    for others in found.values():
        assert sum(weight for _, weight in others) == pytest.approx(1)


def test_without_pairs_nothing_is_known() -> None:
    assert meanings([]) == {}
    assert meanings([([], []), (["a"], [])]) == {}


def test_a_text_longer_than_the_base_reads_is_cut(tiny_encoder: Path) -> None:
    tokenizer, encoder = load_encoder(describe("tiny", tiny_encoder))
    reader = EncoderStates.of(tokenizer, TokenizerJson.of(tokenizer), "")
    vectors = sentence_vectors(encoder, reader, ["the soup was warm and good " * 100, "the soup"], "mean")
    assert positions_of(encoder) == 64 and bool(torch.isfinite(vectors).all())


def evidence(base: TokenizerJson, new: Sequence[str], **known: object) -> Evidence:
    rows = torch.randn(len(base), 16, generator=torch.Generator().manual_seed(0))
    return Evidence(base=base, new=tuple(new), rows=rows, seed=13, **{"lines": [], "meanings": {}, **known})  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def base(starter: Checkpoint) -> TokenizerJson:
    return TokenizerJson.of(AutoTokenizer.from_pretrained(str(starter.folder)))


def test_every_way_gives_a_finite_row_of_its_own_to_every_piece(base: TokenizerJson) -> None:
    new = ["▁lamak", "▁bana", "nyo", "Ɖ", "ߒ", "ߓ"]  # the last two: letters that the base does not know
    lines = [[5, len(base), 6, len(base) + 1, 7, len(base) + 2] for _ in range(20)]
    found = evidence(base, new, meanings={"▁lamak": [("▁enak", 1.0)]}, lines=lines)
    for name, strategy in STRATEGIES.items():
        rows = strategy(found)
        assert rows.shape == (6, 16) and bool(rows.isfinite().all()), name
        assert not torch.equal(rows[4], rows[5]), name
    assert STRATEGIES["mean"](found)[3].tolist() == pytest.approx(found.rows[base.ids["ɖ"]].tolist())


def test_meaning_is_the_weighted_mean_of_translations(base: TokenizerJson) -> None:
    found = evidence(
        base, ["▁lamak", "nyo"], meanings={"▁lamak": [("▁bagus", 0.75), ("▁baik", 0.25)], "nyo": [("▁baik", 1.0)]}
    )
    rows = STRATEGIES["meaning"](found)
    one, other = found.rows[base.ids["▁bagus"]], found.rows[base.ids["▁baik"]]
    assert rows[0].tolist() == pytest.approx((0.75 * one + 0.25 * other).tolist(), abs=1e-5)
    assert with_meaning(found).tolist() == [True, False]  # a token inside words is no word
    assert torch.equal(rows[1], STRATEGIES["mean"](found)[1])


def test_distilled_rows_say_more_of_what_the_base_says(starter: Checkpoint) -> None:
    """The real encoder; a language it knows, so that its own tokens are the better ones until the rows have learned."""
    from test_vocabulary import messages

    lines = [line for line in messages("cs") if len(line.split()) > 2]
    tokenizer, encoder = load_encoder(starter)
    table = encoder.get_input_embeddings().weight
    before = table.detach().clone()
    fitting_data = FittingData(train=[line for number, line in enumerate(lines) if number % 5], dev=lines[::5])
    section = Vocabulary(extend=150, trim="lattice")
    found = adapt(tokenizer, encoder, "encoder.layer", section, fitting_data, prefix=starter.prefix, seed=13)
    assert torch.equal(encoder.get_input_embeddings().weight, before)  # the base is left as it was
    assert found.measured["untouched"] == pytest.approx(100, abs=1e-3)
    assert found.measured["mean"] < found.measured["distil"] < 100
    assert found.initialised == "distil"
    assert found.added > 20 and len(found.tokenizer) == len(found.places) < 20_000
    assert found.places[-found.added :].min() >= len(before)

    found.install(encoder)
    ids = torch.tensor([found.tokenizer(lines[0])["input_ids"]])
    assert encoder(input_ids=ids).last_hidden_state.isfinite().all()


def test_pieces_are_added_only_where_their_meaning_is_told_or_the_base_cannot_read(base: TokenizerJson) -> None:
    from test_vocabulary import messages

    readable, pairs = messages("hsb"), [("datum", "date")]
    asked = Vocabulary()
    assert new_tokens(base, asked, FittingData(readable), 13).added == ()
    assert new_tokens(base, asked, FittingData(readable, lexicon=pairs), 13).added != ()
    unreadable = [line.replace("o", "ߏ") for line in readable]
    found = new_tokens(base, asked, FittingData(unreadable), 13)
    assert "ߏ" in found.added
    assert new_tokens(base, Vocabulary(extend="off"), FittingData(unreadable), 13).added == ()


def test_rows_are_read_back_as_they_were_written(tmp_path: Path) -> None:
    places, rows, head = torch.tensor([0, 3, 250_040]), torch.randn(1, 8), torch.randn(1, 8)
    save_rows(tmp_path / "rows.safetensors", places, NewRows(rows, head))
    again, new = load_rows(tmp_path / "rows.safetensors")
    assert torch.equal(again, places) and torch.equal(new.inputs, rows)
    assert new.head is not None and torch.equal(new.head, head) and new.bias is None


def recipe(folder: Path, vocabulary: str) -> Path:
    path = folder / "recipe.yaml"
    path.write_text(
        "lowres: 2\nname: rows\ntask: {kind: classification}\n"
        "data: {files: {train: train.tsv, dev: dev.tsv, test: test.tsv}, language: eng-Latn, licence: private, source: ours}\n"
        f"vocabulary: {vocabulary}\n"
    )
    return path


def test_material_holds_training_text_lexicon_and_protected_lines(small_data: Path, options: Options) -> None:
    (small_data / "words.tsv").write_text("soup\tsup\nwarm\thangat\n")
    (small_data / "keep.txt").write_text("one line\nand another\n")
    file = open_recipe(recipe(small_data, "{lexicon: words.tsv, protect: [keep.txt]}"))
    corpus = read_data(file, options)
    found = gather(file.recipe, corpus, options.places(small_data))
    assert found.lexicon == [("soup", "sup"), ("warm", "hangat")]
    assert found.protect == ["one line", "and another"]
    assert set(found.train).isdisjoint(row.fields["text"] for row in (*corpus.dev, *corpus.test))
    assert len(found.train) == len(corpus.train)


@pytest.mark.parametrize(
    ("vocabulary", "why"),
    [
        ("{lexicon: none.tsv}", "there is no file “none.tsv”"),
        ("{protect: [none.txt]}", "there is no file “none.txt”"),
        ("{lexicon: one-column.tsv}", "one-column.tsv:1"),
        ("{pivot: [keep.txt]}", "is not a subset"),
    ],
)
def test_what_cannot_be_read_is_named(small_data: Path, options: Options, vocabulary: str, why: str) -> None:
    (small_data / "one-column.tsv").write_text("soup\n")
    (small_data / "keep.txt").write_text("one line\n")
    file = open_recipe(recipe(small_data, vocabulary))
    with pytest.raises(DataError, match=why):
        gather(file.recipe, read_data(file, options), options.places(small_data))
