"""Processor time of greedy translation, by the number of source tokens in a batch; of a decoder, of its prompts' tokens.

    lowres run recipes/nusax-translation-ind.yaml --mirror FOLDER --out runs/ind
    python benchmarks/search_speed.py runs/ind --texts 100
    lowres run quickstart --out runs/quickstart
    python benchmarks/search_speed.py runs/quickstart --sizes 6144 --sizes 3072 --sizes 1536 --sizes 768 --sizes 384

The seconds are processor time, not wall-clock time.
"""

import json
import time
from dataclasses import replace
from pathlib import Path

import click
import torch

import lowres
from lowres.runs.layout import PREDICTIONS
from lowres.tasks.generation import continuation
from lowres.tasks.prompted_translation.model import PromptedTranslator
from lowres.tasks.translation import search
from lowres.tasks.translation.model import Translator


@click.command()
@click.argument("run", type=click.Path(path_type=Path, exists=True))
@click.option("--texts", type=int, default=100, show_default=True, help="Number of test texts of the run.")
@click.option("--beams", type=int, default=1, show_default=True)
@click.option("--sizes", type=int, multiple=True, default=(16384, 8192, 6144, 4096, 2048), show_default=True)
def main(run: Path, texts: int, beams: int, sizes: tuple[int, ...]) -> None:
    """Print processor seconds as a Markdown table; translations are compared with those of the first size."""
    torch.set_num_threads(1)
    model = lowres.load(run).predictor
    assert isinstance(model, Translator)
    decoding = model.facts.decoding.model_copy(update={"beams": beams})
    model = replace(model, facts=model.facts.model_copy(update={"decoding": decoding, "by_phrase_table": []}))
    lines = [json.loads(line) for line in (run / PREDICTIONS).read_text("utf-8").splitlines()[:texts]]
    sources = [line["source"] for line in lines]
    directions = [(line["source_language"], line["target_language"]) for line in lines]
    first: list[str] = []
    print("| source tokens per batch | seconds | same translations |\n|---|---|---|")
    for size in sizes:
        if isinstance(model, PromptedTranslator):
            continuation.PROMPT_TOKENS_CPU = size
        else:
            search.SOURCE_TOKENS = size
        begun = time.process_time()
        found = [one.translation for one in model.translate(sources, directions)]
        spent = time.process_time() - begun
        first = first or found
        print(f"| {size} | {spent:.1f} | {sum(map(str.__eq__, first, found))} of {len(found)} |", flush=True)


if __name__ == "__main__":
    main()
