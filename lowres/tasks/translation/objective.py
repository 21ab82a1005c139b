"""Translation: the training loss, the score on dev, and the pairs of each epoch."""

import random
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from accelerate import Accelerator
from torch import Tensor
from transformers.modeling_outputs import BaseModelOutput

from lowres.data.corpus import Row
from lowres.data.pairs import Pair, sampled, spread_over_directions
from lowres.errors import Finding
from lowres.evaluation.translation_scores import score_of
from lowres.models.quantization import PRECISIONS
from lowres.recipe.sections import Decoding, Evaluation
from lowres.tasks.pretraining.denoising import noised, with_denoising
from lowres.tasks.translation.hints import Hints
from lowres.tasks.translation.inputs import EncodedPairs, TokenIds, TranslationInputs, encode_pairs
from lowres.tasks.translation.search import search
from lowres.training.batches import padded
from lowres.training.loss import states_at_head, vocabulary_loss
from lowres.vocabulary.embeddings import SplitEmbedding, SplitHead

DEV_PAIRS = Evaluation().dev_pairs


class TranslationObjective:
    """Cross-entropy of the target tokens on train; on dev chrF++ of greedy translations, averaged over directions.

    The states of a frozen encoder are computed once and kept.
    """

    def __init__(
        self, model: Any, inputs: TranslationInputs, train: Sequence[Pair], dev: Sequence[Pair], accelerator: Accelerator, *,
        label_smoothing: float, epoch_rows: Callable[[int], Sequence[int]], hints: Hints | None = None, epochs: int = 1,
        monolingual: Sequence[Row] = (), denoise: float = 0.0, seed: int = 13, dev_pairs: int = DEV_PAIRS, cache_bytes: int = 0,
    ) -> None:  # fmt: skip
        self.model, self.inputs, self.accelerator = model, inputs, accelerator
        self.label_smoothing, self.seed = label_smoothing, seed
        self.compute = PRECISIONS[accelerator.mixed_precision]
        shown = sorted({number for epoch in range(epochs) for number in epoch_rows(epoch)})
        encoded = encode_pairs(
            inputs, [train[number] for number in shown], hints.of_train(train, shown) if hints else None
        )
        self.sources: list[TokenIds] = [[] for _ in train]  # empty where no epoch shows the pair
        self.targets: list[TokenIds] = [[] for _ in train]
        for number, source, target in zip(shown, encoded.sources, encoded.targets, strict=True):
            self.sources[number], self.targets[number] = source, target
        self.pairs = len(train)
        self.rows = with_denoising(epoch_rows, self.pairs, len(monolingual), denoise, seed)
        for row in monolingual if denoise else ():
            self.sources += inputs.sources([row.fields["text"]], row.language, row.language)
            self.targets += inputs.targets([row.fields["text"]], row.language)
        self.lengths = [len(source) + len(target) for source, target in zip(self.sources, self.targets, strict=True)]
        self.dev = spread_over_directions(dev, dev_pairs)
        self.dev_sources = encode_pairs(inputs, self.dev, hints.of(self.dev) if hints else None).sources
        self.findings = (*_truncations(encoded, inputs.max_length), *_chosen_on(self.dev, dev))
        self.frozen = encoder_is_frozen(model, max((max(ids) for ids in self.sources if ids), default=0))
        self.encoder_states: dict[tuple[int, ...], Tensor] = {}
        self.free_bytes = cache_bytes if epochs > 1 else 0  # for encoder states that later epochs need again

    def loss(self, rows: Sequence[int], epoch: int) -> tuple[Tensor, int]:
        """Sum of the cross-entropies of the target tokens of these training pairs, and how many tokens there are."""
        device, pad = self.accelerator.device, self.inputs.pad
        read = [self._source(row, epoch) for row in rows]
        sources, mask = padded(read, pad, device)
        targets, target_mask = padded([self.targets[row] for row in rows], pad, device)
        decoder_inputs = torch.cat([torch.full_like(targets[:, :1], self.inputs.start), targets[:, :-1]], dim=1)
        here = target_mask.bool()
        head = self.model.get_output_embeddings()
        with self.accelerator.autocast(), states_at_head(head, here) as states:
            self.model(
                encoder_outputs=BaseModelOutput(last_hidden_state=self._states(read, sources, mask)), attention_mask=mask,
                decoder_input_ids=decoder_inputs, use_cache=False,
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
        written = search(self.model, self.inputs, self.dev_sources, targets, Decoding(beams=1), self.accelerator)
        found = [
            self.inputs.revealed(text, pair.source.fields["text"]) for text, pair in zip(written, self.dev, strict=True)
        ]
        return score_of(self.dev, found)

    def _source(self, row: int, epoch: int) -> TokenIds:
        """The source of a training row; for denoising, another corrupted copy in each epoch."""
        if row < self.pairs:
            return self.sources[row]
        rng = random.Random(f"{self.seed} {row} {epoch}")
        ids, lead = self.sources[row], self.inputs.lead_length
        inner = noised(ids[lead:-1], self.inputs.tokenizer.mask_token_id, rng)
        return [*ids[:lead], *inner, ids[-1]]

    def _states(self, read: Sequence[TokenIds], sources: Tensor, mask: Tensor) -> Tensor:
        """The encoder's states of the sources, float of shape (rows, longest source, hidden size)."""
        encoder = self.model.get_encoder()
        if not self.frozen:
            return encoder(input_ids=sources, attention_mask=mask).last_hidden_state  # type: ignore[no-any-return]
        keys = [tuple(ids) for ids in read]
        missing = [number for number, key in enumerate(keys) if key not in self.encoder_states]
        fresh: dict[tuple[int, ...], Tensor] = {}
        if missing:
            encoder.eval()  # kept states must not keep one dropout mask for all epochs
            with torch.no_grad():
                states = encoder(input_ids=sources[missing], attention_mask=mask[missing]).last_hidden_state
            for number, state in zip(missing, states, strict=True):
                fresh[keys[number]] = state[: len(keys[number])].to(self.compute)
            for key, state in fresh.items():
                if state.nbytes <= self.free_bytes:
                    self.encoder_states[key] = state.clone()  # a view would keep the whole padded batch
                    self.free_bytes -= state.nbytes
        found = [self.encoder_states[key] if key in self.encoder_states else fresh[key] for key in keys]
        return torch.nn.utils.rnn.pad_sequence(found, batch_first=True).float()


def encoder_is_frozen(model: Any, highest: int) -> bool:
    """Whether no trained weight takes part when sources with token ids up to `highest` are encoded (new rows only in targets)."""
    rows = model.get_input_embeddings()
    old = rows.old if isinstance(rows, SplitEmbedding) else rows.weight
    inside = {id(weight) for weight in rows.parameters()}
    layers = [weight for weight in model.get_encoder().parameters() if id(weight) not in inside]
    return highest < len(old) and not old.requires_grad and not any(weight.requires_grad for weight in layers)


def epoch_rows(pairs: Sequence[Pair], temperature: float, cap: int | None, seed: int) -> Callable[[int], Sequence[int]]:
    """The pairs of each epoch; real and synthetic pairs are sampled apart, so that neither takes the other's share."""
    kinds = [[number for number, pair in enumerate(pairs) if pair.synthetic is made] for made in (False, True)]

    def rows(epoch: int) -> list[int]:
        return [
            numbers[place]
            for numbers in kinds
            for place in sampled([pairs[number] for number in numbers], temperature, cap, seed, epoch)
        ]

    return rows


def _truncations(encoded: EncodedPairs, max_length: int) -> Iterator[Finding]:
    """What did not fit into `max_length` tokens."""
    hint = "training.max_length may be raised"
    for count, what in (
        (encoded.truncated_sources, "sources are longer: their ends are left out"),
        (encoded.truncated_targets, "translations are longer: their ends are left out"),
    ):
        if count:
            share = f"{count} of {len(encoded.sources)} training"
            yield Finding("warning", f"{share} {what} ({max_length} tokens fit; {hint})", "training.max_length")
    if encoded.shortened_hints:
        what = f"the hints of {encoded.shortened_hints} of {len(encoded.sources)} training pairs are shortened for their sources"
        yield Finding("note", f"{what} ({max_length} tokens; {hint})", "training.max_length")


def _chosen_on(chosen: Sequence[Pair], dev: Sequence[Pair]) -> Iterator[Finding]:
    if len(chosen) < len(dev):
        what = f"{len(chosen)} of {len(dev)} dev pairs choose the best weights (evaluation.dev_pairs)"
        yield Finding("note", what, "evaluation.dev_pairs")
