"""For each kind of task the functions that load, build, train, predict, evaluate and restore; loaded when they are needed."""

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from lowres.planning import Options
from lowres.tasks.job import Form, Job

# kind of task → package, and the name of its Job there
TASKS: Mapping[str, tuple[str, str]] = {
    "classification": ("lowres.tasks.classification", "CLASSIFICATION"),
    "translation": ("lowres.tasks.translation", "TRANSLATION"),
    "pre-training": ("lowres.tasks.pretraining", "PRE_TRAINING"),
    "generation": ("lowres.tasks.generation", "GENERATION"),
}
# The same for bases of a shape that does the task in another way.
OTHERWISE: Mapping[tuple[str, str], tuple[str, str]] = {
    ("classification", "decoder"): ("lowres.tasks.prompted_classification", "PROMPTED_CLASSIFICATION"),
    ("translation", "decoder"): ("lowres.tasks.prompted_translation", "PROMPTED_TRANSLATION"),
}


def package_of(kind: str, shape: str) -> str:
    """The package that does a task with a base of this shape."""
    return OTHERWISE.get((kind, shape), TASKS[kind])[0]


def job_of(kind: str, shape: str) -> Job:
    """Everything a task can do with a base of this shape."""
    package, name = OTHERWISE.get((kind, shape), TASKS[kind])
    found: Job = getattr(import_module(f"{package}.job"), name)
    return found


def restore(kind: str, shape: str, folder: Path, options: Options, form: Form) -> Any:
    """A saved predictor, without loading what only training and evaluation need."""
    return import_module(f"{package_of(kind, shape)}.model").restore(folder, options, form)
