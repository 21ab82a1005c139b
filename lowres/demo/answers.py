"""What a run answers to one text: its own answer first, then what else it and its phrase table propose."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from lowres.errors import ModelError, Problem
from lowres.evaluation.estimator import Estimate
from lowres.languages import normalise
from lowres.languages.placeholders import missing_placeholders
from lowres.runs.run import Run

MODEL, PHRASE_TABLE = "model", "phrase table"
ANSWERING = {MODEL: (MODEL,), PHRASE_TABLE: (PHRASE_TABLE,), "phrase table and model": (PHRASE_TABLE, MODEL)}
Languages = tuple[str, ...]  # source and target of a translator, the language of a classifier's texts


@dataclass(frozen=True)
class Suggestion:
    """A translation or a label, and the systems that propose it.

    A label has a probability (0–1). The run's own translation has an estimate of its chrF++ (0–100) with an interval, where the run
    has learned to estimate; no other translation has one, since the estimate is for what the run answers.
    """

    text: str
    systems: tuple[str, ...]
    probability: float | None = None
    estimate: Estimate | None = None


@dataclass(frozen=True)
class Answer:
    """A text in NFC with its languages and what is suggested for it, the run's own answer first; none for an empty text."""

    text: str
    languages: Languages
    suggestions: tuple[Suggestion, ...]
    notices: tuple[str, ...] = ()


def languages_of(run: Run) -> list[Languages]:
    """The directions of a translator, or the languages of a classifier. Raises ModelError for a run of another kind."""
    return _kind(run).languages(run.predictor)


def labels_of(run: Run) -> tuple[str, ...]:
    """The labels of a classifier; none for a translator."""
    return tuple(run.predictor.facts.labels) if run.predictor.facts.task == "classification" else ()


def answer(run: Run, text: str, languages: Languages) -> Answer:
    """Ask a run. Raises ModelError for languages that it does not know."""
    kind, text = _kind(run), normalise(text)
    if languages not in kind.languages(run.predictor):
        known = ", ".join("→".join(one) for one in kind.languages(run.predictor))
        raise ModelError(Problem("language", f"this run does not know {'→'.join(languages)}", f"one of {known}"))
    return kind.answer(run.predictor, text, languages) if text else Answer(text, languages, ())


def _translation(translator: Any, text: str, direction: Languages) -> Answer:
    system = translator.system(direction)
    if len(translator.segments(text, direction)) > 1:
        (found,) = translator.estimated([text], [direction])
        sure = Estimate(found.confidence, *found.interval) if found.interval else None
        whole = (Suggestion(found.translation, ANSWERING[system], estimate=sure),)
        cut = ["the end of a part was not written"] * found.truncated
        return Answer(
            text, direction, whole, (f"a long text, translated in {found.parts} parts", *cut, *_lost(text, whole))
        )
    searched = translator.hypotheses(text, direction)
    found_by = (MODEL,) if translator.translates else (PHRASE_TABLE, MODEL)
    by_model = [Suggestion(one.text, found_by) for one in searched]
    table = translator.phrase_tables.get(direction)
    by_phrases = [Suggestion(table.translate(text), (PHRASE_TABLE,))] if table else []
    given = by_phrases if system == PHRASE_TABLE else by_model[:1]
    if len(ANSWERING[system]) > 1:
        given = [Suggestion(one.translation, ANSWERING[system]) for one in translator.translate([text], [direction])]
    suggestions = _merged([*given, *by_phrases, *by_model])
    if suggestions:
        sure = translator.estimate(text, direction, suggestions[0].text)
        suggestions = (replace(suggestions[0], estimate=sure), *suggestions[1:])
    cut = ["the translation was not finished"] * (searched[0].truncated and system == MODEL)
    return Answer(text, direction, suggestions, (*cut, *_lost(text, suggestions)))


def _merged(suggestions: Sequence[Suggestion]) -> tuple[Suggestion, ...]:
    """Each text once, with all systems that propose it."""
    found: dict[str, Suggestion] = {}
    for one in suggestions:
        if one.text and one.text in found:
            before = found[one.text]
            found[one.text] = replace(before, systems=tuple(dict.fromkeys((*before.systems, *one.systems))))
        elif one.text:
            found[one.text] = one
    return tuple(found.values())


def _lost(text: str, suggestions: Sequence[Suggestion]) -> list[str]:
    """What the first suggestion lacks of the text's markup, addresses and placeholders."""
    lost = missing_placeholders(text, suggestions[0].text) if suggestions else ()
    return [f"missing from the translation: {', '.join(lost)}"] if lost else []


def _classification(classifier: Any, text: str, languages: Languages) -> Answer:
    (found,) = classifier.predict([text], language=languages[0])
    ranked = sorted(found.probabilities.items(), key=lambda item: -item[1])
    cut = ("the text is longer than the model reads: its end has no part in the answer",) * found.truncated
    return Answer(text, languages, tuple(Suggestion(label, (MODEL,), share) for label, share in ranked), cut)


@dataclass(frozen=True)
class _Kind:
    """How a predictor of one kind of task says its languages, and answers."""

    languages: Callable[[Any], list[Languages]]
    answer: Callable[[Any, str, Languages], Answer]


_KINDS: Mapping[str, _Kind] = {
    "translation": _Kind(lambda translator: [(s, t) for s, t in translator.facts.directions], _translation),
    "classification": _Kind(lambda classifier: [(tag,) for tag in classifier.facts.languages], _classification),
}


def _kind(run: Run) -> _Kind:
    task = str(run.predictor.facts.task)
    if task not in _KINDS:
        what = f"is a run of {task}, and the demo shows translators and classifiers"
        raise ModelError(Problem(str(run.folder), what, f'lowres predict {run.folder} "…" answers in the terminal'))
    return _KINDS[task]
