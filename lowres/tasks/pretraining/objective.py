"""Pre-training on plain text: the training loss, and how many bits a model needs for the words of a text."""

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
from lowres.data.sampling import spread
from lowres.errors import Finding
from lowres.languages import normalise
from lowres.languages.words import words
from lowres.models.quantization import PRECISIONS
from lowres.tasks.output_head import head_bits, head_loss
from lowres.tasks.pretraining.masking import CorruptedSegment, Corruption
from lowres.training.batches import padded, sorted_batches
from lowres.training.loss import states_at_head

SCORING_TOKENS = 8192
DEV_TEXTS = 100
# The cost of a character that the base has no token for: all characters of Unicode are equally likely.
UNKNOWN_BITS = float(np.log2(0x110000))


@dataclass(frozen=True)
class Costs:
    """What the chosen words of each text cost: bits and NFC characters, each float64 of shape (texts,).

    The white space before a word belongs to it, so that the words of a text have all its characters.
    """

    bits: NDArray[np.float64]
    characters: NDArray[np.float64]

    @property
    def per_character(self) -> float:
        """Bits per character of all the texts together; lower is better."""
        return float(self.bits.sum() / self.characters.sum())


def choose_words(corruption: Corruption, rows: Sequence[Row], most: int, seed: int) -> list[set[int]]:
    """Which words of each text are scored: the same for every tokenizer; at most `most` in all where a text has several."""
    each = max(1, most // max(1, len(rows)))
    counts = [len(words(normalise(row.fields["text"]))) for row in rows]
    return [
        corruption.choose(count, each, random.Random(f"{seed} {row.id} scored"))
        for row, count in zip(rows, counts, strict=True)
    ]


def costs(
    model: Any, corruption: Corruption, rows: Sequence[Row], chosen: Sequence[set[int]], accelerator: Accelerator, *,
    together: bool = False,
) -> Costs:  # fmt: skip
    """What the chosen words of each text cost a model; `together` masks all those of a text at once, which is quicker.

    An unknown token costs, beside itself, what its characters cost where all of Unicode's are equally likely.
    """
    texts = [normalise(row.fields["text"]) for row in rows]
    owners: list[int] = []
    examples: list[CorruptedSegment] = []
    bits = np.zeros(len(rows))
    for segment in corruption.inputs.segments(texts, [row.language for row in rows]):
        masked = chosen[segment.text]
        if not masked & {*segment.words}:
            continue
        found = (
            [corruption.mask_together(segment, masked)] if together else corruption.scoring_examples(segment, masked)
        )
        examples += found
        owners += [segment.text] * len(found)
        unknown = sum(count for count, word in zip(segment.unknown, segment.words, strict=True) if word in masked)
        bits[segment.text] += UNKNOWN_BITS * unknown
    np.add.at(bits, owners, example_bits(model, corruption, examples, accelerator))
    spans = [words(text) for text in texts]
    characters = [
        sum(span[word][1] - span[word][0] for word in scored) for span, scored in zip(spans, chosen, strict=True)
    ]
    return Costs(bits, np.array(characters, dtype=np.float64))


def example_bits(
    model: Any, corruption: Corruption, examples: Sequence[CorruptedSegment], accelerator: Accelerator
) -> NDArray[np.float64]:
    """Bits of the scored tokens of each example, float64 of shape (examples,)."""
    model.eval()
    found = np.zeros(len(examples))
    compute = PRECISIONS[accelerator.mixed_precision]
    with torch.inference_mode():
        for numbers in sorted_batches([_size(example) for example in examples], SCORING_TOKENS):
            batch = [examples[number] for number in numbers]
            states, targets = scored_states(model, corruption, batch, accelerator)
            bits = head_bits(model, states, targets, compute).double().cpu().numpy()
            owners = np.repeat(numbers, [len(example.scored) for example in batch])
            np.add.at(found, owners, bits)
    return found


def scored_states(
    model: Any, corruption: Corruption, batch: Sequence[CorruptedSegment], accelerator: Accelerator
) -> tuple[Tensor, Tensor]:
    """The last hidden states at the scored places, shape (places, hidden size), and the token ids to predict there."""
    device, pad = accelerator.device, corruption.inputs.tokenizer.pad_token_id
    read, mask = padded([example.read for example in batch], pad, device)
    targets, _ = padded([example.target for example in batch], pad, device)
    scored = torch.zeros_like(targets, dtype=torch.bool)
    for row, example in enumerate(batch):
        scored[row, list(example.scored)] = True
    with accelerator.autocast(), states_at_head(model.get_output_embeddings(), scored) as states:
        if corruption.decodes:
            start = torch.full_like(targets[:, :1], model.config.decoder_start_token_id)
            decoder_inputs = torch.cat([start, targets[:, :-1]], dim=1)
            model(input_ids=read, attention_mask=mask, decoder_input_ids=decoder_inputs, use_cache=False)
        else:
            model(input_ids=read, attention_mask=mask)
    return states[0], targets[scored]


class PretrainingObjective:
    """Cross-entropy of masked tokens on train; on dev 100 · 2^−b, b the bits per character of words masked together.

    That is the probability of a character of a masked word in per cent, as a geometric mean: monotone in the likelihood, and
    quick, since each text is read once. The same words are masked at every scoring.
    """

    def __init__(
        self, model: Any, corruption: Corruption, train: Sequence[Row], dev: Sequence[Row], accelerator: Accelerator, *,
        label_smoothing: float, seed: int,
    ) -> None:  # fmt: skip
        self.model, self.corruption, self.accelerator = model, corruption, accelerator
        self.label_smoothing, self.seed = label_smoothing, seed
        self.compute = PRECISIONS[accelerator.mixed_precision]
        inputs = corruption.inputs
        self.segments = inputs.segments([row.fields["text"] for row in train], [row.language for row in train])
        around = max(map(len, inputs.before.values())) + len(inputs.after)
        self.lengths = [(1 + corruption.decodes) * (around + len(segment.ids)) for segment in self.segments]
        self.findings: tuple[Finding, ...] = ()  # long texts are read in several segments
        self.dev = spread(dev, DEV_TEXTS)
        self.dev_words = [self._some(row, count) for row, count in zip(self.dev, _counts(self.dev), strict=True)]

    def rows(self, epoch: int) -> Sequence[int]:
        """Every segment, in every epoch."""
        return range(len(self.segments))

    def loss(self, rows: Sequence[int], epoch: int) -> tuple[Tensor, int]:
        """Sum of the cross-entropies of the masked tokens, and how many there are; other words are masked in each epoch."""
        batch = [
            self.corruption.training_example(self.segments[row], random.Random(f"{self.seed} {row} {epoch}"))
            for row in rows
        ]
        states, targets = scored_states(self.model, self.corruption, batch, self.accelerator)
        loss = head_loss(self.model, states, targets, self.label_smoothing, self.compute)
        return loss, len(targets)

    def score(self) -> float:
        """The probability of a character of a masked dev word, geometric mean, 0–100."""
        found = costs(self.model, self.corruption, self.dev, self.dev_words, self.accelerator, together=True)
        return float(100 * 2.0**-found.per_character)

    def _some(self, row: Row, count: int) -> set[int]:
        """About one word in seven, whatever share is masked in training, so that runs can be compared."""
        return {*random.Random(f"{self.seed} {row.id} dev").sample(range(count), min(count, max(1, round(count / 7))))}


def _counts(rows: Sequence[Row]) -> list[int]:
    return [len(words(normalise(row.fields["text"]))) for row in rows]


def _size(example: CorruptedSegment) -> int:
    return max(len(example.read), len(example.target))
