"""Long texts in parts that the model can read, and their translations put together again."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from lowres.data.pairs import Direction, Pair
from lowres.languages import language
from lowres.languages.scripts import SCRIPTS_OF_TAG, UNSPACED
from lowres.languages.sentences import parts

_PARAGRAPH_BREAK = re.compile(r"(\s*\n\s*)")


@dataclass(frozen=True)
class Segment:
    """A part of a text, and what stands before its translation: a paragraph break, a space, or nothing."""

    text: str
    joint: str


def usual_length(pairs: Sequence[Pair], lengths: Callable[[Sequence[str], str, str], Sequence[int]]) -> int:
    """Number of tokens within which nearly all sources of these pairs stay, as `lengths` counts them: at most one in fifty is longer.

    A model has seen too few longer ones to translate them well; a decoder ends them too early (docs/results/translation.md).
    """
    texts: dict[Direction, dict[str, None]] = {}
    for pair in pairs:
        texts.setdefault(pair.direction, {})[pair.source.fields["text"]] = None
    found = [length for direction, some in texts.items() for length in lengths(list(some), *direction)]
    return sorted(found)[-(-len(found) * 49 // 50) - 1]


def segments(text: str, longest: int, length: Callable[[str], int], source: str, target: str) -> list[Segment]:
    """A text as one segment where it fits, else by paragraphs, sentences, words and characters; none for an empty text.

    `source` and `target` are language tags: their scripts say whether a space joins the translations of two parts.
    """
    if not text:
        return []
    if length(text) <= longest:
        return [Segment(text, "")]
    found: list[Segment] = []
    joint = ""
    for number, paragraph in enumerate(_PARAGRAPH_BREAK.split(text)):
        if number % 2:
            joint = paragraph
            continue
        at = 0
        for part in parts(paragraph, longest, length):
            start = paragraph.index(part, at)
            inside_word = not paragraph[at:start] and spaced(source)
            found.append(Segment(part, joint if not at else "" if inside_word or not spaced(target) else " "))
            at = start + len(part)
    return found


def joined(found: Sequence[Segment], translations: Sequence[str]) -> str:
    """The translation of a text from those of its segments."""
    return "".join(segment.joint + translation for segment, translation in zip(found, translations, strict=True))


def spaced(tag: str) -> bool:
    """Whether a language is written with spaces between words."""
    script = language(tag).script
    return not all(one in UNSPACED for one in SCRIPTS_OF_TAG.get(script, (script,)))
