"""Findings about the rows: what to know before trusting a score that was computed from them."""

from collections import Counter
from collections.abc import Iterator, Sequence

from lowres.data.corpus import SPLITS, Split
from lowres.data.rows import Sample
from lowres.errors import Finding
from lowres.languages import matching_key

LONG_CHARACTERS = 2000  # a page of text; most bases truncate far earlier
IMBALANCE = 3.0  # largest class over smallest, in train
DRIFT = 0.10  # share of labels that would have to change to make two splits alike
ENOUGH_ROWS = 30  # below this, shares say nothing


def audit(samples: Sequence[Sample], labels: Sequence[str], *, repeats: bool = True) -> tuple[Finding, ...]:
    """Contamination of dev and test, duplicates, very long texts and odd line breaks; with labels, imbalance and drift too.

    Without `repeats` a text may occur in a split several times, as a sentence with several translations does.
    """
    texts = [matching_key(sample.row.fields["text"]) for sample in samples]
    return (
        *_contamination(samples, texts),
        *(_duplicates(samples, texts) if repeats else ()),
        *(_contradictions(samples, texts) if labels else ()),
        *(_imbalance(samples, labels) if labels else ()),
        *(_drift(samples, labels) if labels else ()),
        *_long(samples),
        *_line_breaks(samples),
    )


def _contamination(samples: Sequence[Sample], texts: Sequence[str]) -> Iterator[Finding]:
    """Texts of dev and test that are in train too, in whatever language."""
    pairs = list(zip(samples, texts, strict=True))
    train = {text: sample for sample, text in pairs if sample.split == "train"}
    for split in ("test", "dev"):
        seen = [(sample, train[text]) for sample, text in pairs if sample.split == split and text in train]
        if seen:
            total = sum(sample.split == split for sample in samples)
            sample, copy = seen[0]
            count = _count(len(seen), f"{split} text", "is", "are")
            what = f"{count} in train too, of {total:,} ({sample.where} and {copy.where})"
            remedy = "“contaminated: leave-out” in the recipe's data section takes such rows out"
            yield Finding(
                "warning", f"{what}: scores on {split} may be too high; {remedy}", sample.where, "contamination"
            )


def _duplicates(samples: Sequence[Sample], texts: Sequence[str]) -> Iterator[Finding]:
    for split in SPLITS:
        first: dict[tuple[str, str], Sample] = {}
        again: list[tuple[Sample, Sample]] = []
        for sample, text in zip(samples, texts, strict=True):
            if sample.split == split:
                before = first.setdefault((sample.row.language, text), sample)
                again += [(sample, before)] if before is not sample else []
        if again:
            sample, before = again[0]
            count = _count(len(again), f"{split} row", "repeats", "repeat")
            places = f"{sample.where} and {before.where}"
            yield Finding("note", f"{count} an earlier text of {split} ({places})", sample.where, "repeats")


def _contradictions(samples: Sequence[Sample], texts: Sequence[str]) -> Iterator[Finding]:
    """Texts that have two labels in one split: no classifier can predict both."""
    first: dict[tuple[Split, str], Sample] = {}
    pairs: list[tuple[Sample, Sample]] = []
    for sample, text in zip(samples, texts, strict=True):
        before = first.setdefault((sample.split, text), sample)
        pairs += [(sample, before)] if before.row.fields["label"] != sample.row.fields["label"] else []
    if pairs:
        sample, before = pairs[0]
        place = f"{sample.where} “{sample.row.fields['label']}”, {before.where} “{before.row.fields['label']}”"
        yield Finding(
            "warning",
            f"{_count(len(pairs), 'row', 'repeats', 'repeat')} a text under another label ({place})",
            sample.where,
            "contradictions",
        )


def _shares(samples: Sequence[Sample], split: Split) -> Counter[str]:
    return Counter(sample.row.fields["label"] for sample in samples if sample.split == split)


def _imbalance(samples: Sequence[Sample], labels: Sequence[str]) -> Iterator[Finding]:
    counts = _shares(samples, "train")
    most, least = max(labels, key=counts.__getitem__), min(labels, key=counts.__getitem__)
    if counts[most] >= IMBALANCE * counts[least]:
        what = f"train has {counts[most]:,} rows of “{most}” but {counts[least]:,} of “{least}”"
        yield Finding(
            "warning", f"{what}: accuracy will look better than the classifier is, read macro-F1", code="imbalance"
        )


def _drift(samples: Sequence[Sample], labels: Sequence[str]) -> Iterator[Finding]:
    """Total variation distance between the label shares of train and of another split."""
    train = _shares(samples, "train")
    for split in SPLITS[1:]:
        other = _shares(samples, split)
        if min(train.total(), other.total()) < ENOUGH_ROWS:
            continue
        shifts = {label: other[label] / other.total() - train[label] / train.total() for label in labels}
        if sum(map(abs, shifts.values())) / 2 > DRIFT:
            label = max(shifts, key=lambda name: abs(shifts[name]))
            before, after = train[label] / train.total(), other[label] / other.total()
            shares = f"“{label}” is {before:.0%} of train but {after:.0%} of {split}"
            yield Finding("warning", f"labels are spread differently in {split}: {shares}", code="drift")


def _long(samples: Sequence[Sample]) -> Iterator[Finding]:
    long = [sample for sample in samples if len(sample.row.fields["text"]) > LONG_CHARACTERS]
    if long:
        longest = max(long, key=lambda sample: len(sample.row.fields["text"]))
        size = len(longest.row.fields["text"])
        count = _count(len(long), "text", "has", "have")
        what = f"{count} more than {LONG_CHARACTERS:,} characters; the longest has {size:,} ({longest.where})"
        yield Finding("warning", what, longest.where)


def _line_breaks(samples: Sequence[Sample]) -> Iterator[Finding]:
    """Characters that other programs take for the end of a line."""
    breaks = "\r\x0b\x0c\x85\u2028\u2029"
    odd = [sample for sample in samples if any(character in sample.row.fields["text"] for character in breaks)]
    if odd:
        count = _count(len(odd), "text", "holds", "hold")
        what = f"{count} a character that other programs take for the end of a line ({odd[0].where})"
        yield Finding("note", what, odd[0].where)


def _count(number: int, noun: str, one: str, many: str) -> str:
    """“1 row repeats”, “2 rows repeat”."""
    return f"{number:,} {noun} {one}" if number == 1 else f"{number:,} {noun}s {many}"
