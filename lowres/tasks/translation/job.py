"""Translation from base to evaluation: an encoder-decoder for one direction or many."""

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
from lowres.recipe.task_section import Translation
from lowres.recipe.training_section import Training
from lowres.statistical.phrases import PhraseTable, learn_phrase_tables
from lowres.tasks.equipping import equip
from lowres.tasks.job import Announce, Job, Round
from lowres.tasks.saved import Rows, common_facts
from lowres.tasks.translation.backtranslation import chosen_texts, translate_back
from lowres.tasks.translation.inputs import usual_length, writable_symbols
from lowres.tasks.translation.judgement import judge
from lowres.tasks.translation.model import (
    Translated,
    Translator,
    TranslatorFacts,
    inputs_of,
    language_marking_of,
    pairs_to_evaluate,
    predict_test,
    restore,
)
from lowres.tasks.translation.objective import TranslationObjective, epoch_rows
from lowres.vocabulary.adapting import Adapted
from lowres.vocabulary.language_tokens import tag_languages

LEAST_PAIRS = 50  # of a direction, before a phrase table is learned from them
CLEAR = 0.5  # chrF++ on dev by which the phrase table must be better to be preferred


def build(adapted: Adapted, base: Any, plan: Plan, corpus: Corpus, accelerator: Accelerator) -> Translator:
    """The base with language tokens, new embedding rows and its method; phrase tables where the recipe wants them."""
    recipe = plan.recipe
    task, language_marking = _task(plan), language_marking_of(plan.checkpoint.architecture.language_marking)
    set_seed(recipe.training.seed)
    chosen = directions(task, corpus.languages)
    spoken = list(dict.fromkeys(tag for direction in chosen for tag in direction))
    tagged = tag_languages(adapted, base, language_marking, spoken, task.init_from, [target for _, target in chosen])
    new_findings = tagged.adapted.findings[len(adapted.findings) :]
    adapted = tagged.adapted
    model = equip(base, adapted, plan, accelerator.device)
    common = common_facts(plan, corpus, adapted)
    symbols = writable_symbols(adapted.tokenizer)
    inputs = inputs_of(
        adapted.tokenizer, model, language_marking, tagged.tags, common["prefix"], common["max_length"], symbols
    )
    known = pairs(corpus.train, chosen)
    wanted = task.hints == "lexicon" or recipe.ensemble.phrase_table == "auto"
    tables = phrase_tables_of(known) if wanted else {}
    longest = min(usual_length(inputs, known), inputs.max_length)
    facts = TranslatorFacts(
        **common, directions=list(chosen), tags=dict(tagged.tags), longest=longest, decoding=recipe.decoding,
        hints=task.hints == "lexicon" and bool(tables), symbols=symbols,
    )  # fmt: skip
    return Translator(model.to(accelerator.device), inputs, facts, accelerator, Rows.of(adapted), tables, new_findings)


def phrase_tables_of(known: Sequence[Pair]) -> dict[tuple[str, str], PhraseTable]:
    """A phrase table for each direction with enough pairs, learned from them in their order."""
    texts: dict[tuple[str, str], list[tuple[str, str]]] = {}
    for pair in known:
        texts.setdefault(pair.direction, []).append((pair.source.fields["text"], pair.target.fields["text"]))
    return learn_phrase_tables({direction: found for direction, found in texts.items() if len(found) >= LEAST_PAIRS})


def _task(plan: Plan) -> Translation:
    assert isinstance(plan.recipe.task, Translation)
    return plan.recipe.task


def objective(
    translator: Translator, plan: Plan, corpus: Corpus, synthetic: Sequence[Pair] = ()
) -> TranslationObjective:
    """Trains on the pairs of train and on synthetic ones, if there are any; the score is that of the dev pairs."""
    task, settings = _task(plan), settings_of(plan, again=bool(synthetic))
    real = pairs(corpus.train, translator.facts.directions)
    train = [*real, *synthetic]
    return TranslationObjective(
        translator.model, translator.inputs, train, pairs_to_evaluate(plan, corpus.dev, translator), translator.accelerator,
        label_smoothing=settings.label_smoothing, epoch_rows=epoch_rows(train, task.temperature, task.max_pairs, settings.seed),
        hints=translator.hints, epochs=settings.epochs, monolingual=unpaired(corpus.train, real, translator.facts.directions),
        denoise=task.denoise, seed=settings.seed, dev_pairs=plan.recipe.evaluation.dev_pairs,
        cache_bytes=int(plan.kept_states_gib * 2**30),
    )  # fmt: skip


def settings_of(plan: Plan, *, again: bool) -> Training:
    """The settings of the first training, or those of a round of back-translation."""
    settings, back = plan.recipe.training, _task(plan).back_translation
    return settings.model_copy(update={"epochs": back.epochs}) if again and back and back.epochs else settings


def rounds(translator: Translator, plan: Plan, corpus: Corpus, announce: Announce) -> Iterator[Round]:
    """Rounds of back-translation, as many as the recipe says, fewer where a round gives the same pairs as the one before, or none."""
    section = _task(plan).back_translation
    if section is None:
        return
    texts = chosen_texts(translator, corpus, section.max_texts, plan.recipe.training.seed)
    before: tuple[Pair, ...] = ()
    for number in range(1, section.rounds + 1):
        announce("back-translation")
        found = translate_back(translator, section, texts, corpus, number)
        if found.pairs == before and number > 1:
            return
        before = found.pairs
        if before:
            announce("training")
        again = objective(translator, plan, corpus, before) if before else None
        yield Round(again, settings_of(plan, again=True), found.judged)


def complete(translator: Translator, plan: Plan, corpus: Corpus, announce: Announce) -> Translator:
    """Let the phrase table answer the directions in which it is clearly better on dev."""
    if plan.recipe.ensemble.phrase_table == "off":
        return translator
    announce("phrase table")
    judged = [
        pair for pair in pairs_to_evaluate(plan, corpus.dev, translator) if pair.direction in translator.phrase_tables
    ]
    predictions = translator.translate(
        [pair.source.fields["text"] for pair in judged], [pair.direction for pair in judged]
    )
    better = []
    for direction in dict.fromkeys(pair.direction for pair in judged):
        numbers = [number for number, pair in enumerate(judged) if pair.direction == direction]
        references = [judged[number].target.fields["text"] for number in numbers]
        name = [judged[numbers[0]].direction_name] * len(numbers)
        model_score = primary_metric(references, [predictions[number].translation for number in numbers], name)
        by_table = [
            translator.phrase_tables[direction].translate(judged[number].source.fields["text"]) for number in numbers
        ]
        if primary_metric(references, by_table, name) > model_score + CLEAR:
            better.append(direction)
    return replace(translator, facts=translator.facts.model_copy(update={"by_phrase_table": better}))


def lines(plan: Plan, corpus: Corpus, predictions: Sequence[Translated]) -> Iterator[Mapping[str, object]]:
    """One line of predictions.jsonl per test pair."""
    judged = pairs(corpus.test, list(dict.fromkeys((found.source, found.target) for found in predictions)))
    for pair, found in zip(judged, predictions, strict=True):
        yield {
            "id": pair.id, "cluster": pair.source.cluster, "source_language": found.source,
            "target_language": found.target, "source": found.text,
            "reference": pair.target.fields["text"], "prediction": found.translation,
        }  # fmt: skip


def sample(translator: Translator, plan: Plan, corpus: Corpus, count: int) -> list[list[str]]:
    """About `count` sources of dev pairs, each with its direction, at even distances."""
    known = pairs_to_evaluate(plan, corpus.dev, translator)
    return [[pair.source.fields["text"], *pair.direction] for pair in known[:: max(1, len(known) // count)][:count]]


def encoder(model: Any) -> nn.Module:
    """The encoder of the encoder-decoder."""
    return model.get_encoder()  # type: ignore[no-any-return]


TRANSLATION = Job(
    load=load_translator, encoder=encoder, build=build, objective=objective, complete=complete, predict=predict_test, lines=lines,
    judge=judge, restore=restore, sample=sample, rounds=rounds,
)  # fmt: skip
