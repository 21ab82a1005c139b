"""How a decoder is asked: its chat template where it has one, else a plain frame of instruction and response.

A template is rendered with placeholders for what users and data say. The parts between them are tokenised with their special
tokens; what stands in their places is tokenised as plain text, so that no text can end a turn or begin another.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from jinja2.exceptions import TemplateError

from lowres.errors import ModelError, Problem

TokenIds = list[int]
Shot = tuple[str, str]  # a question and its answer
PLACEHOLDER = "\ue000{}\ue001"  # private characters, which no template changes
END_OF_TEXT = "<|endoftext|>"  # stands between texts in the training of families that begin them with nothing
CUT = "\n###"  # of the plain frame: begins the next question
PLAIN = "{% for message in messages %}{% if message.role == 'assistant' %}{{ message.content + eos_token + '\n\n' }}{% elif message.role == 'user' %}{{ '### Instruction:\n' + message.content + '\n\n### Response:\n' }}{% else %}{{ message.content + '\n\n' }}{% endif %}{% endfor %}"  # noqa: E501
DROPS = "the chat template of the base {}"


@dataclass(frozen=True)
class Frame:
    """Turns a question, with examples before it, into the token ids that a decoder continues with its answer.

    `system` is what the model is told before the first question; empty for nothing.
    """

    tokenizer: Any
    system: str = ""

    def prompt(self, question: str, shots: Sequence[Shot] = ()) -> TokenIds:
        """Token ids of the question after these examples, up to where the answer begins."""
        said = [*([self.system] if self.system else []), *(part for shot in shots for part in shot), question]
        parts = self._parts(len(shots))
        ids = list(parts[0])
        for text, part in zip(said, parts[1:], strict=True):
            ids += [*self.plain(text), *part]
        return ids

    @property
    def around(self) -> tuple[TokenIds, TokenIds]:
        """Token ids before and behind a question that has no examples before it."""
        *before, after = self._parts(0)
        system = self.plain(self.system)
        return [*before[0], *(one for part in before[1:] for one in (*system, *part))], list(after)

    def words(self) -> list[str]:
        """The texts that stand around questions and answers."""
        return [self.tokenizer.decode(ids) for shots in (0, 1) for ids in self._parts(shots)]

    @cached_property
    def begin(self) -> TokenIds:
        """What stands before a text that is continued without a question: at least one token."""
        first, begin = list(self.tokenizer("a")["input_ids"])[:1], self.tokenizer.bos_token_id
        named = self.tokenizer.convert_tokens_to_ids(END_OF_TEXT) if END_OF_TEXT in self.tokenizer.get_vocab() else None
        return first if first == [begin] else [self.end if named is None else int(named)]

    def plain(self, text: str) -> TokenIds:
        """Token ids of a text, in which special tokens are text."""
        return list(self.tokenizer(text, add_special_tokens=False)["input_ids"]) if text else []

    def _parts(self, shots: int) -> tuple[TokenIds, ...]:
        if shots not in self._known:
            self._known[shots] = self._encoded(self._rendered(shots))
        return self._known[shots]

    @cached_property
    def _known(self) -> dict[int, tuple[TokenIds, ...]]:
        """What stands around the texts of a conversation, by its number of examples."""
        return {}

    def _encoded(self, parts: Sequence[str]) -> tuple[TokenIds, ...]:
        """Token ids of the parts of a template, special tokens as such."""
        found = [
            list(self.tokenizer(part, add_special_tokens=False, split_special_tokens=False)["input_ids"])
            if part
            else []
            for part in parts
        ]
        begin = self.tokenizer.bos_token_id
        adds = list(self.tokenizer("a")["input_ids"])[:1] == [begin]
        if adds and begin is not None and found[0][:1] != [begin]:
            found[0] = [begin, *found[0]]
        return tuple(found)

    def _rendered(self, shots: int) -> list[str]:
        """The template around the placeholders of a conversation. Raises ModelError where the template leaves out one of them."""
        roles = [*(["system"] if self.system else []), *["user", "assistant"] * shots, "user"]
        holders = [PLACEHOLDER.format(number) for number in range(len(roles))]
        messages = [{"role": role, "content": text} for role, text in zip(roles, holders, strict=True)]
        text = self._render(messages, begins_answer=True)
        parts = []
        for role, holder in zip(roles, holders, strict=True):
            before, found, text = text.partition(holder)
            if not found:
                raise self._refusal(
                    "leaves out the system message" if role == "system" else "leaves out what it is given"
                )
            parts.append(before)
        return [*parts, text]

    def _render(self, messages: Sequence[dict[str, str]], *, begins_answer: bool) -> str:
        template = None if self.tokenizer.chat_template else PLAIN
        try:
            return str(
                self.tokenizer.apply_chat_template(
                    messages,
                    chat_template=template,
                    tokenize=False,
                    add_generation_prompt=begins_answer,
                    enable_thinking=False,
                )
            )
        except (TemplateError, ValueError, TypeError) as error:
            said = str(error).strip().partition("\n")[0]
            raise self._refusal(f"cannot be used: {said}") from error

    def _refusal(self, what: str) -> ModelError:
        hint = "leave task.system out" if self.system else "choose another base, or one without a chat template"
        return ModelError(Problem("base.name", DROPS.format(what), hint))

    @cached_property
    def end(self) -> int:
        """The token that ends an answer: the first special token behind it in the template, else the end of the text."""
        holders = [PLACEHOLDER.format(number) for number in range(2)]
        messages = [{"role": role, "content": text} for role, text in zip(("user", "assistant"), holders, strict=True)]
        after = self._render(messages, begins_answer=False).partition(holders[1])[2]
        ids = self._encoded(["", after])[1]
        special = {*self.tokenizer.all_special_ids, *self.tokenizer.added_tokens_decoder}
        found = next((one for one in ids if one in special), self.tokenizer.eos_token_id)
        if found is None:
            raise ModelError(Problem("base.name", "has no token that ends a text", "choose another base"))
        return int(found)

    @cached_property
    def ends(self) -> tuple[int, ...]:
        """All tokens at which an answer ends."""
        own = self.tokenizer.eos_token_id
        return tuple(dict.fromkeys((self.end, *([] if own is None else [int(own)]))))

    def answer(self, ids: Sequence[int]) -> str:
        """The text of generated token ids up to the end of the answer."""
        inside = []
        for one in ids:
            if one in self.ends:
                break
            inside.append(one)
        text = str(self.tokenizer.decode(inside, skip_special_tokens=True, clean_up_tokenization_spaces=False))
        return (text if self.tokenizer.chat_template else text.partition(CUT)[0]).strip()
