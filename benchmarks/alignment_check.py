"""False alarms and missed cases of the misalignment check, over real parallel texts.

    python benchmarks/alignment_check.py FOLDER

FOLDER is a copy of the data as in corpora.py. Every pair of texts is checked as it is, and again with one line deleted on one side at
a random position; the table says how often the deletion was found and how far from its true position.
"""

import csv
import random
from collections.abc import Iterator
from pathlib import Path

import click

from lowres.data.checks.misalignment import align

TRIALS = 5


def sets(folder: Path) -> Iterator[tuple[str, list[str], list[str]]]:
    """Name, left texts and right texts of every table with two or more languages."""
    for path in sorted(
        [
            *folder.glob("ship/*/**/*.tsv"),
            *folder.glob("dev/n*/**/*.tsv"),
            *folder.glob("dev/tico19/**/*.tsv"),
            *folder.glob("dev/minangnlp/mt/**/*.tsv"),
        ]
    ):
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
        columns = [name for name in rows[0] if name not in ("id", "label", "text", "sentiment")] if rows else []
        if len(columns) >= 2 and len(rows) >= 100 and "lexicon" not in str(path):
            for other in columns[1:]:
                yield (
                    f"{path.relative_to(folder)} {columns[0]}–{other}",
                    [row[columns[0]] or "" for row in rows],
                    [row[other] or "" for row in rows],
                )


@click.command()
@click.argument("folder", type=click.Path(exists=True, path_type=Path))
def main(folder: Path) -> None:
    """Print one line for each set that was reported or missed, and the totals."""
    rng = random.Random(13)
    wrong = found = trials = near = checked = 0
    for name, left, right in sets(folder):
        checked += 1
        alarm = align(left, right).misaligned
        wrong += bool(alarm)
        hits = []
        for _ in range(TRIALS):
            deleted = rng.randrange(5, len(left) - 5)
            stretches = align(left[:-1], [*right[:deleted], *right[deleted + 1 :]]).misaligned
            hits.append(
                min(
                    (abs(stretch.start - deleted) for stretch in stretches if stretch.end == len(left) - 1),
                    default=None,
                )
            )
        trials += TRIALS
        found += sum(hit is not None for hit in hits)
        near += sum(hit is not None and hit <= 5 for hit in hits)
        if alarm or None in hits:
            lines = [f"{found.start + 1}–{found.end} by {found.shift:+d}" for found in alarm]
            click.echo(
                f"{name}: {len(left)} lines, misaligned as it is: {lines}, distances with a line deleted: {hits}"
            )
    click.echo(
        f"{checked} sets: {wrong} reported as misaligned; of {trials} deletions {found} were found, {near} placed within 5 lines"
    )


if __name__ == "__main__":
    main()
