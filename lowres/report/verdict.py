"""What the scores say, in plain words."""

from collections.abc import Mapping

from lowres.record import Comparison, Record, Score, Unit
from lowres.report.formatting import interval, number, p_value, whole

# Card et al. 2020, doi 10.18653/v1/2020.emnlp-main.745: small test sets cannot tell near systems apart.
FEW_TESTS = 200
OUT_OF: Mapping[Unit, str] = {"points": " out of 100", "bits": "; lower is better"}


def overall(scores: list[Score], name: str) -> Score | None:
    """The score of that name over all test rows and labels."""
    return next((s for s in scores if (s.name, s.language, s.label) == (name, None, None) and s.split == "test"), None)


def test_rows(record: Record) -> int:
    """How many texts were scored; 0 when it is not known."""
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
        f"{place.strip()}, the model’s {mean}{record.primary_metric} {reached} {value} ({bounds}).",
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
    return f"{reached}the model is {'better' if gain > 0 else 'worse'} by {size} ({bounds})."


def cautions(record: Record) -> list[str]:
    """What a reader must know before trusting the numbers."""
    found = []
    rows = test_rows(record)
    if 0 < rows < FEW_TESTS and record.scores:
        found.append(f"Only {rows} test texts: small differences between systems cannot be told from chance.")
    if record.confusion:
        said = [
            label
            for label, column in zip(record.confusion.labels, zip(*record.confusion.counts, strict=True), strict=True)
            if any(column)
        ]
        if len(said) == 1 and len(record.confusion.labels) > 1:
            found.append(f"The model gives every text the same label, “{said[0]}”: it has learned nothing of use.")
    return found
