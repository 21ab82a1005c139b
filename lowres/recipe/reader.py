"""From a YAML file to a Recipe, or to every problem at once, each with its line."""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails

from lowres.errors import Problem, RecipeError, nearest
from lowres.recipe.sections import HUB_PATTERN, LANGUAGE_PATTERN, REVISION_PATTERN, Recipe
from lowres.recipe.strict import Document, parse, read_text

FORMAT = 1
_TAGS = ("card", "files", "hub")  # pydantic names the form of `data` in the path of an error; the file does not


class RecipeFile(BaseModel):
    """A recipe with the exact text it was read from."""

    model_config = ConfigDict(frozen=True)

    recipe: Recipe
    path: Path
    text: str
    sha256: str


def open_recipe(path: str | Path) -> RecipeFile:
    """Read a recipe. Raises RecipeError with every problem that was found."""
    path = Path(path)
    text = read_text(path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return RecipeFile(recipe=parse_recipe(text, str(path)), path=path, text=text, sha256=digest)


def parse_recipe(text: str, where: str) -> Recipe:
    """Validate the text of a recipe; `where` names it in messages. Raises RecipeError."""
    document = parse(text, where)
    version = document.data.get("lowres")
    if isinstance(version, int) and version > FORMAT:
        place = _spot(where, document, ("lowres",))
        raise RecipeError(
            Problem(
                place,
                f"lowres: is of format {version}; this lowres reads format {FORMAT}",
                "upgrade: pip install -U lowres",
            )
        )
    try:
        recipe = Recipe.model_validate(_tuples(document.data))
    except ValidationError as error:
        problems = [_problem(details, document, where) for details in error.errors() if not _other_member(details)]
        raise RecipeError(*_in_order([*document.problems, *problems])) from error
    if document.problems:
        raise RecipeError(*document.problems)
    return recipe


def _tuples(value: object) -> Any:
    """YAML lists as the tuples that frozen sections hold."""
    if isinstance(value, Mapping):
        return {key: _tuples(item) for key, item in value.items()}
    if isinstance(value, list):
        return tuple(_tuples(item) for item in value)
    return value


def _in_order(problems: Sequence[Problem]) -> list[Problem]:
    def place(problem: Problem) -> tuple[int, ...]:
        return tuple(int(part) for part in problem.where.rsplit(":", 2)[1:] if part.isdigit())

    return sorted(dict.fromkeys(problems), key=place)


def _problem(details: ErrorDetails, document: Document, where: str) -> Problem:
    path = _path(details["loc"], document)
    key = ".".join(map(str, path))
    what, hint = _words(details, path)
    extra = details["type"] == "extra_forbidden"
    return Problem(_spot(where, document, path, key_itself=extra), f"{key}: {what}" if key else what, hint)


def _other_member(details: ErrorDetails) -> bool:
    """Does this speak of the member of “text or list” that the file does not mean?"""
    member, listed = str(details["loc"][-1]), isinstance(details.get("input"), tuple)
    return (member == "str" and listed) or (member.startswith("tuple[") and not listed)


def _path(loc: tuple[int | str, ...], document: Document) -> tuple[int | str, ...]:
    """The path in the file: without the names of union members that pydantic puts between."""
    if loc[0] == "data" and len(loc) > 1 and loc[1] in _TAGS:
        loc = ("data", *loc[2:])
    path: tuple[int | str, ...] = ()
    for number, part in enumerate(loc):
        known = (*path, part) in document.places or (*path, part) in document.keys
        missing = (
            number == len(loc) - 1 and "[" not in str(part) and part not in ("str", *_kinds(path[-1] if path else None))
        )
        if known or missing:
            path = (*path, part)
    return path


def _spot(where: str, document: Document, path: tuple[int | str, ...], *, key_itself: bool = False) -> str:
    """file:line:column of a value, or of its key, or of the nearest section that is there."""
    while path and path not in document.places:
        path = path[:-1]
    place = document.keys.get(path) if key_itself else None
    line, column = place or document.places.get(path) or (1, 1)
    return f"{where}:{line}:{column}"


def _words(details: ErrorDetails, path: tuple[int | str, ...]) -> tuple[str, str]:
    """What is wrong and what is possible, in plain words."""
    kind, context, found = details["type"], details.get("ctx", {}), details.get("input")
    if kind == "extra_forbidden":
        known = _known_keys(details["loc"])
        return "unknown key", "; ".join(
            filter(None, [nearest(str(path[-1]), known), f"known here: {', '.join(known)}"])
        )
    if kind == "missing":
        return "is missing", "every recipe needs it" if len(path) == 1 else "add it"
    if kind in ("literal_error", "union_tag_invalid"):
        choices = str(context.get("expected") or context.get("expected_tags")).replace("'", "").replace(" or ", ", ")
        value = found.get("kind") if isinstance(found, Mapping) else found
        return f"“{value}” is not possible", "; ".join(
            filter(None, [nearest(str(value), choices.split(", ")), f"possible: {choices}"])
        )
    if kind == "union_tag_not_found":
        return "needs a kind", f"possible: {', '.join(_kinds(path[-1]))}"
    if kind == "data_form":
        return "does not say where the data are", "give one of card, files, hub"
    if kind in (
        "string_type",
        "tuple_type",
        "int_type",
        "float_type",
        "bool_type",
        "model_type",
        "dict_type",
        "model_attributes_type",
    ):
        return _wrong_type(kind, found)
    if kind in _BOUNDS:
        name, word = _BOUNDS[kind]
        return f"{found} is out of range", f"{word} {context[name]}"
    if kind == "string_pattern_mismatch":
        return f"“{found}” is not of the expected form", _FORMS.get(str(context.get("pattern")), "")
    if kind in ("string_too_short", "too_short"):
        return "is empty", "write something here"
    return str(details["msg"]), ""


_FORMS = {
    LANGUAGE_PATTERN: "an ISO 639-3 code and a script, such as min-Latn",
    REVISION_PATTERN: "the 40 hexadecimal digits of a commit",
    HUB_PATTERN: "owner/name",
}
_BOUNDS = {
    "greater_than": ("gt", "must be more than"),
    "greater_than_equal": ("ge", "must be at least"),
    "less_than": ("lt", "must be less than"),
    "less_than_equal": ("le", "must be at most"),
}
_SECTION = "a section with keys"
_TYPES = {
    "string_type": "text",
    "tuple_type": "a list",
    "int_type": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "model_type": _SECTION,
    "dict_type": _SECTION,
    "model_attributes_type": _SECTION,
}


def _wrong_type(kind: str, found: object) -> tuple[str, str]:
    wanted = _TYPES[kind]
    if found is None:
        return "has no value", f"write {wanted}"
    if kind == "string_type" and isinstance(found, bool | int | float):
        shown = str(found).lower() if isinstance(found, bool) else str(found)
        return f"{shown} is read as a number or truth value, not as text", "put it in quotation marks"
    if wanted == _SECTION:
        return f"“{found}” is not a section", "write keys and values, such as {kind: …} or {name: …}"
    shown = "a section" if isinstance(found, Mapping) else "a list" if isinstance(found, tuple) else f"“{found}”"
    return f"{shown} is not {wanted}", f"write {wanted}"


def _models_at(loc: tuple[int | str, ...]) -> list[type[BaseModel]]:
    """The sections that may stand at this path of the format."""
    here: list[type[BaseModel]] = [Recipe]
    for part in loc:
        fields = [model.model_fields[str(part)] for model in here if str(part) in model.model_fields]
        if fields:
            here = [model for field in fields for model in _models_in(field.annotation, field.metadata)]
        elif str(part) in _TAGS:
            here = [model for model in here if str(part) in model.model_fields] or here
        else:
            here = [model for model in here if str(part) in _kind_of(model)] or here
    return here


def _models_in(annotation: object, metadata: Sequence[object] = ()) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for argument in get_args(annotation) for model in _models_in(argument)]


def _kind_of(model: type[BaseModel]) -> tuple[str, ...]:
    field = model.model_fields.get("kind")
    return tuple(map(str, get_args(field.annotation))) if field else ()


def _kinds(section: object) -> tuple[str, ...]:
    """Every `kind` that a section of the recipe may have."""
    field = Recipe.model_fields.get(str(section))
    models = _models_in(field.annotation, field.metadata) if field else []
    return tuple(kind for model in models for kind in _kind_of(model))


def _known_keys(loc: tuple[int | str, ...]) -> list[str]:
    return list(dict.fromkeys(key for model in _models_at(loc[:-1]) for key in model.model_fields))
