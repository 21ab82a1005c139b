"""Translation from base to judgement: an encoder-decoder for one direction or many."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from accelerate import Accelerator
from accelerate.utils import set_seed
from torch import nn

from lowres.data.corpus import Corpus, Row
from lowres.data.pairs import Pair, directions, pairs, unpaired
from lowres.evaluation.baselines import BaselineRun
from lowres.evaluation.comparison import compare_translations, transfer_verdict
from lowres.evaluation.record import Baseline, Comparison
from lowres.evaluation.record import Translation as TranslationFact
from lowres.evaluation.scores import Score
from lowres.evaluation.substitution import copied, dictionary
from lowres.evaluation.translation import HEADLINE, headline, sentence_scores, translation_scores
from lowres.jobs.backtranslation import chosen_texts, translate_back
from lowres.jobs.equipping import equip
from lowres.jobs.job import Facts, Job, Round, Say
from lowres.jobs.saved import (
    Rows,
    common_facts,
)
from lowres.jobs.translator import Translated, Translator, TranslatorFacts, marks_of, restore, wording_of
from lowres.models.lexicon import Lexicon, learn_lexicons
from lowres.models.loading import load_translator
from lowres.planning import Plan
from lowres.recipe.sections import Training, Translation
from lowres.tasks.translation import Hints, TranslationObjective, epoch_rows
from lowres.vocabulary.adapting import Adapted
from lowres.vocabulary.rows import keep_head_apart
from lowres.vocabulary.tagging import tag_languages

EXAMPLES = 20
LEAST_PAIRS = 50  # of a direction, before a dictionary is learned from them
CLEAR = 0.5  # chrF++ on dev by which the lexicon must be better to be preferred


def build(adapted: Adapted, base: Any, plan: Plan, corpus: Corpus, accelerator: Accelerator) -> Translator:
    """Base + language tags + new rows + method."""
    recipe = plan.recipe
    task, marks = _task(plan), marks_of(plan.checkpoint.architecture.marks)
    set_seed(recipe.training.seed)
    keep_head_apart(base)
    ways = directions(task, corpus.languages)
    spoken = list(dict.fromkeys(tag for way in ways for tag in way))
    tagged = tag_languages(adapted, base, marks, spoken, task.like)
    adapted = tagged.adapted
    model = equip(base, adapted, plan)
    common = common_facts(plan, corpus, adapted)
    wording = wording_of(adapted.tokenizer, model, marks, tagged.tags, common["prefix"], common["max_pieces"])
    known = pairs(corpus.train, ways)
    wanted = task.hints == "lexicon" or recipe.ensemble.lexicon == "auto"
    longest = max(map(len, wording.plain(sorted({pair.source.fields["text"] for pair in known}))))
    facts = TranslatorFacts(
        **common, directions=list(ways), tags=dict(tagged.tags), longest=longest, decoding=recipe.decoding,
        hints=task.hints == "lexicon",
    )  # fmt: skip
    places = adapted.places if len(adapted.places) else None
    rows = Rows(places, adapted.added)
    return Translator(
        model.to(accelerator.device), wording, facts, accelerator, rows, lexicons_of(known) if wanted else {}
    )


def lexicons_of(known: Sequence[Pair]) -> dict[tuple[str, str], Lexicon]:
    """A lexicon for each direction with enough pairs, its pairs in their order."""
    texts: dict[tuple[str, str], list[tuple[str, str]]] = {}
    for pair in known:
        texts.setdefault(pair.way, []).append((pair.source.fields["text"], pair.target.fields["text"]))
    return learn_lexicons({way: found for way, found in texts.items() if len(found) >= LEAST_PAIRS})


def _task(plan: Plan) -> Translation:
    assert isinstance(plan.recipe.task, Translation)
    return plan.recipe.task


def objective(
    translator: Translator, plan: Plan, corpus: Corpus, synthetic: Sequence[Pair] = ()
) -> TranslationObjective:
    """Train on the pairs of train, and on synthetic ones, if there are any; choose on those of dev."""
    task, settings = _task(plan), settings_of(plan, again=bool(synthetic))
    real = pairs(corpus.train, translator.facts.directions)
    train = [*real, *synthetic]
    return TranslationObjective(
        translator.model, translator.wording, train, tested(plan, corpus.dev, translator), translator.accelerator,
        label_smoothing=settings.label_smoothing, epoch_rows=epoch_rows(train, task.temperature, task.cap, settings.seed),
        hints=translator.hints, epochs=settings.epochs, plain=unpaired(corpus.train, real, translator.facts.directions),
        denoise=task.denoise, seed=settings.seed,
    )  # fmt: skip


def settings_of(plan: Plan, *, again: bool) -> Training:
    """How the model trains at first, and how it trains again."""
    settings, back = plan.recipe.training, _task(plan).back_translation
    return settings.model_copy(update={"epochs": back.epochs}) if again and back and back.epochs else settings


def rounds(translator: Translator, plan: Plan, corpus: Corpus, say: Say) -> Iterator[Round]:
    """Back-translation, as often as the recipe asks; it ends where the model writes what it wrote before, or nothing of use."""
    section = _task(plan).back_translation
    if section is None:
        return
    texts = chosen_texts(translator, corpus, section.most, plan.recipe.training.seed)
    before: tuple[Pair, ...] = ()
    for number in range(1, section.rounds + 1):
        say("back-translation")
        found = translate_back(translator, section, texts, corpus, number)
        if found.pairs == before and number > 1:
            return
        before = found.pairs
        if before:
            say("training")
        lesson = objective(translator, plan, corpus, before) if before else None
        yield Round(lesson, settings_of(plan, again=True), found.judged)


def tested(plan: Plan, rows: Sequence[Row], translator: Translator) -> tuple[Pair, ...]:
    """The pairs of these rows that the recipe wants judged."""
    asked = plan.recipe.evaluation.languages
    return pairs(rows, [way for way in translator.facts.directions if not asked or set(asked) & set(way)])


def complete(translator: Translator, plan: Plan, corpus: Corpus, say: Say) -> Translator:
    """Leave to the lexicon the directions in which it clearly does better on dev."""
    if plan.recipe.ensemble.lexicon == "off":
        return translator
    say("lexicon")
    asked = [pair for pair in tested(plan, corpus.dev, translator) if pair.way in translator.lexicons]
    answers = translator.translate([pair.source.fields["text"] for pair in asked], [pair.way for pair in asked])
    better = []
    for way in dict.fromkeys(pair.way for pair in asked):
        numbers = [number for number, pair in enumerate(asked) if pair.way == way]
        references = [asked[number].target.fields["text"] for number in numbers]
        name = [asked[numbers[0]].direction] * len(numbers)
        mine = headline(references, [answers[number].translation for number in numbers], name)
        words = [translator.lexicons[way].translate(asked[number].source.fields["text"]) for number in numbers]
        if headline(references, words, name) > mine + CLEAR:
            better.append(way)
    return replace(translator, facts=translator.facts.model_copy(update={"by_lexicon": better}))


def answer(translator: Translator, plan: Plan, corpus: Corpus) -> list[Translated]:
    """Translations of the test pairs' sources."""
    asked = tested(plan, corpus.test, translator)
    texts = [pair.source.fields["text"] for pair in asked]
    return translator.translate(texts, [pair.way for pair in asked])


def lines(plan: Plan, corpus: Corpus, answers: Sequence[Translated]) -> Iterator[Mapping[str, object]]:
    """One line per test pair."""
    asked = pairs(corpus.test, list(dict.fromkeys((answer.source, answer.target) for answer in answers)))
    for pair, found in zip(asked, answers, strict=True):
        yield {
            "id": pair.id, "source_language": found.source, "target_language": found.target, "source": found.text,
            "reference": pair.target.fields["text"], "prediction": found.translation,
        }  # fmt: skip


def judge(
    translator: Translator, plan: Plan, corpus: Corpus, answers: Sequence[Translated], say: Say
) -> Iterator[Facts]:
    """Scores with intervals, what copying and word dictionaries score on the same pairs, and the paired comparisons."""
    asked = tested(plan, corpus.test, translator)
    settings, seed = plan.recipe.evaluation, plan.recipe.training.seed
    jury = Jury(asked, settings.confidence, settings.resamples, seed)
    chosen = [found.translation for found in answers]
    yield {
        "headline": HEADLINE, "scores": jury.scores(chosen), "translations": examples(asked, chosen),
        "tested": dict(Counter(jury.directions)),
    }  # fmt: skip
    components: list[BaselineRun] = []
    alone = chosen  # what came of the base, without the lexicon's share
    if translator.facts.by_lexicon:
        alone = [found.translation for found in answer(translator.by_model(), plan, corpus)]
        what = (
            f"the adapted base in all directions; in {len(translator.facts.by_lexicon)} the lexicon did better on dev"
        )
        components.append(BaselineRun("model alone", what, 0.0, tuple(alone)))
    if translator.lexicons:
        words = [Hints(translator.lexicons).hint(pair.source.fields["text"], *pair.way) for pair in asked]
        what = "linked words, short phrases and respelled words, learned from the training pairs"
        components.append(BaselineRun("lexicon alone", what, 0.0, tuple(words)))
    rivals: list[BaselineRun] = []
    if settings.baselines:
        say("baselines")
        rivals = [copied(asked), dictionary(pairs(corpus.train, translator.facts.directions), asked)]
    comparisons = {run.name: jury.against(run, chosen) for run in (*components, *rivals)}
    simpler = [run for run in (*components, *rivals) if run.name != "model alone"]
    verdict = transfer_verdict([comparison for run in simpler for comparison in jury.against(run, alone)])
    if alone is not chosen:
        verdict = verdict.model_copy(update={"why": f"of the adapted base by itself, {verdict.why}"})
    yield {
        "baselines": [jury.baseline(run, part=run in components) for run in (*components, *rivals)],
        "comparisons": [comparison for found in comparisons.values() for comparison in found],
        "transfer": verdict,
    }


@dataclass(frozen=True)
class Jury:
    """Judges every system on the same pairs with the same settings."""

    pairs: Sequence[Pair]
    confidence: float
    resamples: int
    seed: int

    @property
    def references(self) -> list[str]:
        """True translations."""
        return [pair.target.fields["text"] for pair in self.pairs]

    @property
    def directions(self) -> list[str]:
        return [pair.direction for pair in self.pairs]

    @property
    def groups(self) -> list[str]:
        return [pair.source.group for pair in self.pairs]

    def scores(self, hypotheses: Sequence[str], *, edits: bool = True) -> list[Score]:
        """Every score of one system."""
        return translation_scores(
            self.references, hypotheses, self.directions, self.groups, split="test", confidence=self.confidence,
            resamples=self.resamples, seed=self.seed, edits=edits,
        )  # fmt: skip

    def baseline(self, run: BaselineRun, *, part: bool) -> Baseline:
        """A simpler system, or a part of this one, and its scores."""
        return Baseline(
            name=run.name,
            description=run.description,
            seconds=run.seconds,
            scores=self.scores(run.predictions, edits=False),
            part=part,
        )

    def against(self, run: BaselineRun, hypotheses: Sequence[str]) -> list[Comparison]:
        """The translations against those of another system, paired."""
        return compare_translations(
            self.references, hypotheses, run.predictions, self.directions, self.groups, against=run.name,
            confidence=self.confidence, resamples=self.resamples, seed=self.seed,
        )  # fmt: skip


def examples(asked: Sequence[Pair], chosen: Sequence[str]) -> list[TranslationFact]:
    """Test pairs to look at, from the worst translation to the best in even steps."""
    scores = sentence_scores([pair.target.fields["text"] for pair in asked], chosen)
    order = sorted(range(len(asked)), key=lambda number: (scores[number], asked[number].id))
    stride = max(1.0, len(order) / EXAMPLES)
    return [
        TranslationFact(
            id=asked[i].id, source_language=asked[i].source.language, target_language=asked[i].target.language,
            source=asked[i].source.fields["text"], reference=asked[i].target.fields["text"], translation=chosen[i],
            score=scores[i],
        )
        for i in (order[int(stride * step)] for step in range(min(EXAMPLES, len(order))))
    ]  # fmt: skip


def sample(translator: Translator, plan: Plan, corpus: Corpus, count: int) -> list[list[str]]:
    """Sources of some dev pairs with their directions."""
    known = tested(plan, corpus.dev, translator)
    return [[pair.source.fields["text"], *pair.way] for pair in known[:: max(1, len(known) // count)][:count]]


def encoder(model: Any) -> nn.Module:
    """The part that reads."""
    return model.get_encoder()  # type: ignore[no-any-return]


TRANSLATION = Job(
    load=load_translator, encoder=encoder, build=build, objective=objective, complete=complete, answer=answer, lines=lines,
    judge=judge, restore=restore, sample=sample, rounds=rounds,
)  # fmt: skip
