"""The recipes that come with lowres, by their names: `lowres run quickstart` works in any folder."""

import re
from pathlib import Path

import lowres
from lowres.errors import Problem, RecipeError, nearest

_NAME = re.compile(r"[\w-]{1,100}")


def shipped_recipes() -> dict[str, Path]:
    """Name → file of every recipe that comes with lowres."""
    package = Path(lowres.__file__).parent
    folders = (package.parent / "recipes", package / "recipes")  # beside the source, or in the wheel
    return {path.stem: path for folder in folders if folder.is_dir() for path in sorted(folder.glob("*.yaml"))}


def recipe_path(given: str | Path) -> Path:
    """The file that is meant: the path itself, or the shipped recipe of that name.

    Raises RecipeError for a bare name that is neither.
    """
    path = Path(given)
    if not _NAME.fullmatch(str(given)) or path.exists():
        return path
    shipped = shipped_recipes()
    if path.name in shipped:
        return shipped[path.name]
    hint = " ".join(filter(None, [nearest(path.name, shipped), f"shipped recipes: {', '.join(shipped)}"]))
    raise RecipeError(Problem(path.name, "there is no such file, and no shipped recipe of that name", hint))
