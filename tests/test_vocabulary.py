"""Tokens: learned, spared, pruned – on real tokenizers and real text."""

import json
import random
import unicodedata
from collections.abc import Sequence
from importlib.metadata import distribution
from pathlib import Path

import polib
import pytest
import torch
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from transformers import AutoTokenizer, ByT5Tokenizer, PreTrainedTokenizerBase, PreTrainedTokenizerFast

from lowres.errors import DataError, ModelError
from lowres.languages.normalisation import normalise
from lowres.models.checkpoint import Checkpoint
from lowres.recipe.vocabulary_section import TrimPolicy
from lowres.vocabulary.expansion.expanding import LEAST_WORDS, count_tokens, extend, limit_changes
from lowres.vocabulary.expansion.replacing import replacement
from lowres.vocabulary.initialisation.strategies import Evidence
from lowres.vocabulary.protected_characters import protect_characters
from lowres.vocabulary.pruning import kept_ids
from lowres.vocabulary.tokenizer_json import WORD_START, TokenizerJson, has_subwords

LANGUAGES = ("hsb", "cs", "he", "th")
POLICIES: tuple[TrimPolicy, ...] = ("used", "lattice", "charset")


def messages(locale: str) -> list[str]:
    """Django's translated messages, each once, in the order of their catalogues."""
    package = distribution("django")
    catalogues = sorted(
        str(package.locate_file(file))
        for file in package.files or ()
        if file.match(f"locale/{locale}/LC_MESSAGES/django.po")
    )
    found = [normalise(entry.msgstr) for path in catalogues for entry in polib.pofile(path) if entry.msgstr]
    return list(dict.fromkeys(found))


@pytest.fixture(scope="module")
def text() -> dict[str, list[str]]:
    return {language: messages(language) for language in LANGUAGES}


@pytest.fixture(scope="module")
def xlmr(starter: Checkpoint) -> PreTrainedTokenizerBase:
    """XLM-R's tokenizer, as the starter has it."""
    found: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(str(starter.folder))
    return found


@pytest.fixture(scope="module")
def base(xlmr: PreTrainedTokenizerBase) -> TokenizerJson:
    return TokenizerJson.of(xlmr)


def parted(lines: list[str]) -> tuple[list[str], list[str]]:
    """Every eighth line apart."""
    return [line for number, line in enumerate(lines) if number % 8], lines[::8]


def bpe(texts: Sequence[str], *, byte_level: bool) -> PreTrainedTokenizerBase:
    """A BPE tokenizer of 2 000 tokens with two language tags behind its vocabulary, as NLLB has them."""
    tokenizer = Tokenizer(models.BPE(unk_token=None if byte_level else "<unk>", fuse_unk=not byte_level))
    special = ["<s>", "<pad>", "</s>", "<unk>"]
    if byte_level:
        tokenizer.pre_tokenizer, tokenizer.decoder = (
            pre_tokenizers.ByteLevel(add_prefix_space=True),
            decoders.ByteLevel(),
        )
        alphabet = pre_tokenizers.ByteLevel.alphabet()
    else:
        tokenizer.normalizer = normalizers.NFKC()
        tokenizer.pre_tokenizer, tokenizer.decoder = pre_tokenizers.Metaspace(), decoders.Metaspace()
        alphabet = []
    tokenizer.train_from_iterator(
        texts,
        trainers.BpeTrainer(vocab_size=2000, special_tokens=special, initial_alphabet=alphabet, show_progress=False),
    )
    tokenizer.add_special_tokens([AddedToken("ces_Latn"), AddedToken("hsb_Latn"), AddedToken("<mask>")])
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token="<s>",
        eos_token="</s>",
        unk_token="<unk>",
        pad_token="<pad>",
        mask_token="<mask>",
    )


def wordpiece(texts: Sequence[str]) -> PreTrainedTokenizerBase:
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    tokenizer.train_from_iterator(
        texts, trainers.WordPieceTrainer(vocab_size=2000, special_tokens=special, show_progress=False)
    )
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, unk_token="[UNK]", pad_token="[PAD]")


def test_new_pieces_save_tokens_of_text_never_seen(base: TokenizerJson, text: dict[str, list[str]]) -> None:
    train, unseen = parted(text["hsb"])
    found = extend(base, train)
    words = base.words(unseen)
    saved = 1 - count_tokens(found.vocab, words) / count_tokens(base, words)
    assert saved > 0.05
    assert abs(saved - found.gain) < 0.1  # what was promised on held-out training text is about what is met
    assert 10 < len(found.added) < 300


def test_old_pieces_keep_their_ids_and_old_languages_their_segmentation(
    base: TokenizerJson, text: dict[str, list[str]]
) -> None:
    free = extend(base, text["hsb"], count=300)
    found = extend(base, text["hsb"], count=300, protect=text["cs"], change=0.002)
    assert found.vocab.names[: len(base)] == base.names
    assert found.vocab.special == base.special
    protected = base.words(text["cs"])
    listed = list(protected)
    before = base.tokenize_words(listed)

    def changed(vocab: TokenizerJson) -> float:
        moved = [
            word for word, old, new in zip(listed, before, vocab.tokenize_words(listed), strict=True) if old != new
        ]
        return sum(protected[word] for word in moved) / protected.total()

    assert changed(free.vocab) > 0.01  # two near relatives: without protection much changes
    assert changed(found.vocab) == found.changed <= 0.002
    assert len(found.added) > 50


def test_every_new_piece_occurs_often_enough_to_be_learned(base: TokenizerJson, text: dict[str, list[str]]) -> None:
    found = extend(base, text["hsb"], count=400)
    words = base.words(text["hsb"])
    uses: dict[str, int] = {}
    for count, parts in zip(words.values(), found.vocab.tokenize_words(list(words)), strict=True):
        for part in parts:
            uses[part] = uses.get(part, 0) + count
    assert [token for token in found.added if len(token) > 1 and uses.get(token, 0) < 5] == []


def test_a_hyphen_belongs_to_the_word_that_it_binds(base: TokenizerJson, text: dict[str, list[str]]) -> None:
    names = [word.strip(".,:") for line in text["cs"] for word in line.split() if word.istitle()]
    found = extend(base, [f"nge-{name} kwe-{name}" for name in names], count=20)
    assert {"▁nge-", "▁kwe-"} <= {*found.added}


def test_text_with_new_pieces_is_read_back_whole(
    xlmr: PreTrainedTokenizerBase, base: TokenizerJson, text: dict[str, list[str]]
) -> None:
    made = extend(base, text["hsb"], count=300).vocab.tokenizer(xlmr)
    for line in text["hsb"][:300]:
        pruned = " ".join(normalise(line).split())
        back = made.decode(made(line)["input_ids"], skip_special_tokens=True)
        assert back == xlmr.decode(xlmr(line)["input_ids"], skip_special_tokens=True)
        assert back == pruned or "…" in pruned  # XLM-R's own normalisation writes three dots


def test_a_script_that_the_base_lacks_gets_its_characters_first(base: TokenizerJson) -> None:
    alphabet = [chr(code) for code in range(0x07CA, 0x07E8)]  # N'Ko letters
    rng = random.Random(1)
    words = ["".join(rng.choices(alphabet, k=rng.randint(2, 6))) for _ in range(300)]
    lines = [" ".join(rng.choices(words, k=8)) for _ in range(500)]
    assert set(base.tokenize_words(["▁" + words[0]])[0]) - set(base.names)  # unknown to the base
    found = extend(base, lines)
    assert set(alphabet) <= set(found.added)
    held = list(base.words(lines))
    assert all(token in found.vocab.ids for parts in found.vocab.tokenize_words(held) for token in parts)
    assert found.gain == 0 or len(found.added) > len(alphabet)


def test_capitals_that_the_base_lacks_come_along(base: TokenizerJson) -> None:
    assert "Ɖ" not in base.ids and "ɖ" in base.ids
    lines = [f"Ɖò xwé ɔ mɛ {number} ɖò fí bo nɔ yì ɖò Ɖan tɔn" for number in range(400)]
    found = extend(base, lines)
    assert "Ɖ" in found.added


@pytest.mark.parametrize(
    ("lines", "why"),
    [
        ([], "too few"),
        ([""], "too few"),
        (["słowo"], "too few"),
    ],
)
def test_too_little_text_adds_nothing_and_says_why(base: TokenizerJson, lines: list[str], why: str) -> None:
    found = extend(base, lines)
    assert found.added == () and why in found.why and str(LEAST_WORDS) in found.why


@pytest.mark.parametrize("line", ["🫠" * 500, "ߒߞߏ ߛߓߍ ߞߏ ߞߎߡߊ ߦߋ ߟߊߓߊ߯ߙߊ ߘߌ߫"])
def test_characters_that_cannot_be_read_are_added_however_short_the_text(base: TokenizerJson, line: str) -> None:
    assert base.unknown_id in base.encode_words([*base.words([line])])[0]
    found = extend(base, [line] * 10)
    assert found.added and all(len(token) == 1 for token in found.added)
    assert {*line} - {" "} <= {*found.added, *base.ids}
    assert found.why.startswith(f"only {len(found.added)} characters that have no token: ")
    assert extend(base, [line[:2]]).added == (), "seen twice is not enough to learn a row"


def test_a_line_without_end_is_read_in_bounded_time(base: TokenizerJson) -> None:
    rng = random.Random(2)
    endless = "".join(rng.choices("abcdefghij", k=300_000))
    found = extend(base, [endless, *["kurz und gut"] * 50], count=50)
    assert len(found.added) <= 50


@pytest.mark.parametrize("byte_level", [False, True])
def test_bpe_is_continued_behind_its_own_merges(byte_level: bool, text: dict[str, list[str]]) -> None:
    tokenizer = bpe(text["cs"], byte_level=byte_level)
    base = TokenizerJson.of(tokenizer)
    train, unseen = parted(text["hsb"])
    found = extend(base, train, count=300, protect=text["cs"], change=0.01)
    assert found.vocab.merges[: len(base.merges)] == base.merges
    assert found.vocab.names[: len(base)] == base.names
    words = base.words(unseen)
    assert 1 - count_tokens(found.vocab, words) / count_tokens(base, words) > 0.12
    made = found.vocab.tokenizer(tokenizer)
    for tag in ("ces_Latn", "hsb_Latn", "<mask>"):
        assert made.convert_tokens_to_ids(tag) == tokenizer.convert_tokens_to_ids(tag)
    for line in unseen[:100]:
        form = "NFC" if byte_level else "NFKC"  # the base's own
        assert (
            made.decode(made(line)["input_ids"], skip_special_tokens=True).split()
            == unicodedata.normalize(form, line).split()
        )


def test_wordpiece_is_left_alone_with_the_reason(text: dict[str, list[str]]) -> None:
    found = extend(TokenizerJson.of(wordpiece(text["cs"])), text["hsb"])
    assert found.added == () and "WordPiece" in found.why


def test_bytes_have_no_vocabulary() -> None:
    tokenizer = ByT5Tokenizer()
    assert not has_subwords(tokenizer)
    with pytest.raises(ModelError, match="bytes or characters"):
        TokenizerJson.of(tokenizer)


def same_where_kept(base: TokenizerJson, pruned: TokenizerJson, words: Sequence[str]) -> float:
    """Share of words made of kept tokens only; asserts that just those are tokenised the same."""
    there, inside = set(pruned.names), 0
    for old, new in zip(base.tokenize_words(words), pruned.tokenize_words(words), strict=True):
        if set(old) <= there:
            assert old == new
            inside += 1
    return inside / len(words)


@pytest.mark.parametrize("policy", POLICIES)
def test_a_trimmed_unigram_cuts_as_before_what_it_can(
    base: TokenizerJson, policy: TrimPolicy, text: dict[str, list[str]]
) -> None:
    train, unseen = parted(text["hsb"])
    pruned = base.pruned(kept_ids(base, train, policy))
    assert same_where_kept(base, pruned, list(base.words(train))) == 1
    share = same_where_kept(base, pruned, list(base.words(unseen)))
    assert share > {"used": 0.6, "lattice": 0.7, "charset": 0.99}[policy]
    assert len(pruned) < {"used": 12_000, "lattice": 16_000, "charset": 110_000}[policy]
    unknown_before = sum(base.unknown_id in ids for ids in base.encode_words(list(base.words(unseen))))
    unknown_after = sum(pruned.unknown_id in ids for ids in pruned.encode_words(list(base.words(unseen))))
    assert unknown_after <= unknown_before
    same_where_kept(base, pruned, [*base.words(text["he"]), *base.words(text["th"])])


@pytest.mark.parametrize("make", [lambda t: bpe(t, byte_level=False), lambda t: bpe(t, byte_level=True), wordpiece])
@pytest.mark.parametrize("policy", POLICIES)
def test_other_kinds_trim_exactly_too(make: object, policy: TrimPolicy, text: dict[str, list[str]]) -> None:
    base = TokenizerJson.of(make(text["cs"] + text["hsb"]))  # type: ignore[operator]
    pruned = base.pruned(kept_ids(base, text["hsb"], policy))
    assert len(pruned) < len(base)
    assert same_where_kept(base, pruned, list(base.words(text["hsb"]))) == 1
    same_where_kept(base, pruned, list(base.words(text["cs"])))


def test_special_pieces_stay_where_a_model_expects_them(
    xlmr: PreTrainedTokenizerBase, base: TokenizerJson, text: dict[str, list[str]]
) -> None:
    grown = extend(base, text["hsb"], count=100).vocab
    longer = grown.tokenizer(xlmr)
    assert longer.mask_token_id == xlmr.mask_token_id == 250_001
    shorter = grown.pruned(kept_ids(grown, text["hsb"], "lattice")).tokenizer(xlmr)
    assert shorter.convert_ids_to_tokens([0, 1, 2, 3]) == ["<s>", "<pad>", "</s>", "<unk>"]
    assert shorter.mask_token == "<mask>" and shorter.mask_token_id == shorter.convert_tokens_to_ids("<mask>")
    line = text["hsb"][5]
    assert shorter.convert_ids_to_tokens(shorter(line)["input_ids"]) == longer.convert_ids_to_tokens(
        longer(line)["input_ids"]
    )


def test_decomposed_text_is_composed_first_and_that_is_saved(tmp_path: Path, starter: Checkpoint) -> None:
    layout = Tokenizer.from_file(str(starter.folder / "tokenizer.json"))
    bare = PreTrainedTokenizerFast(tokenizer_object=layout, unk_token="<unk>", pad_token="<pad>")
    steps = json.loads(layout.to_str())["normalizer"]["normalizers"]
    assert next(step["type"] for step in steps) == "NFC"
    bare.backend_tokenizer.normalizer = bare.backend_tokenizer.normalizer[1]  # as XLM-R is published
    line = "Ẹ̀kọ́ ni kọ́kọ́rọ́ sí àṣeyọrí nínú ayé"
    decomposed = unicodedata.normalize("NFD", line)
    assert bare.tokenize(decomposed) != bare.tokenize(line)  # marks are lost without NFC
    TokenizerJson.of(bare).tokenizer(bare).save_pretrained(str(tmp_path))
    again = AutoTokenizer.from_pretrained(str(tmp_path))
    assert again.tokenize(decomposed) == again.tokenize(line) == bare.tokenize(line)


def test_a_new_tokenizer_keeps_special_and_shared_pieces(
    xlmr: PreTrainedTokenizerBase, base: TokenizerJson, text: dict[str, list[str]]
) -> None:
    found = replacement(base, text["hsb"], 1500)
    assert len(found.vocab) <= 1500
    assert found.vocab.special == base.special
    assert set(found.added).isdisjoint(base.names) and set(found.added) <= set(found.vocab.names)
    assert found.vocab.names[-len(found.added) :] == found.added
    places = found.places(base, 250_037)
    assert sorted(place for place in places if place >= 250_037) == list(range(250_037, 250_037 + len(found.added)))
    made = found.vocab.tokenizer(xlmr)
    assert made.decode(made(text["hsb"][3])["input_ids"], skip_special_tokens=True) == text["hsb"][3]


def test_sparing_takes_away_what_is_built_through_a_piece_that_goes(text: dict[str, list[str]]) -> None:
    base = TokenizerJson.of(bpe(text["cs"], byte_level=False))
    grown = extend(base, text["hsb"], count=300).vocab
    spared, changed = limit_changes(grown, base, base.words(text["hsb"]), base.words(text["cs"]), 0.0)
    assert changed == 0
    made = {left + right for left, right in spared.merges}
    parts = {part for pair in spared.merges for part in pair}
    assert parts <= set(spared.names) and made <= set(spared.names)
    assert all(WORD_START not in name[1:] for name in spared.names[len(base) :])


def test_letters_that_the_base_would_fold_are_kept_apart_when_asked(
    xlmr: PreTrainedTokenizerBase, base: TokenizerJson
) -> None:
    lines = [f"tʰa kʷe tʰi kʷa {word} tha kwe" for word in ("pana", "suri", "mato", "lin") for _ in range(100)]
    assert xlmr.decode(xlmr(lines[0])["input_ids"], skip_special_tokens=True).startswith("tha kwe")  # the trap
    apart = protect_characters(base, ["ʰ", "ʷ"])
    found = extend(apart, lines, count=40)
    made = found.vocab.tokenizer(xlmr)
    for line in (lines[0], "ʰʷ", "unseen ʷord"):
        assert made.decode(made(line)["input_ids"], skip_special_tokens=True) == line
    assert made(lines[0])["input_ids"] != made(lines[0].replace("ʰ", "h").replace("ʷ", "w"))["input_ids"]
    sign = next(sign for sign, letter in apart.stands_for.items() if letter == "ʰ")
    assert sign in found.added
    rows = torch.randn(len(base), 8)
    row = Evidence(base=apart, new=(sign,), rows=rows, lines=[], meanings={}, seed=1).mean([sign])[0]
    assert torch.allclose(row, rows[base.ids["h"]])  # it starts where the letter was that it used to be folded into


def test_a_letter_that_stays_anyway_is_refused(base: TokenizerJson) -> None:
    with pytest.raises(DataError, match="is not changed by this base"):
        protect_characters(base, ["ŋ"])
