"""Rows of other data, on which a finished run is to be evaluated: read, checked against its labels and against what it has seen."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from lowres.data.checks.contamination import copied_from
from lowres.data.corpus import Row, Split
from lowres.data.formats.tables import capped
from lowres.data.labels import NO_VALUE
from lowres.data.reading import source_rows
from lowres.data.rows import Sample, relabelled
from lowres.errors import DataError, Finding, Problem, nearest
from lowres.languages import strict_key
from lowres.languages.normalisation import normalise_label
from lowres.places import Places
from lowres.recipe.data_section import Source
from lowres.recipe.task_section import Task

Seen = Literal["leave-out", "keep"]


@dataclass(frozen=True)
class FreshRows:
    """Rows for an evaluation; how many were left out, by reason; and what is worth knowing of them."""

    rows: tuple[Row, ...]
    left_out: dict[str, int]
    findings: tuple[Finding, ...]


def fresh_rows(
    source: Source,
    task: Task,
    split: Split,
    labels: Sequence[str],
    places: Places,
    seen: Iterable[Row],
    tested: Iterable[Row] = (),
    policy: Seen = "leave-out",
) -> FreshRows:
    """The rows of one split of a source, without those that the run has seen in training or when its weights were chosen.

    A row is seen if its text, or eight words of it in a row, stand in one of the `seen` rows; its translations are then left out
    as well. With the policy “keep” they stay, and a warning counts them. The run's own test rows (`tested`) stay as they are.
    `labels` are those of the run, empty for other tasks than classification. Raises DataError for labels that the run does not know,
    and where no row is left.
    """
    samples, findings = read_split(source, task, split, places)
    left_out: Counter[str] = Counter()
    if labels:
        before = len(samples)
        samples = labelled(samples, labels)
        left_out["without a label"] = before - len(samples)
    known = reasons(samples, seen, tested)
    counts = Counter(reason for reason in known if reason)
    if counts:
        findings = (*findings, _told(counts, len(samples), policy))
    if policy == "leave-out":
        samples = [sample for sample, reason in zip(samples, known, strict=True) if reason is None]
        left_out["seen by the run"] = counts.total()
    rows = tuple(sample.row for sample in samples)
    if not rows:
        what = f"has no {split} rows" if not counts else "has only rows that the run has seen in training or on dev"
        hint = "name another split with --split" if not counts else "score them all the same with --seen keep"
        raise DataError(Problem("--data", what, hint))
    return FreshRows(rows, {reason: count for reason, count in left_out.items() if count}, findings)


def read_split(
    source: Source, task: Task, split: Split, places: Places
) -> tuple[list[Sample], tuple[Finding, ...]]:  # fmt: skip
    """The rows of one split of a source, and findings about them. Raises CardError or DataError."""
    samples, findings = source_rows(source, task, places)
    return [sample for sample in samples if sample.split == split], findings


def labelled(samples: Sequence[Sample], labels: Sequence[str]) -> list[Sample]:
    """The samples with normalised labels, without those that have none. Raises DataError for labels that are not among `labels`."""
    found = [relabelled(sample, normalise_label(sample.row.fields["label"])) for sample in samples]
    kept = [sample for sample in found if sample.row.fields["label"] not in NO_VALUE.difference(labels)]
    _refuse_unknown(kept, labels)
    return kept


def reasons(samples: Sequence[Sample], seen: Iterable[Row], tested: Iterable[Row] = ()) -> list[str | None]:
    """How each row is known from the `seen` ones: by its text, by eight words, as a translation of such a row, or not at all.

    Rows that stand in `tested` as they are count as not seen.
    """
    own = {strict_key(row.fields["text"]) for row in tested}
    copied = [
        None if strict_key(sample.row.fields["text"]) in own else reason
        for sample, reason in zip(
            samples, copied_from(_texts(seen), _texts(sample.row for sample in samples)), strict=True
        )
    ]
    clusters = {sample.row.cluster for sample, reason in zip(samples, copied, strict=True) if reason}
    return [
        reason or ("a translation" if sample.row.cluster in clusters else None)
        for sample, reason in zip(samples, copied, strict=True)
    ]


def _texts(rows: Iterable[Row]) -> list[str]:
    return [row.fields["text"] for row in rows]


def _refuse_unknown(samples: Sequence[Sample], labels: Sequence[str]) -> None:
    first: dict[str, Sample] = {}
    for sample in samples:
        first.setdefault(sample.row.fields["label"], sample)
    problems = [
        Problem(
            sample.where, f"the label “{label}” is not one of {', '.join(labels)}",
            nearest(label, labels),
        )
        for label, sample in first.items() if label not in labels
    ]  # fmt: skip
    if problems:
        raise DataError(*capped(problems))


def _told(counts: Counter[str], rows: int, policy: Seen) -> Finding:
    ways = {
        "same text": "the same text", "eight words": "eight words in a row", "a translation": "a translation of such a row",
    }  # fmt: skip
    said = ", ".join(f"{count:,} for {ways[reason]}" for reason, count in counts.most_common())
    what = f"{counts.total():,} of {rows:,} rows were seen by the run in training or on dev ({said})"
    if policy == "keep":
        return Finding("warning", f"{what} and are scored all the same: the scores are too good to expect on new texts")
    return Finding("note", f"{what} and are left out")
