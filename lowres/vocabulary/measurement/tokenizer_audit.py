"""audit(): how a base's tokenizer takes texts, and what to do about it."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from transformers import PreTrainedTokenizerBase

from lowres.errors import DataError, Finding, LowresError, Problem
from lowres.languages import language
from lowres.languages.scripts import script_name, scripts, share_in
from lowres.vocabulary.measurement.advice import Advice, advise
from lowres.vocabulary.measurement.characters import Text, code, like_letters, shown
from lowres.vocabulary.measurement.measures import PER_WORD, AnyKind, Cutter, Measures, measure
from lowres.vocabulary.measurement.orthography import differences

OF_THE_SCRIPT = 0.5  # share of letters in the script of the language's tag below which the tag or the text is wrong

Texts = Sequence[str | Text]


@dataclass(frozen=True)
class Reference:
    """Text in a language that the base knows well. `parallel` if it says the same as the text that is audited."""

    name: str
    texts: Texts
    parallel: bool = False


@dataclass(frozen=True)
class Parity:
    """The audited text beside a reference: how many times as many pieces for a word or, in parallel text, for the same content."""

    per_word: float | None
    per_content: float | None


@dataclass(frozen=True)
class LanguageAudit:
    """A language: its texts, of which the first is learned from, what is odd about them, and what to do."""

    language: str
    texts: tuple[Measures, ...]
    advice: Advice
    findings: tuple[Finding, ...] = ()
    parity: Parity | None = None

    @property
    def first(self) -> Measures:
        """The text to learn from."""
        return self.texts[0]


@dataclass(frozen=True)
class Audit:
    """A tokenizer of so many `rows` and the languages that were looked at, with the reference that they are compared to."""

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
    """Look at texts by language: texts, or several by name (splits, files), of which the first is learned from.

    A language's key may be its tag, such as min-Latn; its script is then compared with the texts'. Where the texts of a
    language are in several files or splits, their spelling is compared. Nothing is changed. Raises DataError for a language
    without text.
    """
    cutter = Cutter.of(tokenizer)
    auxiliary = measure(cutter, reference.name, _placed(reference.texts, reference.name)) if reference else None
    languages = tuple(
        _language(cutter, name, _named(texts), reference, auxiliary) for name, texts in texts_by_language.items()
    )
    return Audit(cutter.kind, len(tokenizer), languages, auxiliary)


def _language(
    cutter: Cutter, name: str, texts: Mapping[str, Texts], reference: Reference | None, auxiliary: Measures | None
) -> LanguageAudit:
    placed = {part: _placed(some, part) for part, some in texts.items()}
    if not placed:
        raise DataError(Problem(name, "holds no text"))
    measured = tuple(measure(cutter, part or name, some) for part, some in placed.items())
    plain = [[text.text for text in some] for some in placed.values()]
    said = [
        line
        for found, some in zip(measured[1:], plain[1:], strict=True)
        for line in differences(measured[0].name, plain[0], found.name, some)
    ]
    if said:
        said.append("one spelling for all texts comes before any vocabulary")
    wrong = _wrong_script(name, plain[0])
    return LanguageAudit(
        language=name,
        texts=measured,
        advice=advise(cutter, measured[0], plain[0], [*wrong, *said]),
        findings=tuple(_odd(measured)),
        parity=_parity(measured[0], auxiliary, bool(reference and reference.parallel)),
    )


def _named(texts: Texts | Mapping[str, Texts]) -> Mapping[str, Texts]:
    return texts if isinstance(texts, Mapping) else {"": texts}


def _placed(texts: Texts, name: str) -> list[Text]:
    if isinstance(texts, str):
        raise TypeError("texts are a list of texts, not one text")
    where = f"{name}:" if name else "text "
    return [text if isinstance(text, Text) else Text(f"{where}{at}", text) for at, text in enumerate(texts, start=1)]


def _parity(found: Measures, auxiliary: Measures | None, parallel: bool) -> Parity | None:
    if auxiliary is None:
        return None
    both = found.primary_metric == auxiliary.primary_metric == PER_WORD
    return Parity(
        per_word=found.tokens_per_word / auxiliary.tokens_per_word if both else None,
        per_content=found.pieces / auxiliary.pieces if parallel else None,
    )


def _wrong_script(name: str, texts: Sequence[str]) -> list[str]:
    """That a text is not in the script of the tag that it goes by; nothing where the name is no tag."""
    try:
        tag = language(name)
    except LowresError:
        return []
    letters = Counter(character for text in texts for character in text)
    share = share_in(tag.script, letters)
    if share >= OF_THE_SCRIPT:
        return []
    found = next(iter(scripts(letters)))
    wanted = f"{script_name(tag.script)} script, as {name} says"
    said = f"{share:.0%} of the letters are in {wanted}; most are in {script_name(found)} script ({found})"
    return [said, "either the tag or the text is wrong"]


def _odd(texts: Sequence[Measures]) -> Iterator[Finding]:
    """What a writer of the language should look at."""
    for found in texts:
        if len(found.apostrophes) > 1:
            used = ", ".join(
                f"{one.sign} {code(one.sign)} {one.count:,}× ({one.places[0]})" for one in found.apostrophes
            )
            yield Finding("warning", f"more than one sign serves as an apostrophe in {found.name}: {used}")
        if found.spelled_out:
            used = ", ".join(f"{one.sign} {one.count:,}×" for one in found.spelled_out)
            what = f"{found.name} spells out special pieces, which the base takes for signals: {used}"
            yield Finding("warning", what, found.spelled_out[0].places[0])
        if found.not_nfc:
            apart = f", {found.decomposed:,} with letters and accents apart" if found.decomposed else ""
            first = found.not_nfc_places[0]
            what = f"lines of {found.name} that are not in Unicode's NFC: {found.not_nfc:,}{apart} (first: {first})"
            what += "; lowres reads them in NFC"
            yield Finding("note", what, first)
    raised = like_letters(texts[0].changed)
    if raised:
        listed = shown([one.character for one in raised])
        what = f"if these are letters of the language, vocabulary.protected_characters keeps them apart: {listed}"
        yield Finding("warning", what, raised[0].places[0])


def findings(tokenizer: PreTrainedTokenizerBase, texts: Sequence[Text]) -> list[Finding]:
    """What a run should say of its training texts: characters that the base cannot read, letters that it turns into others."""
    found = measure(Cutter.of(tokenizer), "train", list(texts))
    said = []
    if found.unknown:
        listed = shown([one.character for one in found.unknown])
        said.append(Finding("note", f"characters that the base has no piece for: {listed}", found.unknown[0].places[0]))
    letters = like_letters(found.changed)
    if letters:
        listed = shown([one.character for one in letters])
        hint = "vocabulary.protected_characters keeps apart those that matter"
        said.append(
            Finding("warning", f"letters that the base turns into others: {listed}; {hint}", letters[0].places[0])
        )
    return said
