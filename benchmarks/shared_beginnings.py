"""Time of an update of a decoder on a processor, where what all prompts begin with is read once, and where it is read in each.

    lowres run quickstart --out runs/quickstart
    python benchmarks/shared_beginnings.py runs/quickstart

Seconds by the clock: the median of some updates of each kind, made in turns, over the test pairs of the run.
"""

import json
import statistics
import time
from pathlib import Path

import click

import lowres
from lowres.planning import Options
from lowres.runs.layout import PREDICTIONS
from lowres.tasks.generation import objective
from lowres.tasks.generation.inputs import Answered
from lowres.tasks.prompted_translation.model import PromptedTranslator
from lowres.training.batches import plan_batches

WAYS = {"once": objective.A_PASS, "in each": 10**9}  # from how many tokens on they are read once


@click.command()
@click.argument("run", type=click.Path(path_type=Path, exists=True))
@click.option("--threads", type=int, default=1, show_default=True)
@click.option("--updates", type=int, default=5, show_default=True, help="of each kind")
@click.option("--sizes", type=int, multiple=True, default=(256, 512, 1024, 2048), show_default=True)
def main(run: Path, threads: int, updates: int, sizes: tuple[int, ...]) -> None:
    """Print a Markdown table, by tokens of a batch."""
    model = lowres.load(run, options=Options(threads=threads)).predictor
    assert isinstance(model, PromptedTranslator)
    for name, weight in model.model.named_parameters():
        weight.requires_grad_("lora_" in name)
    model.model.train()
    lines = [json.loads(line) for line in (run / PREDICTIONS).read_text("utf-8").splitlines()]
    examples = []
    for line in lines:
        direction = line["source_language"], line["target_language"]
        prompt = model.source_ids(line["source"], *direction)
        examples.append(Answered(prompt, model.answer_ids(line["reference"], line["source"], direction[1])))
    trained = objective.AnswerObjective(
        model.model, model.tokenizer.pad_token_id, examples, model.accelerator, label_smoothing=0.1,
        epoch_rows=lambda epoch: range(len(examples)), score=lambda: 0.0,
    )  # fmt: skip
    print("| tokens | examples | once: seconds | in each: seconds |\n|---|---|---|---|")
    for size in sizes:
        batches = plan_batches(trained.lengths, size, 13, 0)[: updates + 1]
        spent: dict[str, list[float]] = {way: [] for way in WAYS}
        for batch in batches:
            for way, tokens in WAYS.items():
                objective.A_PASS = tokens
                begun = time.monotonic()
                trained.loss(batch, 0)[0].backward()
                spent[way].append(time.monotonic() - begun)
        mean = sum(map(len, batches)) / len(batches)
        cells = " | ".join(f"{statistics.median(some[1:]):.2f}" for some in spent.values())
        print(f"| {size:,} | {mean:.0f} | {cells} |", flush=True)


if __name__ == "__main__":
    main()
