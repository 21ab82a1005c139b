"""Rounds of back-translation: the model translates texts without a translation into source languages, and trains on the pairs.

Sennrich et al. 2016 (arXiv 1511.06709); marked sources, Caswell et al. 2019 (arXiv 1906.06442); rounds, Hoang et al. 2018 (doi
10.18653/v1/W18-2703). Machine-translated text is only ever on the source side.
"""

import random
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from lowres.data.corpus import Corpus, Row
from lowres.data.pairs import Direction, Pair, pairs, returning
from lowres.evaluation.translation_scores import sentence_scores
from lowres.recipe.task_section import BackTranslation
from lowres.record import BackTranslationFacts
from lowres.tasks.translation.filtering import best_share, plausible, synthetic, usual_lengths
from lowres.tasks.translation.model import Translator
from lowres.training.loop import Step
from lowres.training.rounds import best_on_dev

Texts = Mapping[Direction, Sequence[Row]]


@dataclass(frozen=True)
class BackTranslated:
    """The synthetic pairs that passed the filter, and the facts of their round."""

    pairs: tuple[Pair, ...]
    facts: BackTranslationFacts

    def dump(self) -> Mapping[str, Any]:
        """Itself as JSON can hold it."""
        written = [[pair.target.id, pair.source.language, pair.source.fields["text"]] for pair in self.pairs]
        return {"pairs": written, "facts": self.facts.model_dump()}

    @staticmethod
    def read(dumped: Mapping[str, Any], texts: Texts) -> "BackTranslated":
        """What was dumped, over the texts that it was made from."""
        rows = {row.id: row for found in texts.values() for row in found}
        written = (synthetic(rows[name], source, text) for name, source, text in dumped["pairs"])
        return BackTranslated(tuple(written), BackTranslationFacts.model_validate(dumped["facts"]))

    def judged(self, before: Sequence[Step], after: Sequence[Step]) -> BackTranslationFacts:
        """The facts, with the best score on dev of all training before and of the training on these pairs."""
        then, now = best_on_dev(before), best_on_dev(after)
        return self.facts.model_copy(
            update={"dev_before": then.dev if then else None, "dev_after": now.dev if now else None}
        )


def chosen_texts(translator: Translator, corpus: Corpus, most: int, seed: int) -> Texts:
    """At most `most` texts for each direction, in an order drawn by the seed; none longer than the training sources."""
    usable = returning(corpus.train, (*corpus.dev, *corpus.test), translator.facts.directions)
    found = {}
    for direction, texts in usable.items():
        order = random.Random(f"{seed} {direction[1]}").sample(texts, len(texts))
        short = (row for row in order if translator.fits(row.fields["text"], direction[::-1]))
        found[direction] = list(islice(short, most))
    return found


def translate_back(
    translator: Translator, section: BackTranslation, texts: Texts, corpus: Corpus, number: int
) -> BackTranslated:
    """Round `number`: every text is translated into its direction's source language by the model as it is now, then filtered."""
    began = time.monotonic()
    quick, real = translator.greedy(), pairs(corpus.train, translator.facts.directions)
    inputs = [(direction, row) for direction, rows in texts.items() for row in rows]
    written = quick.translate([row.fields["text"] for _, row in inputs], [direction[::-1] for direction, _ in inputs])
    made = [
        synthetic(row, direction[0], found.translation) for (direction, row), found in zip(inputs, written, strict=True)
    ]
    filtered = plausible(made, usual_lengths(real))
    dropped = dict(filtered.dropped)
    if section.filter == "round-trip" and filtered.pairs:
        returned = quick.translate(
            [pair.source.fields["text"] for pair in filtered.pairs], [pair.direction for pair in filtered.pairs]
        )
        scores = sentence_scores(
            [pair.target.fields["text"] for pair in filtered.pairs], [found.translation for found in returned]
        )
        filtered = best_share(filtered.pairs, scores, section.keep)
        dropped |= filtered.dropped
    tag = translator.inputs.synthetic_tag
    facts = BackTranslationFacts(
        round=number,
        filter=section.filter,
        tag="" if tag is None else str(translator.tokenizer.convert_ids_to_tokens(tag)),
        texts=_counts(pair.direction_name for pair in made),
        kept=_counts(pair.direction_name for pair in filtered.pairs),
        dropped=dropped,
        seconds=time.monotonic() - began,
    )
    return BackTranslated(filtered.pairs, facts)


def _counts(directions: Iterable[str]) -> dict[str, int]:
    return dict(Counter(directions))
