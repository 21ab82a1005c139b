"""Classification from base to evaluation: an encoder with a head, combined with an n-gram classifier."""

import hashlib
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache

from accelerate import Accelerator
from accelerate.utils import set_seed
from torch import Tensor, nn

from lowres.data.corpus import Corpus, LabelledRows
from lowres.models.loading import load_encoder
from lowres.planning import Plan
from lowres.statistical.ngrams import NgramClassifier, ensemble_weights
from lowres.tasks.classification.forward import centres_of
from lowres.tasks.classification.head import ClassificationModel
from lowres.tasks.classification.inputs import TextInputs
from lowres.tasks.classification.judgement import judge
from lowres.tasks.classification.model import Classifier, ClassifierFacts, Prediction, predict_test, restore
from lowres.tasks.classification.objective import ClassificationObjective, task_of
from lowres.tasks.classification.stages import stages
from lowres.tasks.classification.translations import NOTHING_BESIDE, Translations
from lowres.tasks.equipping import equip
from lowres.tasks.job import Announce, Job, sample_texts
from lowres.tasks.saved import Rows, common_facts
from lowres.vocabulary.adapting import Adapted


def build(adapted: Adapted, base: nn.Module, plan: Plan, corpus: Corpus, accelerator: Accelerator) -> Classifier:
    """The base with its new embedding rows, its method, and a new head."""
    recipe, checkpoint = plan.recipe, plan.checkpoint
    set_seed(recipe.training.seed)
    facts = ClassifierFacts(
        **common_facts(plan, corpus, adapted), labels=list(corpus.labels),
        auxiliary={head: list(dataset.labels) for head, dataset in corpus.auxiliary.items()},
        hidden_size=checkpoint.hidden_size, translate_into=task_of(plan).translate_into,
    )  # fmt: skip
    model = ClassificationModel(
        equip(base, adapted, plan, accelerator.device), facts.hidden_size, facts.sizes, plan.pooling
    ).to(accelerator.device)
    inputs = TextInputs(adapted.tokenizer, checkpoint.prefix, recipe.training.max_length)
    if not adapted.added:  # the rows of new tokens depend on the seed
        rows = hashlib.sha256(adapted.places.numpy().tobytes()).hexdigest()
        settings = (recipe.base.quantize, plan.precision, accelerator.device, plan.pooling)
        model.frozen_vectors = _vectors_by(facts.base_sha256, rows, *settings)
    language = facts.translate_into
    translations = Translations.learn((*corpus.train, *corpus.parallel), language) if language else NOTHING_BESIDE
    if recipe.base.centre is not None:
        model.centres = centres_of(model, inputs, translations, (*corpus.train, *corpus.plain), accelerator)
    return Classifier(model, inputs, facts, accelerator, Rows.of(adapted), translations=translations)


@lru_cache(maxsize=1)
def _vectors_by(*base: Hashable) -> dict[tuple[int, ...], Tensor]:
    """What an untrained base makes of texts, by their tokens; the next seed of a recipe finds there what the seed before has read."""
    return {}


def objective(classifier: Classifier, plan: Plan, corpus: Corpus) -> ClassificationObjective:
    """Trains on the rows of all heads; the score on dev is that of the task's own head."""
    settings = plan.recipe.training
    return ClassificationObjective(
        classifier.model, classifier.inputs, classifier.translations,
        [LabelledRows(classifier.labels, corpus.train), *corpus.auxiliary.values()], corpus.dev, classifier.accelerator,
        label_smoothing=settings.label_smoothing, temperature=task_of(plan).temperature, balanced=task_of(plan).balanced,
        seed=settings.seed,
    )  # fmt: skip


def complete(classifier: Classifier, plan: Plan, corpus: Corpus, announce: Announce) -> Classifier:
    """Add the n-gram classifier, unless it is off; the weights of the log-linear ensemble maximise the likelihood of dev."""
    whole = classifier
    if plan.recipe.ensemble.ngrams == "auto":
        announce("n-grams")
        train, dev = classifier.read_by_ngrams(corpus.train), classifier.read_by_ngrams(corpus.dev)
        whole = replace(
            classifier, ngrams=NgramClassifier.fit(train, dev, classifier.labels, plan.recipe.training.seed)
        )
    texts, languages = [row.fields["text"] for row in corpus.dev], [row.language for row in corpus.dev]
    targets = [classifier.labels.index(row.fields["label"]) for row in corpus.dev]
    members = [whole.log_probabilities(texts, languages)]
    members += [whole.ngram_log_probabilities(texts, languages)] if whole.ngrams else []
    weights = ensemble_weights(members, targets)
    return replace(whole, facts=classifier.facts.model_copy(update={"weights": weights}))


def lines(plan: Plan, corpus: Corpus, predictions: Sequence[Prediction]) -> Iterator[Mapping[str, object]]:
    """One line of predictions.jsonl per test row."""
    for row, prediction in zip(corpus.test, predictions, strict=True):
        yield {
            "id": row.id, "cluster": row.cluster, "language": row.language,
            "text": row.fields["text"], "reference": row.fields["label"],
            "prediction": prediction.label, "probabilities": prediction.probabilities,
        }  # fmt: skip


CLASSIFICATION = Job(
    load=load_encoder, encoder=lambda model: model, build=build, objective=objective, complete=complete, predict=predict_test,
    lines=lines, judge=judge, restore=restore, sample=sample_texts, stages=stages,
)  # fmt: skip
