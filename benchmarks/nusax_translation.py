"""NusaX translation: scores of copying, of a word dictionary and of our phrase table on the test part, and of finished runs.

    python benchmarks/nusax_translation.py FOLDER [RUN …]

FOLDER is a copy of the data as in corpora.py; RUN the folder of a run of recipes/nusax-translation-ind.yaml or -all.yaml.
Dictionary (Dice association) and phrase table are learned from the 500 training sentences, scores are of the 400 test sentences. The
95 % intervals come from resampling test sentences, the same ones in all directions. A direction that a run did not translate has no
value in its column. A second table for each run gives, from its record, the scores of its parts (model alone, phrase table alone)
beside its own.
"""

import json
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from statistics import fmean

import click
from corpora import nusax

from lowres.data.corpus import Row
from lowres.data.pairs import Pair
from lowres.evaluation.baselines import copied, dictionary
from lowres.evaluation.resampling import Resampling
from lowres.evaluation.translation_scores import translation_scores
from lowres.languages import normalise
from lowres.runs.layout import PREDICTIONS, RECORD
from lowres.runs.run import read_record
from lowres.score import Score
from lowres.tasks.translation.phrase_tables import phrase_tables_of

LOCAL = ("ace", "ban", "bbc", "bjn", "bug", "jav", "mad", "min", "nij", "sun")
PIVOTS = ("ind", "eng")
MEASURES = ("BLEU", "chrF++")


def read(folder: Path, split: str, directions: Sequence[tuple[str, str]]) -> Iterator[Pair]:
    """Every sentence pair of a split, in every direction."""
    for source, target in directions:
        both = zip(nusax(source).read(folder, split), nusax(target).read(folder, split), strict=True)
        for number, (text, translation) in enumerate(both):
            yield Pair(f"{source}-{target}-{number}", row(source, number, text), row(target, number, translation))


def row(language: str, number: int, text: str) -> Row:
    """One text; sentences with the same number translate one another."""
    return Row(f"{language}-{number}", str(number), f"{language}-Latn", {"text": text})


def scored(pairs: Sequence[Pair], hypotheses: Sequence[str]) -> dict[tuple[str, str | None], Score]:
    """Scores by metric and direction; None stands for the mean over directions."""
    scores = translation_scores(
        [pair.target.fields["text"] for pair in pairs], hypotheses, [pair.direction_name for pair in pairs],
        [pair.source.cluster for pair in pairs], split="test", resampling=Resampling(), edits=False,
    )  # fmt: skip
    return {(score.name, score.language): score for score in scores}


def systems(train: Sequence[Pair], test: Sequence[Pair], runs: Sequence[Path]) -> dict[str, list[str] | None]:
    """The translations of every system; None where a run lacks some of them."""
    phrase_tables = phrase_tables_of(train)
    words = [phrase_tables[direction(pair)].translate(pair.source.fields["text"]) for pair in test]
    found: dict[str, list[str] | None] = {
        "copy": list(copied(test).predictions), "dictionary": list(dictionary(train, test).predictions), "phrase table": words,
    }  # fmt: skip
    for run in runs:
        predicted = {
            (line["source_language"], line["target_language"], line["source"]): line["prediction"]
            for line in map(json.loads, (run / PREDICTIONS).read_text(encoding="utf-8").splitlines())
        }
        keys = [(*direction(pair), normalise(pair.source.fields["text"])) for pair in test]
        found[run.name] = [predicted[key] for key in keys] if all(key in predicted for key in keys) else None
    return found


def direction(pair: Pair) -> tuple[str, str]:
    """The languages of source and target."""
    return pair.source.language, pair.target.language


def lines(folder: Path, directions: Sequence[tuple[str, str]], title: str, runs: Sequence[Path]) -> Iterator[str]:
    """A line per direction, and one for their mean where there are several."""
    train, test = list(read(folder, "train", directions)), list(read(folder, "test", directions))
    scores = [scored(test, texts) if texts else None for texts in systems(train, test, runs).values()]
    names = dict.fromkeys(pair.direction_name for pair in test)
    for name in (*names, None) if len(names) > 1 else (None,):
        cells = [show(system[measure, name]) if system else "–" for system in scores for measure in MEASURES]
        yield f"| {name or title} | " + " | ".join(cells) + " |"


def show(score: Score) -> str:
    """A value with its interval."""
    return f"{score.value:.1f} ({score.low:.1f}–{score.high:.1f})"


@click.command()
@click.argument("folder", type=click.Path(exists=True, path_type=Path))
@click.argument("runs", nargs=-1, type=click.Path(exists=True, path_type=Path))
def main(folder: Path, runs: tuple[Path, ...]) -> None:
    """Print the Markdown tables."""
    names = ["copy", "dictionary", "phrase table", *(run.name for run in runs)]
    click.echo("| direction | " + " | ".join(f"{name}, {measure}" for name in names for measure in MEASURES) + " |")
    click.echo("|---" * (1 + 2 * len(names)) + "|")
    ind, eng = PIVOTS
    tables = [
        lines(folder, [(ind, eng)], f"{ind}-Latn→{eng}-Latn", runs),
        lines(folder, [(eng, ind)], f"{eng}-Latn→{ind}-Latn", runs),
    ]
    for pivot in PIVOTS:
        tables.append(lines(folder, [(pivot, tag) for tag in LOCAL], f"**mean of {pivot}-Latn→10**", runs))
        tables.append(lines(folder, [(tag, pivot) for tag in LOCAL], f"**mean of 10→{pivot}-Latn**", runs))
    for line in chain.from_iterable(tables):
        click.echo(line)
    for run in runs:
        click.echo("\n".join(parts_of(run)))


def parts_of(run: Path) -> Iterator[str]:
    """Scores of the parts of a run that its record has, and of the run, by direction, and their means."""
    record = read_record(run / RECORD)
    parts = {part.name: part.scores for part in record.baselines if part.name.endswith(" alone")} | {
        "run": record.scores
    }
    yield f"\n| {run.name} | " + " | ".join(f"{who}, {what}" for who in parts for what in MEASURES) + " |"
    yield "|---" * (1 + len(parts) * len(MEASURES)) + "|"
    systems = [{(score.name, score.language): score for score in scores} for scores in parts.values()]
    names = [name for measure, name in systems[0] if measure == MEASURES[0] and name]
    ind, local = f"{PIVOTS[0]}-Latn", {f"{tag}-Latn" for tag in LOCAL}
    for name in names:
        yield f"| {name} | " + " | ".join(show(scores[what, name]) for scores in systems for what in MEASURES) + " |"
    for title, meant in (("ind-Latn→10", 0), ("10→ind-Latn", 1)):
        directions = [name for name in names if (ends := name.split("→"))[meant] == ind and ends[1 - meant] in local]
        means = [
            fmean(scores[what, name].value for name in directions)
            for scores in systems
            for what in MEASURES
            if directions
        ]
        yield f"| **mean of {title}** | " + " | ".join(f"{mean:.1f}" for mean in means) + " |"


if __name__ == "__main__":
    main()
