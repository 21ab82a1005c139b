"""Checks of the labels: each is known, spelled in one way, and has training rows."""

import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence

from lowres.data.formats.tables import capped
from lowres.data.rows import Sample, relabelled
from lowres.errors import DataError, Problem, nearest


def checked_labels(samples: Sequence[Sample], known: Sequence[str] | None) -> tuple[list[Sample], tuple[str, ...]]:
    """The samples with normalised labels, and all labels in their order: `known`, else those of train, sorted.

    Invisible characters and doubled spaces in a label are removed. Raises DataError with every label that is empty, not
    known, spelled in two ways, or not in train.
    """
    normalised = [
        relabelled(sample, label) if (label := tidied(_label(sample))) != _label(sample) else sample
        for sample in samples
    ]
    in_train = Counter(_label(sample) for sample in normalised if sample.split == "train")
    labels = tuple(known) if known is not None else tuple(sorted(label for label in in_train if label))
    problems = [
        *_unknown(normalised, labels, known is not None),
        *_untrained(normalised, labels, in_train),
        *(_spelled_twice(normalised, labels) if known is None else ()),
    ]
    if len(labels) == 1 and not problems:
        problems.append(
            Problem(
                "",
                f"all rows have the same label, “{labels[0]}”",
                "there is nothing to learn; is this the right column?",
            )
        )
    if problems:
        raise DataError(*capped(problems))
    return normalised, labels


def tidied(label: str) -> str:
    """The label without invisible characters, its white space as single spaces."""
    return " ".join("".join(character for character in label if unicodedata.category(character) != "Cf").split())


def _label(sample: Sample) -> str:
    return sample.row.fields["label"]


def _first(samples: Sequence[Sample], label: str) -> tuple[Sample, int]:
    """The first sample with a label, and how many there are."""
    having = [sample for sample in samples if _label(sample) == label]
    return having[0], len(having)


def _unknown(samples: Sequence[Sample], labels: Sequence[str], declared: bool) -> Iterator[Problem]:
    """Labels that are not among the known ones, each with the place it is first met."""
    for label in dict.fromkeys(map(_label, samples)):
        if label in labels:
            continue
        first, count = _first(samples, label)
        rows = f", in {count} rows" if count > 1 else ""
        if not label:
            yield Problem(first.where, f"has no label{rows}", f"one of {', '.join(labels)}")
            continue
        same = next((known for known in labels if known.casefold() == label.casefold()), None)
        meant = f"did you mean “{same}”?" if same else nearest(label, labels)
        known = f"{'possible' if declared else 'train has'}: {', '.join(labels)}"
        yield Problem(first.where, f"unknown label “{label}”{rows}", f"{meant} {known}".strip())


def _untrained(samples: Sequence[Sample], labels: Sequence[str], in_train: Counter[str]) -> Iterator[Problem]:
    for label in labels:
        if not in_train[label]:
            where = next((sample.where.rpartition(":")[0] for sample in samples if sample.split == "train"), "")
            yield Problem(
                where,
                f"no training row has the label “{label}”",
                "add some, raise data.limit, or leave it out of task.labels",
            )


def _spelled_twice(samples: Sequence[Sample], labels: Sequence[str]) -> Iterator[Problem]:
    """Labels that differ in capitals only: surely one label, spelled in two ways."""
    spelled: dict[str, str] = {}
    for label in labels:
        other = spelled.setdefault(label.casefold(), label)
        if other != label:
            # the rarer spelling is more likely the mistake
            (rare, few), (_, many) = sorted(
                (_first(samples, label), _first(samples, other)), key=lambda found: found[1]
            )
            what = f"the label “{_label(rare)}” ({few} of {few + many} rows) is also spelled with other capitals"
            yield Problem(rare.where, what, f"write {label} or {other}, or list both in task.labels")
