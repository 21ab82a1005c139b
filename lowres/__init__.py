"""lowres: adapt multilingual models to languages with almost no data.

    run = lowres.run("recipes/quickstart.yaml")
    run.predict(["Powšitkowna deklaracija"])

The names below are loaded when first used, so that importing lowres costs nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lowres.errors import LowresError
    from lowres.recipe import open_recipe as load_recipe
    from lowres.running import run
    from lowres.runs.run import Run, load
    from lowres.vocabulary.measurement.tokenizer_audit import audit

__all__ = ["LowresError", "Run", "audit", "load", "load_recipe", "run"]

_DOORS = {
    "LowresError": ("lowres.errors", "LowresError"),
    "Run": ("lowres.runs.run", "Run"),
    "audit": ("lowres.vocabulary.measurement.tokenizer_audit", "audit"),
    "load": ("lowres.runs.run", "load"),
    "load_recipe": ("lowres.recipe", "open_recipe"),
    "run": ("lowres.running", "run"),
}


def __getattr__(name: str) -> object:
    if name not in _DOORS:
        raise AttributeError(f"module 'lowres' has no attribute {name!r}; it has {', '.join(__all__)}")
    room, thing = _DOORS[name]
    return getattr(import_module(room), thing)


def __dir__() -> list[str]:
    return sorted(__all__)
