"""What one update of LoRA training takes on this machine, with the attention and the dropout that lowres leaves out.

    python benchmarks/training_speed.py --threads 1

The variants take turns, so that whatever else the machine does slows all of them; the median update counts.
"""

import statistics
import time
from dataclasses import dataclass

import click
import torch
from accelerate import Accelerator
from torch import nn

from lowres.data.sources import cache_folder
from lowres.methods import lora
from lowres.models.checkpoint import Checkpoint, find_base
from lowres.models.classifier import Classifier
from lowres.models.loading import load_encoder
from lowres.planning import Machine
from lowres.recipe.methods import Lora

LABELS = 3


@dataclass(frozen=True)
class Variant:
    """Attention as transformers names it, and dropout inside the base."""

    attention: str
    dropout: float


VARIANTS = (Variant("eager", 0.0), Variant("sdpa", 0.0), Variant("eager", 0.1))


@click.command()
@click.option("--threads", type=int, default=1, show_default=True)
@click.option("--texts", type=int, default=32, show_default=True)
@click.option("--pieces", type=int, default=48, show_default=True, help="Pieces of each text.")
@click.option(
    "--updates", type=int, default=20, show_default=True, help="Updates of each variant, after two to warm up."
)
@click.option("--full-precision", is_flag=True, help="float32 also where bfloat16 is fast.")
def main(threads: int, texts: int, pieces: int, updates: int, full_precision: bool) -> None:
    """Print seconds per update as a Markdown table."""
    torch.set_num_threads(threads)
    machine = Machine.detect("cpu", threads)
    precision = "bf16" if machine.bf16 and not full_precision else "fp32"
    accelerator = Accelerator(cpu=True, mixed_precision="bf16" if precision == "bf16" else "no")
    checkpoint = find_base("starter:encoder", None, near=cache_folder(), cache=cache_folder(), offline=False)
    ids = torch.randint(10, checkpoint.pieces, (texts, pieces), generator=torch.Generator().manual_seed(0))
    models = {variant: model_of(variant, checkpoint) for variant in VARIANTS}
    optimizers = {variant: torch.optim.AdamW(trained(model), lr=1e-4) for variant, model in models.items()}
    seconds: dict[Variant, list[float]] = {variant: [] for variant in VARIANTS}
    for _ in range(2 + updates):
        for variant, model in models.items():
            seconds[variant].append(update(model, optimizers[variant], ids, accelerator))
    body = checkpoint.parameters - checkpoint.pieces * checkpoint.hidden_size
    click.echo(
        f"{machine.name}, {threads} threads, {precision}; {texts} texts of {pieces} pieces, {updates} updates each\n"
    )
    click.echo(
        "| attention | dropout in the base | seconds per update, median | quickest–slowest | operations per second and core |"
    )
    click.echo("|---|---|---|---|---|")
    for variant, all_times in seconds.items():
        times = all_times[2:]
        median = statistics.median(times)
        rate = 4 * body * ids.numel() / median / threads
        click.echo(
            f"| {variant.attention} | {variant.dropout} | {median:.2f} | {min(times):.2f}–{max(times):.2f} | {rate:.1e} |"
        )


def model_of(variant: Variant, checkpoint: Checkpoint) -> Classifier:
    """The starter with LoRA of rank 16 as lowres trains it, but for the variant."""
    _, base = load_encoder(checkpoint)
    base.set_attn_implementation(variant.attention)
    for module in base.modules():
        if isinstance(module, nn.Dropout):
            module.p = variant.dropout
    encoder = lora.apply(base, Lora(kind="lora", rank=16), checkpoint.architecture)
    return Classifier(encoder, checkpoint.hidden_size, LABELS, checkpoint.pooling).train()


def trained(model: nn.Module) -> list[nn.Parameter]:
    return [weight for weight in model.parameters() if weight.requires_grad]


def update(model: Classifier, optimizer: torch.optim.Optimizer, ids: torch.Tensor, accelerator: Accelerator) -> float:
    """Seconds of one update: forward, backward, clipping, step."""
    answers = torch.arange(len(ids)) % LABELS
    begun = time.perf_counter()
    with accelerator.autocast():
        logits = model(ids, torch.ones_like(ids))
    accelerator.backward(nn.functional.cross_entropy(logits.float(), answers))
    accelerator.clip_grad_norm_(trained(model), 1.0)
    optimizer.step()
    optimizer.zero_grad()
    return time.perf_counter() - begun


if __name__ == "__main__":
    main()
