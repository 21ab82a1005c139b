"""How much a frozen encoder with a head, n-grams, and both together learn from 100, 200 and 400 rows: docs/results/recipes.md.

    python benchmarks/few_rows.py FOLDER [--languages min jav bug ace] [--rows 100 200 400] [--patience 4] [--unbalanced]

No test text is read: a model learns from some rows of NusaX' train split, what is chosen is chosen on its dev split, and the rest of
train is judged. 100 and 200 rows are drawn five times and twice, without overlap; 400 are all but every fifth row, five times. Prints
macro-F1, the mean over draws, for each language.
"""

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from random import Random
from statistics import mean
from tempfile import TemporaryDirectory

from lowres.data.corpus import Row
from lowres.evaluation.classification_scores import primary_metric
from lowres.planning import Options, prepare, read_data, read_fitting_data
from lowres.recipe import open_recipe
from lowres.running import fit_vocabulary, prepare_device
from lowres.tasks.classification.job import CLASSIFICATION
from lowres.training.loop import train

RECIPE = """\
lowres: 2
name: Few rows
task: {{kind: classification, language: {language}-Latn, balanced: {balanced}}}
data: {{card: nusax-sentiment, subset: {language}}}
base: {{name: starter:encoder}}
vocabulary: {{extend: off, trim: off}}
method: {{kind: features}}
training: {{{training}}}
"""


def draws(rows: Sequence[Row], size: int) -> Iterator[tuple[Sequence[Row], Sequence[Row]]]:
    """Rows to learn from, and the others."""
    if size > len(rows) // 2:
        for first in range(5):
            yield [row for place, row in enumerate(rows) if place % 5 != first], rows[first::5]
        return
    mixed = Random(0).sample(rows, len(rows))
    for start in range(0, len(rows) - size + 1, size):
        yield mixed[start : start + size], mixed[:start] + mixed[start + size :]


def scores(
    language: str, sizes: Sequence[int], balanced: bool, training: str, options: Options
) -> Iterator[tuple[int, list[float]]]:
    """For each size the mean macro-F1 of encoder, n-grams, and both."""
    with TemporaryDirectory() as folder:
        path = Path(folder, "recipe.yaml")
        path.write_text(
            RECIPE.format(language=language, balanced=str(balanced).lower(), training=training), encoding="utf-8"
        )
        file = open_recipe(path)
    plan, corpus = prepare(file, options), read_data(file, options)
    accelerator = prepare_device(plan)
    tokenizer, base = CLASSIFICATION.load(plan.checkpoint, 0.0)
    fitting_data = read_fitting_data(file, corpus, options)
    adapted = fit_vocabulary(tokenizer, base, CLASSIFICATION, plan, fitting_data, accelerator)
    for size in sizes:
        found = []
        for chosen, others in draws(corpus.train, size):
            part = replace(corpus, train=tuple(chosen), test=tuple(others))
            classifier = CLASSIFICATION.build(adapted, base, plan, part, accelerator)
            objective = CLASSIFICATION.objective(classifier, plan, part)
            for _ in train(
                classifier.model, objective, plan.recipe.training, accelerator=accelerator,
                micro_batch_tokens=plan.micro_batch_tokens,
            ):  # fmt: skip
                pass
            whole = CLASSIFICATION.complete(classifier, plan, part, lambda stage: None)
            texts, tags = [row.fields["text"] for row in others], [row.language for row in others]
            assert whole.ngrams is not None
            words = [whole.labels[best] for best in whole.ngrams.log_probabilities(texts, tags).argmax(1)]
            alone = [one.label for one in whole.without_ngrams().label(texts, tags)]
            both = [one.label for one in whole.label(texts, tags)]
            found.append([primary_metric(others, some, whole.labels) for some in (alone, words, both)])
        yield size, [mean(column) for column in zip(*found, strict=True)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("mirror", type=Path)
    parser.add_argument("--languages", nargs="+", default=["min", "jav", "bug", "ace"])
    parser.add_argument("--rows", nargs="+", type=int, default=[100, 200, 400])
    parser.add_argument("--patience", type=int)
    parser.add_argument("--unbalanced", action="store_true")
    given = parser.parse_args()
    training = f"patience: {given.patience}" if given.patience else ""
    options = Options(mirrors=(given.mirror,), threads=1)
    print("language  rows  encoder  n-grams  both")
    for language in given.languages:
        for size, (alone, words, both) in scores(language, given.rows, not given.unbalanced, training, options):
            print(f"{language:8}  {size:4}  {alone:7.1f}  {words:7.1f}  {both:4.1f}", flush=True)


if __name__ == "__main__":
    main()
