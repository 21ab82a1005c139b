"""The report: a pure function from a record to one self-contained HTML page."""

from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from pathlib import PurePath

from jinja2 import Environment, PackageLoader, StrictUndefined, UndefinedError
from markupsafe import Markup

from lowres.errors import ModelError, Problem
from lowres.record import Record
from lowres.report import formatting, table_rows
from lowres.report.formatting import language_of
from lowres.report.plots import calibration, learning_curve, marker_alone
from lowres.report.verdict import averaged, cautions, part_name, test_rows, verdict
from lowres.score import Score

LARGEST_CONFUSION = 24
EXPLAINED = {
    "macro-F1": "Macro-F1 is the mean over the labels of F1, which is high only if most texts of a label are found "
    "and few others are taken for it. Every label counts the same, however rare; labels without "
    "test texts are left out; 100 is perfect.",
    "bits per character": "Bits per character measure how well the model predicts masked words: 0 if it predicts every word with "
    "certainty; lower is better. They do not depend on the tokenizer, so models with different vocabularies can be compared. The "
    "baselines were scored on the same words.",
    "chrF++": "chrF++ compares each translation with the reference by n-grams of characters and words; of these measures it is "
    "the fairest to languages with many word forms. BLEU counts n-grams of words, TER the edits that would turn the translation "
    "into the reference (lower is better). 100 is perfect for chrF++ and BLEU; good translations of short texts often score 50 to 70.",
}
# The score on dev by which training was judged, where it is not the primary metric.
ON_DEV = {"bits per character": "Probability of a masked character, %,"}
# Reasons why back-translated pairs were left out, in words.
LEFT_OUT = {
    "empty": "with an empty translation",
    "copy": "copied from the source",
    "length": "with an unusual ratio of lengths",
    "round trip": "whose translation back was far from the original",
}
STATUS = {
    "running": "This run has not ended. The page shows what is known so far.",
    "interrupted": "This run was interrupted. The page shows what was known by then.",
    "failed": "This run failed. The page shows what was known by then.",
}


def render(record: Record) -> str:
    """Render the record as one HTML page, which has no scripts, loads nothing, and prints well.

    Every text of the record is escaped, and its control and bidi characters are made visible. Raises ModelError where the facts of
    a record, which may be anybody's, do not fit together.
    """
    try:
        return _page(record)
    except (ArithmeticError, LookupError, TypeError, UndefinedError, ValueError) as error:
        what = f"its facts do not fit together: {error}"
        raise ModelError(Problem("record.json", what, "it was damaged, or changed by hand")) from error


def _page(record: Record) -> str:
    return (
        environment()
        .get_template("page.html")
        .render(
            record=record,
            style=Markup(files("lowres.report").joinpath("page.css").read_text(encoding="utf-8")),
            status=STATUS.get(record.status, ""),
            where=_where(record),
            tags=_tags(record),
            languages=[language_of(tag) for tag in _tags(record)],
            verdict=verdict(record, _where(record)),
            cautions=cautions(record),
            averaged=averaged(record),
            explained=EXPLAINED.get(record.primary_metric, ""),
            left_out=LEFT_OUT,
            each=part_name(record),
            tested=test_rows(record),
            primary_score=record.score,
            measures=table_rows.measures(record),
            systems=table_rows.system_table(record),
            by_language=table_rows.language_table(record),
            by_label=table_rows.label_table(record),
            best_baseline=record.best_baseline,
            mixups=table_rows.mixups(record.confusion, 3 if _small(record) else 20) if record.confusion else [],
            matrix=_small(record),
            curve=_curve(record),
            calibration=_calibration(record),
            wrong=table_rows.pick(record.examples, right=False),
            right=table_rows.pick(record.examples, right=True, most=table_rows.MOST_EXAMPLES // 2),
            data_labels=_labels(record),
            fits=table_rows.fits(record.vocabulary.fertility if record.vocabulary else ()),
            before=table_rows.fits(record.vocabulary.fertility_before if record.vocabulary else ()),
            widest=_widest(record),
            file_name=PurePath(record.recipe.path).name,
            signatures=list(dict.fromkeys(score.signature for score in _all_scores(record))),
            tests=list(dict.fromkeys(comparison.test for comparison in record.comparisons)),
        )
    )


@cache
def environment() -> Environment:
    """Templates in which every text is escaped, and its invisible characters are made visible."""
    environment = Environment(
        loader=PackageLoader("lowres.report", ""),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_shown,
    )
    environment.filters |= {
        "number": formatting.number,
        "whole": formatting.whole,
        "percent": formatting.percent,
        "interval": formatting.interval,
        "duration": formatting.duration,
        "listing": formatting.listing,
        "language_of": language_of,
        "sign": marker_alone,
    }
    return environment


def _shown(value: object) -> object:
    """Make every text of the page visible, except for our own markup."""
    return formatting.visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _tags(record: Record) -> Sequence[str]:
    return record.data.languages if record.data else ()


def _where(record: Record) -> str:
    if record.tested:
        directions = [language_of(direction).name for direction in record.tested]
        one = len(directions) == 1
        return f"from {directions[0].replace(' → ', ' into ')}" if one else f"in {len(directions)} directions"
    names = [language_of(tag).name for tag in _tags(record)]
    if not names:
        return ""
    return f"in {names[0]}" if len(names) == 1 else f"in {len(names)} languages"


def _all_scores(record: Record) -> list[Score]:
    sure = [score for facts in (record.confidence, record.calibration) if facts for score in facts.scores]
    return [*record.scores, *sure, *(record.glossary.scores.values() if record.glossary else ())]


def _calibration(record: Record) -> str:
    """Estimates against the truth: the confidence of translations, the probabilities of labels."""
    if record.confidence:
        return calibration(record.confidence.bins, record.primary_metric)
    return calibration(record.calibration.bins, "share of right labels, %,") if record.calibration else ""


def _small(record: Record) -> bool:
    return record.confusion is not None and len(record.confusion.labels) <= LARGEST_CONFUSION


def _labels(record: Record) -> list[str]:
    """Labels in the order of the model, then any others that occur in the data."""
    known = record.confusion.labels if record.confusion else []
    found = [label for counts in record.data.labels.values() for label in counts] if record.data else []
    return list(dict.fromkeys([*known, *found]))


def _widest(record: Record) -> float:
    """Tokens per word that fill a bar: four, or the most that any language has."""
    return max([4.0, *(fit.tokens_per_word for fit in record.vocabulary.fertility)]) if record.vocabulary else 4.0


def _curve(record: Record) -> Markup:
    if record.training is None or len(record.training.steps) < 2:
        return Markup()
    return learning_curve(
        record.training.steps, record.training.best_update, ON_DEV.get(record.primary_metric, record.primary_metric)
    )
