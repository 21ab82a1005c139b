"""How a text to be translated becomes a prompt: languages by name, the phrase table's translation as a draft."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from transformers import PreTrainedTokenizerBase

from lowres.data.pairs import Pair
from lowres.languages import normalise
from lowres.languages.codes import translation_request
from lowres.models.frames import Frame, TokenIds
from lowres.tasks.generation.inputs import Answered, PromptInputs, longest_prefix


@dataclass(frozen=True)
class TranslationPrompts:
    """Turns texts into prompts of at most `max_length` tokens, and translations into answers of at most as many.

    `positions` is how many tokens the base reads and writes together.
    """

    frame: Frame
    max_length: int
    positions: int

    @property
    def tokenizer(self) -> PreTrainedTokenizerBase:
        """The tokenizer of its texts."""
        return self.frame.tokenizer  # type: ignore[no-any-return]

    @cached_property
    def around(self) -> int:
        """How many tokens stand around an empty question."""
        return len(self.frame.prompt(""))

    def revealed(self, written: str, source: str) -> str:
        """The answer itself: prompts show placeholders as they are."""
        return written

    def lengths(self, texts: Sequence[str], source: str, target: str) -> list[int]:
        """Number of tokens of the prompt of each text, without a hint."""
        return [len(self.frame.prompt(translation_request(normalise(text), source, target))) for text in texts]

    def sources(
        self, texts: Sequence[str], source: str, target: str, hints: Sequence[str] | None = None
    ) -> list[TokenIds]:
        """The prompt of each text. Where text and hint do not fit, the hint is shortened, and only then the text."""
        return [
            self._prompt(normalise(text), source, target, hint)
            for text, hint in zip(texts, hints or [""] * len(texts), strict=True)
        ]

    def _prompt(self, text: str, source: str, target: str, hint: str) -> TokenIds:
        def with_hint(part: str) -> TokenIds:
            return self.frame.prompt(translation_request(text, source, target, part))

        if len(with_hint(hint)) > self.max_length:
            hint = longest_prefix(hint, lambda part: len(with_hint(part)) <= self.max_length)
        if hint:
            return with_hint(hint)
        inputs = PromptInputs(self.frame, self.max_length)
        return inputs.prompt(lambda part: translation_request(part, source, target), text)

    def most(self, prompt: TokenIds, ratio: float, *, hinted: bool) -> int:
        """How many tokens a translation may have: `ratio` for each of its text, which a prompt with a hint has twice."""
        read = (len(prompt) - self.around) / (2 if hinted else 1)
        return max(1, min(int(ratio * read) + 10, self.max_length, self.positions - len(prompt)))


@dataclass(frozen=True)
class TargetTexts(TranslationPrompts):
    """What a language model of the target languages reads: a text by itself, whatever it is a translation of."""

    def sources(
        self, texts: Sequence[str], source: str, target: str, hints: Sequence[str] | None = None
    ) -> list[TokenIds]:
        """For each text what stands at the beginning of a text."""
        return [self.frame.begin] * len(texts)


# What a decoder reads, by the objective that it is trained with.
INPUTS: Mapping[str, type[TranslationPrompts]] = {"translation": TranslationPrompts, "language-model": TargetTexts}


@dataclass(frozen=True)
class EncodedPairs:
    """The prompts and answers of pairs, and how many sources and targets were too long and lost their ends."""

    examples: list[Answered]
    truncated_sources: int
    truncated_targets: int


def encode_pairs(prompts: TranslationPrompts, pairs: Sequence[Pair], hints: Sequence[str] | None) -> EncodedPairs:
    """Prompt and answer of every pair."""
    answers = PromptInputs(prompts.frame, prompts.max_length)
    examples, cut_sources, cut_targets = [], 0, 0
    for pair, hint in zip(pairs, hints or [""] * len(pairs), strict=True):
        text, target = pair.source.fields["text"], pair.target.fields["text"]
        (prompt,) = prompts.sources([text], *pair.direction, [hint])
        examples.append(Answered(prompt, answers.answer(target)))
        cut_sources += prompts.lengths([text], *pair.direction)[0] > prompts.max_length
        cut_targets += answers.cut(target)
    return EncodedPairs(examples, cut_sources, cut_targets)


def encode_texts(inputs: TranslationPrompts, texts: Iterable[str]) -> list[Answered]:
    """Each different text as what a language model learns to write."""
    answers = PromptInputs(inputs.frame, inputs.max_length)
    return [Answered(inputs.frame.begin, answers.answer(text)) for text in dict.fromkeys(texts)]
