"""A bundle: what of a run is given to others, by an allow-list; every file with its hash."""

import getpass
import hashlib
import json
import re
import shutil
import tempfile
import zipfile
from collections.abc import Mapping, Sequence
from fnmatch import fnmatch
from pathlib import Path

from lowres.cards.licence_chain import LicenceChain
from lowres.errors import ModelError, Problem
from lowres.export.model_card import licences_page, model_card
from lowres.planning.licensing import chain_of, find_card
from lowres.planning.outside import BUNDLE, outside_problems
from lowres.recipe import parse_recipe
from lowres.recipe.sections import CardData, Recipe
from lowres.record import Record
from lowres.runs.facts import versions
from lowres.runs.layout import LOCK, MODEL, RECIPE, RECORD
from lowres.runs.run import Run
from lowres.tasks.translation.phrase_tables import GLOSSARY

CARDS, LICENCES = "cards", "LICENCES.md"
BUNDLE_VERSION = 1
# Everything of a run that is shared, beside the record; nothing else is, such as predictions, logs and the report, which quote texts.
SHARED = (
    RECIPE,
    LOCK,
    f"{MODEL}/*.json",
    f"{MODEL}/*.safetensors",
    f"{MODEL}/*.json.xz",
    f"{MODEL}/*.model",
    f"{MODEL}/*.txt",
    f"{MODEL}/{GLOSSARY}",
    f"{MODEL}/README.md",
)
TEXTUAL = (".json", ".md", ".yaml", ".lock", ".txt")
_HOME = re.compile(r"(?:/home/|/Users/|[A-Z]:\\+Users\\+|/root/)[^\s\"'/\\,)]+")


def share(run: Run, out: Path, agreed: str = "", near: Sequence[Path] = ()) -> LicenceChain:
    """Write the bundle of a run to `out`, a new folder or a .zip, and return its licence chain.

    `near` are folders with the recipe's own data cards. Where data or base may be passed on, or changed, only with their owners'
    consent, `agreed` must say who agreed. Raises ModelError where that is missing, where a file names a person's folder, or where
    `out` exists.
    """
    record = run.record
    if record.status != "done" or record.plan is None or record.data is None:
        raise ModelError(Problem(str(run.folder), f"this run is {record.status}", "share a run that was finished"))
    if out.exists():
        raise ModelError(Problem(str(out), "exists already", "choose another name"))
    recipe = parse_recipe(record.recipe.text, RECIPE)
    places = (*near, run.folder, Path())
    chain = chain_of(recipe, places, record.plan.base, record.plan.base_licence)
    if chain.to_agree and not agreed:
        raise ModelError(*(_unagreed(link.name, link.terms.licence) for link in chain.to_agree))
    out.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(dir=out.parent, prefix="sharing-"))
    try:
        for path in sorted(run.folder.rglob("*")):
            name = path.relative_to(run.folder).as_posix()
            if path.is_file() and any(fnmatch(name, pattern) for pattern in SHARED):
                (draft / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, draft / name)
        for name, content in _made(record, recipe, chain, agreed, places, run.folder / MODEL / GLOSSARY).items():
            (draft / name).parent.mkdir(parents=True, exist_ok=True)
            (draft / name).write_text(content, encoding="utf-8", newline="\n")
        refuse_personal(draft)
        manifest = {"bundle": BUNDLE_VERSION, "lowres": versions()["lowres"], "files": hashes(draft)}
        (draft / BUNDLE).write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")
        if out.suffix.lower() == ".zip":
            _zip(draft, out)
        else:
            draft.chmod(0o755)
            draft.replace(out)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return chain


def hashes(folder: Path) -> dict[str, str]:
    """Path → sha256 of every file below a folder, but for the manifest itself."""
    return {
        path.relative_to(folder).as_posix(): _sha256(path)
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.relative_to(folder).as_posix() != BUNDLE
    }


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _unagreed(name: str, licence: str) -> Problem:
    what = f"{name} ({licence}) may be passed on, or changed, only if its owners agree, and a model is made from it"
    return Problem("share", what, "ask them, then say --agreed “who agreed, and when”")


def _made(
    record: Record, recipe: Recipe, chain: LicenceChain, agreed: str, near: Sequence[Path], glossary: Path
) -> Mapping[str, str]:
    """Path → text of what is made for the bundle. The record comes without the texts that it quotes."""
    quoting = record.model_copy(update={"examples": [], "translations": []})
    cards = {}
    for source in recipe.sources:
        if isinstance(source, CardData):
            card = find_card(source.card, near)
            cards[f"{CARDS}/{card.name}.md"] = (card.folder / f"{card.name}.md").read_text(encoding="utf-8")
    named = getattr(recipe.task, "glossary", None)
    outside = [problem.where for problem in outside_problems(recipe, Path(CARDS), given=True)]
    if named and glossary.exists() and "task.glossary" not in outside:
        cards[f"{CARDS}/{named}"] = glossary.read_text(encoding="utf-8")  # where the recipe's own files are looked for
    return {
        **cards,
        RECORD: quoting.model_dump_json(indent=1) + "\n",
        LICENCES: licences_page(chain, agreed),
        "README.md": model_card(record, recipe, chain),
    }


def refuse_personal(folder: Path) -> None:
    """Raise ModelError for every file that names the folder of a person, or this user's."""
    home = str(Path.home())
    private = [home] if len(home) > 3 else []
    user = getpass.getuser()
    problems = []
    for path in sorted(folder.rglob("*")):
        if path.suffix not in TEXTUAL or not path.is_file():
            continue
        text = path.read_text(encoding="utf-8", errors="replace")
        match = _HOME.search(text)
        shown = (
            match[0]
            if match
            else next((one for one in private if re.search(rf"(?<![\w.]){re.escape(one)}/", text)), "")
        )
        if shown:
            name = path.relative_to(folder).as_posix()
            hint = (
                "write paths in the recipe relative to it, and run it again" if name == RECIPE else "please report this"
            )
            problems.append(Problem(name, f"names the folder {shown.replace(user, '…')} of a person", hint))
    if problems:
        raise ModelError(*problems)


def _zip(folder: Path, out: Path) -> None:
    """Pack a folder; equal folders give equal bytes."""
    part = out.with_name(f".{out.name}.part")
    with zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                entry = zipfile.ZipInfo(path.relative_to(folder).as_posix(), (1980, 1, 1, 0, 0, 0))
                entry.compress_type, entry.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
                with path.open("rb") as file, archive.open(entry, "w", force_zip64=True) as member:
                    shutil.copyfileobj(file, member)
    part.replace(out)
