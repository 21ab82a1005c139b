"""Our TER counts what sacrebleu's counts, and fast enough to have intervals."""

import random
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sacrebleu.metrics.lib_ter import BeamEditDistance, translation_edit_rate
from sacrebleu.metrics.ter import TER

from lowres.evaluation.edit_rate import EditRate, _Distance, certain_below, edits

_WORDS = st.lists(st.sampled_from(["a", "b", "c", "d", "e"]), max_size=14)


@settings(deadline=None, max_examples=300)
@given(_WORDS, _WORDS)
def test_edits_are_those_of_sacrebleu(hypothesis: list[str], reference: list[str]) -> None:
    assert edits(hypothesis, reference) == translation_edit_rate(hypothesis, reference)[0]


def texts(seed: int, words: int, longest: int) -> tuple[list[str], list[str]]:
    """A reference, and words of it with others put before them."""
    rng = random.Random(seed)
    alphabet = [f"w{number}" for number in range(words)]
    reference = rng.choices(alphabet, k=rng.randint(1, longest))
    return rng.choices(alphabet, k=rng.randint(0, longest)) + reference[: rng.randint(0, longest)], reference


@pytest.mark.parametrize("longest", [24, 40, 90])
def test_distances_and_paths_are_those_of_sacrebleus_beam(longest: int) -> None:
    """With more than 25 words, the beam cuts off paths: the distance may be larger than Levenshtein's, and must be the same."""
    outside = 0
    for seed in range(120):
        hypothesis, reference = texts(seed, 4 + seed % 30, longest)
        distance, trace = BeamEditDistance(reference)(hypothesis)
        ours = _Distance(reference)
        assert (ours(hypothesis), ours.trace(hypothesis, distance)) == (distance, trace)
        outside += distance >= certain_below(len(hypothesis), len(reference))
    assert outside > 0 or longest == 24


def test_many_moves_are_counted_like_sacrebleu() -> None:
    """Words in another order: many shifts, and the limit of 1000 candidates."""
    rng = random.Random(1)
    for length in (6, 12, 25, 35):
        reference = [f"w{number % (length // 2)}" for number in range(length)]
        hypothesis = rng.sample(reference, length)
        assert edits(hypothesis, reference) == translation_edit_rate(hypothesis, reference)[0]


def test_500_sentences_take_less_than_a_second_and_a_tenth_of_sacrebleus_time() -> None:
    rng = random.Random(1)
    vocabulary = [f"w{number}" for number in range(400)]
    weights = [1 / (rank + 1) for rank in range(400)]
    references = [rng.choices(vocabulary, weights, k=rng.randint(10, 30)) for _ in range(500)]
    hypotheses = []
    for words in references:  # half of the words wrong, and the text turned at some place
        words = [word if rng.random() < 0.5 else rng.choices(vocabulary, weights)[0] for word in words]
        turn = rng.randint(0, len(words))
        hypotheses.append(" ".join(words[turn:] + words[:turn]))
    sources = [" ".join(words) for words in references]

    def counted(metric: TER, rows: int) -> tuple[list[list[float]], float]:
        started = time.process_time()
        found = metric._extract_corpus_statistics(hypotheses[:rows], [sources[:rows]])
        return found, (time.process_time() - started) / rows

    ours, each = counted(EditRate(), 500)
    theirs, each_of_theirs = counted(TER(), 100)
    assert ours[:100] == theirs
    assert each < each_of_theirs / 5 and 500 * each < 3  # about 0.5 s on a quiet processor
