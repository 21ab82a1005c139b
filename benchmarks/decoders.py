"""Sentiment with a decoder, untuned and tuned, beside an encoder and n-grams, on NusaX in one language.

    python benchmarks/decoders.py FOLDER min --out runs/decoders

FOLDER holds the data. starter:decoder (SmolLM2-135M-Instruct, English) and starter:multilingual-decoder (Gemma 3 270M)
are asked untuned, shown examples like the text, then tuned by their label words, the first with a head, too; beside them stand
starter:encoder and n-grams. A decoder takes ten times an encoder's time, so that samples of dev and test can be taken, fewer layers
trained and fewer epochs; they are the same texts for all. Finished runs are kept and not repeated, and the table has those that are
there.
"""

import argparse
import json
import random
from collections.abc import Iterator, Sequence
from pathlib import Path

from carrying import carry_out, done

from lowres.data.corpus import SPLITS, Row
from lowres.evaluation.baselines import majority, tfidf
from lowres.planning import Options, prepare, read_data
from lowres.recipe import open_recipe
from lowres.record import Record
from lowres.runs.layout import RECORD
from lowres.runs.run import read_record
from lowres.tasks.classification.judgement import evaluator_of
from lowres.tasks.judgement import resampling_of
from lowres.tasks.prompted_classification.job import untuned

WHOLE = """\
lowres: 2
name: whole
task: {{kind: classification}}
data: {{card: nusax-sentiment, subset: {language}}}
"""
RECIPE = """\
lowres: 2
name: {name}
task: {{kind: classification, language: {language}-Latn{by}}}
data:
  files: {files}
  licence: CC-BY-SA-4.0
  source: a sample of NusaX
base: {{name: "starter:{base}"}}
vocabulary: {{extend: off{trim}}}
method: {{kind: lora{layers}}}
training: {{epochs: {epochs}, batch_tokens: 1024{rate}, seed: {seed}}}
{shots}"""
# Name → base, how labels are found, and whether the untuned base is asked, too.
RUNS = {
    "decoder, label words": ("decoder", ", by: label-words", True),
    "multilingual decoder, label words": ("multilingual-decoder", ", by: label-words", True),
    "decoder, head": ("decoder", ", by: head", False),
    "encoder": ("encoder", "", False),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("language")
    parser.add_argument("--out", type=Path, default=Path("runs/decoders"))
    parser.add_argument("--runs", nargs="+", choices=list(RUNS), default=list(RUNS))
    parser.add_argument("--rows", type=int, nargs=3, default=[500, 100, 400], help="of train, dev and test, at most")
    parser.add_argument("--epochs", type=int, default=3, help="of a decoder; an encoder has ten")
    parser.add_argument("--layers", type=int, help="only this many upper layers of a decoder are trained")
    parser.add_argument("--shots", type=int, default=4)
    parser.add_argument("--rate", type=float, help="learning rate of a decoder, by default its own")
    parser.add_argument("--seed", type=int, default=13)
    parser.add_argument("--table", action="store_true", help="run nothing")
    parser.add_argument("--untuned", action="store_true", help="train nothing: the untuned decoder and n-grams alone")
    asked = parser.parse_args()
    files = sample(asked.folder, asked.language, asked.rows, asked.out, asked.seed)
    folders = {name: asked.out / f"{asked.language}-{name.replace(', ', '-').replace(' ', '-')}" for name in asked.runs}
    for name, folder in folders.items():
        base, by, untuned = RUNS[name]
        written = base.endswith("decoder")
        text = RECIPE.format(
            name=name, language=asked.language, base=base, by=by, files=json.dumps(files), seed=asked.seed,
            trim="" if written else ", trim: off",
            layers=f", layers: {asked.layers}" if written and asked.layers else "",
            epochs=asked.epochs if written else 10,
            rate=f", learning_rate: {asked.rate}" if written and asked.rate else "",
            shots=f"evaluation: {{few_shot: {asked.shots if untuned else 0}}}\n" if written else "",
        )  # fmt: skip
        if asked.untuned:
            print("\n".join(untrained(text, folder)))
            return
        if not asked.table:
            carry_out(text, folder, [])
    print("\n".join(table({name: read_record(folder / RECORD) for name, folder in folders.items() if done(folder)})))


def sample(mirror: Path, language: str, sizes: Sequence[int], out: Path, seed: int) -> dict[str, str]:
    """Write the rows into files, chosen by the seed, and return their names by split."""
    out.mkdir(parents=True, exist_ok=True)
    whole = out / f"{language}-whole.yaml"
    whole.write_text(WHOLE.format(language=language), encoding="utf-8")
    corpus = read_data(open_recipe(whole), Options(mirrors=(mirror,)))
    files = {}
    for split, size in zip(SPLITS, sizes, strict=True):
        rows: Sequence[Row] = corpus.split(split)
        chosen = sorted(random.Random(f"{seed} {split}").sample(range(len(rows)), min(size, len(rows))))
        lines = [{key: rows[number].fields[key] for key in ("text", "label")} for number in chosen]
        files[split] = f"{language}.{split}-{len(chosen)}.jsonl"
        text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
        (out / files[split]).write_text(text, encoding="utf-8")
    return files


def untrained(recipe: str, folder: Path) -> Iterator[str]:
    """A line for each system that needs no training of a base, as a run has them beside it."""
    file = folder.with_suffix(".yaml")
    file.write_text(recipe, encoding="utf-8")
    options = Options(threads=1)
    plan, corpus = prepare(open_recipe(file), options), read_data(open_recipe(file), options)
    evaluator = evaluator_of(corpus.test, corpus.labels, resampling_of(plan))
    ngrams = tfidf(corpus.train, corpus.dev, corpus.test, corpus.labels, plan.recipe.training.seed)
    for run in (majority(corpus.train, corpus.test), ngrams, *untuned(plan, corpus)):
        score = next(one for one in evaluator.scores(run.predictions) if one.name == "macro-F1" and one.label is None)
        yield f"| {run.name} | {score.value:.1f} [{score.low:.1f}, {score.high:.1f}] | {run.seconds:.0f} |"


def table(records: dict[str, Record]) -> Iterator[str]:
    """A line for each system of each run: macro-F1 with its interval."""
    yield "| run | system | macro-F1 [95 %] | seconds of training |"
    yield "|---|---|---|---|"
    for name, record in records.items():
        systems = {"the run": record.scores, **{one.name: one.scores for one in record.baselines}}
        seconds = f"{record.training.seconds:.0f}" if record.training else ""
        for system, scores in systems.items():
            score = next(score for score in scores if score.name == record.primary_metric and score.label is None)
            yield f"| {name} | {system} | {score.value:.1f} [{score.low:.1f}, {score.high:.1f}] | {seconds} |"


if __name__ == "__main__":
    main()
