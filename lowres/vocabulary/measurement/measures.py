"""Statistics of one text under a tokenizer: fertility, unknown words, lossy lines."""

import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Literal

from transformers import PreTrainedTokenizerBase

from lowres.errors import DataError, Problem
from lowres.languages.normalisation import normalise
from lowres.languages.scripts import without_spaces
from lowres.vocabulary.measurement.characters import (
    Changed,
    Line,
    Occurrences,
    Text,
    Unknown,
    apostrophes,
    changed,
    special_tokens_in_text,
    unknown,
)
from lowres.vocabulary.pruning import CONTINUES
from lowres.vocabulary.tokenizer_json import WORD_START, Kind, TokenizerJson, has_subwords

BATCH = 200_000  # characters that are tokenised at a time: memory follows this, not the text
FEW_IDS, CODE_POINTS = 1_024, 0x110000  # the sizes of vocabularies of bytes and of characters
SPACE = "Ġ"  # a space in the alphabet of byte-level BPE

AnyKind = Kind | Literal["bytes", "characters", "other"]
PER_WORD: Literal["tokens per word"] = "tokens per word"
PER_CHARACTER: Literal["tokens per character"] = "tokens per character"


@dataclass(frozen=True)
class Measures:
    """Statistics of a text under a tokenizer. Shares are 0–1; words are separated by white space.

    `primary_metric` names the number to look at: where a script has no spaces, words are whole sentences. A word is known
    unless the unknown token is among its tokens; it is whole if it is one token. `single_characters` is the share of tokens of at most
    one character. Lines are lossy if decoding does not give the text in NFC with white space collapsed;
    `respaced_lines` are those of them in which only white space differs. `changed_lines` are altered by the base's
    normalisation. `rows_used` of the base's embedding rows occur at all.
    """

    name: str
    lines: int
    words: int
    characters: int
    tokens: int
    tokens_per_word: float
    tokens_per_character: float
    primary_metric: Literal["tokens per word", "tokens per character"]
    bytes_per_token: float
    whole_words: float
    single_characters: float
    unknown_tokens: float
    unknown_words: float
    lossy_lines: float
    respaced_lines: float
    changed_lines: float
    rows_used: float
    not_nfc: int
    decomposed: int
    not_nfc_places: tuple[str, ...]
    unknown: tuple[Unknown, ...]
    changed: tuple[Changed, ...]
    apostrophes: tuple[Occurrences, ...]
    special_tokens_in_text: tuple[Occurrences, ...]

    @property
    def fertility(self) -> float:
        """The primary metric."""
        return self.tokens_per_word if self.primary_metric == PER_WORD else self.tokens_per_character


@dataclass(frozen=True)
class InspectedTokenizer:
    """A tokenizer and, where its vocabulary can be changed, the contents of its tokenizer.json (`base`)."""

    tokenizer: PreTrainedTokenizerBase
    base: TokenizerJson | None

    @classmethod
    def of(cls, tokenizer: PreTrainedTokenizerBase) -> "InspectedTokenizer":
        """Any tokenizer of transformers."""
        return cls(tokenizer, TokenizerJson.of(tokenizer) if has_subwords(tokenizer) else None)

    @property
    def kind(self) -> AnyKind:
        """The kind of the vocabulary."""
        if self.base:
            return self.base.kind
        size = len(self.tokenizer)
        return "bytes" if size <= FEW_IDS else "characters" if size >= CODE_POINTS else "other"

    def encode(self, texts: Iterable[str]) -> Iterator[list[int]]:
        """The token ids of each text, without special tokens around it; special tokens in the text are text."""
        for batch in _batches(texts):
            for ids in self.tokenizer(batch, add_special_tokens=False, verbose=False)["input_ids"]:
                yield list(ids)

    def read(self, ids: list[int]) -> str:
        """The decoded text."""
        return str(self.tokenizer.decode(ids, skip_special_tokens=False, clean_up_tokenization_spaces=False))

    def tokenize_words(self, words: Sequence[str]) -> Iterator[list[int]]:
        """The token ids of words as inside a text: in byte-level BPE a token includes the space before it."""
        byte_level = self.base is not None and self.base.byte_level
        return self.encode([f" {word}" for word in words] if byte_level else words)

    def length(self, number: int) -> int:
        """The number of characters of a token without word-start or continuation symbols; a part of a character counts as 0."""
        name = str(self.tokenizer.convert_ids_to_tokens(number))
        if self.base is None:
            return len(name)
        if self.base.byte_level:
            return sum(_begins(character) for character in name.removeprefix(SPACE))
        if name.startswith("<0x") and len(name) == len("<0x00>"):
            return 0
        return len(name.removeprefix(CONTINUES if self.base.kind == "wordpiece" else WORD_START))


def measure(inspected: InspectedTokenizer, name: str, texts: Sequence[Text]) -> Measures:
    """The statistics of a text. Raises DataError where it is empty or not valid Unicode."""
    lines = [Line(text.where, plain, _seen(inspected.base, plain)) for text in texts if (plain := _plain(text))]
    if not lines:
        raise DataError(Problem(name, "holds no text"))
    words = Counter(word for line in lines for word in line.text.split())
    running, characters = words.total(), _characters(words)
    used, lossy, respaced, size = _read_back(inspected, lines)
    tokens, unknown_id = used.total(), inspected.tokenizer.unk_token_id
    short = sum(count for number, count in used.items() if inspected.length(number) <= 1)
    whole, strange = _words(inspected, words)
    odd = [text for text in texts if not unicodedata.is_normalized("NFC", text.text)]
    return Measures(
        name=name,
        lines=len(lines),
        words=running,
        characters=characters.total(),
        tokens=tokens,
        tokens_per_word=tokens / running,
        tokens_per_character=tokens / characters.total(),
        primary_metric=PER_CHARACTER if without_spaces(characters, running) else PER_WORD,
        bytes_per_token=size / max(1, tokens),
        whole_words=whole / running,
        single_characters=short / max(1, tokens),
        unknown_tokens=(used[unknown_id] if unknown_id is not None else 0) / max(1, tokens),
        unknown_words=strange / running,
        lossy_lines=lossy / len(lines),
        respaced_lines=respaced / len(lines),
        changed_lines=sum(_differs(line) for line in lines) / len(lines),
        rows_used=len(used) / len(inspected.tokenizer),
        not_nfc=len(odd),
        decomposed=sum(len(unicodedata.normalize("NFC", text.text)) < len(text.text) for text in odd),
        not_nfc_places=tuple(text.where for text in odd[:3]),
        unknown=unknown(inspected.base, lines) if inspected.base else (),
        changed=changed(inspected.base, lines) if inspected.base else (),
        apostrophes=apostrophes(lines),
        special_tokens_in_text=special_tokens_in_text(inspected.tokenizer, lines),
    )


def _plain(text: Text) -> str:
    """The normalised text with white space collapsed."""
    try:
        text.text.encode()
    except UnicodeEncodeError as error:
        raise DataError(
            Problem(text.where, f"is not valid Unicode: half a surrogate pair at character {error.start + 1}")
        ) from None
    return " ".join(normalise(text.text).split())


def _seen(base: TokenizerJson | None, text: str) -> str:
    return base.normalised(text) if base else text


def _characters(words: Counter[str]) -> Counter[str]:
    found: Counter[str] = Counter()
    for word, count in words.items():
        for character in word:
            found[character] += count
    return found


def _read_back(inspected: InspectedTokenizer, lines: Sequence[Line]) -> tuple[Counter[int], int, int, int]:
    """The count of each id, lossy lines, lines in which only spaces differ, and bytes of text."""
    used: Counter[int] = Counter()
    lossy = respaced = size = 0
    for line, ids in zip(lines, inspected.encode(line.text for line in lines), strict=True):
        used.update(ids)
        size += len(line.text.encode())
        read = inspected.read(ids).split()
        if read != line.text.split():
            lossy += 1
            respaced += "".join(read) == "".join(line.text.split())
    return used, lossy, respaced, size


def _words(inspected: InspectedTokenizer, words: Counter[str]) -> tuple[int, int]:
    """The number of running words that are one token, and of those that contain the unknown token."""
    whole = strange = 0
    unknown_id = inspected.tokenizer.unk_token_id
    for count, ids in zip(words.values(), inspected.tokenize_words(list(words)), strict=True):
        whole += count * (len(ids) == 1 and ids[0] != unknown_id)
        strange += count * (unknown_id is not None and unknown_id in ids)
    return whole, strange


def _differs(line: Line) -> bool:
    seen = unicodedata.normalize("NFC", line.seen.replace(WORD_START, " "))
    return seen.split() != line.text.split()


def _batches(texts: Iterable[str]) -> Iterator[list[str]]:
    batch: list[str] = []
    size = 0
    for text in texts:
        batch.append(text)
        size += len(text)
        if size >= BATCH:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


@cache
def _begins(character: str) -> bool:
    """Whether a character of byte-level BPE's alphabet is a byte that begins a UTF-8 character (RFC 3629)."""
    direct = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in direct]
    code = ord(character)
    byte = code if code < 256 else others[code - 256] if code < 256 + len(others) else 0
    return byte & 0xC0 != 0x80
