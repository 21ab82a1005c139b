"""The recipe's JSON Schema, made from its sections."""

import json

from lowres.recipe.sections import Recipe


def recipe_schema() -> dict[str, object]:
    """JSON Schema (draft 2020-12) of a recipe."""
    schema = Recipe.model_json_schema()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": "lowres recipe"}


def schema_text() -> str:
    """The schema as docs/recipe.schema.json holds it."""
    return json.dumps(recipe_schema(), indent=2, ensure_ascii=False) + "\n"
