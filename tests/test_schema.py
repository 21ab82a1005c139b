"""The published schema: current, closed, and true of every shipped recipe."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from ruamel.yaml import YAML

from lowres.recipe import Recipe, parse_recipe, read_recipe, recipe_schema, schema_text
from lowres.recipe.data_section import CardData
from lowres.recipe.methods import METHOD_FACTS, Features, Full, Lora
from lowres.recipe.reader import LANGUAGES
from lowres.recipe.task_section import Classification
from lowres.recipe.training_section import Training

ROOT = Path(__file__).parent.parent
SHIPPED = sorted((ROOT / "recipes").glob("*.yaml"))


def test_published_schema_is_current() -> None:
    published = (ROOT / "docs" / "recipe.schema.json").read_text(encoding="utf-8")
    assert published == schema_text(), "run `make schema`"
    assert json.loads(published) == recipe_schema()


def test_schema_is_closed_and_described() -> None:
    schema = recipe_schema()
    Draft202012Validator.check_schema(schema)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert schema["title"] == "lowres recipe"
    assert "$id" not in schema
    for section in (schema, *schema["$defs"].values()):
        assert section["additionalProperties"] is False
        assert section["description"]
        assert not [key for key, field in section["properties"].items() if "title" in field]


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_shipped_recipe_is_valid(path: Path) -> None:
    first = path.read_text(encoding="utf-8").splitlines()[0]
    assert first == "# yaml-language-server: $schema=../docs/recipe.schema.json"
    Draft202012Validator(recipe_schema()).validate(YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8")))
    assert read_recipe(path).lowres == 2


def test_every_place_of_a_language_tag_is_checked() -> None:
    schema = recipe_schema()

    def sections_of(key: str) -> list[dict[str, Any]]:
        field = schema["properties"][key]
        refs = [part["$ref"] for part in (field, *field.get("oneOf", [])) if "$ref" in part]
        return [schema["$defs"][ref.rpartition("/")[2]] for ref in refs]

    pattern = "^[a-z]{3}-[A-Z][a-z]{3}$"
    tagged = {
        (key, name)
        for key in schema["properties"]
        for section in sections_of(key)
        for name, field in section["properties"].items()
        if name != "files" and pattern in json.dumps(field)
    }
    assert tagged == set(LANGUAGES)


def test_defaults_stand_in_one_place_and_hold_in_yaml_in_python_and_in_the_schema() -> None:
    text = (
        "lowres: 2\nname: x\ntask: {kind: classification}\ndata: {card: nusax-sentiment}\n"
        "method: {kind: %s}\ntraining: {seed: 3}\n"
    )
    schema = recipe_schema()["$defs"]["Training"]["properties"]
    for kind, method in (
        ("features", Features(kind="features")),
        ("lora", Lora(kind="lora")),
        ("full", Full(kind="full")),
    ):
        read = parse_recipe(text % kind, "recipe.yaml")
        made = Recipe(
            lowres=2, name="x", task=Classification(kind="classification"), data=CardData(card="nusax-sentiment"),
            method=method, training=Training(seed=3),
        )  # fmt: skip
        assert made == read
        assert (made.training.epochs, made.training.learning_rate) == (
            METHOD_FACTS[kind].epochs,
            METHOD_FACTS[kind].learning_rate,
        )
        for key in ("epochs", "learning_rate"):
            assert "default" not in schema[key]
            own = next(part for part in schema[key]["description"].split("; ") if re.search(rf"\b{kind}\b", part))
            assert re.search(rf"\b{getattr(METHOD_FACTS[kind], key):g} for ", own)
    assert (
        parse_recipe(text.replace("method: {kind: %s}\n", ""), "recipe.yaml").training.epochs
        == METHOD_FACTS["lora"].epochs
    )
