"""The result of the run in words."""

from collections import Counter
from collections.abc import Mapping

from lowres.record import Baseline, Comparison, Record
from lowres.report.formatting import interval, listing, number, p_value, percent, whole
from lowres.score import FEW_CLUSTERS, Unit, overall

OUT_OF: Mapping[Unit, str] = {"points": " out of 100", "bits": "; lower is better"}


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


def part_name(record: Record) -> str:
    """What the scores are given for, where there are several: directions or languages."""
    return "direction" if record.tested else "language"


def verdict(record: Record, where: str) -> list[str]:
    """The result in a few sentences; `where` is “in Minangkabau” or the like. Empty when nothing was scored."""
    score = record.score
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
        *answering(record),
        *_against_others(record),
        *hint_effect(record),
        *sureness(record),
        *terms_kept(record),
    ]


def sureness(record: Record) -> list[str]:
    """A sentence that says whether the confidence of translations or the probability of labels holds; none without such."""
    if record.calibration:
        given, plain = record.calibration.scores[1], record.calibration.untempered[1]
        return [
            f"The probabilities of its labels are off by {number(given.value)} points on average "
            f"({interval(given.low, given.high)}); without the temperature of {number(record.calibration.temperature, 2)} that was "
            f"fitted on dev it would be {number(plain.value)} ({interval(plain.low, plain.high)})."
        ]
    facts = record.confidence
    if facts is None:
        return []
    found = {score.name: score for score in facts.scores}
    coverage, lowest, rest, gain = (
        found[name] for name in ("coverage", "chrF++ of flagged", "chrF++ of the rest", "rest above flagged")
    )
    return [
        f"The intervals of its confidence should hold {percent(facts.level)} of the true values, and hold "
        f"{number(coverage.value)}\u202f% on test ({interval(coverage.low, coverage.high)}); the {percent(facts.flagged)} of the "
        f"sentences with the lowest confidence have chrF++ {number(lowest.value)}, the rest {number(rest.value)}, which is "
        f"{number(gain.value, sign=True)} ({interval(gain.low, gain.high, sign=True)})."
    ]


def terms_kept(record: Record) -> list[str]:
    """A sentence that says how often terms of the glossary are translated as required; none without a glossary."""
    facts = record.glossary
    if facts is None:
        return []
    shares = [
        f"{name} {number(score.value)}\u202f% ({interval(score.low, score.high)})"
        for name, score in facts.scores.items()
    ]
    plural = (
        "terms of the glossary in the test texts are"
        if facts.terms > 1
        else "term of the glossary in the test texts is"
    )
    return [f"{whole(facts.terms)} {plural} translated as required by {listing(shares, most=len(shares))}."]


def answering(record: Record) -> list[str]:
    """A sentence that says which system answers, and in how many directions or languages; none if that is not known."""
    systems = Counter(record.answers.values()).most_common()
    if not systems:
        return []
    if len(systems) == 1:
        return [f"Its answers come from the {systems[0][0]}."]
    each = part_name(record)
    shares = [f"from the {name} in {count} of {len(record.answers)} {each}s" for name, count in systems]
    return [f"Its answers come {listing(shares, most=len(shares))}."]


def hint_effect(record: Record) -> list[str]:
    """A sentence that says what the neural model makes of its hints, word by word; none for a run without hints."""
    total: Counter[str] = Counter()
    for effect in record.hint_effects:
        total.update(effect.counts)
    if not total["words"]:
        return []
    return [
        f"Word by word: of {whole(total['right'])} words that the phrase table’s hint has right, the model alone keeps "
        f"{whole(total['kept'])} and damages {whole(total['damaged'])}; of {whole(total['wrong'])} wrong ones it leaves out "
        f"{whole(total['mended'])}; it finds {whole(total['found'])} of {whole(total['words'] - total['right'])} words that the hint "
        "lacks."
    ]


def _against_others(record: Record) -> list[str]:
    """The comparisons with the best baseline and with parts of the run."""
    found = []
    best = record.best_baseline
    for system in (best, *(part for part in record.ranked if part.ablation)):
        comparison = record.comparison(system.name) if system else None
        if system is None or comparison is None:
            continue
        name = f"The best baseline, {system.name}," if system is best else f"By comparison, “{system.name}”"
        found.append(_compared(comparison, system, name))
    return found


def _compared(comparison: Comparison, theirs: Baseline, name: str) -> str:
    digits, gain = comparison.digits, comparison.gain[0]
    score = overall(theirs.scores, comparison.score)
    reached = f"{name} reaches {number(score.value, digits) if score else '–'}: "
    bounds = f"interval {interval(*comparison.gain[1:], digits, sign=True)}, {p_value(comparison.p)}"
    if not comparison.clear:
        return f"{reached}the difference of {number(gain, digits, sign=True)} could be chance ({bounds})."
    return f"{reached}this run is {'better' if gain > 0 else 'worse'} by {number(abs(gain), digits)} ({bounds})."


def cautions(record: Record) -> list[str]:
    """Reasons for caution with the numbers, as sentences."""
    found = []
    rows = test_rows(record)
    clusters = (record.score.clusters if record.score else None) or rows
    if record.score and 0 < clusters < FEW_CLUSTERS:
        texts = f"{clusters} test texts"
        if clusters < rows:
            texts = f"{clusters} independent test texts ({rows} rows, but translations of one text count once)"
        found.append(f"Only {texts}: small differences between systems cannot be told from chance.")
    if record.confusion:
        columns = zip(record.confusion.labels, zip(*record.confusion.counts, strict=True), strict=True)
        predicted = [label for label, column in columns if any(column)]
        if len(predicted) == 1 and len(record.confusion.labels) > 1:
            found.append(
                f"The same label is predicted for every text, “{predicted[0]}”: it has not learned to tell labels apart."
            )
    return found
