"""A decoder that CTranslate2 computes: it continues prompts as our own search does, and tells how probable tokens are."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from lowres.models.frames import Frame, TokenIds
from lowres.planning import Machine
from lowres.recipe.sections import Decoding
from lowres.tasks.engines import export_again, installed
from lowres.tasks.generation.continuation import PROMPT_TOKENS, unwritten
from lowres.tasks.saved import reading
from lowres.tasks.translation.exported import patience
from lowres.tasks.translation.search import LOGITS, Generated

if TYPE_CHECKING:  # an optional package
    import ctranslate2

VOCABULARY = "vocabulary.json"
SCORED = 32  # prompts with their answers that are scored at a time


@dataclass(frozen=True)
class ConvertedDecoder:
    """A decoder of CTranslate2, and a name for each row of its table in the order of their ids."""

    engine: "ctranslate2.Generator"
    tokens: Sequence[str]

    def named(self, ids: TokenIds) -> list[str]:
        """The tokens of these ids."""
        return [self.tokens[one] for one in ids]

    def continue_prompts(
        self, frame: Frame, prompts: Sequence[TokenIds], decoding: Decoding, most: Sequence[int]
    ) -> list[Generated]:
        """The answer to each prompt, of at most `most` tokens.

        Prompts of one length are continued at a time: what is longer than the shortest of a batch counts as written for CTranslate2,
        so that it would not be repeated.
        """
        found = [Generated("", truncated=False)] * len(prompts)
        suppressed = [[self.tokens[one]] for one in unwritten(frame, len(self.tokens)) or ()]
        in_order = sorted(range(len(prompts)), key=lambda row: (len(prompts[row]), most[row]))
        for (length, longest), group in groupby(in_order, key=lambda row: (len(prompts[row]), most[row])):
            rows, size = list(group), max(1, PROMPT_TOKENS // decoding.beams // length)
            for start in range(0, len(rows), size):
                some = rows[start : start + size]
                written = self.engine.generate_batch(
                    [self.named(prompts[row]) for row in some], include_prompt_in_result=False, beam_size=decoding.beams,
                    patience=patience(decoding), length_penalty=decoding.length_penalty,
                    no_repeat_ngram_size=decoding.no_repeat_ngram_size, suppress_sequences=suppressed, end_token=list(frame.ends),
                    return_end_token=True, max_length=longest,
                )  # fmt: skip
                for row, result in zip(some, written, strict=True):
                    ids = result.sequences_ids[0]
                    found[row] = Generated(frame.answer(ids), truncated=not any(one in frame.ends for one in ids))
        return found

    def answer_log_probabilities(self, asked: Sequence[tuple[TokenIds, TokenIds]]) -> list[list[float]]:
        """The natural logarithm of the probability of each token of each answer behind its prompt."""
        whole = [self.named([*prompt, *answer]) for prompt, answer in asked]
        results = self.engine.score_batch(whole, max_input_length=0, max_batch_size=SCORED)
        return [result.log_probs[len(prompt) - 1 :] for result, (prompt, _) in zip(results, asked, strict=True)]

    def log_probabilities(self, prompts: Sequence[TokenIds], given: TokenIds, device: torch.device) -> Tensor:
        """Of every token, behind each prompt and each further token `given`; float32 of shape (prompts, 1 + given, vocabulary)."""
        longest = max(map(len, prompts)) + len(given)
        size = max(1, LOGITS // (longest * len(self.tokens)))
        parts = []
        for start in range(0, len(prompts), size):
            some = prompts[start : start + size]
            made = self.engine.forward_batch([[*prompt, *given] for prompt in some], return_log_probs=True)
            table = torch.as_tensor(np.array(made) if device.type == "cpu" else made, device=device).float()
            parts += [
                table[row, len(prompt) - 1 : len(prompt) + len(given), : len(self.tokens)]
                for row, prompt in enumerate(some)
            ]
        return torch.stack(parts)


def load_converted(folder: Path, machine: Machine) -> ConvertedDecoder:
    """The decoder of an exported folder. Raises ModelError where CTranslate2 is not installed, or a file cannot be read."""
    ctranslate2 = installed("ctranslate2", "ctranslate2", "--engine ctranslate2")
    with reading(folder, export_again("ctranslate2")):
        tokens = json.loads((folder / VOCABULARY).read_text(encoding="utf-8"))
        device = "cuda" if machine.device == "cuda" else "cpu"
        engine = ctranslate2.Generator(str(folder), device=device, intra_threads=machine.cores, inter_threads=1)
    return ConvertedDecoder(engine, tokens)
