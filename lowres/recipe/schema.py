"""The recipe's JSON Schema, made from its sections, for editors and other programs."""

import json
from typing import Any

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from lowres.recipe.sections import Recipe


class _Untitled(GenerateJsonSchema):
    """Without a title for each key, which would only repeat the key."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False

    def generate(self, schema: core_schema.CoreSchema, mode: Any = "validation") -> JsonSchemaValue:
        return {"$schema": self.schema_dialect, **super().generate(schema, mode), "title": "lowres recipe"}


def recipe_schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of recipes."""
    return Recipe.model_json_schema(schema_generator=_Untitled)


def schema_text() -> str:
    """The schema as text, as it stands in docs/recipe.schema.json."""
    return json.dumps(recipe_schema(), indent=2, ensure_ascii=False) + "\n"
