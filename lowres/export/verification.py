"""Checking a bundle: that its files are those that were shared, and, with the data, that it scores what it says."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from math import isclose
from pathlib import Path

from lowres.errors import DataError, Finding, ModelError, Problem
from lowres.hashing import file_sha256
from lowres.planning import Options, make_plan, read_data
from lowres.planning.machine import Machine
from lowres.planning.outside import BUNDLE, refuse_outside
from lowres.planning.plan import base_of
from lowres.recipe import open_recipe
from lowres.recipe.lock import read_lock
from lowres.runs.layout import LOCK, RECIPE, RECORD
from lowres.runs.run import Run, read_record
from lowres.score import Score
from lowres.shared.archives import unpack
from lowres.shared.manifest import CARDS, difference, hashes, read_manifest
from lowres.tasks.table import job_of

TOLERANCE = 0.05  # points: another processor adds in another order


@dataclass(frozen=True)
class Verified:
    """What was found: the number of files, and for each score what the record says and what came out now."""

    files: int
    scores: tuple[tuple[Score, float], ...] = ()
    findings: tuple[Finding, ...] = ()

    @property
    def reproduced(self) -> bool:
        """Whether every score came out as the record says."""
        return all(isclose(score.value, now, abs_tol=TOLERANCE) for score, now in self.scores)


@contextmanager
def opened(bundle: Path) -> Iterator[Path]:
    """The folder of a bundle; a .zip is unpacked to a place that is removed afterwards. Raises ModelError where it is none."""
    if bundle.is_dir():
        yield bundle
        return
    folder = Path(tempfile.mkdtemp(prefix="lowres-bundle-"))
    try:
        unpack(bundle, folder)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def verify(folder: Path, *, alone: bool = True) -> Verified:
    """Check hashes, and that recipe, lock and record belong together. Raises ModelError with every file that is not so.

    With `alone`, no further files may be in the folder.
    """
    expected, found = read_manifest(folder / BUNDLE), hashes(folder)
    names = [*expected, *(name for name in found if alone and name not in expected)]
    problems = [one for name in names if (one := difference(name, expected.get(name), found.get(name)))]
    if problems:
        raise ModelError(*problems)
    record, lock = read_record(folder / RECORD), read_lock(folder / LOCK)
    recipe = file_sha256(folder / RECIPE)
    if not record.recipe.sha256 == lock.recipe_sha256 == recipe:
        raise ModelError(Problem(RECIPE, "is not the recipe that record and lock tell of", "ask for the bundle again"))
    return Verified(len(expected))


def reproduce(folder: Path, options: Options, near: Path | None = None) -> Verified:
    """Predict the test rows again and compare the scores with the record's.

    The data come from the recipe's sources, or from the mirrors of `options`; own files from the folder `near`. Raises DataError where
    they are other data than those of the record.
    """
    run = Run(folder, options=options)
    file = open_recipe(folder / RECIPE)
    place = near or folder / CARDS
    refuse_outside(file.recipe, place, given=True)
    file = file.model_copy(update={"path": place / file.path.name})
    corpus = read_data(file, options)
    if run.record.data is None or corpus.fingerprint != run.record.data.fingerprint:
        raise DataError(
            Problem("data", "these are not the data of the record: their rows differ", "see recipe.lock for the hashes")
        )
    machine = Machine.detect(options.device, options.threads)
    checkpoint = base_of(file, options, build=True)
    plan = make_plan(file.recipe, checkpoint, machine, near or folder)
    job = job_of(file.recipe.task.kind, checkpoint.architecture.shape)
    answers = job.predict(run.predictor, plan, corpus)
    facts = next(
        part for part in job.judge(run.predictor, plan, corpus, answers, lambda stage: None) if "scores" in part
    )
    now = {(one.name, one.language, one.label, one.split): one.value for one in facts["scores"]}
    compared = tuple(
        (score, now[key])
        for score in run.record.scores
        if (key := (score.name, score.language, score.label, score.split)) in now
    )
    return replace(verify(folder), scores=compared)
