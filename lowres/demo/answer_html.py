"""Answers as HTML: every text escaped, in its own direction and language, its invisible characters made visible."""

from collections.abc import Sequence

from markupsafe import Markup

from lowres.demo.answers import Answer, Suggestion
from lowres.errors import Problem
from lowres.evaluation.estimator import LEVEL
from lowres.report.formatting import language_of, listing, percent, visible
from lowres.runs.run import Run

MOST_OTHERS = 9
PROBABILITY = "The percentage is the probability of the label."
ESTIMATE = (
    "chrF++ says how much of a translation agrees with one by a speaker, from 0 to 100. Here it is estimated without one; "
    "the true value lies in the interval for about {held} of 100 sentences like those of the test."
)


def about(run: Run) -> Markup:
    """The head of the page: what the run is called, what it was tested to be worth."""
    record = run.record
    score = next((one for one in run.scores if one.name == record.primary_metric and one.language is None), None)
    digits = score.digits if score else 0
    worth = ""
    if score:
        bounds = f"{score.confidence:.0%} interval {score.low:.{digits}f}–{score.high:.{digits}f}"
        worth = f"{score.name} {score.value:.{digits}f} on its test rows, {bounds}. "
    said = f"{worth}Answers are a machine's and may be wrong; speakers know better."
    return Markup('<div class="about"><h1>{}</h1><p>{}</p></div>').format(visible(record.recipe.name), said)


def answer_html(answer: Answer, level: float = LEVEL) -> Markup:
    """The run's answer, then the other suggestions, each with its systems and how sure it is.

    `level` is the share (0–1) of sentences for which the intervals of estimates promise to hold.
    """
    if not answer.suggestions:
        return Markup('<p class="note">{}</p>').format(
            "There is no text yet." if not answer.text else "There is no answer."
        )
    first, *others = answer.suggestions
    parts = [_suggestion(first, answer, "div", "answer")]
    if others:
        items = Markup("").join(_suggestion(one, answer, "li", "other") for one in others[:MOST_OTHERS])
        parts.append(Markup('<ul class="others" aria-label="Other answers">{}</ul>').format(items))
    parts += [Markup('<p class="notice" role="alert">{}</p>').format(visible(notice)) for notice in answer.notices]
    for note in [PROBABILITY] * (first.probability is not None) + [ESTIMATE.format(held=round(100 * level))] * bool(
        first.estimate
    ):
        parts.append(Markup('<p class="note">{}</p>').format(note))
    return Markup("\n").join(parts)


def _suggestion(one: Suggestion, answer: Answer, element: str, kind: str) -> Markup:
    """A suggestion, laid out in the direction of its language; what is said about it stays English."""
    spoken = language_of(answer.languages[-1])
    is_label = len(answer.languages) == 1
    tag, direction = ("und", "auto") if is_label else (spoken.bcp47, spoken.direction)
    block = "ltr" if is_label else direction
    sure = "" if one.probability is None else percent(one.probability)
    if one.estimate:
        sure = f"chrF++ about {one.estimate.value:.0f}, from {one.estimate.low:.0f} to {one.estimate.high:.0f}"
    by = sure if is_label else ", ".join(filter(None, [listing(list(one.systems)), sure]))
    share = one.probability if one.estimate is None else one.estimate.value / 100
    bar = "" if share is None else _bar(share)
    return Markup(
        '<{0} class="{1}" dir="{2}"><p class="words" lang="{3}" dir="{4}">{5}</p><p class="meta"><bdi dir="ltr">{6}</bdi></p>{7}</{0}>'
    ).format(element, kind, block, tag, direction, visible(one.text), by, bar)


def _bar(share: float) -> Markup:
    return Markup('<span class="bar" aria-hidden="true"><i style="width:{:.1f}%"></i></span>').format(100 * share)


def problems_html(problems: Sequence[Problem]) -> Markup:
    """What a speaker has to mend before a correction can be kept."""
    said = Markup("<br>").join(
        f"{one.where.capitalize()} {one.what}{f': {one.hint}' if one.hint else ''}." for one in problems
    )
    return Markup('<p class="notice" role="alert">{}</p>').format(said)


def kept_html(count: int) -> Markup:
    """That a correction was kept, and how many there are."""
    said = f"Kept, thank you. There {'is one correction' if count == 1 else f'are {count} corrections'} now."
    return Markup('<p class="kept" role="status">{}</p>').format(said)
