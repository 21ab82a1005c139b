"""What copying and word dictionaries reach on NusaX translation: the floors that a translator must beat.

    python benchmarks/nusax_dictionary.py FOLDER

FOLDER is a copy of the data as in corpora.py. Dictionaries are learned from the 500 training rows, scores are those of the
400 test rows; intervals (95 %) come from resampling test sentences, the same in all directions.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import click
from corpora import nusax

from lowres.data.corpus import Row
from lowres.evaluation.scores import Score
from lowres.evaluation.substitution import copied, dictionary
from lowres.evaluation.translation import translation_scores

LOCAL = ("ace", "ban", "bbc", "bjn", "bug", "jav", "mad", "min", "nij", "sun")
PIVOTS = ("ind", "eng")
MEASURES = ("BLEU", "chrF++")


@dataclass(frozen=True)
class Pair:
    """A text and its translation."""

    source: Row
    target: Row

    @property
    def direction(self) -> str:
        return f"{self.source.language}→{self.target.language}"


def read(folder: Path, split: str, directions: Sequence[tuple[str, str]]) -> Iterator[Pair]:
    """Every row of a split in every direction."""
    for source, target in directions:
        both = zip(nusax(source).read(folder, split), nusax(target).read(folder, split), strict=True)
        for number, (text, translation) in enumerate(both):
            yield Pair(row(source, number, text), row(target, number, translation))


def row(language: str, number: int, text: str) -> Row:
    return Row(f"{language}-{number}", str(number), f"{language}-Latn", {"text": text})


def scored(pairs: Sequence[Pair], hypotheses: Sequence[str]) -> dict[tuple[str, str | None], Score]:
    """Scores by name and direction, None for the mean over directions."""
    scores = translation_scores(
        [pair.target.fields["text"] for pair in pairs], hypotheses, [pair.direction for pair in pairs],
        [pair.source.group for pair in pairs], split="test", confidence=0.95, resamples=1000, seed=13,
    )  # fmt: skip
    return {(score.name, score.language): score for score in scores}


def lines(folder: Path, directions: Sequence[tuple[str, str]], title: str) -> Iterator[str]:
    """A line per direction, and one for their mean where there are several."""
    train, test = list(read(folder, "train", directions)), list(read(folder, "test", directions))
    systems = [scored(test, run.predictions) for run in (copied(test), dictionary(train, test))]
    names = dict.fromkeys(pair.direction for pair in test)
    for name in (*names, None) if len(names) > 1 else (None,):
        cells = [show(system[measure, name]) for system in systems for measure in MEASURES]
        yield f"| {name or title} | " + " | ".join(cells) + " |"


def show(score: Score) -> str:
    return f"{score.value:.2f} ({score.low:.1f}–{score.high:.1f})"


@click.command()
@click.argument("folder", type=click.Path(exists=True, path_type=Path))
def main(folder: Path) -> None:
    """Print one Markdown table."""
    click.echo(
        "| direction | copy, BLEU | copy, chrF++ | dictionary, BLEU | dictionary, chrF++ |\n|---|---|---|---|---|"
    )
    ind, eng = PIVOTS
    tables = [
        lines(folder, [(ind, eng)], f"{ind}-Latn→{eng}-Latn"),
        lines(folder, [(eng, ind)], f"{eng}-Latn→{ind}-Latn"),
    ]
    for pivot in PIVOTS:
        tables.append(lines(folder, [(pivot, tag) for tag in LOCAL], f"**mean of {pivot}-Latn→10**"))
        tables.append(lines(folder, [(tag, pivot) for tag in LOCAL], f"**mean of 10→{pivot}-Latn**"))
    for line in chain.from_iterable(tables):
        click.echo(line)


if __name__ == "__main__":
    main()
