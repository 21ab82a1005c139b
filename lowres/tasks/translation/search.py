"""Beam search over batches of sources of similar length."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from accelerate import Accelerator
from transformers import DynamicCache, EncoderDecoderCache, GenerationConfig

from lowres.models.modules import head_in
from lowres.models.quantization import PRECISIONS
from lowres.recipe.sections import Decoding
from lowres.tasks.translation.inputs import TokenIds, TranslationInputs
from lowres.training.batches import padded, sorted_batches

SEARCH_TOKENS = 16_384  # padded source tokens of a batch, times beams
SOURCE_TOKENS = 6144  # padded source tokens of a batch on a CPU, which is slower with more (docs/results/speed.md)


LOGITS = 24_000_000  # logits of a step, sources × beams × vocabulary; about six float32 copies exist at a time, 0.5 GiB


@dataclass(frozen=True)
class Generated:
    """A generated text; `truncated` says that it reached the greatest length before its end token."""

    text: str
    truncated: bool


@dataclass(frozen=True)
class Hypothesis:
    """A text that a search ends with. `probability` (0–1) is the geometric mean over its tokens; None where it is not known."""

    text: str
    truncated: bool
    probability: float | None


class BeamCache(EncoderDecoderCache):
    """The attention cache of beam search. The beams of a source share its encoder states, so only decoder states are reordered."""

    def reorder_cache(self, beam_idx: torch.LongTensor) -> None:
        """Continue the beams from these rows."""
        self.self_attention_cache.reorder_cache(beam_idx)


def search(
    model: Any, inputs: TranslationInputs, sources: Sequence[TokenIds], targets: Sequence[str], decoding: Decoding,
    accelerator: Accelerator,
) -> list[str]:  # fmt: skip
    """The translation of each source into its target language."""
    return [found.text for found in generate(model, inputs, sources, targets, decoding, accelerator)]


def generate(
    model: Any, inputs: TranslationInputs, sources: Sequence[TokenIds], targets: Sequence[str], decoding: Decoding,
    accelerator: Accelerator,
) -> list[Generated]:  # fmt: skip
    """The translation of each source into its target language, and whether it is whole."""
    model.eval()
    found = [Generated("", truncated=False)] * len(sources)
    precision = PRECISIONS[accelerator.mixed_precision]
    with head_in(model, precision), torch.inference_mode(), accelerator.autocast():
        for rows in search_batches(
            [len(ids) for ids in sources], decoding.beams, len(inputs.tokenizer), accelerator.device.type
        ):
            ids, mask = padded([sources[row] for row in rows], inputs.pad, accelerator.device)
            prefix = torch.tensor([inputs.decoder_prefix(targets[row]) for row in rows], device=accelerator.device)
            written = model.generate(
                input_ids=ids, attention_mask=mask, decoder_input_ids=prefix,
                generation_config=_settings(inputs, decoding, ids.shape[1], prefix.shape[1]),
                past_key_values=BeamCache(DynamicCache(), DynamicCache()),
            )  # fmt: skip
            for row, line in zip(rows, written[:, prefix.shape[1] :].tolist(), strict=True):
                found[row] = Generated(inputs.text(line), truncated=inputs.end not in line)
    return found


def n_best(
    model: Any, inputs: TranslationInputs, source: TokenIds, target: str, decoding: Decoding, accelerator: Accelerator
) -> list[Hypothesis]:
    """The translations of one source that its beams end with, the best first: that is the one that generate() returns."""
    model.eval()
    with head_in(model, PRECISIONS[accelerator.mixed_precision]), torch.inference_mode(), accelerator.autocast():
        ids, mask = padded([source], inputs.pad, accelerator.device)
        prefix = torch.tensor([inputs.decoder_prefix(target)], device=accelerator.device)
        settings = _settings(inputs, decoding, ids.shape[1], prefix.shape[1])
        settings.num_return_sequences = decoding.beams
        settings.output_logits = settings.return_dict_in_generate = True
        found = model.generate(
            input_ids=ids, attention_mask=mask, decoder_input_ids=prefix, generation_config=settings,
            past_key_values=BeamCache(DynamicCache(), DynamicCache()),
        )  # fmt: skip
        lines = found.sequences[:, prefix.shape[1] :].tolist()
        beams = found.beam_indices.tolist() if decoding.beams > 1 else [[0] * len(lines[0])]
        return [
            Hypothesis(inputs.text(line), inputs.end not in line, _probability(line, rows, found.logits, inputs.end))
            for line, rows in zip(lines, beams, strict=True)
        ]


def _probability(line: TokenIds, rows: Sequence[int], logits: Sequence[torch.Tensor], end: int) -> float:
    """The geometric mean of the probabilities of a line's tokens up to its end; `rows` says in which beam each was chosen."""
    tokens = line[: line.index(end) + 1] if end in line else line
    found = [
        float(torch.log_softmax(step[row].float(), -1)[token])
        for token, row, step in zip(tokens, rows, logits, strict=False)
    ]
    return math.exp(sum(found) / len(found)) if found else 0.0


def _settings(inputs: TranslationInputs, decoding: Decoding, source: int, prefix: int) -> GenerationConfig:
    """How to search for the translations of sources of so many tokens, with so many tokens before each translation."""
    return GenerationConfig(  # type: ignore[no-untyped-call]
        num_beams=decoding.beams, do_sample=False, length_penalty=decoding.length_penalty, early_stopping=False,
        no_repeat_ngram_size=decoding.no_repeat_ngram_size,
        max_new_tokens=longest_translation(source, prefix, inputs, decoding),
        pad_token_id=inputs.pad, eos_token_id=inputs.end, decoder_start_token_id=inputs.start,
        suppress_tokens=list(inputs.suppressed), bos_token_id=None, use_cache=True,
    )  # fmt: skip


def longest_translation(longest: int, prefix: int, inputs: TranslationInputs, decoding: Decoding) -> int:
    """How many tokens a batch may write, whose longest source has so many tokens, behind a prefix of the decoder."""
    return min(int(decoding.max_length_ratio * longest) + 10, inputs.max_length - prefix)


def search_batches(lengths: Sequence[int], beams: int, vocabulary: int, device: str) -> Iterator[list[int]]:
    """Batches within the budgets of source tokens and of logits."""
    budget = max(1, SEARCH_TOKENS // beams)
    most = max(1, LOGITS // (beams * vocabulary))
    for rows in sorted_batches(lengths, min(budget, SOURCE_TOKENS) if device == "cpu" else budget):
        yield from (rows[start : start + most] for start in range(0, len(rows), most))
