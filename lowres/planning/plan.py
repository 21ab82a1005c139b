"""From a recipe and a machine to a plan: finds base and data, asks the rules."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from lowres.data.corpus import Corpus
from lowres.data.reading import read_corpus
from lowres.errors import Finding, PlanError
from lowres.models.checkpoint import Checkpoint, find_base
from lowres.planning.footprint import activation_bytes, weights_gib
from lowres.planning.machine import GIB, Machine, Options
from lowres.planning.rules import RULES
from lowres.recipe import RecipeFile
from lowres.recipe.sections import Recipe
from lowres.starters.starters import STARTERS
from lowres.vocabulary.fitting_data import FittingData, gather

Precision = Literal["bf16", "fp32"]


@dataclass(frozen=True)
class Plan:
    """How a recipe will be carried out on this machine.

    `micro_batch_tokens` is the largest part of a batch that is passed through at once; `memory_gib` is an upper bound of what training
    needs; `near` is the folder of the recipe, in which the other files that it names are looked for.
    """

    recipe: Recipe
    machine: Machine
    checkpoint: Checkpoint
    precision: Precision
    micro_batch_tokens: int
    memory_gib: float
    findings: tuple[Finding, ...]
    near: Path = Path()

    @property
    def pooling(self) -> str:
        """How the token vectors of a text become one: as the recipe says, else as the base was trained."""
        named = self.recipe.base.pooling
        return self.checkpoint.pooling if named == "auto" else named


def make_plan(recipe: Recipe, checkpoint: Checkpoint, machine: Machine) -> Plan:
    """Check every rule and divide batches so that they fit the memory. Raises PlanError with all refusals together."""
    problems = [problem for rule in RULES if (problem := rule(recipe, checkpoint, machine))]
    if problems:
        raise PlanError(*problems)
    weights = weights_gib(recipe, checkpoint, machine)
    room = max(0.0, 0.8 * machine.memory_gib - weights) * GIB
    per_token = activation_bytes(recipe, checkpoint, 1)
    micro = min(recipe.training.batch_tokens, max(recipe.training.max_length, int(room / per_token)))
    findings = []
    if micro < recipe.training.batch_tokens:
        findings.append(
            Finding("note", f"batches of {recipe.training.batch_tokens} tokens are processed in parts of {micro}")
        )
    if machine.device == "cpu" and not machine.bf16:
        findings.append(Finding("note", "this processor has no fast bfloat16: training in float32, about half as fast"))
    return Plan(
        recipe=recipe,
        machine=machine,
        checkpoint=checkpoint,
        precision="bf16" if machine.bf16 else "fp32",
        micro_batch_tokens=micro,
        memory_gib=weights + micro * per_token / GIB + 1.0,
        findings=tuple(findings),
    )


def prepare(file: RecipeFile, options: Options, *, build: bool = True) -> Plan:
    """The plan of a recipe. Finds the base but loads no weights; without `build`, a starter is described and not built.

    Raises ModelError or PlanError.
    """
    base = file.recipe.base
    checkpoint = find_base(
        base.name,
        base.revision,
        options.places(file.path.parent),
        STARTERS,
        build=build,
        layers=base.encoder_layers,
        decoder=base.decoder_layers,
    )
    plan = make_plan(file.recipe, checkpoint, Machine.detect(options.device, options.threads))
    return replace(plan, near=file.path.parent)


def read_data(file: RecipeFile, options: Options) -> Corpus:
    """Read the data of a recipe. Raises CardError or DataError."""
    recipe = file.recipe
    return read_corpus(recipe.data, recipe.task, options.places(file.path.parent), seed=recipe.training.seed)


def read_fitting_data(file: RecipeFile, corpus: Corpus, options: Options) -> FittingData:
    """Read the texts and word lists that the vocabulary is fitted to. Raises CardError or DataError."""
    return gather(file.recipe, corpus, options.places(file.path.parent))
