"""What predicts beside torch: other programs, over models that were exported from a run."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict

from lowres.atomic import write_whole
from lowres.bounded import read_bounded_json
from lowres.errors import ModelError, Problem
from lowres.models.digests import changed, facts_sha256, folder_sha256
from lowres.planning import Options
from lowres.tasks.saved import ModelFacts, read_facts, reading
from lowres.tasks.table import package_of

EngineName = Literal["torch", "ctranslate2", "onnx"]
EXPORT_JSON = "export.json"  # in an exported folder: what its file of weights does not say
FILES = "files"  # its key for the digests of the files beside it
NOT_SEALED = frozenset((EXPORT_JSON, "README.md"))
Facts = TypeVar("Facts", bound="ExportFacts")


@dataclass(frozen=True)
class Engine:
    """A program that predicts: the Python package it comes in, and the packages of lowres that can ask it, with what they do."""

    title: str
    package: str
    tasks: Mapping[str, str]


ENGINES: Mapping[EngineName, Engine] = {
    "ctranslate2": Engine(
        "CTranslate2",
        "ctranslate2",
        {
            "lowres.tasks.translation": "encoder-decoders that translate",
            "lowres.tasks.prompted_translation": "decoders that translate",
            "lowres.tasks.generation": "decoders that answer prompts",
            "lowres.tasks.prompted_classification": "decoders that classify by label words",
        },
    ),
    "onnx": Engine("ONNX Runtime", "onnxruntime", {"lowres.tasks.classification": "encoders that classify"}),
}


class ExportFacts(BaseModel):
    """What export.json says of every exported model: `model` is the digest of the run's model that it was made from."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    model: str


def seal_export(folder: Path) -> None:
    """Write into export.json the digest of every file beside it but README.md, and of its own facts."""
    path = folder / EXPORT_JSON
    facts = json.loads(path.read_text(encoding="utf-8"))
    facts.pop(FILES, None)
    sealed = {**facts, FILES: {**folder_sha256(folder, NOT_SEALED), EXPORT_JSON: facts_sha256(facts)}}
    write_whole(path, json.dumps(sealed, indent=1, ensure_ascii=False) + "\n")


def verify_export(folder: Path, engine: EngineName) -> None:
    """Raises ModelError where a file of an exported folder is missing, was added, or has other bytes than were written."""
    with reading(folder, export_again(engine)):
        facts = dict(read_bounded_json(folder / EXPORT_JSON))
        recorded, found = dict(facts.pop(FILES)), folder_sha256(folder, NOT_SEALED)
        if EXPORT_JSON in recorded:  # which exports of earlier versions lack
            found[EXPORT_JSON] = facts_sha256(facts)
    for name in sorted({*recorded, *found}):
        if what := changed(recorded.get(name), found.get(name)):
            raise ModelError(Problem(str(folder / name), what, export_again(engine)))


def export_again(engine: EngineName) -> str:
    """The remedy for an exported folder that cannot be used."""
    return f"remove it, and export again: lowres export RUN --to {engine}"


def installed(engine: EngineName, module: str, asked: str) -> Any:
    """A module of an engine's package. Raises ModelError where it is not installed; `asked` is the option that needs it."""
    known = ENGINES[engine]
    try:
        return import_module(module)
    except ImportError as error:
        raise ModelError(Problem(asked, f"{known.title} is not installed", f"pip install {known.package}")) from error


def export_facts(folder: Path, kind: type[Facts], engine: EngineName, digest: str) -> Facts:
    """What export.json of a folder says. Raises ModelError where the folder was made from another model than `digest`."""
    with reading(folder, export_again(engine)):
        facts = kind.model_validate_json((folder / EXPORT_JSON).read_bytes())
    if facts.model != digest:
        what = "was exported from another model than that of this run"
        raise ModelError(Problem(str(folder), what, export_again(engine)))
    return facts


def restore_exported(engine: EngineName, folder: Path, model_folder: Path, digest: str, options: Options) -> Any:
    """The predictor of an exported folder, with what is beside its weights from the run's model folder, whose digest is `digest`."""
    refuse_task(model_folder.parent, read_facts(model_folder, ModelFacts), engine)
    verify_export(folder, engine)
    return restore_draft(folder, model_folder, digest, options)


def restore_draft(folder: Path, model_folder: Path, digest: str, options: Options) -> Any:
    """The same of a folder that is being written, whose files have no digests yet."""
    facts = read_facts(model_folder, ModelFacts)
    restore = import_module(f"{package_of(facts.task, facts.shape)}.exported").restore_exported
    return restore(folder, model_folder, digest, options)


def refuse_task(run: Path, facts: ModelFacts, engine: EngineName) -> None:
    """Raises ModelError for a run of which an engine cannot compute what it does."""
    known = ENGINES[engine]
    if package_of(facts.task, facts.shape) in known.tasks:
        return
    what = f"lowres does not use {known.title} for {facts.task} with {facts.shape or 'such'} bases"
    possible = f"it does for {', '.join(known.tasks.values())}; lowres export RUN writes a checkpoint for transformers"
    raise ModelError(Problem(str(run), what, possible))
