"""Recipes: the format, the strict reader, the JSON Schema and the lock. Imports nothing heavy."""

from lowres.recipe.lock import Lock, read_lock, write_lock
from lowres.recipe.reader import RecipeFile, draft_recipe, open_recipe, parse_recipe, read_recipe
from lowres.recipe.schema import recipe_schema, schema_text
from lowres.recipe.sections import Recipe

__all__ = [
    "Lock",
    "Recipe",
    "RecipeFile",
    "draft_recipe",
    "open_recipe",
    "parse_recipe",
    "read_lock",
    "read_recipe",
    "recipe_schema",
    "schema_text",
    "write_lock",
]
