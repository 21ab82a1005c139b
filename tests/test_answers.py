"""What a run says of the system that answers, by direction or language, beside the base alone and without the language given."""

from pathlib import Path
from typing import Any

import pytest
from bases import parallel, write_base
from untrained import pairs_corpus, plan_of, predictor_of, translation

from lowres.data.corpus import Corpus, Row
from lowres.data.pairs import pairs
from lowres.evaluation.baselines import tfidf
from lowres.recipe.sections import Evaluation
from lowres.record import Baseline
from lowres.tasks.classification.job import complete as add_ngrams
from lowres.tasks.classification.judgement import judge as judge_classifier
from lowres.tasks.classification.model import predict_test as labels_of
from lowres.tasks.translation.job import complete as choose_tables
from lowres.tasks.translation.job import objective
from lowres.tasks.translation.judgement import judge as judge_translator
from lowres.tasks.translation.model import predict_test as translations_of

PAIRS = [pair for pair in parallel("id") if 4 < len(pair[0].split()) < 12][:120]
CLASSIFICATION = "{kind: classification}"


def silent(stage: str) -> None:
    pass


def sections(found: Any) -> dict[str, Any]:
    """All facts of a judgement."""
    return {name: fact for facts in found for name, fact in facts.items()}


def two_languages(texts: dict[str, list[str]]) -> Corpus:
    """Texts whose label is in their words; the same words mean the opposite in the other language."""
    rows = tuple(
        Row(
            f"{tag}/{number}",
            f"{number}",
            tag,
            {"text": f"{('plain', 'spare')[number % 2]} {text}", "label": labels[number % 2]},
        )
        for tag, labels in (("eng-Latn", ("good", "bad")), ("ind-Latn", ("bad", "good")))
        for number, text in enumerate(texts[tag])
    )
    return Corpus("toy", rows, rows, rows, ("bad", "good"), "CC0-1.0")


def test_a_classifier_is_judged_alone_and_with_the_language_left_open(tmp_path: Path) -> None:
    corpus = two_languages({"eng-Latn": [one for one, _ in PAIRS[:40]], "ind-Latn": [other for _, other in PAIRS[:40]]})
    plan = plan_of(write_base("xlm-roberta", tmp_path / "base"), CLASSIFICATION)
    found = add_ngrams(predictor_of(plan, corpus), plan, corpus, silent)
    facts = sections(judge_classifier(found, plan, corpus, labels_of(found, plan, corpus), silent))
    parts = {baseline.name: score_of(baseline) for baseline in facts["baselines"]}
    assert facts["answers"] == {"eng-Latn": "encoder and n-grams", "ind-Latn": "encoder and n-grams"}
    assert parts["TF-IDF + logistic regression"] == 100 and parts["encoder alone"] < 75
    assert parts["language not given"] < 75, "what the words mean depends on the language"
    assert [baseline.name for baseline in facts["baselines"] if baseline.ablation] == [
        "encoder alone",
        "language not given",
    ]
    assert any("language of each test row was given" in finding.what for finding in facts["findings"])
    assert facts["transfer"].verdict == "hurts", "the encoder was not trained; the n-grams are not transfer"
    assert "adapted base by itself" in facts["transfer"].why and "pre-train" in facts["transfer"].advice


def score_of(baseline: Baseline) -> float:
    return next(score.value for score in baseline.scores if score.language is None and score.label is None)


def test_ngrams_that_are_fitted_serve_as_the_baseline(tmp_path: Path) -> None:
    corpus = two_languages({"eng-Latn": [one for one, _ in PAIRS[:20]], "ind-Latn": [other for _, other in PAIRS[:20]]})
    plan = plan_of(write_base("xlm-roberta", tmp_path / "base"), CLASSIFICATION)
    found = add_ngrams(predictor_of(plan, corpus), plan, corpus, silent)
    seed = plan.recipe.training.seed
    again = tfidf(corpus.train, corpus.dev, corpus.test, found.labels, seed)
    assert found.ngrams is not None
    assert tfidf([], [], corpus.test, found.labels, seed, fitted=found.ngrams).predictions == again.predictions


def test_a_translator_says_which_system_answers(tmp_path: Path) -> None:
    corpus = pairs_corpus(PAIRS)
    plan = plan_of(write_base("byt5", tmp_path / "base"), translation(), max_length=120)
    found = choose_tables(predictor_of(plan, corpus), plan, corpus, silent)
    facts = sections(judge_translator(found, plan, corpus, translations_of(found, plan, corpus), silent))
    assert facts["answers"] == {"eng-Latn→ind-Latn": "phrase table", "ind-Latn→eng-Latn": "phrase table"}
    assert facts["transfer"].verdict == "hurts" and "back_translation" in facts["transfer"].advice


@pytest.mark.parametrize(("named", "chosen"), [(None, 240), (100, 100)])
def test_the_dev_pairs_that_choose_are_counted(named: int | None, chosen: int, tmp_path: Path) -> None:
    corpus = pairs_corpus([*PAIRS, *((f"{one} 2", f"{other} 2") for one, other in PAIRS)])
    plan = plan_of(write_base("byt5", tmp_path / "base"), translation(more=", hints: off"))
    if named:
        recipe = plan.recipe.model_copy(update={"evaluation": Evaluation(dev_pairs=named)})
        plan = type(plan)(**{**vars(plan), "recipe": recipe})
    made = objective(predictor_of(plan, corpus), plan, corpus)
    every = pairs(corpus.dev, [("eng-Latn", "ind-Latn"), ("ind-Latn", "eng-Latn")])
    assert len(made.dev) == chosen < len(every)
    assert f"{chosen} of {len(every)} dev pairs choose the best weights (evaluation.dev_pairs)" in [
        one.what for one in made.findings
    ]
