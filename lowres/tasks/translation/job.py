"""Translation from base to judgement: an encoder-decoder for one direction or many."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from accelerate import Accelerator
from accelerate.utils import set_seed
from torch import nn

from lowres.data.corpus import Corpus
from lowres.data.pairs import Pair, directions, pairs, unpaired
from lowres.evaluation.translation_scores import primary_metric
from lowres.models.loading import load_translator
from lowres.planning import Plan
from lowres.recipe.sections import Training, Translation
from lowres.statistical.phrases import PhraseTable, learn_phrase_tables
from lowres.tasks.equipping import equip
from lowres.tasks.job import Job, Round, Say
from lowres.tasks.saved import Rows, common_facts
from lowres.tasks.translation.backtranslation import chosen_texts, translate_back
from lowres.tasks.translation.judgement import judge
from lowres.tasks.translation.model import (
    Translated,
    Translator,
    TranslatorFacts,
    answer,
    inputs_of,
    marking_of,
    restore,
    tested,
)
from lowres.tasks.translation.objective import TranslationObjective, epoch_rows
from lowres.vocabulary.adapting import Adapted
from lowres.vocabulary.embeddings import keep_head_apart
from lowres.vocabulary.language_tokens import tag_languages

LEAST_PAIRS = 50  # of a direction, before a dictionary is learned from them
CLEAR = 0.5  # chrF++ on dev by which the lexicon must be better to be preferred


def build(adapted: Adapted, base: Any, plan: Plan, corpus: Corpus, accelerator: Accelerator) -> Translator:
    """Base + language tags + new rows + method."""
    recipe = plan.recipe
    task, language_marking = _task(plan), marking_of(plan.checkpoint.architecture.language_marking)
    set_seed(recipe.training.seed)
    keep_head_apart(base)
    ways = directions(task, corpus.languages)
    spoken = list(dict.fromkeys(tag for way in ways for tag in way))
    tagged = tag_languages(adapted, base, language_marking, spoken, task.init_from)
    adapted = tagged.adapted
    model = equip(base, adapted, plan)
    common = common_facts(plan, corpus, adapted)
    inputs = inputs_of(adapted.tokenizer, model, language_marking, tagged.tags, common["prefix"], common["max_length"])
    known = pairs(corpus.train, ways)
    wanted = task.hints == "lexicon" or recipe.ensemble.phrase_table == "auto"
    longest = max(map(len, inputs.plain(sorted({pair.source.fields["text"] for pair in known}))))
    facts = TranslatorFacts(
        **common, directions=list(ways), tags=dict(tagged.tags), longest=longest, decoding=recipe.decoding,
        hints=task.hints == "lexicon",
    )  # fmt: skip
    places = adapted.places if len(adapted.places) else None
    rows = Rows(places, adapted.added)
    return Translator(
        model.to(accelerator.device), inputs, facts, accelerator, rows, phrase_tables_of(known) if wanted else {}
    )


def phrase_tables_of(known: Sequence[Pair]) -> dict[tuple[str, str], PhraseTable]:
    """A lexicon for each direction with enough pairs, its pairs in their order."""
    texts: dict[tuple[str, str], list[tuple[str, str]]] = {}
    for pair in known:
        texts.setdefault(pair.direction, []).append((pair.source.fields["text"], pair.target.fields["text"]))
    return learn_phrase_tables({way: found for way, found in texts.items() if len(found) >= LEAST_PAIRS})


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
        translator.model, translator.inputs, train, tested(plan, corpus.dev, translator), translator.accelerator,
        label_smoothing=settings.label_smoothing, epoch_rows=epoch_rows(train, task.temperature, task.max_pairs, settings.seed),
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
    texts = chosen_texts(translator, corpus, section.max_texts, plan.recipe.training.seed)
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


def complete(translator: Translator, plan: Plan, corpus: Corpus, say: Say) -> Translator:
    """Leave to the lexicon the directions in which it clearly does better on dev."""
    if plan.recipe.ensemble.phrase_table == "off":
        return translator
    say("lexicon")
    asked = [pair for pair in tested(plan, corpus.dev, translator) if pair.direction in translator.phrase_tables]
    answers = translator.translate([pair.source.fields["text"] for pair in asked], [pair.direction for pair in asked])
    better = []
    for way in dict.fromkeys(pair.direction for pair in asked):
        numbers = [number for number, pair in enumerate(asked) if pair.direction == way]
        references = [asked[number].target.fields["text"] for number in numbers]
        name = [asked[numbers[0]].direction_name] * len(numbers)
        mine = primary_metric(references, [answers[number].translation for number in numbers], name)
        words = [translator.phrase_tables[way].translate(asked[number].source.fields["text"]) for number in numbers]
        if primary_metric(references, words, name) > mine + CLEAR:
            better.append(way)
    return replace(translator, facts=translator.facts.model_copy(update={"by_phrase_table": better}))


def lines(plan: Plan, corpus: Corpus, answers: Sequence[Translated]) -> Iterator[Mapping[str, object]]:
    """One line per test pair."""
    asked = pairs(corpus.test, list(dict.fromkeys((answer.source, answer.target) for answer in answers)))
    for pair, found in zip(asked, answers, strict=True):
        yield {
            "id": pair.id, "cluster": pair.source.cluster, "source_language": found.source,
            "target_language": found.target, "source": found.text,
            "reference": pair.target.fields["text"], "prediction": found.translation,
        }  # fmt: skip


def sample(translator: Translator, plan: Plan, corpus: Corpus, count: int) -> list[list[str]]:
    """Sources of some dev pairs with their directions."""
    known = tested(plan, corpus.dev, translator)
    return [[pair.source.fields["text"], *pair.direction] for pair in known[:: max(1, len(known) // count)][:count]]


def encoder(model: Any) -> nn.Module:
    """The part that reads."""
    return model.get_encoder()  # type: ignore[no-any-return]


TRANSLATION = Job(
    load=load_translator, encoder=encoder, build=build, objective=objective, complete=complete, answer=answer, lines=lines,
    judge=judge, restore=restore, sample=sample, rounds=rounds,
)  # fmt: skip
