"""Translation: the loss that training minimises, the score on dev, and the pairs of each epoch."""

import random
from collections.abc import Callable, Sequence
from typing import Any

import torch
from accelerate import Accelerator
from torch import Tensor
from transformers.modeling_outputs import BaseModelOutput

from lowres.data.corpus import Row
from lowres.data.pairs import Pair, sampled
from lowres.evaluation.translation_scores import primary_metric
from lowres.models.quantization import PRECISIONS
from lowres.recipe.sections import Decoding
from lowres.tasks.pretraining.denoising import noised, with_denoising
from lowres.tasks.translation.hints import Hints
from lowres.tasks.translation.inputs import TokenIds, TranslationInputs, encode_pairs
from lowres.tasks.translation.search import search
from lowres.training.batches import padded
from lowres.training.loss import states_at_head, vocabulary_loss
from lowres.vocabulary.embeddings import SplitEmbedding, SplitHead

DEV_PAIRS = 240
CACHE_BYTES = 4 << 30


class TranslationObjective:
    """Cross-entropy of the target's pieces on train; chrF++ of greedy translations, averaged over directions, on dev.

    While the encoder is frozen it reads every source just once.
    """

    def __init__(
        self, model: Any, inputs: TranslationInputs, train: Sequence[Pair], dev: Sequence[Pair], accelerator: Accelerator, *,
        label_smoothing: float, epoch_rows: Callable[[int], Sequence[int]], hints: Hints | None = None, epochs: int = 1,
        plain: Sequence[Row] = (), denoise: float = 0.0, seed: int = 13,
    ) -> None:  # fmt: skip
        self.model, self.inputs, self.accelerator = model, inputs, accelerator
        self.label_smoothing, self.seed = label_smoothing, seed
        self.compute = PRECISIONS[accelerator.mixed_precision]
        shown = sorted({number for epoch in range(epochs) for number in epoch_rows(epoch)})
        sources, targets = encode_pairs(
            inputs, [train[number] for number in shown], hints.of_train(train, shown) if hints else None
        )
        self.sources: list[TokenIds] = [[] for _ in train]  # empty where no epoch shows the pair
        self.targets: list[TokenIds] = [[] for _ in train]
        for number, source, target in zip(shown, sources, targets, strict=True):
            self.sources[number], self.targets[number] = source, target
        self.pairs = len(train)
        self.rows = with_denoising(epoch_rows, self.pairs, len(plain), denoise, seed)
        for row in plain if denoise else ():
            self.sources += inputs.sources([row.fields["text"]], row.language, row.language)
            self.targets += inputs.targets([row.fields["text"]], row.language)
        self.lengths = [len(source) + len(target) for source, target in zip(self.sources, self.targets, strict=True)]
        self.dev = _spread(dev, DEV_PAIRS)
        self.dev_sources, _ = encode_pairs(inputs, self.dev, hints.of(self.dev) if hints else None)
        self.frozen = reads_frozen(model, max((max(ids) for ids in self.sources if ids), default=0))
        self.read: dict[tuple[int, ...], Tensor] = {}
        self.read_bytes, self.epochs = 0, epochs

    def loss(self, rows: Sequence[int], epoch: int) -> tuple[Tensor, int]:
        """Sum of the cross-entropies of the target tokens of these training pairs, and how many tokens there are."""
        device, pad = self.accelerator.device, self.inputs.pad
        read = [self._source(row, epoch) for row in rows]
        sources, mask = padded(read, pad, device)
        targets, written = padded([self.targets[row] for row in rows], pad, device)
        given = torch.cat([torch.full_like(targets[:, :1], self.inputs.start), targets[:, :-1]], dim=1)
        here = written.bool()
        head = self.model.get_output_embeddings()
        with self.accelerator.autocast(), states_at_head(head, here) as states:
            self.model(
                encoder_outputs=BaseModelOutput(last_hidden_state=self._states(read, sources, mask)), attention_mask=mask,
                decoder_input_ids=given, use_cache=False,
            )  # fmt: skip
            (found,) = states
        old, new = (head.old, head.new) if isinstance(head, SplitHead) else (head.weight, None)
        bias = getattr(self.model, "final_logits_bias", None)
        labels = targets[here]
        own = None if bias is None else bias[0]
        return vocabulary_loss(found.to(self.compute), old, new, own, labels, self.label_smoothing), len(labels)

    def score(self) -> float:
        """chrF++ on dev, 0–100."""
        targets = [pair.target.language for pair in self.dev]
        found = search(self.model, self.inputs, self.dev_sources, targets, Decoding(beams=1), self.accelerator)
        references = [pair.target.fields["text"] for pair in self.dev]
        return primary_metric(references, found, [pair.direction_name for pair in self.dev])

    def _source(self, row: int, epoch: int) -> TokenIds:
        """What is read for a training row; of a text to be mended, another copy in each epoch."""
        if row < self.pairs:
            return self.sources[row]
        rng = random.Random(f"{self.seed} {row} {epoch}")
        ids, lead = self.sources[row], self.inputs.lead
        inner = noised(ids[lead:-1], self.inputs.tokenizer.mask_token_id, rng)
        return [*ids[:lead], *inner, ids[-1]]

    def _states(self, read: Sequence[TokenIds], sources: Tensor, mask: Tensor) -> Tensor:
        """What the encoder makes of the sources, shape (rows, longest, width)."""
        encoder = self.model.get_encoder()
        if not self.frozen:
            return encoder(input_ids=sources, attention_mask=mask).last_hidden_state  # type: ignore[no-any-return]
        keys = [tuple(ids) for ids in read]
        missing = [number for number, key in enumerate(keys) if key not in self.read]
        fresh: dict[tuple[int, ...], Tensor] = {}
        if missing:
            with torch.no_grad():
                states = encoder(input_ids=sources[missing], attention_mask=mask[missing]).last_hidden_state
            for number, state in zip(missing, states, strict=True):
                fresh[keys[number]] = state[: len(keys[number])].to(self.compute)
            if self.epochs > 1 and self.read_bytes < CACHE_BYTES:
                self.read |= fresh
                self.read_bytes += sum(state.nbytes for state in fresh.values())
        found = [self.read[key] if key in self.read else fresh[key] for key in keys]
        return torch.nn.utils.rnn.pad_sequence(found, batch_first=True).float()


def reads_frozen(model: Any, highest: int) -> bool:
    """Whether nothing that trains is touched when sources with pieces up to this one are read; new rows may be written only."""
    rows = model.get_input_embeddings()
    old = rows.old if isinstance(rows, SplitEmbedding) else rows.weight
    inside = {id(weight) for weight in rows.parameters()}
    layers = [weight for weight in model.get_encoder().parameters() if id(weight) not in inside]
    return highest < len(old) and not old.requires_grad and not any(weight.requires_grad for weight in layers)


def epoch_rows(pairs: Sequence[Pair], temperature: float, cap: int | None, seed: int) -> Callable[[int], Sequence[int]]:
    """The pairs of each epoch: real ones and synthetic ones, each as if they were alone, so that none takes another's turn."""
    kinds = [[number for number, pair in enumerate(pairs) if pair.synthetic is made] for made in (False, True)]

    def rows(epoch: int) -> list[int]:
        return [
            numbers[place]
            for numbers in kinds
            for place in sampled([pairs[number] for number in numbers], temperature, cap, seed, epoch)
        ]

    return rows


def _spread(pairs: Sequence[Pair], most: int) -> list[Pair]:
    """At most so many pairs, the same number of each direction, evenly from all of them."""
    directions: dict[str, list[Pair]] = {}
    for pair in pairs:
        directions.setdefault(pair.direction_name, []).append(pair)
    share = max(1, most // max(1, len(directions)))
    chosen = []
    for found in directions.values():
        stride = max(1.0, len(found) / share)
        chosen += [found[int(stride * number)] for number in range(min(share, len(found)))]
    return chosen
