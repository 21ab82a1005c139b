"""Pre-training on plain text: what is minimised, and how many bits a model needs for the words of a text."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator
from numpy.typing import NDArray
from torch import Tensor

from lowres.data.corpus import Row
from lowres.languages import normalise
from lowres.languages.words import words
from lowres.models.quantization import PRECISIONS
from lowres.tasks.pretraining.masking import CorruptedSegment, Corruption
from lowres.training.batches import padded, sorted_batches
from lowres.training.loss import states_at_head, token_bits, vocabulary_loss
from lowres.vocabulary.embeddings import SplitHead

SCORING_TOKENS = 8192
DEV_TEXTS = 100
# What a character costs that the base has no piece for: any of Unicode's is as likely.
UNKNOWN_BITS = float(np.log2(0x110000))


@dataclass(frozen=True)
class Costs:
    """What the chosen words of each text cost: bits and NFC characters, each float64 of shape (texts,).

    The white space before a word is part of it, so that all words of a text hold all its characters.
    """

    bits: NDArray[np.float64]
    characters: NDArray[np.float64]

    @property
    def per_character(self) -> float:
        """Bits per character of all the texts together; lower is better."""
        return float(self.bits.sum() / self.characters.sum())


def choose_words(way: Corruption, rows: Sequence[Row], most: int, seed: int) -> list[set[int]]:
    """Which words of each text are scored: the same for every tokenizer; at most `most` in all where a text has several."""
    each = max(1, most // max(1, len(rows)))
    counts = [len(words(normalise(row.fields["text"]))) for row in rows]
    return [
        way.chosen(count, each, random.Random(f"{seed} {row.id} scored"))
        for row, count in zip(rows, counts, strict=True)
    ]


def costs(
    model: Any, way: Corruption, rows: Sequence[Row], chosen: Sequence[set[int]], accelerator: Accelerator, *, together: bool = False
) -> Costs:  # fmt: skip
    """What the chosen words of each text cost a model; `together` hides all those of a text at once, which is quicker.

    An unknown piece costs, beside itself, what its characters cost where all of Unicode's are equally likely.
    """
    texts = [normalise(row.fields["text"]) for row in rows]
    owners: list[int] = []
    exercises: list[CorruptedSegment] = []
    bits = np.zeros(len(rows))
    for segment in way.reader.segments(texts, [row.language for row in rows]):
        hidden = chosen[segment.text]
        if not hidden & {*segment.words}:
            continue
        found = [way.hide(segment, hidden)] if together else way.examine(segment, hidden)
        exercises += found
        owners += [segment.text] * len(found)
        spelled = sum(count for count, word in zip(segment.unknown, segment.words, strict=True) if word in hidden)
        bits[segment.text] += UNKNOWN_BITS * spelled
    np.add.at(bits, owners, exercise_bits(model, way, exercises, accelerator))
    spans = [words(text) for text in texts]
    characters = [
        sum(span[word][1] - span[word][0] for word in asked) for span, asked in zip(spans, chosen, strict=True)
    ]
    return Costs(bits, np.array(characters, dtype=np.float64))


def exercise_bits(
    model: Any, way: Corruption, exercises: Sequence[CorruptedSegment], accelerator: Accelerator
) -> NDArray[np.float64]:
    """Bits of the asked pieces of each exercise, float64 of shape (exercises,)."""
    model.eval()
    found = np.zeros(len(exercises))
    compute = PRECISIONS[accelerator.mixed_precision]
    with torch.inference_mode():
        for numbers in sorted_batches([_size(exercise) for exercise in exercises], SCORING_TOKENS):
            batch = [exercises[number] for number in numbers]
            states, answers = asked_states(model, way, batch, accelerator)
            old, new, bias = table(model)
            bits = token_bits(states.to(compute), old, new, bias, answers).double().cpu().numpy()
            owners = np.repeat(numbers, [len(exercise.asked) for exercise in batch])
            np.add.at(found, owners, bits)
    return found


def asked_states(
    model: Any, way: Corruption, batch: Sequence[CorruptedSegment], accelerator: Accelerator
) -> tuple[Tensor, Tensor]:
    """The states that reach the table at the asked places, shape (places, width), and the pieces that belong there."""
    device, pad = accelerator.device, way.reader.tokenizer.pad_token_id
    read, mask = padded([exercise.read for exercise in batch], pad, device)
    written, _ = padded([exercise.written for exercise in batch], pad, device)
    here = torch.zeros_like(written, dtype=torch.bool)
    for row, exercise in enumerate(batch):
        here[row, list(exercise.asked)] = True
    with accelerator.autocast(), states_at_head(model.get_output_embeddings(), here) as states:
        if way.decodes:
            start = torch.full_like(written[:, :1], model.config.decoder_start_token_id)
            given = torch.cat([start, written[:, :-1]], dim=1)
            model(input_ids=read, attention_mask=mask, decoder_input_ids=given, use_cache=False)
        else:
            model(input_ids=read, attention_mask=mask)
    return states[0], written[here]


def table(model: Any) -> tuple[Tensor, Tensor | None, Tensor | None]:
    """Old rows, new rows and bias of the pieces that a model chooses among."""
    head = model.get_output_embeddings()
    last = getattr(model, "final_logits_bias", None)
    if isinstance(head, SplitHead):
        parts: list[Tensor] = [bias for bias in (head.old_bias, head.new_bias) if bias is not None]
        return head.old, head.new, torch.cat(parts) if parts else None if last is None else last[0]
    return head.weight, None, head.bias if head.bias is not None else None if last is None else last[0]


class PretrainingObjective:
    """Cross-entropy of hidden pieces on train; on dev 100 · 2^−b, b the bits per character of words hidden together.

    That is the probability, in per cent, that a character of a hidden word is found, as a geometric mean: monotone in the
    likelihood, and quick, since a text is read once. The same words are hidden at every scoring.
    """

    def __init__(
        self, model: Any, way: Corruption, train: Sequence[Row], dev: Sequence[Row], accelerator: Accelerator, *, label_smoothing: float,
        seed: int,
    ) -> None:  # fmt: skip
        self.model, self.way, self.accelerator = model, way, accelerator
        self.label_smoothing, self.seed = label_smoothing, seed
        self.compute = PRECISIONS[accelerator.mixed_precision]
        reader = way.reader
        self.segments = reader.segments([row.fields["text"] for row in train], [row.language for row in train])
        around = max(map(len, reader.before.values())) + len(reader.after)
        self.lengths = [(1 + way.decodes) * (around + len(segment.ids)) for segment in self.segments]
        self.dev = spread(dev, DEV_TEXTS)
        self.hidden = [self._some(row, count) for row, count in zip(self.dev, _counts(self.dev), strict=True)]

    def rows(self, epoch: int) -> Sequence[int]:
        """Every stretch of text, in every epoch."""
        return range(len(self.segments))

    def loss(self, rows: Sequence[int], epoch: int) -> tuple[Tensor, int]:
        """Sum of the cross-entropies of the masked tokens, and how many there are; other words are masked in each epoch."""
        batch = [self.way.practise(self.segments[row], random.Random(f"{self.seed} {row} {epoch}")) for row in rows]
        states, answers = asked_states(self.model, self.way, batch, self.accelerator)
        old, new, bias = table(self.model)
        loss = vocabulary_loss(states.to(self.compute), old, new, bias, answers, self.label_smoothing)
        return loss, len(answers)

    def score(self) -> float:
        """The probability of a character of a hidden dev word, geometric mean, 0–100."""
        found = costs(self.model, self.way, self.dev, self.hidden, self.accelerator, together=True)
        return float(100 * 2.0**-found.per_character)

    def _some(self, row: Row, count: int) -> set[int]:
        """About one word in seven, whatever share is hidden in training, so that runs can be compared."""
        return {*random.Random(f"{self.seed} {row.id} dev").sample(range(count), min(count, max(1, round(count / 7))))}


def spread(rows: Sequence[Row], most: int) -> list[Row]:
    """At most so many rows, evenly from all of them."""
    stride = max(1.0, len(rows) / most)
    return [rows[int(stride * number)] for number in range(min(most, len(rows)))]


def _counts(rows: Sequence[Row]) -> list[int]:
    return [len(words(normalise(row.fields["text"]))) for row in rows]


def _size(exercise: CorruptedSegment) -> int:
    return max(len(exercise.read), len(exercise.written))
