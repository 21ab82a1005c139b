"""An audit as lines of plain text."""

from collections.abc import Callable, Iterator, Sequence

from rich.cells import cell_len

from lowres.vocabulary.measurement.characters import Changed, Unknown, list_characters, visible
from lowres.vocabulary.measurement.measures import PER_CHARACTER, Measures
from lowres.vocabulary.measurement.tokenizer_audit import Audit, LanguageAudit

MOST = 10
NAMES = {"unigram": "Unigram", "bpe": "BPE", "wordpiece": "WordPiece"}
HOW = {
    "a raised letter": "raised letter made plain",
    "a joiner": "joiner, becomes a space",
    "a loose accent": "becomes a space and an accent",
    "a shape of a letter": "shape of a letter made plain",
    "another width": "made normal width",
    "a capital": "capital made small",
    "an accent": "loses its accent",
    "left out": "left out",
    "a compatible form": "the same, written otherwise",
    "a sign": "",
}

Row = tuple[str, Callable[[Measures], str], str]


def page(found: Audit, base: str, notes: Sequence[str]) -> list[str]:
    """The whole page: one language in full, or several in a table."""
    kind = f"{NAMES[found.kind]} tokenizer" if found.kind in NAMES else f"{found.kind}, no tokens"
    rows = "row" if found.rows == 1 else "rows"
    lines = [f"{base}: {kind}, {found.rows:,} {rows}", ""]
    if len(found.languages) == 1:
        lines += _one(found, found.languages[0])
    else:
        lines += [*_several(found), ""]
        lines.append("One language in full: --language TAG")
    return [*lines, *([""] if notes else []), *(f"data: {note}" for note in notes)]


def _one(found: Audit, one: LanguageAudit) -> list[str]:
    columns = [*one.texts, *([found.reference] if found.reference else [])]
    primary_metric = one.first.primary_metric
    header = [_short(one.language), *(_short(column.name) for column in columns), ""]
    lines = _aligned([header, *([name, *map(value, columns), note] for name, value, note in _rows(primary_metric))])
    lines += ["", *_beside(one, found.reference)]
    lines += [*_unknown(one.texts), *_changed(one.texts)]
    if one.findings:
        lines += ["", "Worth a look:", *(f"  {finding.what}" for finding in one.findings)]
    return [*lines, "", *_advice(one)]


def _rows(primary_metric: str) -> list[Row]:
    """The measures in the order in which they are read, each explained once."""

    def ratio(name: str) -> Callable[[Measures], str]:
        return lambda one: f"{getattr(one, name):.2f}"

    def count(name: str) -> Callable[[Measures], str]:
        return lambda one: f"{getattr(one, name):,}"

    def share(name: str) -> Callable[[Measures], str]:
        return lambda one: percent(getattr(one, name))

    watch = "the number to watch; fewer is better"
    spaceless = primary_metric == PER_CHARACTER
    return [
        ("lines", count("lines"), ""),
        ("words", count("words"), "what stands between spaces; this script has none between words" if spaceless else ""),
        ("tokens per word", ratio("tokens_per_word"), "" if spaceless else watch),
        ("tokens per character", ratio("tokens_per_character"), watch if spaceless else ""),
        ("bytes per token", ratio("bytes_per_token"), ""),
        ("words kept whole", share("whole_words"), "a single token"),
        ("one-character tokens", share("single_characters"), "of all tokens; they say little"),
        ("unknown tokens", share("unknown_tokens"), "of all tokens"),
        ("unknown words", share("unknown_words"), "hold something that the base cannot read"),
        ("lines not read back", share("lossy_lines"), "the tokens, put together, are another text"),
        ("  only in their spaces", share("respaced_lines"), ""),
        ("lines changed", share("changed_lines"), "by the base's own normalisation, before it tokenises"),
        ("lines not in NFC", count("not_nfc"), ""),
        ("rows used", share("rows_used"), "of the base's vocabulary"),
    ]  # fmt: skip


def _beside(one: LanguageAudit, reference: Measures | None) -> Iterator[str]:
    if reference is None or one.parity is None:
        yield "No reference was given (--against), so nothing says what a language that the base knows well would need."
        return
    if one.parity.per_word is not None:
        yield f"{one.parity.per_word:.2f} times the tokens per word of {reference.name}"
    if one.parity.per_content is not None:
        yield f"{one.parity.per_content:.2f} times the tokens of {reference.name} for the same content"
    if one.parity == type(one.parity)(None, None):
        yield f"{reference.name} is no measure: one of the scripts has no spaces, and nothing says that the texts are parallel."


def _unknown(texts: Sequence[Measures]) -> Iterator[str]:
    """In full for the text to learn from; of the others only what that one does not have."""
    first, *others = texts
    if first.unknown:
        yield from ("", f"Characters that the base cannot read in {first.name}, with their first places:")
        rows = [[*_character(one, first), _case(one)] for one in first.unknown[:MOST]]
        yield from _aligned(rows, indent="  ", left=True)
        yield from _more(len(first.unknown))
    known = {one.character for one in first.unknown}
    for text in others:
        yield from _also("cannot read", text, [one.character for one in text.unknown if one.character not in known])


def _changed(texts: Sequence[Measures]) -> Iterator[str]:
    first, *others = texts
    if first.changed:
        yield from ("", f"Characters that the base turns into others in {first.name}, with their first places:")
        rows = []
        for one in first.changed[:MOST]:
            example = f"{one.before} → {one.after}" if one.before != one.character else f"→ {visible(one.becomes)}"
            rows.append([*_character(one, first), example, HOW[one.kind] or "becomes a space" * one.becomes.isspace()])
        yield from _aligned(rows, indent="  ", left=True)
        yield from _more(len(first.changed))
    known = {one.character for one in first.changed}
    for text in others:
        yield from _also(
            "turns into others", text, [one.character for one in text.changed if one.character not in known]
        )


def _also(what: str, text: Measures, characters: Sequence[str]) -> Iterator[str]:
    if characters:
        yield from ("", f"Characters that the base {what} only in {text.name}: {list_characters(characters)}")


def _character(one: Unknown | Changed, text: Measures) -> list[str]:
    shown = visible(one.character)
    places = ", ".join(place.removeprefix(f"{text.name}:").removeprefix(f"{text.name} ") for place in one.places[:2])
    return ["" if shown == one.code else shown, one.code, one.name, f"{one.count:,}×", places]


def _case(one: Unknown) -> str:
    return f"{one.other_case} has a token" if one.other_case else ""


def _more(total: int) -> Iterator[str]:
    if total > MOST:
        yield f"  and {total - MOST:,} more (all with --json)"


def _advice(one: LanguageAudit) -> Iterator[str]:
    advice = one.advice
    what = {
        "extend": f"extend by about {advice.add:,} tokens",
        "characters": f"add the {advice.add:,} missing character{'s' * (advice.add != 1)}, nothing else",
        "replace": "replace the tokenizer",
        "wrong orthography": "mend the writing first",
        "leave": "leave the vocabulary as it is",
    }[advice.what]
    yield f"Advice: {what}"
    yield from (f"  {reason}" for reason in advice.reasons)
    if advice.recipe:
        yield f"  in a recipe:  {advice.recipe}"


def _several(found: Audit) -> list[str]:
    header = ["", "lines", "tokens/word", "tokens/char", "whole", "unknown", "not read back", "advice"]
    rows = [header]
    for one in found.languages:
        text, advice = one.first, one.advice
        per_word = "–" if text.primary_metric == PER_CHARACTER else f"{text.tokens_per_word:.2f}"
        add = f" by {advice.add:,}" if advice.what == "extend" else f" ({advice.add})" if advice.add else ""
        rows.append([
            one.language, f"{text.lines:,}", per_word, f"{text.tokens_per_character:.2f}", percent(text.whole_words),
            percent(text.unknown_words), percent(text.lossy_lines), advice.what + add,
        ])  # fmt: skip
    legend = [
        "whole: words that are one token; unknown: words that hold something the base cannot read;",
        "not read back: lines that the tokens, put together, do not give again",
    ]
    reference = found.reference
    said = [f"{reference.name}: {reference.fertility:.2f} {reference.primary_metric}"] if reference else []
    return [*_aligned(rows), "", *legend, *said]


def percent(share: float) -> str:
    """A share as a reader wants it: no false precision, and nothing small rounded to nothing."""
    if share == 0:
        return "0%"
    return f"{share:.0%}" if share >= 0.1 else f"{share:.1%}" if share >= 0.0005 else "< 0.1%"


def _short(name: str, most: int = 24) -> str:
    return name if len(name) <= most else f"…{name[1 - most :]}"


def _aligned(rows: Sequence[Sequence[str]], indent: str = "", left: bool = False) -> list[str]:
    """Columns; the first and the last stand left, numbers right, unless all stand left."""
    last = len(rows[0]) - 1
    widths = [max(cell_len(row[column]) for row in rows) for column in range(last + 1)]
    lines = []
    for row in rows:
        cells = []
        for column, cell in enumerate(row):
            blank = " " * (widths[column] - cell_len(cell))
            cells.append(cell + blank if left or column in (0, last) else blank + cell)
        lines.append((indent + "  ".join(cells)).rstrip())
    return lines
