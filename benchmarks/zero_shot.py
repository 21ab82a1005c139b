"""Zero-shot translation: a run of recipes/starter-translation.yaml on NusaX, which was not in its training data.

    python benchmarks/zero_shot.py RUN FOLDER

FOLDER is a copy of the data as in corpora.py. Ngaju is in none of the training data; Acehnese, Balinese, Banjarese and Buginese were
paired with English only, so no pair from them into Indonesian was seen. The model gets no hints, since there is no dictionary for
these directions. The baseline is copying the source.
"""

from pathlib import Path

import click
from nusax_translation import read, scored, show

from lowres.evaluation.baselines import copied
from lowres.runs.run import Run

DIRECTIONS = [
    ("nij", "ind"),
    ("nij", "eng"),
    ("ace", "ind"),
    ("ban", "ind"),
    ("bjn", "ind"),
    ("bug", "ind"),
    ("min", "eng"),
    ("jav", "eng"),
]
PAIRED = {("jav", "eng")}  # in TALPCo


@click.command()
@click.argument("run", type=click.Path(exists=True, path_type=Path))
@click.argument("folder", type=click.Path(exists=True, path_type=Path))
@click.option("--rows", default=400, help="test sentences of each direction")
def main(run: Path, folder: Path, rows: int) -> None:
    """Print one Markdown table."""
    translator = Run(run).predictor
    click.echo(
        "| direction | pair seen in training | BLEU | chrF++ | copy, BLEU | copy, chrF++ |\n|---|---|---|---|---|---|"
    )
    for source, target in DIRECTIONS:
        test = list(read(folder, "test", [(source, target)]))[:rows]
        directions = [(pair.source.language, pair.target.language) for pair in test]
        found = [
            answer.translation
            for answer in translator.translate([pair.source.fields["text"] for pair in test], directions)
        ]
        cells = [
            show(scored(test, texts)[measure, None])
            for texts in (found, list(copied(test).predictions))
            for measure in ("BLEU", "chrF++")
        ]
        click.echo(
            f"| {test[0].direction_name} | {'yes' if (source, target) in PAIRED else 'no'} | "
            + " | ".join(cells)
            + " |"
        )
        click.echo(
            f"    {test[0].source.fields['text']}\n    {found[0]}\n    {test[0].target.fields['text']}", err=True
        )


if __name__ == "__main__":
    main()
