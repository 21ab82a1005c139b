"""Compares the rebuilt tokenizer of the starter encoder with the original, line by line.

    python benchmarks/tokenizer_agreement.py --reference FOLDER --data FOLDER

The reference folder holds the original tokenizer.json of multilingual-e5-small. Every text file below the data folder is compared
line by line, after Unicode normalisation (NFC) and collapsing of white space, which lowres applies to all text.
"""

import lzma
import unicodedata
from collections.abc import Iterator
from pathlib import Path

import click
from transformers import AutoTokenizer

from lowres.data.files import cache_folder
from lowres.starters.starters import build_starter

SUFFIXES = {".tsv", ".csv", ".txt", ".xz", ".md", ".json", ".jsonl"}
BATCH = 2000


@click.command()
@click.option("--reference", type=click.Path(exists=True, path_type=Path), required=True)
@click.option("--data", type=click.Path(exists=True, path_type=Path), required=True)
def main(reference: Path, data: Path) -> None:
    """Print the first lines that differ, then the counts."""
    original = AutoTokenizer.from_pretrained(str(reference))
    rebuilt = AutoTokenizer.from_pretrained(str(build_starter("starter:encoder", cache_folder())))
    lines = tokens = different = 0
    for batch in batches(data):
        expected, found = original(batch)["input_ids"], rebuilt(batch)["input_ids"]
        lines += len(batch)
        tokens += sum(map(len, expected))
        for text, one, other in zip(batch, expected, found, strict=True):
            if one != other:
                different += 1
                if different <= 20:
                    click.echo(f"differs: {text[:200]!r}")
    click.echo(f"{lines:,} distinct lines, {tokens:,} tokens: {lines - different:,} equal, {different:,} not")


def batches(folder: Path) -> Iterator[list[str]]:
    """Batches of distinct lines, normalised."""
    seen: set[int] = set()
    batch: list[str] = []
    for path in sorted(folder.rglob("*")):
        if not path.is_file() or path.suffix not in SUFFIXES:
            continue
        opener = lzma.open if path.suffix == ".xz" else open
        with opener(path, "rt", encoding="utf-8", newline="\n") as file:
            for line in file:
                text = " ".join(unicodedata.normalize("NFC", line).split())
                if text and hash(text) not in seen:
                    seen.add(hash(text))
                    batch.append(text)
                if len(batch) == BATCH:
                    yield batch
                    batch = []
    if batch:
        yield batch


if __name__ == "__main__":
    main()
