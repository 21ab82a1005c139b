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
from lowres.training.batches import sorted_batches

if TYPE_CHECKING:  # an optional package
    import ctranslate2

VOCABULARY = "vocabulary.json"


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
        found: list[list[float]] = [[] for _ in whole]
        for rows in self._batches([len(tokens) for tokens in whole]):
            results = self.engine.score_batch([whole[row] for row in rows], max_input_length=0)
            for row, result in zip(rows, results, strict=True):
                found[row] = result.log_probs[len(asked[row][0]) - 1 :]
        return found

    def log_probabilities(self, prompts: Sequence[TokenIds], given: TokenIds, device: torch.device) -> Tensor:
        """Of every token, behind each prompt and each further token `given`; float32 of shape (prompts, 1 + given, vocabulary)."""
        whole = [[*prompt, *given] for prompt in prompts]
        found = torch.zeros(len(prompts), 1 + len(given), len(self.tokens), device=device)
        for rows in self._batches([len(ids) for ids in whole]):
            made = self.engine.forward_batch([whole[row] for row in rows], return_log_probs=True)
            table = torch.as_tensor(np.array(made) if device.type == "cpu" else made, device=device)
            for place, row in enumerate(rows):
                end = len(whole[row])
                found[row] = table[place, end - len(given) - 1 : end, : len(self.tokens)]
        return found

    def _batches(self, lengths: Sequence[int]) -> list[list[int]]:
        """Rows of similar lengths, so few that the logits of all their tokens fit."""
        return sorted_batches(lengths, max(1, LOGITS // len(self.tokens)))


def load_converted(folder: Path, machine: Machine) -> ConvertedDecoder:
    """The decoder of an exported folder. Raises ModelError where CTranslate2 is not installed, or a file cannot be read."""
    ctranslate2 = installed("ctranslate2", "ctranslate2", "--engine ctranslate2")
    with reading(folder, export_again("ctranslate2")):
        tokens = json.loads((folder / VOCABULARY).read_text(encoding="utf-8"))
        device = "cuda" if machine.device == "cuda" else "cpu"
        engine = ctranslate2.Generator(str(folder), device=device, intra_threads=machine.cores, inter_threads=1)
    return ConvertedDecoder(engine, tokens)
