"""How probable a model finds translations that are given to it, whoever wrote them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from accelerate import Accelerator
from transformers.modeling_outputs import BaseModelOutput

from lowres.models.modules import head_in
from lowres.models.quantization import PRECISIONS
from lowres.tasks.translation.inputs import TokenIds, TranslationInputs
from lowres.tasks.translation.search import LOGITS, SOURCE_TOKENS
from lowres.training.batches import padded, sorted_batches


@dataclass(frozen=True)
class Likelihood:
    """The natural logarithm of the probability of a translation, and how many tokens it has, the end token included."""

    log_probability: float
    tokens: int


def likelihoods(
    model: Any, inputs: TranslationInputs, sources: Sequence[TokenIds], written: Sequence[TokenIds], targets: Sequence[str],
    accelerator: Accelerator,
) -> list[Likelihood]:  # fmt: skip
    """The likelihood of each encoded translation of an encoded source, into its target language: one step, without a search."""
    model.eval()
    found = [Likelihood(0.0, 0)] * len(sources)
    lengths = [max(len(source), len(ids)) for source, ids in zip(sources, written, strict=True)]
    with head_in(model, PRECISIONS[accelerator.mixed_precision]), torch.inference_mode(), accelerator.autocast():
        for rows in sorted_batches(lengths, most_tokens(len(inputs.tokenizer))):
            # the translations of one source share its states
            distinct = {
                source: place for place, source in enumerate(dict.fromkeys(tuple(sources[row]) for row in rows))
            }
            ids, mask = padded([list(source) for source in distinct], inputs.pad, accelerator.device)
            own = torch.tensor([distinct[tuple(sources[row])] for row in rows], device=ids.device)
            states = model.get_encoder()(input_ids=ids, attention_mask=mask).last_hidden_state
            labels, known = padded([written[row] for row in rows], inputs.pad, accelerator.device)
            before = torch.cat([torch.full_like(labels[:, :1], inputs.start), labels[:, :-1]], dim=1)
            logits = model(
                encoder_outputs=BaseModelOutput(states[own]),
                attention_mask=mask[own],
                decoder_input_ids=before,
                use_cache=False,
            ).logits
            logs = logits.float().log_softmax(-1).gather(-1, labels[..., None])[..., 0] * known
            for place, row in enumerate(rows):
                given = len(inputs.decoder_prefix(targets[row])) - 1
                found[row] = Likelihood(float(logs[place, given:].sum()), len(written[row]) - given)
    return found


def most_tokens(vocabulary: int) -> int:
    """Padded tokens of a batch whose logits are all in memory at a time."""
    return max(1, min(SOURCE_TOKENS, LOGITS // vocabulary))
