"""Decoders continue prompts: beam search over batches of prompts of similar length, padded on the left."""

from collections.abc import Sequence
from typing import Any

import torch
from accelerate import Accelerator
from torch import Tensor
from transformers import GenerationConfig, LogitsProcessor, LogitsProcessorList, NoRepeatNGramLogitsProcessor

from lowres.models.frames import Frame, TokenIds
from lowres.models.modules import head_in
from lowres.models.quantization import PRECISIONS
from lowres.recipe.sections import Decoding
from lowres.tasks.translation.search import Generated
from lowres.training.batches import sorted_batches

PROMPT_TOKENS = 6144  # padded tokens of a batch of prompts, times beams
# On a processor: all answers of a batch take as many steps as its longest, and each row of a step takes time (docs/results/speed.md).
PROMPT_TOKENS_CPU = 1536


class NoRepeatInAnswer(LogitsProcessor):
    """Forbids sequences of `size` tokens to be written twice in an answer; those of the prompt may be copied."""

    def __init__(self, size: int, prompt: int) -> None:
        self.inner, self.prompt = NoRepeatNGramLogitsProcessor(size), prompt

    def __call__(self, input_ids: Any, scores: Any) -> Any:
        """The scores of the next tokens, float of shape (rows, vocabulary)."""
        return self.inner(input_ids[:, self.prompt :], scores)


def continue_prompts(
    model: Any,
    frame: Frame,
    prompts: Sequence[TokenIds],
    decoding: Decoding,
    most: Sequence[int],
    accelerator: Accelerator,
) -> list[Generated]:
    """The answer to each prompt, of at most `most` tokens."""
    found = continuations(model, frame, prompts, decoding, most, accelerator)
    return [Generated(frame.answer(ids), truncated=not any(one in frame.ends for one in ids)) for ids in found]


def continuations(
    model: Any,
    frame: Frame,
    prompts: Sequence[TokenIds],
    decoding: Decoding,
    most: Sequence[int],
    accelerator: Accelerator,
) -> list[TokenIds]:
    """The token ids that follow each prompt, at most `most`, up to its end token and padding behind it."""
    model.eval()
    table = len(model.get_output_embeddings().weight)
    found: list[TokenIds] = [[] for _ in prompts]
    precision = PRECISIONS[accelerator.mixed_precision]
    budget = PROMPT_TOKENS_CPU if accelerator.device.type == "cpu" else PROMPT_TOKENS
    batches = sorted_batches([len(prompt) for prompt in prompts], max(1, budget // decoding.beams))
    with head_in(model, precision), torch.inference_mode(), accelerator.autocast():
        for rows in batches:
            ids, mask = left_padded([prompts[row] for row in rows], frame.tokenizer.pad_token_id, accelerator.device)
            settings: Any = GenerationConfig(  # type: ignore[no-untyped-call]
                num_beams=decoding.beams, do_sample=False, length_penalty=decoding.length_penalty, early_stopping=False,
                max_new_tokens=max(most[row] for row in rows), pad_token_id=frame.tokenizer.pad_token_id,
                eos_token_id=list(frame.ends), suppress_tokens=unwritten(frame, table), bos_token_id=None, use_cache=True,
            )  # fmt: skip
            size = decoding.no_repeat_ngram_size
            processors = LogitsProcessorList([NoRepeatInAnswer(size, ids.shape[1])] if size else [])
            written = model.generate(
                input_ids=ids, attention_mask=mask, generation_config=settings, logits_processor=processors
            )
            for row, line in zip(rows, written[:, ids.shape[1] :].tolist(), strict=True):
                found[row] = line[: most[row]]
    return found


def unwritten(frame: Frame, rows: int) -> list[int] | None:
    """Token ids that no answer holds: special tokens that do not end it, and those of the `rows` of the table without a token."""
    special = {*frame.tokenizer.all_special_ids} - {*frame.ends}
    return sorted({*special, *range(len(frame.tokenizer), rows)}) or None


def left_padded(rows: Sequence[TokenIds], pad: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Token ids padded on the left, so that all end where the answer begins, and the mask; int64 of shape (rows, longest)."""
    longest = max(map(len, rows))
    ids = torch.tensor([[*[pad] * (longest - len(row)), *row] for row in rows], device=device)
    mask = torch.tensor([[0] * (longest - len(row)) + [1] * len(row) for row in rows], device=device)
    return ids, mask
