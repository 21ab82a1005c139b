"""The same recipe with another seed: its text with one number changed or added, so that each run keeps a recipe of its own."""

import hashlib

from lowres.errors import LowresError, Problem, RecipeError
from lowres.recipe.reader import RecipeFile, parse_recipe
from lowres.recipe.strict import Place, parse

SEED = ("training", "seed")


def with_seed(file: RecipeFile, seed: int) -> RecipeFile:
    """The recipe with this seed; unchanged if it has it. Comments and all other lines stay as they are.

    Raises RecipeError where no place for the seed is found, as in a recipe that is written in one pair of braces.
    """
    if file.recipe.training.seed == seed:
        return file
    text = _written(file.text, seed)
    training = file.recipe.training.model_copy(update={"seed": seed})
    try:
        recipe = parse_recipe(text, str(file.path))
    except LowresError:
        recipe = file.recipe
    if recipe != file.recipe.model_copy(update={"training": training}):
        what = f"the seed {seed} cannot be put into this recipe"
        raise RecipeError(Problem(str(file.path), what, "write training: {seed: 13} on a line of its own"))
    return file.model_copy(update={"recipe": recipe, "text": text, "sha256": hashlib.sha256(text.encode()).hexdigest()})


def _written(text: str, seed: int) -> str:
    document = parse(text, "")
    if SEED in document.places:
        at = _offset(text, document.places[SEED])
        return f"{text[:at]}{seed}{text[at + len(document.written[SEED]) :]}"
    section = SEED[:1]
    if section not in document.places:
        return f"{text.rstrip()}\ntraining: {{seed: {seed}}}\n"
    line, column = document.places[section]
    at = _offset(text, (line, column))
    if text[at : at + 1] == "{":
        more = ", " if document.data["training"] else ""
        return f"{text[: at + 1]}seed: {seed}{more}{text[at + 1 :]}"
    return f"{text[:at]}seed: {seed}\n{' ' * (column - 1)}{text[at:]}"


def _offset(text: str, place: Place) -> int:
    """The number of characters before a line and column, both counted from 1."""
    line, column = place
    return sum(len(one) for one in text.splitlines(keepends=True)[: line - 1]) + column - 1
