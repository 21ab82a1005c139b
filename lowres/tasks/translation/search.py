"""How a translation is found: beam search over batches of sources of like length."""

from collections.abc import Sequence
from typing import Any

import torch
from accelerate import Accelerator
from transformers import DynamicCache, EncoderDecoderCache, GenerationConfig

from lowres.recipe.sections import Decoding
from lowres.tasks.translation.inputs import TokenIds, TranslationInputs
from lowres.training.batches import padded, sorted_batches

SEARCH_TOKENS = 16_384  # padded source pieces of a batch, times beams
SOURCE_TOKENS = 6144  # and without, on a processor, which is slower with more (docs/speed.md)


class Beams(EncoderDecoderCache):
    """What attention keeps. The beams of a source share what was read of it, so only what was written changes places."""

    def reorder_cache(self, beam_idx: torch.LongTensor) -> None:
        """After each step: the beams go on from these rows."""
        self.self_attention_cache.reorder_cache(beam_idx)


def search(
    model: Any, inputs: TranslationInputs, sources: Sequence[TokenIds], targets: Sequence[str], decoding: Decoding, accelerator: Accelerator
) -> list[str]:  # fmt: skip
    """The translation of each source into its target language, by beam search over batches of like length."""
    model.eval()
    found = [""] * len(sources)
    budget = max(1, SEARCH_TOKENS // decoding.beams)
    if accelerator.device.type == "cpu":
        budget = min(budget, SOURCE_TOKENS)
    silenced = sorted({inputs.pad, *inputs.tags.values()})
    with torch.inference_mode(), accelerator.autocast():
        for rows in sorted_batches([len(ids) for ids in sources], budget):
            ids, mask = padded([sources[row] for row in rows], inputs.pad, accelerator.device)
            opening = torch.tensor([inputs.opening(targets[row]) for row in rows], device=accelerator.device)
            settings = GenerationConfig(  # type: ignore[no-untyped-call]
                num_beams=decoding.beams, do_sample=False, length_penalty=decoding.length_penalty, early_stopping=False,
                no_repeat_ngram_size=decoding.no_repeat_ngram_size,
                max_new_tokens=min(int(decoding.max_length_ratio * ids.shape[1]) + 10, inputs.max_length - opening.shape[1]),
                pad_token_id=inputs.pad, eos_token_id=inputs.end, decoder_start_token_id=inputs.start,
                suppress_tokens=silenced, bos_token_id=None, use_cache=True,
            )  # fmt: skip
            written = model.generate(
                input_ids=ids, attention_mask=mask, decoder_input_ids=opening, generation_config=settings,
                past_key_values=Beams(DynamicCache(), DynamicCache()),
            )  # fmt: skip
            for row, line in zip(rows, written[:, opening.shape[1] :].tolist(), strict=True):
                found[row] = inputs.text(line)
    return found
