"""How well a translator knows how sure it is: coverage, calibration, and what flagging finds, for the run's two systems.

    python benchmarks/confidence.py RUN [--near FOLDER]

RUN is the folder of a finished run of translation; FOLDER holds its recipe's own files, if it has any. Phrase table and model each
translate dev and test in all directions, which takes about as long as two evaluations; estimators are fitted on dev with three
different splits into halves. The intervals are 95 % bootstrap intervals over test texts. Also printed: the share of test sentences in
their interval by direction, and the mean estimate and the true mean of ten groups.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import click

from lowres.data.pairs import Pair
from lowres.evaluation.translation_scores import sentence_scores
from lowres.planning import Options, prepare, read_data
from lowres.recipe import open_recipe
from lowres.runs.layout import RECIPE
from lowres.runs.run import Run
from lowres.tasks.judgement import resampling_of
from lowres.tasks.translation.judgement import confidence
from lowres.tasks.translation.model import Translated, Translator, pairs_to_evaluate
from lowres.tasks.translation.quality_estimation import Evidence, System, estimated, fitted

SPLITS = 3


def answered(translator: Translator, pairs: Sequence[Pair]) -> tuple[list[Translated], list[Evidence]]:
    """The translations of these pairs' sources, with what is known of them."""
    return translator.translate_with_evidence(
        [pair.source.fields["text"] for pair in pairs], [pair.direction for pair in pairs]
    )


def lines(run: Run, near: Path) -> Iterator[str]:
    """The tables of both systems."""
    file = open_recipe(run.folder / RECIPE)
    file = file.model_copy(update={"path": near / RECIPE})
    plan, corpus = prepare(file, run.options), read_data(file, run.options)
    whole: Translator = run.predictor
    dev, test = (pairs_to_evaluate(plan, rows, whole) for rows in (corpus.dev, corpus.test))
    by_table = [direction for direction in whole.facts.directions if direction in whole.phrase_tables]
    systems: dict[System, Translator] = {
        "phrase table": replace(whole, facts=whole.facts.model_copy(update={"by_phrase_table": by_table})),
        "model": whole.without_phrase_tables(),
    }
    for system, translator in systems.items():
        (answers, evidence), (found, known) = answered(translator, dev), answered(translator, test)
        truth = sentence_scores([pair.target.fields["text"] for pair in test], [one.translation for one in found])
        for seed in range(plan.recipe.training.seed, plan.recipe.training.seed + SPLITS):
            estimators = fitted(dev, [one.translation for one in answers], evidence, [system] * len(dev), seed)
            sure = []
            for one, what, pair in zip(found, known, test, strict=True):
                estimate = estimated(estimators, what, system, pair.direction)
                assert estimate is not None, "dev is too small"
                sure.append(replace(one, confidence=estimate.value, interval=(estimate.low, estimate.high)))
            facts = confidence(replace(translator, estimators=estimators), test, sure, resampling_of(plan))
            assert facts is not None
            scores = " | ".join(f"{one.value:.1f} ({one.low:.1f}–{one.high:.1f})" for one in facts.scores)
            yield f"| {system} | {seed} | {scores} |"
            groups = ", ".join(f"{one.estimated:.0f} → {one.true:.0f}" for one in facts.bins)
            yield f"    estimated → true, ten groups: {groups}"
            held: dict[str, list[bool]] = {}
            for one, score, pair in zip(sure, truth, test, strict=True):
                held.setdefault(pair.direction_name, []).append(one.interval[0] <= score <= one.interval[1])
            yield "    in the interval: " + ", ".join(
                f"{name} {100 * sum(h) / len(h):.1f} %" for name, h in held.items()
            )


@click.command()
@click.argument("run", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--near", type=click.Path(path_type=Path, exists=True, file_okay=False), default=Path())
@click.option("--mirror", "mirrors", multiple=True, type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--threads", type=click.IntRange(1))
def main(run: Path, near: Path, mirrors: tuple[Path, ...], threads: int | None) -> None:
    """Print the tables."""
    for line in lines(Run(run, options=Options(mirrors=mirrors, threads=threads)), near):
        click.echo(line)


if __name__ == "__main__":
    main()
