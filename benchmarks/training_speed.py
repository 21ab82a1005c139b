"""Seconds of one LoRA update and of a forward pass on this machine: by attention implementation, by dropout inside the base, and over
a base in 16, 8 and 4 bits.

    python benchmarks/training_speed.py --threads 1

The variants take turns, so that other work on the machine slows all of them alike; the median is reported.
"""

import statistics
import time
from dataclasses import dataclass

import click
import torch
from accelerate import Accelerator
from torch import nn

from lowres.data.files import cache_folder
from lowres.methods import lora
from lowres.models.checkpoint import Checkpoint, find_base
from lowres.models.loading import load_encoder
from lowres.models.modules import linear_modules
from lowres.models.quantization import PRECISIONS, quantize_base
from lowres.places import Places
from lowres.planning import Machine
from lowres.recipe.methods import Lora
from lowres.starters.starters import STARTERS
from lowres.tasks.classification.head import ClassificationModel

LABELS = 3


@dataclass(frozen=True)
class Variant:
    """Attention as transformers names it, dropout inside the base, quantization as in a recipe.

    `raw` leaves 8-bit layers as bitsandbytes makes them.
    """

    attention: str = "eager"
    dropout: float = 0.0
    quantize: str = "off"
    raw: bool = False

    @property
    def name(self) -> str:
        bits = "8bit, as bitsandbytes does it" if self.raw else self.quantize
        return f"{self.attention} | {self.dropout} | {bits}"


VARIANTS = (
    Variant(),
    Variant(attention="sdpa"),
    Variant(dropout=0.1),
    Variant(quantize="8bit"),
    Variant(quantize="8bit", raw=True),
    Variant(quantize="4bit"),
)


@click.command()
@click.option("--threads", type=int, default=1, show_default=True)
@click.option("--texts", type=int, default=32, show_default=True)
@click.option("--tokens", type=int, default=48, show_default=True, help="Tokens of each text.")
@click.option(
    "--updates", type=int, default=20, show_default=True, help="Updates of each variant, after two to warm up."
)
@click.option("--full-precision", is_flag=True, help="float32 also where bfloat16 is fast.")
def main(threads: int, texts: int, tokens: int, updates: int, full_precision: bool) -> None:
    """Print seconds per update as a Markdown table."""
    torch.set_num_threads(threads)
    machine = Machine.detect("cpu", threads)
    precision = "bf16" if machine.bf16 and not full_precision else "fp32"
    accelerator = Accelerator(cpu=True, mixed_precision="bf16" if precision == "bf16" else "no")
    checkpoint = find_base("starter:encoder", None, Places(cache_folder(), cache_folder(), offline=False), STARTERS)
    ids = torch.randint(10, checkpoint.vocabulary_size, (texts, tokens), generator=torch.Generator().manual_seed(0))
    dtype = PRECISIONS[accelerator.mixed_precision]
    models = {variant: model_of(variant, checkpoint, dtype) for variant in VARIANTS}
    optimizers = {variant: torch.optim.AdamW(trained(model), lr=1e-4) for variant, model in models.items()}
    seconds: dict[Variant, list[tuple[float, float]]] = {variant: [] for variant in VARIANTS}
    for _ in range(2 + updates):
        for variant, model in models.items():
            training = update(model.train(), optimizers[variant], ids, accelerator)
            seconds[variant].append((training, forward(model.eval(), ids, accelerator)))
    body = checkpoint.parameters - checkpoint.vocabulary_size * checkpoint.hidden_size
    click.echo(
        f"{machine.name}, {threads} threads, {precision}; {texts} texts of {tokens} tokens, {updates} updates each\n"
    )
    click.echo(
        "| attention | dropout in the base | quantize | seconds per update, median | quickest–slowest | forward pass | "
        "operations per second and core |"
    )
    click.echo("|---|---|---|---|---|---|---|")
    for variant, times in seconds.items():
        training_times, forward_times = zip(*times[2:], strict=True)
        median = statistics.median(training_times)
        rate = 4 * body * ids.numel() / median / threads
        spread = f"{min(training_times):.2f}–{max(training_times):.2f}"
        click.echo(
            f"| {variant.name} | {median:.2f} | {spread} | {statistics.median(forward_times):.2f} | {rate:.1e} |"
        )


def model_of(variant: Variant, checkpoint: Checkpoint, dtype: torch.dtype) -> ClassificationModel:
    """The starter with LoRA of rank 16 as lowres trains it, except for the variant."""
    _, base = load_encoder(checkpoint)
    base.set_attn_implementation(variant.attention)
    for module in base.modules():
        if isinstance(module, nn.Dropout):
            module.p = variant.dropout
    quantize_base(base, checkpoint.architecture, variant.quantize, dtype)
    if variant.raw:
        for layer in linear_modules(base, checkpoint.architecture).values():
            layer._forward_pre_hooks.clear()
    encoder = lora.apply(base, Lora(kind="lora", rank=16), checkpoint.architecture)
    return ClassificationModel(encoder, checkpoint.hidden_size, LABELS, checkpoint.pooling).train()


def trained(model: nn.Module) -> list[nn.Parameter]:
    return [weight for weight in model.parameters() if weight.requires_grad]


def update(
    model: ClassificationModel, optimizer: torch.optim.Optimizer, ids: torch.Tensor, accelerator: Accelerator
) -> float:
    """Seconds of one update: forward pass, backward pass, gradient clipping, optimizer step."""
    labels = torch.arange(len(ids)) % LABELS
    begun = time.perf_counter()
    with accelerator.autocast():
        logits = model(ids, torch.ones_like(ids))
    accelerator.backward(nn.functional.cross_entropy(logits.float(), labels))
    accelerator.clip_grad_norm_(trained(model), 1.0)
    optimizer.step()
    optimizer.zero_grad()
    return time.perf_counter() - begun


def forward(model: ClassificationModel, ids: torch.Tensor, accelerator: Accelerator) -> float:
    """Seconds of a forward pass without gradients."""
    begun = time.perf_counter()
    with torch.inference_mode(), accelerator.autocast():
        model(ids, torch.ones_like(ids))
    return time.perf_counter() - begun


if __name__ == "__main__":
    main()
