"""How a translator is judged: scores with intervals, simpler methods on the same pairs, and the paired comparisons."""

from collections import Counter
from collections.abc import Iterator, Sequence
from functools import partial

from lowres.data.corpus import Corpus
from lowres.data.pairs import Pair, pairs
from lowres.evaluation.baselines import BaselineRun, copied, dictionary
from lowres.evaluation.comparison import compare_translations, corrected, transfer_verdict
from lowres.evaluation.resampling import Resampling
from lowres.evaluation.translation_scores import PRIMARY_METRIC, sentence_scores, translation_scores
from lowres.planning import Plan
from lowres.record import Comparison, Score, Translation
from lowres.tasks.job import Facts, Say
from lowres.tasks.judgement import Jury, resampling_of
from lowres.tasks.translation.hints import Hints
from lowres.tasks.translation.model import Translated, Translator, answer, tested

EXAMPLES = 20
Texts = Sequence[str]


def judge(
    translator: Translator, plan: Plan, corpus: Corpus, answers: Sequence[Translated], say: Say
) -> Iterator[Facts]:
    """Scores with intervals, what copying and word dictionaries score on the same pairs, and the paired comparisons."""
    asked = tested(plan, corpus.test, translator)
    jury = jury_of(asked, resampling_of(plan))
    chosen = [found.translation for found in answers]
    yield {
        "primary_metric": PRIMARY_METRIC, "scores": jury.scores(chosen), "translations": examples(asked, chosen),
        "tested": dict(Counter(pair.direction_name for pair in asked)),
    }  # fmt: skip
    components: list[BaselineRun[tuple[str, ...]]] = []
    alone = chosen  # what came of the base, without the lexicon's share
    if translator.facts.by_phrase_table:
        alone = [found.translation for found in answer(translator.by_model(), plan, corpus)]
        what = f"the adapted base in all directions; in {len(translator.facts.by_phrase_table)} the lexicon did better on dev"
        components.append(BaselineRun("model alone", what, 0.0, tuple(alone)))
    if translator.phrase_tables:
        words = [Hints(translator.phrase_tables).hint(pair.source.fields["text"], *pair.direction) for pair in asked]
        what = "linked words, short phrases and respelled words, learned from the training pairs"
        components.append(BaselineRun("lexicon alone", what, 0.0, tuple(words)))
    rivals: list[BaselineRun[tuple[str, ...]]] = []
    if plan.recipe.evaluation.baselines:
        say("baselines")
        rivals = [copied(asked), dictionary(pairs(corpus.train, translator.facts.directions), asked)]
    comparisons = {run.name: jury.against(run, chosen) for run in (*components, *rivals)}
    simpler = [run for run in (*components, *rivals) if run.name != "model alone"]
    verdict = transfer_verdict([comparison for run in simpler for comparison in jury.against(run, alone)])
    if alone is not chosen:
        verdict = verdict.model_copy(update={"why": f"of the adapted base by itself, {verdict.why}"})
    yield {
        "baselines": [jury.baseline(run, ablation=run in components) for run in (*components, *rivals)],
        "comparisons": [
            *(comparison for run in components for comparison in comparisons[run.name]),
            *corrected([comparison for run in rivals for comparison in comparisons[run.name]]),
        ],
        "transfer": verdict,
    }


def jury_of(asked: Sequence[Pair], resampling: Resampling) -> Jury[Texts]:
    """Judges translations of the sources of these pairs."""
    references = [pair.target.fields["text"] for pair in asked]
    directions, clusters = [pair.direction_name for pair in asked], [pair.source.cluster for pair in asked]

    def scores(hypotheses: Texts, *, edits: bool = True) -> list[Score]:
        return translation_scores(
            references, hypotheses, directions, clusters, split="test", resampling=resampling, edits=edits
        )

    def compared(ours: Texts, theirs: Texts, against: str) -> list[Comparison]:
        return compare_translations(
            references, ours, theirs, directions, clusters, against=against, resampling=resampling
        )

    return Jury(scores, partial(scores, edits=False), compared)


def examples(asked: Sequence[Pair], chosen: Sequence[str]) -> list[Translation]:
    """Test pairs to look at, from the worst translation to the best in even steps."""
    scores = sentence_scores([pair.target.fields["text"] for pair in asked], chosen)
    order = sorted(range(len(asked)), key=lambda number: (scores[number], asked[number].id))
    stride = max(1.0, len(order) / EXAMPLES)
    return [
        Translation(
            id=asked[i].id, source_language=asked[i].source.language, target_language=asked[i].target.language,
            source=asked[i].source.fields["text"], reference=asked[i].target.fields["text"], translation=chosen[i],
            score=scores[i],
        )
        for i in (order[int(stride * step)] for step in range(min(EXAMPLES, len(order))))
    ]  # fmt: skip
