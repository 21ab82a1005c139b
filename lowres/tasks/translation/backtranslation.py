"""Rounds of back-translation: texts without a translation are given sources by the model itself, and it trains on.

Sennrich et al. 2016 (arXiv 1511.06709); marked sources, Caswell et al. 2019 (arXiv 1906.06442); rounds, Hoang et al. 2018 (doi
10.18653/v1/W18-2703). What a model wrote only ever stands on the source side.
"""

import random
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from lowres.data.corpus import Corpus, Row
from lowres.data.pairs import Direction, Pair, pairs, returning
from lowres.evaluation.translation_scores import sentence_scores
from lowres.recipe.sections import BackTranslation
from lowres.record import BackTranslationFacts
from lowres.tasks.translation.filtering import best_share, plausible, synthetic, usual_lengths
from lowres.tasks.translation.model import Translator
from lowres.training.loop import Step
from lowres.training.rounds import best_on_dev

Texts = Mapping[Direction, Sequence[Row]]


@dataclass(frozen=True)
class Returned:
    """Synthetic pairs that are left, and what is known of how they came about."""

    pairs: tuple[Pair, ...]
    facts: BackTranslationFacts

    def judged(self, before: Sequence[Step], after: Sequence[Step]) -> BackTranslationFacts:
        """The facts, with the best scores on dev of all training before and of the training on these pairs."""
        then, now = best_on_dev(before), best_on_dev(after)
        return self.facts.model_copy(
            update={"dev_before": then.dev if then else None, "dev_after": now.dev if now else None}
        )


def chosen_texts(translator: Translator, corpus: Corpus, most: int, seed: int) -> Texts:
    """At most so many texts for each direction, in an order of the seed's; none longer than the sources of training were."""
    usable = returning(corpus.train, (*corpus.dev, *corpus.test), translator.facts.directions)
    found = {}
    for way, texts in usable.items():
        order = random.Random(f"{seed} {way[1]}").sample(texts, len(texts))
        short = (row for row in order if translator.inputs.length(row.fields["text"]) <= translator.facts.longest)
        found[way] = list(islice(short, most))
    return found


def translate_back(
    translator: Translator, section: BackTranslation, texts: Texts, corpus: Corpus, number: int
) -> Returned:
    """Round `number`: every text is translated into its direction's source by the model as it is now, and the result is sifted."""
    began = time.monotonic()
    quick, real = translator.greedy(), pairs(corpus.train, translator.facts.directions)
    asked = [(way, row) for way, rows in texts.items() for row in rows]
    written = quick.translate([row.fields["text"] for _, row in asked], [way[::-1] for way, _ in asked])
    made = [synthetic(row, way[0], found.translation) for (way, row), found in zip(asked, written, strict=True)]
    sifted = plausible(made, usual_lengths(real))
    dropped = dict(sifted.dropped)
    if section.filter == "round-trip" and sifted.pairs:
        home = quick.translate(
            [pair.source.fields["text"] for pair in sifted.pairs], [pair.direction for pair in sifted.pairs]
        )
        scores = sentence_scores(
            [pair.target.fields["text"] for pair in sifted.pairs], [found.translation for found in home]
        )
        sifted = best_share(sifted.pairs, scores, section.keep)
        dropped |= sifted.dropped
    mark = translator.inputs.mark
    facts = BackTranslationFacts(
        round=number,
        filter=section.filter,
        tag="" if mark is None else str(translator.tokenizer.convert_ids_to_tokens(mark)),
        texts=_counts(pair.direction_name for pair in made),
        kept=_counts(pair.direction_name for pair in sifted.pairs),
        dropped=dropped,
        seconds=time.monotonic() - began,
    )
    return Returned(sifted.pairs, facts)


def _counts(directions: Iterable[str]) -> dict[str, int]:
    return dict(Counter(directions))
