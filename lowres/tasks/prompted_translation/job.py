"""Translation with a decoder, from base to evaluation."""

from collections.abc import Hashable, Iterator, Sequence
from functools import partial
from typing import Any

from accelerate import Accelerator
from accelerate.utils import set_seed

from lowres.data.corpus import Corpus
from lowres.data.pairs import Pair, directions, pairs, spread_over_directions, unpaired
from lowres.errors import Finding, ModelError, Problem
from lowres.evaluation.baselines import BaselineRun
from lowres.evaluation.translation_scores import score_of
from lowres.languages.codes import translation_request
from lowres.models.frames import Frame
from lowres.models.loading import load_decoder
from lowres.planning import Plan
from lowres.recipe.task_section import Translation
from lowres.tasks.equipping import equip
from lowres.tasks.generation.few_shot import Asked, few_shot
from lowres.tasks.generation.objective import AnswerObjective
from lowres.tasks.job import Job
from lowres.tasks.prompted_translation.inputs import INPUTS, EncodedPairs, encode_pairs, encode_texts
from lowres.tasks.prompted_translation.model import PromptedTranslator, restore
from lowres.tasks.saved import Rows, common_facts
from lowres.tasks.translation.job import complete, lines, sample
from lowres.tasks.translation.judgement import judge
from lowres.tasks.translation.model import TranslatorFacts, pairs_to_evaluate, predict_test
from lowres.tasks.translation.objective import epoch_rows
from lowres.tasks.translation.phrase_tables import phrase_tables_of
from lowres.tasks.translation.reranking import asked_of, best, best_weight, proposals
from lowres.tasks.translation.segments import usual_length
from lowres.vocabulary.adapting import Adapted


def build(adapted: Adapted, base: Any, plan: Plan, corpus: Corpus, accelerator: Accelerator) -> PromptedTranslator:
    """The base with its new embedding rows and its method; phrase tables where the recipe wants them.

    Raises ModelError where no source of train fits into training.max_length with the prompt around it.
    """
    recipe, task = plan.recipe, _task(plan)
    set_seed(recipe.training.seed)
    chosen = directions(task, corpus.languages)
    model = equip(base, adapted, plan, accelerator.device)
    common = common_facts(plan, corpus, adapted)
    prompts = INPUTS[task.objective](Frame(adapted.tokenizer), common["max_length"], plan.checkpoint.positions)
    known = pairs(corpus.train, chosen)
    wanted = task.hints == "lexicon" or recipe.ensemble.phrase_table == "auto"
    tables = phrase_tables_of(known, corpus.glossary) if wanted else {}
    lengths = [prompts.lengths([pair.source.fields["text"]], *pair.direction)[0] for pair in known]
    if not task.only_chooses and min(lengths) > prompts.max_length:
        what = f"{prompts.max_length} tokens are too few: the shortest source of train takes {min(lengths)}, with the prompt around it"
        raise ModelError(Problem("training.max_length", what, f"raise it to {min(lengths) + 64} or more"))
    # What only chooses among texts ends none of them too early.
    usual = max(lengths) if task.only_chooses else usual_length(known, prompts.lengths)
    facts = TranslatorFacts(
        **common, directions=list(chosen), tags={}, longest=min(usual, prompts.max_length), decoding=recipe.decoding,
        hints=task.hints == "lexicon" and not task.only_chooses and bool(tables), objective=task.objective,
    )  # fmt: skip
    return PromptedTranslator(
        model.to(accelerator.device), prompts, facts, accelerator, Rows.of(adapted), tables, glossary=corpus.glossary
    )


def _task(plan: Plan) -> Translation:
    assert isinstance(plan.recipe.task, Translation)
    return plan.recipe.task


def objective(translator: PromptedTranslator, plan: Plan, corpus: Corpus) -> AnswerObjective:
    """Trains on the translations of train alone, not on the prompts; the score is that of the dev pairs."""
    task, settings = _task(plan), plan.recipe.training
    train = pairs(corpus.train, translator.facts.directions)
    if not translator.translates:
        return _language_modelling(translator, plan, corpus, train)
    hints = translator.hints.of_train(train, range(len(train))) if translator.hints else None
    encoded = encode_pairs(translator.prompts, train, hints)
    known = pairs_to_evaluate(plan, corpus.dev, translator)
    dev = spread_over_directions(known, plan.recipe.evaluation.dev_pairs)
    return AnswerObjective(
        translator.model, translator.tokenizer.pad_token_id, encoded.examples, translator.accelerator,
        label_smoothing=settings.label_smoothing, epoch_rows=epoch_rows(train, task.temperature, task.max_pairs, settings.seed),
        score=partial(score, translator, dev), findings=[*_truncations(encoded, settings.max_length), *_chosen_on(dev, known)],
    )  # fmt: skip


def _language_modelling(
    translator: PromptedTranslator, plan: Plan, corpus: Corpus, train: Sequence[Pair]
) -> AnswerObjective:
    """Trains on all texts of train in the target languages; the score is that of the translations that it then chooses for dev.

    Label smoothing would distort the likelihood, so it is off unless training.label_smoothing is given.
    """
    settings, most = plan.recipe.training, plan.recipe.ensemble.rerank
    alone = unpaired(corpus.train, train, translator.facts.directions)
    texts = [row.fields["text"] for row in (*(pair.target for pair in train), *alone)]
    examples = encode_texts(translator.prompts, texts)
    known = pairs_to_evaluate(plan, corpus.dev, translator)
    dev = spread_over_directions(known, plan.recipe.evaluation.dev_pairs)

    def chosen_score() -> float:
        found = proposals(translator, dev, most)
        weight = best_weight(dev, found)
        return score_of(dev, [best(found[asked_of(pair)], weight) for pair in dev])

    return AnswerObjective(
        translator.model, translator.tokenizer.pad_token_id, examples, translator.accelerator,
        label_smoothing=settings.label_smoothing if "label_smoothing" in settings.model_fields_set else 0.0,
        epoch_rows=lambda epoch: range(len(examples)), score=chosen_score, findings=[*_chosen_on(dev, known)],
    )  # fmt: skip


def score(translator: PromptedTranslator, dev: Sequence[Pair]) -> float:
    """chrF++ of greedy translations of these pairs, 0–100, averaged over directions."""
    plain = translator.without_phrase_tables().greedy()
    found = plain.translate([pair.source.fields["text"] for pair in dev], [pair.direction for pair in dev])
    return score_of(dev, [one.translation for one in found])


def _truncations(encoded: EncodedPairs, max_length: int) -> Iterator[Finding]:
    for count, what in ((encoded.truncated_sources, "sources"), (encoded.truncated_targets, "translations")):
        if count:
            said = f"{count} of {len(encoded.examples)} training {what} are longer: their ends are left out"
            yield Finding(
                "warning", f"{said} ({max_length} tokens fit; training.max_length may be raised)", "training.max_length"
            )


def _chosen_on(chosen: Sequence[Pair], known: Sequence[Pair]) -> Iterator[Finding]:
    if len(chosen) < len(known):
        what = f"{len(chosen)} of {len(known)} dev pairs choose the best weights (evaluation.dev_pairs)"
        yield Finding("note", what, "evaluation.dev_pairs")


def untuned(plan: Plan, corpus: Corpus, judged: Sequence[Pair]) -> list[BaselineRun[tuple[str, ...]]]:
    """The base before any training, shown a few similar training pairs before each source."""
    known: dict[Hashable, list[Asked]] = {}
    for pair in pairs(corpus.train, directions(_task(plan), corpus.languages)):
        known.setdefault(pair.direction, []).append(_asked(pair))
    return few_shot(plan, known, [_asked(pair) for pair in judged], ratio=plan.recipe.decoding.max_length_ratio)


def _asked(pair: Pair) -> Asked:
    text = pair.source.fields["text"]
    return Asked(pair.direction, text, translation_request(text, *pair.direction), pair.target.fields["text"])


def encoder(model: Any) -> Any:
    """The decoder without its head."""
    return model.base_model


PROMPTED_TRANSLATION = Job(
    load=load_decoder, encoder=encoder, build=build, objective=objective, complete=complete, predict=predict_test, lines=lines,
    judge=partial(judge, untuned=untuned), restore=restore, sample=sample,
)  # fmt: skip
