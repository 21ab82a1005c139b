"""Checks of the labels: each is known, spelled in one way, and has training rows; rows without a label are left out."""

import unicodedata
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

import regex

from lowres.data.corpus import SPLITS
from lowres.data.formats.tables import MAX_PROBLEMS, capped
from lowres.data.rows import Sample, relabelled
from lowres.errors import DataError, Finding, Problem, nearest
from lowres.languages.normalisation import normalise_label

# What spreadsheets and programs write where nothing is known. “none” is not among them: it is a common label.
NO_VALUE = frozenset(
    (
        "",
        "nan",
        "NaN",
        "NAN",
        "NULL",
        "null",
        "Null",
        "N/A",
        "n/a",
        "N.A.",
        "n.a.",
        "NA",
        "<NA>",
        "NaT",
        "\\N",
        "-",
        "?",
    )
)
_NO_VALUE = regex.compile(
    r"[-–—_.…?]+|#[¡¿]?[\p{Lu}/0]+[!?]|#\p{Lu}/?\p{Lu}"
)  # dashes and dots, and the errors of spreadsheets in any language
SEPARATORS = regex.compile(
    r"\s*[,;|/+&\\،؛、，]\s*|\s+(?:and|or)\s+"
)  # between labels where someone gave a text several
NAMED = 12  # labels that a message names
MANY = 50  # different labels from which on a column may hold something else than labels
RARE = 0.05  # share of the commoner spelling up to which the rarer one is taken for a typing error; one row always is
COMMON = 8  # rows that the commoner spelling needs for that
LEAST_LETTERS = 4  # shorter labels that differ in one letter may both be meant
# Letters of other scripts that look like Latin ones, after case folding.
LOOK_ALIKES = str.maketrans("аеорсухіјѕһԁԛԝɡοαερυκνιτ", "aeopcyxijshdqwgoaepuknit")
# What surrounds a label without being part of it: quotation marks, brackets, the end of a sentence, and characters that were lost.
_AROUND = regex.compile(r"^[\p{Pi}\p{Pf}\p{Ps}\p{Pe}\"'.,:;!?…\ufffd]+|[\p{Pi}\p{Pf}\p{Ps}\p{Pe}\"'.,:;!?…\ufffd]+$")
# Between two numbers it tells 1 0 from 10, before a number +1 from -1.
_JOINT = regex.compile(r"(?<=[\p{L}\p{M}])[\s_-]+(?=[\p{L}\p{N}])|(?<=\p{N})[\s_-]+(?=\p{L})|^[\s_]+|[\s_]+$")
_NUMBER = regex.compile(r"([+-]?\d+)(?:[.,]0+)?")


@dataclass(frozen=True)
class Labelled:
    """Samples with normalised labels, all labels in their order, and what was found on the way."""

    samples: tuple[Sample, ...]
    labels: tuple[str, ...]
    findings: tuple[Finding, ...] = ()


def checked_labels(samples: Sequence[Sample], known: Sequence[str] | None) -> Labelled:
    """Normalise and check the labels; the order is that of `known`, else those of train are sorted.

    Invisible characters and doubled spaces in a label are removed. Rows whose label is missing, or a word such as NULL, are left
    out, unless that word is among the known labels. Raises DataError with every label that is not known, spelled in two ways,
    a list of labels, or not in train.
    """
    declared = None if known is None else tuple(dict.fromkeys(map(normalise_label, known)))
    normalised = [
        relabelled(sample, label) if (label := normalise_label(_label(sample))) != _label(sample) else sample
        for sample in samples
    ]
    signs = {"+", "-", "–"} & {_label(sample) for sample in normalised}
    meant = {*(declared or ()), *(signs if "+" in signs else ())}
    kept = [sample for sample in normalised if _label(sample) in meant or not _says_nothing(_label(sample))]
    if not kept:
        where = normalised[0].where if normalised else ""
        raise DataError(Problem(where, "no row has a label", "is columns.label the right column?"))
    found = _Found.of(kept)
    labels = declared if declared is not None else tuple(sorted(found.in_train))
    problems = list(_problems(found, labels, declared is not None))
    if problems:
        raise DataError(*capped(problems))
    rare = _rare(found) if declared is None else ()
    return Labelled(tuple(kept), labels, (*_left_out(normalised, kept), *rare, *_untested(kept, labels)))


@dataclass(frozen=True)
class _Found:
    """For each label: its first sample, how many there are, and how many of them in train."""

    first: Mapping[str, Sample]
    count: Counter[str]
    in_train: Counter[str]

    @classmethod
    def of(cls, samples: Sequence[Sample]) -> "_Found":
        first: dict[str, Sample] = {}
        for sample in samples:
            first.setdefault(_label(sample), sample)
        in_train = Counter(_label(sample) for sample in samples if sample.split == "train")
        return cls(first, Counter(map(_label, samples)), in_train)


def _label(sample: Sample) -> str:
    return sample.row.fields["label"]


def _says_nothing(label: str) -> bool:
    return label in NO_VALUE or _NO_VALUE.fullmatch(label) is not None


def _rare(found: _Found) -> Iterator[Finding]:
    """Labels that stand in one row only, where others stand in many: whatever is no label at all is among them."""
    if max(found.count.values()) < COMMON:
        return
    once = [label for label, count in found.count.items() if count == 1]
    if once:
        said = ", ".join(f"“{label}” ({found.first[label].where})" for label in once[:NAMED])
        more = f" and {len(once) - NAMED} more" if len(once) > NAMED else ""
        stand = "1 label stands" if len(once) == 1 else f"{len(once)} labels stand"
        what = (
            f"{stand} in one row only: {said}{more}; if that is no label, mend it, else list all labels in task.labels"
        )
        yield Finding("warning", what, found.first[once[0]].where)


def _problems(found: _Found, labels: tuple[str, ...], declared: bool) -> Iterator[Problem]:
    rows = found.in_train.total()
    if not declared and len(labels) > MANY and 2 * len(labels) > rows:
        where = found.first[labels[0]].where
        what = f"the labels of {rows:,} training rows are {len(labels):,} different ones, such as {_listed(labels[:3])}"
        yield Problem(where, what, "is columns.label the right column, or does it hold numbers or texts?")
        return
    meant = frozenset(labels) if declared else frozenset()  # what somebody has listed is meant, however it looks
    compound = {label: parts for label in found.count if label not in meant and (parts := _parts(label, found.count))}
    for label, parts in compound.items():
        what = f"“{label}”{_rows(found.count[label])} names several labels: {_listed(parts)}"
        yield Problem(
            found.first[label].where, what, "lowres learns one label for a text: choose one, or leave the row out"
        )
    if declared:
        yield from _unknown(found, labels, compound, "possible")
    else:
        twice = dict(_spelled_twice(found, [label for label in found.count if label not in compound]))
        yield from twice.values()
        yield from _unknown(found, labels, compound.keys() | twice.keys(), "train has")
    yield from _untrained(found, labels)
    if len(labels) == 1:
        what = f"all rows have the same label, “{labels[0]}”"
        yield Problem("", what, "there is nothing to learn; is this the right column?")


def _unknown(found: _Found, labels: Sequence[str], told: Collection[str], said: str) -> Iterator[Problem]:
    """Labels that are not among the known ones, each with the place it is first met."""
    strange = [label for label in found.count if label not in set(labels) and label not in told]
    folded = {_folded(label): label for label in labels}
    for number, label in enumerate(strange):
        hint = ""
        if number < MAX_PROBLEMS:  # looking for the nearest takes its time
            same = folded.get(_folded(label))
            meant = f"did you mean “{same}”?" if same else nearest(label, labels)
            hint = f"{meant} {said}: {_listed(labels)}".strip()
        yield Problem(found.first[label].where, f"unknown label “{label}”{_rows(found.count[label])}", hint)


def _untrained(found: _Found, labels: Sequence[str]) -> Iterator[Problem]:
    where = next((sample.where.rpartition(":")[0] for sample in found.first.values() if sample.split == "train"), "")
    for label in labels:
        if not found.in_train[label]:
            hint = "add some, raise data.limit, or leave it out of task.labels"
            yield Problem(where, f"no training row has the label “{label}”", hint)


def _spelled_twice(found: _Found, labels: Sequence[str]) -> Iterator[tuple[str, Problem]]:
    """Labels that are surely another label: other capitals, spaces, look-alike letters, or a typing error."""
    hint = "write {one} or {other}, or list both in task.labels"
    spelled: dict[str, str] = {}
    for label in labels:
        other = spelled.setdefault(_folded(label), label)
        if other != label:
            rare, common = sorted((label, other), key=found.count.__getitem__)  # the rarer is more likely the mistake
            share = f"{found.count[rare]} of {found.count[label] + found.count[other]} rows"
            what = f"the label “{rare}” ({share}) is also spelled {_difference(rare, common)}"
            yield rare, Problem(found.first[rare].where, what, hint.format(one=common, other=rare))
    frequent = [label for label in spelled.values() if found.count[label] >= COMMON]
    if len(spelled) > MANY:  # numbers or names: a letter's difference is no error
        return
    for label in spelled.values():
        meant = next((other for other in frequent if _is_slip_of(label, other, found.count)), None)
        if meant:
            share = f"{found.count[label]} of {found.count[label] + found.count[meant]} rows"
            what = f"the label “{label}” ({share}) differs from “{meant}” in one letter"
            yield label, Problem(found.first[label].where, what, hint.format(one=meant, other=label))


def _difference(one: str, other: str) -> str:
    if one.casefold() == other.casefold():
        return "with other capitals"
    if _joined(one) == _joined(other):
        return f"“{other}”, with other spaces or hyphens"
    if _alone(one) == _alone(other):
        return f"“{other}”, with other signs around it"
    if _plain(one) == _plain(other):
        return f"“{other}”, with other forms of letters or digits"
    return f"“{other}”, with letters of another script that look alike"


def _joined(label: str) -> str:
    """The label with capitals and whatever joins its words put aside."""
    return str(_JOINT.sub("", label.casefold()))


def _alone(label: str) -> str:
    """The label without quotation marks, brackets and punctuation around it, unless it consists of them."""
    return _joined(_AROUND.sub("", label) or label)


def _plain(label: str) -> str:
    """The label with the plain forms of its letters and digits, and whole numbers without a fraction."""
    plain = "".join(
        str(unicodedata.decimal(letter, letter)) for letter in unicodedata.normalize("NFKC", _alone(label)).casefold()
    )
    number = _NUMBER.fullmatch(plain)
    return str(number[1]) if number else plain


def _folded(label: str) -> str:
    """What two spellings of one label have in common."""
    return _plain(label).translate(LOOK_ALIKES)


def _without_marks(label: str) -> str:
    return "".join(letter for letter in unicodedata.normalize("NFD", label) if not unicodedata.combining(letter))


def _is_slip_of(label: str, other: str, count: Counter[str]) -> bool:
    """Whether a rare label is a common one but for one letter added, lost, changed, or changed in place with its neighbour."""
    if count[label] > max(1, RARE * count[other]) or label == other:
        return False
    if _without_marks(_folded(label)) == _without_marks(_folded(other)):
        return True
    if min(len(label), len(other)) < LEAST_LETTERS:
        return False
    if any(letter.isdigit() for letter in label + other):
        return False
    one, two = _folded(label), _folded(other)
    start = next((n for n, (a, b) in enumerate(zip(one, two, strict=False)) if a != b), min(len(one), len(two)))
    rest, whole = one[start:], two[start:]
    swapped = len(rest) == len(whole) > 1 and rest[:2] == whole[1::-1] and rest[2:] == whole[2:]
    return swapped or rest[1:] == whole[1:] or rest == whole[1:] or rest[1:] == whole


def _parts(label: str, known: Mapping[str, int]) -> list[str]:
    """The labels that a label lists, each of them known; else nothing."""
    parts = [_AROUND.sub("", part) or part for part in SEPARATORS.split(label)]
    return parts if len(parts) > 1 and all(part in known for part in parts) else []


def _left_out(samples: Sequence[Sample], kept: Sequence[Sample]) -> Iterator[Finding]:
    stay = {id(sample) for sample in kept}
    gone = [sample for sample in samples if id(sample) not in stay]
    if gone:
        words = Counter(_label(sample) for sample in gone)
        said = ", ".join(f"{count:,} “{word}”" if word else f"{count:,} empty" for word, count in words.most_common())
        rows = "1 row has no label and was" if len(gone) == 1 else f"{len(gone):,} rows have no label and were"
        yield Finding("warning", f"{rows} left out: {said} ({gone[0].where})", gone[0].where)


def _untested(samples: Sequence[Sample], labels: Sequence[str]) -> Iterator[Finding]:
    """Labels that dev or test does not have, in all languages together, or in a language that has them in train."""
    there = Counter((sample.split, sample.row.language, _label(sample)) for sample in samples)
    languages = dict.fromkeys(sample.row.language for sample in samples)
    for split in SPLITS[1:]:
        gone = [label for label in labels if not any(there[split, language, label] for language in languages)]
        lacks = {"": gone} if gone else {}
        for language in languages:
            own = [label for label in labels if there["train", language, label] and not there[split, language, label]]
            if set(own) - set(gone) and any(there[split, language, label] for label in labels):
                lacks[language] = own
        for language, missing in list(lacks.items())[:NAMED]:
            place = f"{split} has no row of {language} with" if language else f"{split} has no row with"
            word = "the labels" if len(missing) > 1 else "the label"
            yield Finding("warning", f"{place} {word} {_listed(missing)}: nothing tells how well it is predicted")


def _listed(labels: Sequence[str]) -> str:
    return ", ".join(labels[:NAMED]) + (f" and {len(labels) - NAMED} more" if len(labels) > NAMED else "")


def _rows(count: int) -> str:
    return f", in {count} rows" if count > 1 else ""
