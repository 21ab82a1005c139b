"""audit() says how well a base's tokenizer fits texts, and what to do about it."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from transformers import PreTrainedTokenizerBase

from lowres.errors import DataError, Finding, LowresError, Problem
from lowres.languages import language
from lowres.languages.scripts import SCRIPTS_OF_TAG, script_name, scripts, share_in
from lowres.vocabulary.measurement.advice import Advice, advise
from lowres.vocabulary.measurement.characters import Text, code, like_letters, list_characters
from lowres.vocabulary.measurement.measures import PER_WORD, AnyKind, InspectedTokenizer, Measures, measure
from lowres.vocabulary.measurement.orthography import differences

OF_THE_SCRIPT = 0.1  # share of letters in the script of the language's tag below which the tag or the text is wrong
MIXED = 0.9  # share below which a text is told to be mixed: people who write two languages often write two scripts

Texts = Sequence[str | Text]


@dataclass(frozen=True)
class Reference:
    """Text in a language that the base knows well; `parallel` if it is a translation of the audited text."""

    name: str
    texts: Texts
    parallel: bool = False


@dataclass(frozen=True)
class Parity:
    """The audited text compared with a reference: ratios of tokens per word and, for parallel text, of all tokens."""

    per_word: float | None
    per_content: float | None


@dataclass(frozen=True)
class LanguageAudit:
    """The audit of one language: its texts (tokens are learned from the first), findings, and advice."""

    language: str
    texts: tuple[Measures, ...]
    advice: Advice
    findings: tuple[Finding, ...] = ()
    parity: Parity | None = None

    @property
    def first(self) -> Measures:
        """The text that tokens are learned from."""
        return self.texts[0]


@dataclass(frozen=True)
class Audit:
    """The audit of a tokenizer with `rows` tokens: one entry per language, and the reference they are compared with."""

    kind: AnyKind
    rows: int
    languages: tuple[LanguageAudit, ...]
    reference: Measures | None = None


def audit(
    tokenizer: PreTrainedTokenizerBase,
    texts_by_language: Mapping[str, Texts | Mapping[str, Texts]],
    *,
    reference: Reference | None = None,
) -> Audit:
    """Audit texts by language: one list of texts, or several by name (splits, files); tokens are learned from the first.

    The key of a language may be its tag, such as min-Latn; the script of the texts is then compared with it. Where a language
    has several files or splits, their letters are compared. Raises DataError for a language without text.
    """
    inspected = InspectedTokenizer.of(tokenizer)
    baseline = measure(inspected, reference.name, _placed(reference.texts, reference.name)) if reference else None
    languages = tuple(
        _language(inspected, name, _named(texts), reference, baseline) for name, texts in texts_by_language.items()
    )
    return Audit(inspected.kind, len(tokenizer), languages, baseline)


def _language(
    inspected: InspectedTokenizer,
    name: str,
    texts: Mapping[str, Texts],
    reference: Reference | None,
    baseline: Measures | None,
) -> LanguageAudit:
    placed = {part: _placed(some, part) for part, some in texts.items()}
    if not placed:
        raise DataError(Problem(name, "holds no text"))
    measured = tuple(measure(inspected, part or name, some) for part, some in placed.items())
    plain = [[text.text for text in some] for some in placed.values()]
    said = [
        line
        for found, some in zip(measured[1:], plain[1:], strict=True)
        for line in differences(measured[0].name, plain[0], found.name, some, _script_of(name))
    ]
    if said:
        said.append("first write all texts in one orthography")
    wrong = _wrong_script(name, plain[0])
    return LanguageAudit(
        language=name,
        texts=measured,
        advice=advise(inspected, measured[0], plain[0], [*wrong, *said]),
        findings=(*_mixed(name, measured[0].name, plain[0]), *_odd(measured)),
        parity=_parity(measured[0], baseline, bool(reference and reference.parallel)),
    )


def _named(texts: Texts | Mapping[str, Texts]) -> Mapping[str, Texts]:
    return texts if isinstance(texts, Mapping) else {"": texts}


def _placed(texts: Texts, name: str) -> list[Text]:
    if isinstance(texts, str):
        raise TypeError("texts are a list of texts, not one text")
    where = f"{name}:" if name else "text "
    return [text if isinstance(text, Text) else Text(f"{where}{at}", text) for at, text in enumerate(texts, start=1)]


def _parity(found: Measures, baseline: Measures | None, parallel: bool) -> Parity | None:
    if baseline is None:
        return None
    both = found.primary_metric == baseline.primary_metric == PER_WORD
    return Parity(
        per_word=found.tokens_per_word / baseline.tokens_per_word if both else None,
        per_content=found.tokens / baseline.tokens if parallel else None,
    )


def _script_of(name: str) -> str:
    """The script of a language tag; empty where the name is no tag."""
    try:
        return language(name).script
    except LowresError:
        return ""


def _mixed(name: str, text: str, texts: Sequence[str]) -> list[Finding]:
    """That a text is written in two scripts, which is no fault of its orthography."""
    script = _script_of(name)
    letters = Counter(character for line in texts for character in line)
    share = share_in(script, letters) if script else 1.0
    if not OF_THE_SCRIPT <= share < MIXED:
        return []
    other = next(found for found in scripts(letters) if found not in SCRIPTS_OF_TAG.get(script, (script,)))
    most = f"{share:.0%} of its letters are in {script_name(script)} script"
    what = f"{text or name} is mixed: {most}, most others in {script_name(other)}"
    return [Finding("note", what)]


def _wrong_script(name: str, texts: Sequence[str]) -> list[str]:
    """Sentences on a text that is not in the script of its language tag; empty where it is, or where the name is no tag."""
    script = _script_of(name)
    letters = Counter(character for text in texts for character in text)
    share = share_in(script, letters) if script else 1.0
    if share >= OF_THE_SCRIPT:
        return []
    found = next(iter(scripts(letters)))
    wanted = f"{script_name(script)} script, as {name} says"
    said = f"{share:.0%} of the letters are in {wanted}; most are in {script_name(found)} script ({found})"
    return [said, "either the tag or the text is wrong"]


def _odd(texts: Sequence[Measures]) -> Iterator[Finding]:
    """Findings that someone who writes the language should check."""
    for found in texts:
        if len(found.apostrophes) > 1:
            used = ", ".join(
                f"{one.text} {code(one.text)} {one.count:,}× ({one.places[0]})" for one in found.apostrophes
            )
            yield Finding("warning", f"more than one sign serves as an apostrophe in {found.name}: {used}")
        if found.special_tokens_in_text:
            used = ", ".join(f"{one.text} {one.count:,}×" for one in found.special_tokens_in_text)
            what = f"{found.name} has the names of special tokens, which lowres reads as text: {used}"
            yield Finding("warning", what, found.special_tokens_in_text[0].places[0])
        if found.not_nfc:
            apart = f", {found.decomposed:,} with letters and accents apart" if found.decomposed else ""
            first = found.not_nfc_places[0]
            what = f"lines of {found.name} that are not in Unicode's NFC: {found.not_nfc:,}{apart} (first: {first})"
            what += "; lowres reads them in NFC"
            yield Finding("note", what, first)
    raised = like_letters(texts[0].changed)
    if raised:
        listed = list_characters([one.character for one in raised])
        what = f"if these are letters of the language, vocabulary.protected_characters keeps them apart: {listed}"
        yield Finding("warning", what, raised[0].places[0])


def findings(tokenizer: PreTrainedTokenizerBase, texts: Sequence[Text]) -> list[Finding]:
    """Findings on training texts: characters without a token, letters that the base replaces, special tokens in the text."""
    found = measure(InspectedTokenizer.of(tokenizer), "train", list(texts))
    said = []
    if found.unknown:
        listed = list_characters([one.character for one in found.unknown])
        said.append(Finding("note", f"characters that the base has no token for: {listed}", found.unknown[0].places[0]))
    if found.special_tokens_in_text:
        used = ", ".join(f"{one.text} {one.count:,}×" for one in found.special_tokens_in_text)
        what = f"the texts have the names of special tokens, which are read as text: {used}"
        said.append(Finding("warning", what, found.special_tokens_in_text[0].places[0]))
    letters = like_letters(found.changed)
    if letters:
        listed = list_characters([one.character for one in letters])
        hint = "vocabulary.protected_characters keeps apart those that matter"
        said.append(
            Finding("warning", f"letters that the base turns into others: {listed}; {hint}", letters[0].places[0])
        )
    return said
