"""lowres: adapt multilingual models to languages with almost no data.

    run = lowres.run("recipes/which-language.yaml")
    run.predict(["Wobraz so njehodźi składować."])[0].label

The names below are imported when they are first used, so that `import lowres` is quick.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lowres.ensemble import load
    from lowres.errors import LowresError
    from lowres.other_data import evaluate
    from lowres.recipe import open_recipe as load_recipe
    from lowres.running import run
    from lowres.runs.run import Run
    from lowres.seeds import run_seeds
    from lowres.vocabulary.measurement.tokenizer_audit import audit

__all__ = ["LowresError", "Run", "audit", "evaluate", "load", "load_recipe", "run", "run_seeds"]

_ENTRY_POINTS = {
    "LowresError": ("lowres.errors", "LowresError"),
    "Run": ("lowres.runs.run", "Run"),
    "audit": ("lowres.vocabulary.measurement.tokenizer_audit", "audit"),
    "evaluate": ("lowres.other_data", "evaluate"),
    "load": ("lowres.ensemble", "load"),
    "load_recipe": ("lowres.recipe", "open_recipe"),
    "run": ("lowres.running", "run"),
    "run_seeds": ("lowres.seeds", "run_seeds"),
}


def __getattr__(name: str) -> object:
    if name not in _ENTRY_POINTS:
        raise AttributeError(f"module 'lowres' has no attribute {name!r}; it has {', '.join(__all__)}")
    module, thing = _ENTRY_POINTS[name]
    from lowres.chatter import quiet_imports

    with quiet_imports():
        return getattr(import_module(module), thing)


def __dir__() -> list[str]:
    return sorted(__all__)
