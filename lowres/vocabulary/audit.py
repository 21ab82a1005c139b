"""How a base's tokenizer takes a language's text, and what to do about it."""

import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Literal

from transformers import PreTrainedTokenizerBase

from lowres.errors import Finding
from lowres.languages.text import normalise
from lowres.vocabulary.candidates import missing_characters
from lowres.vocabulary.extending import LEAST_WORDS, NewPieces, extend
from lowres.vocabulary.pieces import BYTES, WORD_START, Pieces, has_pieces

MOST_EXAMPLES = 10
PLACES = 3
SPACELESS = 20  # mean characters between spaces from which on a text is taken to be written without them
APOSTROPHES = "'’‘ʼʻꞌ`´"
STRANGE = 0.02  # share of letters that another text lacks altogether: it is spelled differently
WHOLE_WORDS, SINGLE_CHARACTERS, MANY_WORDS = 0.02, 0.9, 1_000_000

Advice = Literal["leave", "characters", "extend", "replace", "check the spelling"]


@dataclass(frozen=True)
class Text:
    """One text and the place where it stands, such as train.tsv:7."""

    where: str
    text: str


@dataclass(frozen=True)
class Sample:
    """Texts that belong together: a language, a split, a file."""

    name: str
    texts: Sequence[Text]


@dataclass(frozen=True)
class Character:
    """A character with a problem: how often, where first; `becomes` what the base makes of it ("" where it is unknown)."""

    character: str
    code: str
    name: str
    count: int
    places: tuple[str, ...]
    becomes: str = ""
    other_case_known: bool = False


@dataclass(frozen=True)
class SampleAudit:
    """What a tokenizer does to a sample. Shares are 0–1.

    `fertility` is pieces per word between spaces; where `spaceless`, `pieces_per_character` is the number to look at.
    `lossy_lines` cannot be read back from their pieces; `folded` are characters that the base's normalisation changes.
    """

    name: str
    lines: int
    words: int
    pieces: int
    fertility: float
    pieces_per_character: float
    bytes_per_piece: float
    spaceless: bool
    whole_words: float
    single_characters: float
    unknown_pieces: float
    unknown_words: float
    lossy_lines: float
    unknown: tuple[Character, ...]
    folded: tuple[Character, ...]
    apostrophes: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Audit:
    """A tokenizer and some samples. `used` of its `pieces` occur in them; the advice is about the first sample."""

    kind: str
    pieces: int
    used: int
    samples: tuple[SampleAudit, ...]
    advice: Advice
    reasons: tuple[str, ...]
    add: int = 0


def audit(tokenizer: PreTrainedTokenizerBase, samples: Sequence[Sample]) -> Audit:
    """Look at samples, the first of which is the text to learn from; the others are compared with it."""
    base = Pieces.of(tokenizer) if has_pieces(tokenizer) else None
    audits, used = [], set[int]()
    for sample in samples:
        found, ids = _audited(tokenizer, base, sample)
        audits.append(found)
        used |= ids
    if base is None:
        return Audit(
            "bytes", len(tokenizer), len(used), tuple(audits), "leave", (f"the base {BYTES}: nothing to extend",)
        )
    grown = extend(base, [text.text for text in samples[0].texts])
    advice, reasons = advise(base, samples, audits, grown)
    return Audit(base.kind, len(base), len(used), tuple(audits), advice, reasons, len(grown.added))


def advise(
    base: Pieces, samples: Sequence[Sample], audits: Sequence[SampleAudit], grown: NewPieces
) -> tuple[Advice, tuple[str, ...]]:
    """What to do, and why, in the words of a report."""
    first = audits[0]
    strange = [said for sample in samples[1:] if (said := _strange(samples[0], sample))]
    if not first.pieces:
        return "leave", (f"{first.name} holds no text",)
    if strange:
        return "check the spelling", tuple(strange)
    reasons = [grown.why]
    if first.words >= MANY_WORDS and first.whole_words < WHOLE_WORDS and first.single_characters > SINGLE_CHARACTERS:
        return "replace", (
            "almost every piece is a single character, and there is text enough to train a tokenizer",
            *reasons,
        )
    if grown.added:
        fit = (
            f"{first.pieces_per_character:.2f} pieces per character"
            if first.spaceless
            else f"{first.fertility:.2f} pieces per word"
        )
        return "extend", (f"{fit}, {first.whole_words:.0%} of the words whole", *reasons)
    if first.unknown:
        listed = " ".join(character.character for character in first.unknown[:MOST_EXAMPLES])
        return "characters", (
            f"{first.unknown_words:.1%} of the words hold characters that the base cannot read: {listed}",
            *reasons,
        )
    return "leave", tuple(reasons)


def findings(tokenizer: PreTrainedTokenizerBase, sample: Sample) -> list[Finding]:
    """What a run should say of its training texts: characters that the base cannot read, or turns into others."""
    if not has_pieces(tokenizer):
        return []
    base, said = Pieces.of(tokenizer), []
    unknown = () if base.byte_level else _unknown(base, sample)
    if unknown:
        said.append(
            Finding("note", f"characters that the base has no piece for: {_listed(unknown)}", unknown[0].places[0])
        )
    letters = [one for one in _folded(base, sample) if unicodedata.category(one.character)[0] == "L"]
    if letters:
        hint = "vocabulary.letters keeps apart those that matter"
        said.append(
            Finding(
                "warning", f"letters that the base turns into others: {_listed(letters)}; {hint}", letters[0].places[0]
            )
        )
    return said


def _listed(characters: Sequence[Character]) -> str:
    shown = [
        f"{one.character}{' → ' + one.becomes if one.becomes else ''} ({one.count}×)"
        for one in characters[:MOST_EXAMPLES]
    ]
    return ", ".join(shown) + (
        f" and {len(characters) - MOST_EXAMPLES} more" if len(characters) > MOST_EXAMPLES else ""
    )


def _audited(tokenizer: PreTrainedTokenizerBase, base: Pieces | None, sample: Sample) -> tuple[SampleAudit, set[int]]:
    texts = [normalise(text.text) for text in sample.texts]
    lines = [list(ids) for ids in tokenizer(texts, add_special_tokens=False)["input_ids"]] if texts else []
    words = Counter(word for text in texts for word in text.split())
    characters = sum(len(word) * count for word, count in words.items())
    unknown_id = tokenizer.unk_token_id
    listed = list(words)
    cut = [list(ids) for ids in tokenizer(listed, add_special_tokens=False)["input_ids"]] if listed else []
    pieces = sum(map(len, lines))
    running = max(1, words.total())
    names = {i: _plain(tokenizer, i) for line in lines for i in line}
    return SampleAudit(
        name=sample.name,
        lines=len(texts),
        words=words.total(),
        pieces=pieces,
        fertility=pieces / running,
        pieces_per_character=pieces / max(1, characters),
        bytes_per_piece=sum(len(text.encode()) for text in texts) / max(1, pieces),
        spaceless=characters / running > SPACELESS,
        whole_words=sum(words[word] for word, ids in zip(listed, cut, strict=True) if len(ids) == 1) / running,
        single_characters=sum(len(names[i]) <= 1 for line in lines for i in line) / max(1, pieces),
        unknown_pieces=sum(i == unknown_id for line in lines for i in line) / max(1, pieces),
        unknown_words=sum(words[word] for word, ids in zip(listed, cut, strict=True) if unknown_id in ids) / running,
        lossy_lines=sum(not _read_back(tokenizer, text, ids) for text, ids in zip(texts, lines, strict=True))
        / max(1, len(texts)),
        unknown=_unknown(base, sample) if base and not base.byte_level else (),
        folded=_folded(base, sample) if base else (),
        apostrophes={sign: count for sign in APOSTROPHES if (count := sum(text.count(sign) for text in texts))},
    ), set(names)


def _plain(tokenizer: PreTrainedTokenizerBase, number: int) -> str:
    name = str(tokenizer.convert_ids_to_tokens(number))
    return name.removeprefix(WORD_START).removeprefix("Ġ").removeprefix("##")


def _read_back(tokenizer: PreTrainedTokenizerBase, text: str, ids: Sequence[int]) -> bool:
    found = str(tokenizer.decode(list(ids), skip_special_tokens=False, clean_up_tokenization_spaces=False))
    return found.split() == text.split()


def _unknown(base: Pieces, sample: Sample) -> tuple[Character, ...]:
    """Characters without a piece, commonest first."""
    known = base.ids
    counts = missing_characters(base.words(text.text for text in sample.texts), known)
    seen = {character: count for character, count in counts.items() if count}
    return tuple(
        _character(
            character,
            count,
            sample,
            other_case_known=any(twin in known for twin in (character.lower(), character.upper())),
        )
        for character, count in sorted(seen.items(), key=lambda item: (-item[1], item[0]))
    )


def _folded(base: Pieces, sample: Sample) -> tuple[Character, ...]:
    """Characters that the base's normalisation turns into others, commonest first; plain white space is not counted.

    Each is tried between two letters that compose with no mark.
    """
    counts = Counter(character for text in sample.texts for character in normalise(text.text))
    found = []
    for character, count in sorted(counts.items(), key=lambda item: (-item[1], item[0])):
        becomes = base.normalised(f"q{character}q")[1:-1]
        if becomes != character and not (character.isspace() and becomes == " "):
            found.append(_character(character, count, sample, becomes=becomes or "nothing"))
    return tuple(found)


def _character(
    character: str, count: int, sample: Sample, *, becomes: str = "", other_case_known: bool = False
) -> Character:
    places = tuple(islice((text.where for text in sample.texts if character in normalise(text.text)), PLACES))
    return Character(
        character,
        f"U+{ord(character):04X}",
        unicodedata.name(character, "unnamed"),
        count,
        places,
        becomes,
        other_case_known,
    )


def _strange(first: Sample, other: Sample) -> str:
    """That a sample is written in letters which the first one does not have; empty where it is not."""
    known = {character for text in first.texts for character in normalise(text.text).lower()}
    letters = Counter(
        character
        for text in other.texts
        for character in normalise(text.text).lower()
        if unicodedata.category(character)[0] in "LM"
    )
    strange = {character: count for character, count in letters.items() if character not in known}
    share = sum(strange.values()) / max(1, letters.total())
    if share < STRANGE or sum(len(text.text.split()) for text in first.texts) < LEAST_WORDS:
        return ""
    listed = " ".join(sorted(strange, key=lambda character: -strange[character])[:MOST_EXAMPLES])
    return f"{share:.1%} of the letters of {other.name} never occur in {first.name}: {listed}"
