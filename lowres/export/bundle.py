"""A bundle: what of a run is given to others, by an allow-list; every file with its hash."""

import getpass
import json
import re
import shutil
import zipfile
from collections.abc import Mapping, Sequence
from fnmatch import fnmatch
from pathlib import Path

from lowres.atomic import sync, sync_all
from lowres.cards.licence_chain import LicenceChain
from lowres.errors import ModelError, Problem
from lowres.export.drafts import draft_beside, part_of
from lowres.export.model_card import licences_page, model_card
from lowres.planning.licensing import chain_of, find_card
from lowres.planning.outside import BUNDLE, outside_problems
from lowres.recipe import parse_recipe
from lowres.recipe.data_section import CardData
from lowres.recipe.sections import Recipe
from lowres.record import Record
from lowres.runs.facts import versions
from lowres.runs.layout import MODEL, RECIPE, RECORD
from lowres.runs.run import Run
from lowres.shared.manifest import BUNDLE_VERSION, CARDS, LICENCES, OF_RUN, README, hashes
from lowres.tasks.translation.phrase_tables import GLOSSARY

TEXTUAL = (".json", ".md", ".yaml", ".lock", ".txt")
_SECRET = re.compile(
    r"\bhf_[A-Za-z0-9]{20,}|\bgh[pousr]_[A-Za-z0-9]{30,}|\bgithub_pat_\w{20,}|\bsk-(?:proj|ant)-[\w-]{20,}|\bAKIA[0-9A-Z]{16}\b"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY"
)
_HOME = re.compile(r"(?:/(?:home|Users|root)/|[A-Z]:\\+Users\\+)[^\s\"'/\\,)]+")


def share(run: Run, out: Path, agreed: str = "", near: Sequence[Path] = (), address: str = "") -> LicenceChain:
    """Write the bundle of a run to `out`, a new folder or a .zip, and return its licence chain.

    `near` are folders with the recipe's own data cards. Where data or base may be passed on, or changed, only with their owners'
    consent, `agreed` must say who agreed. `address` is what others will find it by. Raises ModelError where consent is missing, where
    a file names a person's folder or holds a token, or where `out` exists.
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
    run.verify()
    with draft_beside(out) as draft:
        for path in sorted(run.folder.rglob("*")):
            name = path.relative_to(run.folder).as_posix()
            if path.is_file() and any(fnmatch(name, pattern) for pattern in OF_RUN):
                if path.is_symlink():
                    hint = "put the file itself in its place: what a link leads to is not part of a run"
                    raise ModelError(Problem(str(path), "is a link", hint))
                (draft / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, draft / name)
        made = _made(record, recipe, chain, agreed, places, address, run.folder / MODEL / GLOSSARY)
        for name, content in made.items():
            (draft / name).parent.mkdir(parents=True, exist_ok=True)
            (draft / name).write_text(content, encoding="utf-8", newline="\n")
        refuse_personal(draft)
        manifest = {"bundle": BUNDLE_VERSION, "lowres": versions()["lowres"], "files": hashes(draft)}
        (draft / BUNDLE).write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")
        if out.suffix.lower() == ".zip":
            _zip(draft, packed := part_of(out))
            sync(packed)
            shutil.rmtree(draft)  # before the end: whoever is killed in between leaves nothing beside a whole bundle
            draft = packed
        else:
            sync_all(draft)
        draft.replace(out)
        sync(out.parent)
    return chain


def _unagreed(name: str, licence: str) -> Problem:
    what = f"{name} ({licence}) may be passed on, or changed, only if its owners agree, and a model is made from it"
    return Problem("share", what, "ask them, then say --agreed “who agreed, and when”")


def _made(
    record: Record, recipe: Recipe, chain: LicenceChain, agreed: str, near: Sequence[Path], address: str, glossary: Path
) -> Mapping[str, str]:  # fmt: skip
    """Path → text of what is made for the bundle. The record comes without the texts that it quotes."""
    quoting = record.model_copy(update={"examples": [], "translations": []})
    cards = [find_card(source.card, near) for source in recipe.every_source if isinstance(source, CardData)]
    named = getattr(recipe.task, "glossary", None)
    outside = [problem.where for problem in outside_problems(recipe, Path(CARDS), given=True)]
    terms = {}
    if named and glossary.exists() and "task.glossary" not in outside:
        terms[f"{CARDS}/{named}"] = glossary.read_text(encoding="utf-8")  # where the recipe's own files are looked for
    return {
        **{f"{CARDS}/{card.name}.md": (card.folder / f"{card.name}.md").read_text(encoding="utf-8") for card in cards},
        **terms,
        RECORD: quoting.model_dump_json(indent=1) + "\n",
        LICENCES: licences_page(chain, agreed),
        README: model_card(record, recipe, chain, cards, address),
    }


def refuse_personal(folder: Path) -> None:
    """Raise ModelError for every file that names the folder of a person, or this user's, or holds what looks like a token or a key."""
    home = str(Path.home())
    private = [home] if len(home) > 3 else []
    user = getpass.getuser()
    problems = []
    for path in sorted(folder.rglob("*")):
        if path.suffix not in TEXTUAL or not path.is_file():
            continue
        text = path.read_text(encoding="utf-8", errors="replace")
        name = path.relative_to(folder).as_posix()
        if secret := _SECRET.search(text):
            what = f"holds what looks like a token or a key: {secret[0][:8]}…"
            problems.append(
                Problem(name, what, "take it out, make it invalid where it was issued, and run the recipe again")
            )
        match = _HOME.search(text)
        shown = (
            match[0]
            if match
            else next((one for one in private if re.search(rf"(?<![\w.]){re.escape(one)}/", text)), "")
        )
        if shown:
            hint = (
                "write paths in the recipe relative to it, and run it again" if name == RECIPE else "please report this"
            )
            problems.append(Problem(name, f"names the folder {shown.replace(user, '…')} of a person", hint))
    if problems:
        raise ModelError(*problems)


def _zip(folder: Path, out: Path) -> None:
    """Pack a folder; equal folders give equal bytes."""
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                entry = zipfile.ZipInfo(path.relative_to(folder).as_posix(), (1980, 1, 1, 0, 0, 0))
                entry.compress_type, entry.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
                with path.open("rb") as file, archive.open(entry, "w", force_zip64=True) as member:
                    shutil.copyfileobj(file, member)
