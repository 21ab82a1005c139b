"""Translation from base to evaluation: an encoder-decoder for one direction or many."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from accelerate import Accelerator
from accelerate.utils import set_seed
from torch import nn

from lowres.data.corpus import Corpus
from lowres.data.pairs import Direction, Pair, directions, pairs, spread_over_directions, unpaired
from lowres.evaluation.translation_scores import score_of
from lowres.models.loading import load_translator
from lowres.planning import Plan
from lowres.recipe.task_section import BackTranslation, Translation
from lowres.recipe.training_section import Training
from lowres.tasks.equipping import equip
from lowres.tasks.job import Announce, Facts, Job, Once, Round
from lowres.tasks.saved import Rows, common_facts
from lowres.tasks.translation.backtranslation import BackTranslated, chosen_texts, translate_back
from lowres.tasks.translation.hints import Hints
from lowres.tasks.translation.inputs import writable_symbols
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
from lowres.tasks.translation.phrase_tables import phrase_tables_of
from lowres.tasks.translation.quality_estimation import Evidence, fitted
from lowres.tasks.translation.reranking import (
    NOTHING_PROPOSED,
    Proposals,
    asked_of,
    best,
    best_weight,
    proposals,
)
from lowres.tasks.translation.segments import usual_length
from lowres.vocabulary.adapting import Adapted
from lowres.vocabulary.language_tokens import tag_languages

MOST_ESTIMATED = 1000  # dev pairs from which is learned how sure an answer is, where they need not be translated anyway
CLEAR = 0.5  # chrF++ on dev by which the phrase table, or both together, must be better to be preferred


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
    tables = phrase_tables_of(known, corpus.glossary) if wanted else {}
    longest = min(usual_length(known, inputs.lengths), inputs.max_length)
    facts = TranslatorFacts(
        **common, directions=list(chosen), tags=dict(tagged.tags), longest=longest, decoding=recipe.decoding,
        hints=task.hints == "lexicon" and bool(tables), symbols=symbols,
    )  # fmt: skip
    return Translator(
        model.to(accelerator.device), inputs, facts, accelerator, Rows.of(adapted), tables, new_findings,
        glossary=corpus.glossary,
    )  # fmt: skip


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


def rounds(
    translator: Translator, plan: Plan, corpus: Corpus, announce: Announce, once: Once
) -> Iterator[Round] | None:
    """Rounds of back-translation, as many as the recipe says, fewer where a round gives the same pairs as the one before, or none.

    What a round has written is not written again after an interruption.
    """
    section = _task(plan).back_translation
    return None if section is None else _rounds(translator, section, plan, corpus, announce, once)


def _rounds(
    translator: Translator, section: BackTranslation, plan: Plan, corpus: Corpus, announce: Announce, once: Once
) -> Iterator[Round]:
    texts = chosen_texts(translator, corpus, section.max_texts, plan.recipe.training.seed)
    before: tuple[Pair, ...] = ()

    def made(number: int) -> Facts:
        announce("back-translation")
        return translate_back(translator, section, texts, corpus, number).dump()

    for number in range(1, section.rounds + 1):
        found = BackTranslated.read(once(f"back-translation {number}", partial(made, number)), texts)
        if found.pairs == before and number > 1:
            return
        before = found.pairs
        again = partial(objective, translator, plan, corpus, before) if before else None
        yield Round(again, settings_of(plan, again=True), found.judged)


def complete(translator: Translator, plan: Plan, corpus: Corpus, announce: Announce) -> Translator:
    """Let the phrase table, or it and the model together, answer where dev says so, and learn how sure an answer is."""
    announce("phrase table" if plan.recipe.ensemble.phrase_table == "auto" else "confidence")
    judged = _judged(translator, plan, corpus)
    answers, evidence = _answers(translator, judged if translator.translates else ())
    if plan.recipe.ensemble.phrase_table == "auto":
        most = plan.recipe.ensemble.rerank
        asked = [pair for pair in judged if pair.direction in translator.phrase_tables]
        proposed = proposals(translator, asked, most) if most else {}
        translator = _decided(translator, judged, answers, proposed, most)
        own = dict(enumerate(zip(answers, evidence, strict=True)))
        others = [number for number, pair in enumerate(judged) if pair.direction in translator.facts.with_phrase_table]
        found = zip(*_answers(translator, [judged[i] for i in others], proposed), strict=True)
        own |= dict(zip(others, found, strict=True))
        answers, evidence = map(list, zip(*(own[number] for number in range(len(judged))), strict=True))
    systems = [translator.system(pair.direction) for pair in judged]
    return replace(translator, estimators=fitted(judged, answers, evidence, systems, plan.recipe.training.seed))


def _judged(translator: Translator, plan: Plan, corpus: Corpus) -> list[Pair]:
    """The dev pairs that decide who answers, and a limited number of those where nothing is to be decided."""
    known = pairs_to_evaluate(plan, corpus.dev, translator)
    decides = translator.phrase_tables if plan.recipe.ensemble.phrase_table == "auto" else ()
    others = spread_over_directions([pair for pair in known if pair.direction not in decides], MOST_ESTIMATED)
    return [*(pair for pair in known if pair.direction in decides), *others]


def _answers(
    translator: Translator, judged: Sequence[Pair], proposed: Proposals = NOTHING_PROPOSED
) -> tuple[list[str], list[Evidence]]:
    found, evidence = translator.translate_with_evidence(
        [pair.source.fields["text"] for pair in judged], [pair.direction for pair in judged], proposed
    )
    return [one.translation for one in found], evidence


def _decided(
    translator: Translator, judged: Sequence[Pair], answers: Sequence[str], proposed: Proposals, most: int
) -> Translator:
    """The translator that knows who answers in each direction: the model, unless another system is clearly better on these pairs.

    The others are the phrase table and, where the model may choose among `most` of its translations, both together: `proposed` has
    them. Without answers of the model, one of these two.
    """
    asked = [pair for pair in judged if pair.direction in translator.phrase_tables]
    systems: dict[str, Sequence[str]] = {"phrase table": Hints(translator.phrase_tables).of(asked)}
    weight = 0.0
    if most:
        weight = best_weight(asked, proposed)
        systems["both"] = [best(proposed[asked_of(pair)], weight) for pair in asked]
    if answers:
        systems["model"] = [
            one for pair, one in zip(judged, answers, strict=True) if pair.direction in translator.phrase_tables
        ]
    who: dict[str, list[Direction]] = {"phrase table": [], "both": [], "model": []}
    for direction in dict.fromkeys(pair.direction for pair in asked):
        own = [number for number, pair in enumerate(asked) if pair.direction == direction]
        pairs_of_it = [asked[i] for i in own]
        scores = {name: score_of(pairs_of_it, [found[i] for i in own]) for name, found in systems.items()}
        if "model" in scores:
            scores["model"] += CLEAR
        who[max(scores, key=scores.__getitem__)].append(direction)
    decided = {
        "by_phrase_table": who["phrase table"],
        "reranked": who["both"],
        "rerank_weight": weight,
        "candidates": most,
    }
    return replace(translator, facts=translator.facts.model_copy(update=decided))


def lines(plan: Plan, corpus: Corpus, predictions: Sequence[Translated]) -> Iterator[Mapping[str, object]]:
    """One line of predictions.jsonl per test pair."""
    judged = pairs(corpus.test, list(dict.fromkeys((found.source, found.target) for found in predictions)))
    for pair, found in zip(judged, predictions, strict=True):
        sure = {} if found.confidence is None else {"confidence": found.confidence, "interval": found.interval}
        yield {
            "id": pair.id, "cluster": pair.source.cluster, "source_language": found.source,
            "target_language": found.target, "source": found.text,
            "reference": pair.target.fields["text"], "prediction": found.translation, **sure,
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
