"""A new tokenizer trained on the texts alone in place of the base's; rows of tokens that both have are kept."""

import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import sentencepiece
from tokenizers import Tokenizer, models, pre_tokenizers, trainers

from lowres.errors import ModelError, Problem
from lowres.vocabulary.expansion.expanding import NewTokens, count_tokens
from lowres.vocabulary.tokenizer_json import WORD_START, Kind, TokenizerJson

CONTROLS = 3  # <unk>, <s> and </s>, which SentencePiece always adds


def _unigram(base: TokenizerJson, words: Mapping[str, int], size: int) -> TokenizerJson:
    """By SentencePiece, whose trainer gives the same tokens in every process (that of tokenizers does not)."""
    model = io.BytesIO()
    special = [name for name in base.names if name in base.special or name in base.byte_tokens]
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=(word.removeprefix(WORD_START) for word in sorted(words) for _ in range(words[word])),
        model_writer=model, vocab_size=size - len(special) + CONTROLS, model_type="unigram", character_coverage=1.0,
        hard_vocab_limit=False, normalization_rule_name="identity", num_threads=1, minloglevel=2,
    )  # fmt: skip
    made = sentencepiece.SentencePieceProcessor(model_proto=model.getvalue())
    scores = {made.id_to_piece(i): float(made.get_score(i)) for i in range(CONTROLS, made.get_piece_size())}
    names = [*special, *(name for name in scores if name not in {*special})]
    lowest = min(scores.values(), default=0.0)
    return replace(base, names=tuple(names), scores=tuple(scores.get(name, lowest) for name in names))


def _bpe(base: TokenizerJson, words: Mapping[str, int], size: int) -> TokenizerJson:
    trained = Tokenizer(models.BPE())
    special = [name for name in base.names if name in base.special]
    alphabet = pre_tokenizers.ByteLevel.alphabet() if base.byte_level else []
    trainer = trainers.BpeTrainer(
        vocab_size=size, min_frequency=2, special_tokens=special, initial_alphabet=alphabet, show_progress=False
    )
    trained.train_from_iterator((word for word, count in sorted(words.items()) for _ in range(count)), trainer)
    return TokenizerJson.trained(base, trained)


TRAINED: Mapping[Kind, Callable[[TokenizerJson, Mapping[str, int], int], TokenizerJson]] = {
    "unigram": _unigram,
    "bpe": _bpe,
}


def replacement(base: TokenizerJson, texts: Sequence[str], size: int) -> NewTokens:
    """At most `size` tokens of the base's kind, learned from the texts; special tokens and every character stay.

    Raises ModelError for kinds that are not trained here.
    """
    if base.kind == "wordpiece":
        raise ModelError(
            Problem("vocabulary.replace", "WordPiece tokenizers are not trained here", "vocabulary: {extend: off}")
        )
    words = base.words(texts)
    found = TRAINED[base.kind](base, words, size)
    shared = [name for name in found.names if name in base.ids]
    new = [name for name in found.names if name not in base.ids]
    order = [found.ids[name] for name in (*shared, *new)]
    vocab = replace(
        found,
        names=tuple(found.names[i] for i in order),
        scores=tuple(found.scores[i] for i in order) if found.scores else (),
    )
    before = count_tokens(base, words)
    gain = 1 - count_tokens(vocab, words) / max(1, before)
    why = f"a new tokenizer of {len(vocab)} tokens, {len(shared)} of them the base's, saves {gain:.1%} of the tokens of its texts"
    return NewTokens(vocab, tuple(new), gain, 1.0, why)
