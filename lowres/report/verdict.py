"""The result of the run in words."""

from collections.abc import Mapping

from lowres.record import Comparison, Record, Score, Unit
from lowres.report.formatting import interval, number, p_value, whole

# Small test sets cannot tell apart systems of similar quality (Card et al. 2020, doi 10.18653/v1/2020.emnlp-main.745).
FEW_TESTS = 200
OUT_OF: Mapping[Unit, str] = {"points": " out of 100", "bits": "; lower is better"}


def overall(scores: list[Score], name: str) -> Score | None:
    """The score of that name over all test rows and labels, or None."""
    return next((s for s in scores if (s.name, s.language, s.label) == (name, None, None) and s.split == "test"), None)


def test_rows(record: Record) -> int:
    """The number of scored test texts; 0 if it is not known."""
    if record.confusion:
        return sum(map(sum, record.confusion.counts))
    if record.tested:
        return sum(record.tested.values())
    return sum(record.data.rows.get("test", {}).values()) if record.data else 0


def averaged(record: Record) -> bool:
    """Whether overall scores are means over languages."""
    return any(score.language for score in record.scores)


def verdict(record: Record, where: str) -> list[str]:
    """The result in one or two sentences; `where` is “in Minangkabau” or the like. Empty when nothing was scored."""
    score = overall(record.scores, record.primary_metric)
    if score is None:
        return []
    rows = test_rows(record)
    place = f"On {whole(rows)} test texts {where}" if rows else f"On test texts {where}"
    mean = "average " if averaged(record) else ""
    bounds = f"{100 * score.confidence:g}\u202f% interval {interval(score.low, score.high, score.digits)}"
    reached = "is" if score.unit == "points" else "are"
    value = f"{number(score.value, score.digits)}{OUT_OF[score.unit]}"
    return [
        f"{place.strip()}, this run’s {mean}{record.primary_metric} {reached} {value} ({bounds}).",
        *_against_best(record),
    ]


def _against_best(record: Record) -> list[str]:
    ranked = sorted((c for c in record.comparisons if c.language is None), key=lambda c: c.gain[0])
    scored = {
        rival.name: overall(rival.scores, record.primary_metric) for rival in record.baselines if not rival.ablation
    }
    for comparison in ranked:
        theirs = scored.get(comparison.against)
        if theirs is not None:
            return [_compared(comparison, theirs)]
    return []


def _compared(comparison: Comparison, theirs: Score) -> str:
    digits, gain = comparison.digits, comparison.gain[0]
    reached = f"The best baseline, {comparison.against}, reaches {number(theirs.value, digits)}: "
    size = number(abs(gain), digits)
    bounds = f"interval {interval(*comparison.gain[1:], digits, sign=True)}, {p_value(comparison.p)}"
    clear = comparison.p < 1 - comparison.confidence and not comparison.low <= 0 <= comparison.high
    if not clear:
        return f"{reached}the difference of {number(gain, digits, sign=True)} could be chance ({bounds})."
    return f"{reached}this run is {'better' if gain > 0 else 'worse'} by {size} ({bounds})."


def cautions(record: Record) -> list[str]:
    """Reasons for caution with the numbers, as sentences."""
    found = []
    rows = test_rows(record)
    if 0 < rows < FEW_TESTS and record.scores:
        found.append(f"Only {rows} test texts: small differences between systems cannot be told from chance.")
    if record.confusion:
        predicted = [
            label
            for label, column in zip(record.confusion.labels, zip(*record.confusion.counts, strict=True), strict=True)
            if any(column)
        ]
        if len(predicted) == 1 and len(record.confusion.labels) > 1:
            found.append(
                f"The same label is predicted for every text, “{predicted[0]}”: it has not learned to tell labels apart."
            )
    return found
