"""From a recipe and a machine to a plan: finds base and data, asks the rules."""

import platform
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from lowres.data.corpus import Corpus
from lowres.data.further_rows import with_further_rows
from lowres.data.glossary import read_glossary
from lowres.data.reading import read_corpus
from lowres.errors import DataError, Finding, PlanError, Problem
from lowres.models.checkpoint import Checkpoint, find_base
from lowres.models.configuration import reads_bytes
from lowres.models.hub_files import is_hub_id
from lowres.models.known_bases import known_base
from lowres.planning.base_language import module_language
from lowres.planning.footprint import activation_bytes, training_gib, weights_gib
from lowres.planning.machine import GIB, Machine, Options
from lowres.planning.outside import outside_findings
from lowres.planning.recipe_rules import DATA_RULES, RECIPE_RULES, untranslated
from lowres.planning.rules import BASE_RULES
from lowres.recipe import RecipeFile
from lowres.recipe.decoding_section import DECODER_BEAMS
from lowres.recipe.sections import Recipe
from lowres.recipe.task_section import Translation
from lowres.starters.starters import STARTERS
from lowres.vocabulary.fitting_data import FittingData, gather

Precision = Literal["bf16", "fp32"]
KEPT_SHARE = 0.25  # of the memory that is left, for encoder states that training keeps


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
    kept_states_gib: float
    findings: tuple[Finding, ...]
    near: Path = Path()

    @property
    def pooling(self) -> str:
        """How the token vectors of a text become one: as the recipe says, else as the base was trained."""
        named = self.recipe.base.pooling
        return self.checkpoint.pooling if named == "auto" else named


def recipe_problems(recipe: Recipe, near: Path) -> list[Problem]:
    """What is wrong with a recipe by itself: keys without effect, runs that do not exist."""
    return [problem for rule in RECIPE_RULES for problem in rule(recipe, near)]


def base_problems(recipe: Recipe, checkpoint: Checkpoint, machine: Machine) -> list[Problem]:
    """What does not fit together in recipe, base and machine."""
    return [problem for rule in BASE_RULES if (problem := rule(recipe, checkpoint, machine))]


def make_plan(recipe: Recipe, checkpoint: Checkpoint, machine: Machine, near: Path = Path()) -> Plan:
    """Check every rule and divide batches so that they fit the memory. Raises PlanError with all refusals together."""
    problems = [*recipe_problems(recipe, near), *base_problems(recipe, checkpoint, machine)]
    if problems:
        raise PlanError(*problems)
    recipe = as_suits_the_base(recipe, checkpoint)
    checkpoint = replace(checkpoint, language=module_language(recipe, checkpoint))
    weights = weights_gib(recipe, checkpoint, machine)
    room = max(0.0, 0.8 * machine.memory_gib - weights) * GIB
    per_token = activation_bytes(recipe, checkpoint, 1)
    micro = min(recipe.training.batch_tokens, max(recipe.training.max_length, int(room / per_token)))
    memory = training_gib(recipe, checkpoint, machine, micro)
    findings = []
    if micro < recipe.training.batch_tokens:
        findings.append(
            Finding("note", f"batches of {recipe.training.batch_tokens} tokens are processed in parts of {micro}")
        )
    if checkpoint.revision is None and is_hub_id(checkpoint.name):
        what = f"the folder {checkpoint.name} is taken, not the model of that name on the hub, which base.revision would name"
        findings.append(Finding("note", what, "base.name"))
    if machine.device == "cpu" and not machine.bf16:
        findings.append(Finding("note", "this processor is quicker in float32 than in bfloat16: training in float32"))
    findings += [*base_findings(recipe, checkpoint), *outside_findings(recipe, near)]
    if platform.system() == "Windows":
        findings.append(Finding("warning", "lowres is not tested on Windows; use WSL, the Windows Subsystem for Linux"))
    return Plan(
        recipe=recipe,
        machine=machine,
        checkpoint=checkpoint,
        precision="bf16" if machine.bf16 else "fp32",
        micro_batch_tokens=micro,
        memory_gib=memory,
        kept_states_gib=max(0.0, KEPT_SHARE * (machine.memory_gib - memory)),
        findings=tuple(findings),
        near=near,
    )


def base_findings(recipe: Recipe, checkpoint: Checkpoint) -> list[Finding]:
    """What is worth knowing of a base: an unknown family, a tokenizer that cannot be fitted, a licence that forbids selling."""
    found, family = [], checkpoint.architecture
    if not family.is_known:
        count = len(family.feed_forward)
        what = f"the family {family.family} is not known; the {count} linear modules of each layer were found by their names"
        found.append(Finding("note", what, "base.name"))
    if reads_bytes(checkpoint.folder) and "off" not in (recipe.vocabulary.extend, recipe.vocabulary.trim):
        what = (
            f"{checkpoint.name} reads bytes: there is no vocabulary to extend or to trim, and no script that it cannot read; "
            "pre-training on plain text of the language (task.kind: pre-training) is what adapts it"
        )
        found.append(Finding("note", what, "vocabulary"))
    known = known_base(checkpoint.over or checkpoint.name)
    if known is not None and known.non_commercial:
        what = f"{known.name} is licensed {known.licence}: what is trained over it may not be used commercially either"
        found.append(Finding("warning", what, "base.name"))
    return found


def as_suits_the_base(recipe: Recipe, checkpoint: Checkpoint) -> Recipe:
    """The recipe with the learning rate and the width of the search that suit the base's family, where it names none."""
    rate = checkpoint.architecture.learning_rates.get(recipe.method.kind)
    if rate is not None and "learning_rate" not in recipe.training.model_fields_set:
        training = recipe.training.model_copy(update={"learning_rate": rate})
        recipe = recipe.model_copy(update={"training": training})
    if checkpoint.architecture.shape == "decoder" and "beams" not in recipe.decoding.model_fields_set:
        decoding = recipe.decoding.model_copy(update={"beams": DECODER_BEAMS})
        recipe = recipe.model_copy(update={"decoding": decoding})
    return recipe


def base_of(file: RecipeFile, options: Options, *, build: bool) -> Checkpoint:
    """The base of a recipe; without `build`, a starter is described and not built. Raises ModelError."""
    base = file.recipe.base
    return find_base(
        base.name,
        base.revision,
        options.places(file.path.parent),
        STARTERS,
        build=build,
        layers=base.encoder_layers,
        decoder=base.decoder_layers,
    )


def prepare(file: RecipeFile, options: Options, *, build: bool = True) -> Plan:
    """The plan of a recipe. Finds the base but loads no weights; without `build`, a starter is described and not built.

    Raises ModelError or PlanError.
    """
    checkpoint = base_of(file, options, build=build)
    machine = Machine.detect(options.device, options.threads)
    return make_plan(file.recipe, checkpoint, machine, file.path.parent)


def read_data(file: RecipeFile, options: Options) -> Corpus:
    """Read the data of a recipe, with those of stages and plain texts. Raises CardError or DataError."""
    recipe, places = file.recipe, options.places(file.path.parent)
    corpus = read_corpus(recipe.data, recipe.task, places, seed=recipe.training.seed)
    corpus = with_further_rows(corpus, recipe, places)
    if isinstance(recipe.task, Translation) and (glossary := read_glossary(recipe.task, corpus.languages, places)):
        corpus = replace(
            corpus, glossary=glossary.entries, files=(*corpus.files, glossary.file),
            findings=(*corpus.findings, *glossary.findings),
        )  # fmt: skip
    problems = [problem for rule in DATA_RULES for problem in rule(recipe, corpus)]
    if problems:
        raise DataError(*problems)
    return replace(corpus, findings=(*corpus.findings, *untranslated(recipe, corpus)))


def read_fitting_data(file: RecipeFile, corpus: Corpus, options: Options) -> FittingData:
    """Read the texts and word lists that the vocabulary is fitted to. Raises CardError or DataError."""
    return gather(file.recipe, corpus, options.places(file.path.parent))
