"""How a translator is evaluated: scores with intervals, simpler methods on the same pairs, and paired comparisons."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial

from lowres.data.corpus import Corpus
from lowres.data.pairs import Pair, pairs
from lowres.errors import Finding
from lowres.evaluation.baselines import BaselineRun, copied, dictionary
from lowres.evaluation.comparison import compare_translations, corrected, transfer_verdict
from lowres.evaluation.estimate_calibration import confidence_facts
from lowres.evaluation.estimator import LEAST, Estimate
from lowres.evaluation.hint_effect import hint_effects
from lowres.evaluation.resampling import Resampling
from lowres.evaluation.term_accuracy import term_accuracy
from lowres.evaluation.translation_scores import PRIMARY_METRIC, sentence_scores, translation_scores
from lowres.planning import Plan
from lowres.record import Comparison, TermFacts, Translation
from lowres.score import ConfidenceFacts, Score
from lowres.tasks.job import Announce, Facts
from lowres.tasks.judgement import Evaluator, resampling_of
from lowres.tasks.translation.hints import Hints
from lowres.tasks.translation.model import Translated, Translator, pairs_to_evaluate, predict_test

EXAMPLES = 20
BETTER = "the phrase table, or it and the model together, did better on dev"
ADVICE = (
    "train more of the model (method: lora with a higher rank, or full) or for more epochs, give more pairs or texts without a "
    "translation (task.back_translation, task.denoise), or choose a base that knows a related language"
)
UNTIL = "; until then translate with the phrase table (ensemble: {phrase_table: auto})"
TOGETHER = "of the run, in which the base chooses among the translations of the phrase table,"
Texts = Sequence[str]


Untuned = Callable[[Plan, Corpus, Sequence[Pair]], Sequence[BaselineRun[tuple[str, ...]]]]


def nothing_untuned(plan: Plan, corpus: Corpus, judged: Sequence[Pair]) -> Sequence[BaselineRun[tuple[str, ...]]]:
    """A base that cannot be asked before it is trained."""
    return ()


def judge(
    translator: Translator, plan: Plan, corpus: Corpus, predictions: Sequence[Translated], announce: Announce,
    untuned: Untuned = nothing_untuned,
) -> Iterator[Facts]:  # fmt: skip
    """Scores with intervals, the scores of simpler methods on the same pairs, and the paired comparisons.

    `untuned` asks the base before any training.
    """
    judged = pairs_to_evaluate(plan, corpus.test, translator)
    evaluator = evaluator_of(judged, resampling_of(plan))
    chosen = [found.translation for found in predictions]
    yield {
        "primary_metric": PRIMARY_METRIC, "scores": evaluator.scores(chosen), "translations": examples(judged, chosen),
        "tested": dict(Counter(pair.direction_name for pair in judged)), "answers": answering(translator, judged),
        "confidence": confidence(translator, judged, predictions, resampling_of(plan)),
        "findings": [*findings(predictions), *unestimated(translator, judged)],
    }  # fmt: skip
    components: list[BaselineRun[tuple[str, ...]]] = []
    alone = chosen  # of the adapted base, without the phrase tables
    if translator.facts.with_phrase_table and translator.translates:
        alone = [found.translation for found in predict_test(translator.without_phrase_tables(), plan, corpus)]
        what = f"the adapted base in all directions; in {len(translator.facts.with_phrase_table)} {BETTER}"
        components.append(BaselineRun("model alone", what, 0.0, tuple(alone)))
    if translator.phrase_tables:
        by_table = Hints(translator.phrase_tables).of(judged)
        what = "aligned words, short phrases and transliterated words, learned from the training pairs"
        components.append(BaselineRun("phrase table alone", what, 0.0, tuple(by_table)))
        if translator.facts.hints:
            names = [pair.direction_name for pair in judged]
            references = [pair.target.fields["text"] for pair in judged]
            yield {"hint_effects": hint_effects(references, by_table, alone, names)}
    systems = {"this run": chosen, **{run.name: run.predictions for run in components}}
    if facts := terms_kept(translator, judged, systems, resampling_of(plan)):
        yield {"glossary": facts}
    elif any(found.terms.translations for found in translator.phrase_tables.values()):
        yield {"findings": [Finding("note", "no term of the glossary stands in the test texts", "task.glossary")]}
    rivals: list[BaselineRun[tuple[str, ...]]] = []
    if plan.recipe.evaluation.baselines:
        announce("baselines")
        rivals = [copied(judged), dictionary(pairs(corpus.train, translator.facts.directions), judged)]
        rivals += untuned(plan, corpus, judged)
    comparisons = {run.name: evaluator.compare_with(run, chosen) for run in (*components, *rivals)}
    simpler = [run for run in (*components, *rivals) if run.name != "model alone"]
    # then the base has a part in what the run adds to the phrase table
    together = bool(translator.facts.reranked) or not translator.translates
    verdict = transfer_verdict(
        [comparison for run in simpler for comparison in evaluator.compare_with(run, chosen if together else alone)],
        TOGETHER if together else "" if alone is chosen else "of the adapted base by itself",
    )
    if verdict.verdict == "hurts":
        until = "" if plan.recipe.ensemble.phrase_table == "auto" else UNTIL
        verdict = verdict.model_copy(update={"advice": ADVICE + until})
    yield {
        "baselines": [evaluator.baseline(run, ablation=run in components) for run in (*components, *rivals)],
        "comparisons": [
            *(comparison for run in components for comparison in comparisons[run.name]),
            *corrected([comparison for run in rivals for comparison in comparisons[run.name]]),
        ],
        "transfer": verdict,
        "others": {run.name: run.predictions for run in (*components, *rivals)},
    }


def answering(translator: Translator, judged: Sequence[Pair]) -> dict[str, str]:
    """The system that answers, by direction."""
    return {pair.direction_name: translator.system(pair.direction) for pair in judged}


def confidence(
    translator: Translator, judged: Sequence[Pair], predictions: Sequence[Translated], resampling: Resampling
) -> ConfidenceFacts | None:
    """How well the confidence of these translations agrees with their chrF++; None where none has any."""
    sure = [number for number, found in enumerate(predictions) if found.interval is not None]
    if not sure:
        return None
    estimates = [Estimate(found.confidence or 0.0, *found.interval) for found in predictions if found.interval]
    references, chosen = [judged[i].target.fields["text"] for i in sure], [predictions[i].translation for i in sure]
    estimators = translator.estimators
    return confidence_facts(
        estimates, sentence_scores(references, chosen), [judged[i].source.cluster for i in sure],
        level=min(found.level for found in estimators.values()), split="test", resampling=resampling,
        fitted_on={system: found.sentences for system, found in estimators.items()},
    )  # fmt: skip


def terms_kept(
    translator: Translator, judged: Sequence[Pair], systems: Mapping[str, Texts], resampling: Resampling
) -> TermFacts | None:
    """How often each system translates the terms of the glossary as it requires; None where the sources hold none."""
    terms = {direction: found.terms for direction, found in translator.phrase_tables.items()}
    sources, directions = [pair.source.fields["text"] for pair in judged], [pair.direction for pair in judged]
    clusters = [pair.source.cluster for pair in judged]
    counted = {
        name: term_accuracy(sources, outputs, directions, terms, clusters, split="test", resampling=resampling)
        for name, outputs in systems.items()
    }
    found = {name: one for name, one in counted.items() if one}
    return (
        TermFacts(terms=found["this run"][0], scores={name: score for name, (_, score) in found.items()})
        if found
        else None
    )


def unestimated(translator: Translator, judged: Sequence[Pair]) -> list[Finding]:
    """Who answers without a confidence, since dev is too small."""
    systems = dict.fromkeys(translator.system(pair.direction) for pair in judged)
    what = f"the answers of the {{}} have no confidence: that takes {LEAST} independent dev sentences which it answers"
    return [Finding("note", what.format(system)) for system in systems if system not in translator.estimators]


def findings(predictions: Sequence[Translated]) -> list[Finding]:
    """What of the test texts was not translated whole."""
    cut = sum(found.truncated for found in predictions)
    what = f"{cut} of {len(predictions)} translations of test reached the greatest length before their end"
    return [Finding("warning", what, "decoding.max_length_ratio")] if cut else []


def evaluator_of(judged: Sequence[Pair], resampling: Resampling) -> Evaluator[Texts]:
    """Evaluates translations of the sources of these pairs."""
    references = [pair.target.fields["text"] for pair in judged]
    directions, clusters = [pair.direction_name for pair in judged], [pair.source.cluster for pair in judged]

    def scores(hypotheses: Texts, *, edits: bool = True) -> list[Score]:
        return translation_scores(
            references, hypotheses, directions, clusters, split="test", resampling=resampling, edits=edits
        )

    def compared(ours: Texts, theirs: Texts, against: str) -> list[Comparison]:
        return compare_translations(
            references, ours, theirs, directions, clusters, against=against, resampling=resampling
        )

    return Evaluator(scores, partial(scores, edits=False), compared)


def examples(judged: Sequence[Pair], chosen: Sequence[str]) -> list[Translation]:
    """Test pairs to look at, from the worst translation to the best in even steps."""
    scores = sentence_scores([pair.target.fields["text"] for pair in judged], chosen)
    order = sorted(range(len(judged)), key=lambda number: (scores[number], judged[number].id))
    stride = max(1.0, len(order) / EXAMPLES)
    return [
        Translation(
            id=judged[i].id, source_language=judged[i].source.language, target_language=judged[i].target.language,
            source=judged[i].source.fields["text"], reference=judged[i].target.fields["text"], translation=chosen[i],
            score=scores[i],
        )
        for i in (order[int(stride * step)] for step in range(min(EXAMPLES, len(order))))
    ]  # fmt: skip
