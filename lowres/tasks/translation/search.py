"""Beam search over batches of sources of similar length."""

from collections.abc import Sequence
from typing import Any

import torch
from accelerate import Accelerator
from transformers import DynamicCache, EncoderDecoderCache, GenerationConfig

from lowres.recipe.sections import Decoding
from lowres.tasks.translation.inputs import TokenIds, TranslationInputs
from lowres.training.batches import padded, sorted_batches

SEARCH_TOKENS = 16_384  # padded source tokens of a batch, times beams
SOURCE_TOKENS = 6144  # padded source tokens of a batch on a CPU, which is slower with more (docs/results/speed.md)


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
    model.eval()
    found = [""] * len(sources)
    budget = max(1, SEARCH_TOKENS // decoding.beams)
    if accelerator.device.type == "cpu":
        budget = min(budget, SOURCE_TOKENS)
    suppressed = sorted({inputs.pad, *inputs.tags.values()})
    with torch.inference_mode(), accelerator.autocast():
        for rows in sorted_batches([len(ids) for ids in sources], budget):
            ids, mask = padded([sources[row] for row in rows], inputs.pad, accelerator.device)
            prefix = torch.tensor([inputs.decoder_prefix(targets[row]) for row in rows], device=accelerator.device)
            settings = GenerationConfig(  # type: ignore[no-untyped-call]
                num_beams=decoding.beams, do_sample=False, length_penalty=decoding.length_penalty, early_stopping=False,
                no_repeat_ngram_size=decoding.no_repeat_ngram_size,
                max_new_tokens=min(int(decoding.max_length_ratio * ids.shape[1]) + 10, inputs.max_length - prefix.shape[1]),
                pad_token_id=inputs.pad, eos_token_id=inputs.end, decoder_start_token_id=inputs.start,
                suppress_tokens=suppressed, bos_token_id=None, use_cache=True,
            )  # fmt: skip
            written = model.generate(
                input_ids=ids, attention_mask=mask, decoder_input_ids=prefix, generation_config=settings,
                past_key_values=BeamCache(DynamicCache(), DynamicCache()),
            )  # fmt: skip
            for row, line in zip(rows, written[:, prefix.shape[1] :].tolist(), strict=True):
                found[row] = inputs.text(line)
    return found
