"""Which language's modules of a base read the texts, where it has modules for each (X-MOD). One language for the whole run."""

from lowres.errors import Problem
from lowres.languages.codes import form_of, tag_of, token_for
from lowres.models.checkpoint import Checkpoint
from lowres.planning.machine import Machine
from lowres.recipe.sections import Recipe


def module_language(recipe: Recipe, checkpoint: Checkpoint) -> str:
    """The language whose modules read the texts, as the base writes it; empty where it has none, or not one for them."""
    form = form_of(checkpoint.languages)
    tags = (recipe.base.language,) if recipe.base.language else tuple(dict.fromkeys(recipe.languages))
    if form is None or (
        checkpoint.language and not recipe.base.language
    ):  # an exported checkpoint has those of one language
        return checkpoint.language
    return token_for(tags[0], checkpoint.languages, form) or "" if len(tags) == 1 else ""


def base_reads_the_language(recipe: Recipe, checkpoint: Checkpoint, machine: Machine) -> Problem | None:
    """A base with modules for each language needs to know which of them read the texts."""
    form, named = form_of(checkpoint.languages), recipe.base.language
    if form is None:
        what = f"has no effect: {checkpoint.name} has no modules for languages"
        return Problem("base.language", what, "leave it out") if named else None
    if module_language(recipe, checkpoint):
        return None
    meant = named or ", ".join(recipe.languages) or "texts whose language the recipe does not name"
    listed = ", ".join(sorted(tag_of(code, form, "").rstrip("-") for code in checkpoint.languages))
    what = f"{checkpoint.name} has modules for {len(checkpoint.languages)} languages, and not one for {meant}"
    return Problem("base.language", what, f"name a related one with its script, such as ind-Latn; it has {listed}")
