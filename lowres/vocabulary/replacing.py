"""A new tokenizer in place of the base's: trained on the texts alone, keeping the rows of the pieces that both have."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from tokenizers import Tokenizer, models, trainers

from lowres.errors import ModelError, Problem
from lowres.vocabulary.extending import NewPieces, tokens
from lowres.vocabulary.pieces import Pieces


def replacement(base: Pieces, texts: Sequence[str], size: int) -> NewPieces:
    """At most `size` pieces of the base's kind, cut from the texts; special pieces and every character stay.

    Raises ModelError for kinds that are not trained here.
    """
    if base.kind == "wordpiece":
        raise ModelError(
            Problem("vocabulary.replace", "WordPiece tokenizers are not trained here", "vocabulary: {extend: off}")
        )
    words = base.words(texts)
    special = [name for name in base.names if name in base.special]
    trained = Tokenizer(models.Unigram() if base.kind == "unigram" else models.BPE())
    characters = sorted({character for word in words for character in word})
    options: dict[str, Any] = {
        "vocab_size": size,
        "special_tokens": special,
        "initial_alphabet": characters,
        "show_progress": False,
    }
    trainer: Any = (
        trainers.UnigramTrainer(unk_token=base.unknown, **options)
        if base.kind == "unigram"
        else trainers.BpeTrainer(min_frequency=2, **options)
    )
    trained.train_from_iterator((word for word, count in sorted(words.items()) for _ in range(count)), trainer)
    found = Pieces.trained(base, trained)
    shared = [name for name in found.names if name in base.ids]
    new = [name for name in found.names if name not in base.ids]
    order = [found.ids[name] for name in (*shared, *new)]
    pieces = replace(
        found,
        names=tuple(found.names[i] for i in order),
        scores=tuple(found.scores[i] for i in order) if found.scores else (),
    )
    before = tokens(base, words)
    gain = 1 - tokens(pieces, words) / max(1, before)
    why = f"a new tokenizer of {len(pieces)} pieces, {len(shared)} of them the base's, saves {gain:.1%} of the tokens of its texts"
    return NewPieces(pieces, tuple(new), gain, 1.0, why)
