"""The trained decoder that translates: a translator whose sources are prompts."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

import torch

from lowres.data.pairs import Direction
from lowres.languages import normalise
from lowres.models.frames import Frame, TokenIds
from lowres.models.loading import load_decoder
from lowres.planning import Options
from lowres.recipe.decoding_section import BEAMS
from lowres.tasks.generation.beginnings import read_once
from lowres.tasks.generation.continuation import continue_prompts
from lowres.tasks.generation.inputs import PromptInputs
from lowres.tasks.generation.trees import Tree, log_probabilities, reads_trees, trees_of
from lowres.tasks.job import Form
from lowres.tasks.prompted_translation.inputs import INPUTS, TranslationPrompts
from lowres.tasks.saved import Rows, restored
from lowres.tasks.translation.likelihood import Likelihood, most_tokens
from lowres.tasks.translation.model import Translator, TranslatorFacts, restored_estimators
from lowres.tasks.translation.phrase_tables import restored_tables
from lowres.tasks.translation.reranking import candidates, ranked
from lowres.tasks.translation.search import Generated, Hypothesis
from lowres.training.batches import padded, sorted_batches


@dataclass(frozen=True)
class PromptedTranslator(Translator):
    """A trained decoder on its device; it translates as other translators do, with prompts as its sources."""

    inputs: Any  # TranslationPrompts

    @property
    def prompts(self) -> TranslationPrompts:
        """How texts become prompts."""
        found: TranslationPrompts = self.inputs
        return found

    @property
    def hinted(self) -> bool:
        """Whether each prompt shows a hint."""
        return self.facts.hints and {*self.facts.directions} <= {*self.phrase_tables}

    def most(self, prompt: TokenIds) -> int:
        """How many tokens the answer to a prompt may have."""
        return self.prompts.most(prompt, self.facts.decoding.max_length_ratio, hinted=self.hinted)

    def write(self, sources: Sequence[TokenIds], targets: Sequence[str]) -> list[Generated]:
        """The answer to each prompt."""
        return self.continued(sources, [self.most(source) for source in sources])

    def continued(self, prompts: Sequence[TokenIds], most: Sequence[int]) -> list[Generated]:
        """The answer to each prompt, of at most `most` tokens."""
        return continue_prompts(self.model, self.prompts.frame, prompts, self.facts.decoding, most, self.accelerator)

    def hypotheses(self, text: str, direction: Direction) -> list[Hypothesis]:
        """The one translation that the search of a decoder returns; of a model that only chooses, its best choices."""
        text = normalise(text)
        if not self.translates:
            (proposed,) = candidates(self, [(text, *direction)], self.facts.candidates)
            best = ranked(proposed, self.facts.rerank_weight)[:BEAMS]
            return [Hypothesis(one, False, None) for one in best]
        (found,) = self.write([self.source_ids(text, *direction)], [direction[1]])
        return [Hypothesis(self.inputs.revealed(found.text, text), found.truncated, None)]

    def answer_ids(self, answer: str, text: str, target: str) -> TokenIds:
        """The token ids of an answer with its end token."""
        return PromptInputs(self.prompts.frame, self.prompts.max_length).answer(answer)

    def score(
        self, sources: Sequence[TokenIds], written: Sequence[TokenIds], targets: Sequence[str]
    ) -> list[Likelihood]:
        """How probable the decoder finds each answer to a prompt. What answers that follow one another have in common is read once."""
        found: list[Likelihood] = []
        self.model.eval()
        groups = [
            (prompt, [answer for _, answer in some])
            for prompt, some in groupby(zip(sources, written, strict=True), key=itemgetter(0))
        ]
        with torch.inference_mode(), self.accelerator.autocast():
            if reads_trees(
                self.model, max((len(a) + len(b) for a, b in zip(sources, written, strict=True)), default=0)
            ):
                return self._by_trees([tree for prompt, answers in groups for tree in trees_of(prompt, answers)])
            for prompt, answers in groups:
                found += self._score(prompt, answers)
        return found

    def _by_trees(self, trees: Sequence[Tree]) -> list[Likelihood]:
        logs: list[list[float]] = [[]] * len(trees)
        pad = self.tokenizer.pad_token_id
        for rows in sorted_batches([len(tree.ids) for tree in trees], most_tokens(len(self.tokenizer))):
            found = log_probabilities(self.model, [trees[row] for row in rows], pad, self.accelerator)
            for row, known in zip(rows, found, strict=True):
                logs[row] = known
        return [
            Likelihood(log, len(path))
            for tree, known in zip(trees, logs, strict=True)
            for log, path in zip(known, tree.answers, strict=True)
        ]

    def _score(self, prompt: TokenIds, answers: Sequence[TokenIds]) -> list[Likelihood]:
        """How probable each answer to one prompt is: the last token of the prompt predicts the first of an answer."""
        pad, device = self.tokenizer.pad_token_id, self.accelerator.device
        found = [Likelihood(0.0, 0)] * len(answers)
        read, last = prompt[:-1], prompt[-1:]
        for rows in sorted_batches(list(map(len, answers)), most_tokens(len(self.tokenizer))):
            ids, mask = padded([[*last, *answers[row][:-1]] for row in rows], pad, device)
            past = None
            if read:
                past, mask = read_once(self.model, read, mask)
            logits = self.model(
                input_ids=ids, attention_mask=mask, past_key_values=past, use_cache=past is not None
            ).logits
            for place, row in enumerate(rows):
                size = len(answers[row])
                labels = torch.tensor(answers[row], device=device)
                logs = logits[place, :size].float().log_softmax(-1)
                found[row] = Likelihood(float(logs.gather(-1, labels[:, None]).sum()), size)
        return found


def restore(folder: Path, options: Options, form: Form = "trained") -> PromptedTranslator:
    """Base, embedding rows and adapter from a run's model folder. Raises ModelError where one is missing or the base is another."""
    found = restored(folder, TranslatorFacts, load_decoder, options, form)
    facts, accelerator = found.facts, found.accelerator
    prompts = INPUTS[facts.objective](Frame(found.tokenizer), facts.max_length, found.checkpoint.positions)
    phrase_tables = restored_tables(folder, facts.with_phrase_table, hints=facts.hints)
    return PromptedTranslator(
        found.model.to(accelerator.device).eval(), prompts, facts, accelerator, Rows(None, 0), phrase_tables,
        estimators=restored_estimators(folder),
    )  # fmt: skip
