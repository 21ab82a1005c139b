"""What may be wrong with a corpus: duplicates, leaks between splits, imbalance, drift. Findings stop nothing."""

import unicodedata
from collections import Counter
from collections.abc import Sequence

from lowres.data.corpus import SPLITS, Row, Split
from lowres.errors import Finding

LONG_TEXT = 2000
RARE_SHARE = 0.05
DRIFT = 0.15


def audit(rows: dict[Split, tuple[Row, ...]]) -> tuple[Finding, ...]:
    """Every finding about the rows of three splits."""
    return (*_duplicates(rows), *_leaks(rows), *_balance(rows["train"]), *_drift(rows), *_long(rows))


def plain(text: str) -> str:
    """Text without case, punctuation and spacing: what makes two rows the same to a reader."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return "".join(letter for letter in folded if unicodedata.category(letter)[0] in "LMN")


def _keys(rows: Sequence[Row]) -> list[tuple[str, str]]:
    return [(row.language, plain(row.fields["text"]) or row.fields["text"]) for row in rows]


def _duplicates(rows: dict[Split, tuple[Row, ...]]) -> list[Finding]:
    found = []
    for split in SPLITS:
        repeated = sum(count - 1 for count in Counter(_keys(rows[split])).values())
        if repeated:
            found.append(
                Finding("note", f"{repeated} of {len(rows[split])} rows of {split} repeat another row of {split}")
            )
    return found


def _leaks(rows: dict[Split, tuple[Row, ...]]) -> list[Finding]:
    found = []
    train = dict(zip(_keys(rows["train"]), rows["train"], strict=True))
    for split in SPLITS[1:]:
        shared = [(row, train[key]) for key, row in zip(_keys(rows[split]), rows[split], strict=True) if key in train]
        if shared:
            row, twin = shared[0]
            share = 100 * len(shared) / len(rows[split])
            what = f"{len(shared)} of {len(rows[split])} rows of {split} ({share:.1f} %) stand in train too: scores may be too good"
            found.append(Finding("warning", what, f"{split} {row.id} = train {twin.id}"))
    return found


def _balance(train: Sequence[Row]) -> list[Finding]:
    counts = Counter(row.fields["label"] for row in train)
    rare = {label: count for label, count in counts.items() if count < RARE_SHARE * len(train)}
    return [
        Finding("warning", f"only {count} of {len(train)} rows of train are “{label}”")
        for label, count in sorted(rare.items())
    ]


def _drift(rows: dict[Split, tuple[Row, ...]]) -> list[Finding]:
    found = []
    train = Counter(row.fields["label"] for row in rows["train"])
    for split in SPLITS[1:]:
        counts = Counter(row.fields["label"] for row in rows[split])
        gaps = {label: counts[label] / len(rows[split]) - train[label] / len(rows["train"]) for label in train}
        label = max(gaps, key=lambda name: abs(gaps[name]))
        if abs(gaps[label]) > DRIFT:
            what = f"“{label}” is {abs(gaps[label]):.0%} {'more' if gaps[label] > 0 else 'less'} frequent in {split} than in train"
            found.append(Finding("warning", what))
    return found


def _long(rows: dict[Split, tuple[Row, ...]]) -> list[Finding]:
    long = [row for split in SPLITS for row in rows[split] if len(row.fields["text"]) > LONG_TEXT]
    if not long:
        return []
    return [Finding("note", f"{len(long)} texts have more than {LONG_TEXT} characters", f"the first is {long[0].id}")]
