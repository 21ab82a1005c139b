"""Writes the folder of a run, stage by stage; an interrupted run is found again and resumed."""

import json
import os
import shutil
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from datetime import datetime
from glob import escape as glob_escape
from pathlib import Path

from filelock import FileLock, Timeout

from lowres.atomic import is_draft, sync, sync_all, write_whole
from lowres.errors import DataError, Finding, Interrupted, ModelError, Problem
from lowres.recipe import RecipeFile
from lowres.record import CostFacts, Record
from lowres.report import render
from lowres.runs.facts import finding_facts, peak_memory_gib, recipe_facts, shareable
from lowres.runs.layout import CHECKPOINTS, LOG, MODEL, PREDICTIONS, RECIPE, RECORD, REPORT
from lowres.runs.run import model_files, read_record
from lowres.training.checkpoints import DAMAGED, goes_on, newest_origin, remove_checkpoints
from lowres.training.loop import Step

RESUMED = "resumed after"  # the key of a log line that says where an interrupted training went on
TRAINING = "training"  # the key of a log line that says which of several trainings begins
AFTER = "after"  # in such a line: the updates before, where it goes on from them
WENT_BACK = "went back to"  # the same for a training that diverged
DRAFT = "making-"  # how the folder of an export begins that is not whole yet
BUSY = ".busy"  # locked while a process writes to the folder


@dataclass(frozen=True)
class Stage:
    """Event: a new stage begins."""

    name: str


Event = Stage | Step | Finding | Record
Notify = Callable[[Event], None]


def silent(event: Event) -> None:
    """Ignore every event."""


def default_folder(file: RecipeFile) -> Path:
    """A new folder: runs/<recipe>-<time> in the current folder."""
    return Path("runs") / f"{file.path.stem}-{datetime.now():%Y%m%d-%H%M%S}"


def unfinished(file: RecipeFile) -> Path | None:
    """The run of exactly this recipe in runs/ that was cut off after the most updates and can be resumed, if there is one."""
    found = [folder for folder in _begun(file) if not _is_done(folder, file) and not busy(folder)]
    return max(found, key=lambda folder: (newest_origin(folder / CHECKPOINTS)[0], folder.name), default=None)


def completed(file: RecipeFile, out: Path | None) -> Path | None:
    """The run of this recipe, in `out` or in runs/, that was cut off when all was done: what it had no time to delete goes."""
    for folder in _named_for(file) if out is None else [out]:
        has_rests = (folder / CHECKPOINTS).is_dir() or (out is not None and (folder / BUSY).exists())
        if has_rests and _is_done(folder, file) and not busy(folder):
            remove_checkpoints(folder / CHECKPOINTS)
            (folder / BUSY).unlink(missing_ok=True)
            return folder
    return None


def _begun(file: RecipeFile) -> list[Path]:
    """The runs of exactly this recipe in runs/ that have a checkpoint."""
    origins = {folder: newest_origin(folder / CHECKPOINTS)[1] for folder in _named_for(file)}
    return [folder for folder, origin in origins.items() if origin.get("recipe") == file.sha256]


def _named_for(file: RecipeFile) -> list[Path]:
    return sorted(Path("runs").glob(f"{glob_escape(file.path.stem)}-*")) if Path("runs").is_dir() else []


def _is_done(folder: Path, file: RecipeFile) -> bool:
    try:
        record = read_record(folder / RECORD)
    except ModelError:
        return False
    return record.status == "done" and record.recipe.sha256 == file.sha256


def busy(folder: Path) -> bool:
    """Whether a process writes to the folder of a run."""
    lock = FileLock(folder / BUSY, timeout=0)
    try:
        lock.acquire()
    except Timeout:
        return True
    lock.release()
    return False


class RunWriter:
    """Writes the record after every stage and the log after every step.

    `steps` are those of the training so far, those before an interruption included; `resumed` lists the updates after which
    training was resumed. An unfinished run of the same recipe in the folder is resumed, or with `restart` discarded. If the `with`
    block is left by an exception, the status `failed` or `interrupted` is written first. Raises DataError if the folder holds
    anything else.
    """

    def __init__(self, file: RecipeFile, folder: Path, notify: Notify, *, restart: bool = False) -> None:
        self.folder, self.notify = folder, notify
        self.record = Record(status="running", recipe=recipe_facts(file))
        self.seconds: dict[str, float] = {}
        self.text, self.near = file.text, file.path.parent
        self.open_stage: tuple[str, float] | None = None
        self.lock = FileLock(folder / BUSY, timeout=0)
        self.steps: list[Step] = []
        self.logged: dict[str, list[Step]] = {}  # by training, what the log told of when it was read
        self.after = 0  # the updates before the training that goes on
        self.resumed: list[int] = []
        self.restart, self.resumes = restart, False
        self.left: list[Finding] = []  # what was found in the folder

    def __enter__(self) -> "RunWriter":
        self._refuse_foreign_folder()
        self.folder.mkdir(parents=True, exist_ok=True)
        new = not (self.folder / BUSY).exists()
        try:
            self.lock.acquire()
        except Timeout as error:
            raise DataError(
                Problem(
                    str(self.folder),
                    "is being written by another process",
                    "wait for it, or name another folder with --out",
                )
            ) from error
        with ExitStack() as undo:
            undo.callback(self._leave, for_good=new)
            self._read_earlier_run()
            self._tidy()
            write_whole(self.folder / RECIPE, self.text)
            self.write()
            for finding in self.left:
                self.finding(finding)
            undo.pop_all()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        try:
            if kind and issubclass(kind, KeyboardInterrupt):
                self.write(status="interrupted")
            elif error is not None:
                self.write(status="failed", error=shareable(str(error), self.near) or kind.__name__ if kind else "")
        finally:
            self._leave(for_good=error is None)
        if kind and issubclass(kind, KeyboardInterrupt):
            raise Interrupted(self._how_to_resume(), getattr(error, "number", 2)) from error

    def _how_to_resume(self) -> str:
        update, _ = newest_origin(self.folder / CHECKPOINTS)
        if update < 0:
            return "stopped before training; the same command begins again"
        before = self.after if goes_on(self.folder / CHECKPOINTS) else 0
        return f"stopped after update {before + update}; the same command resumes it"

    def _tidy(self) -> None:
        """Delete what a process that was killed left half-written."""
        for path in list(self.folder.glob(f"{DRAFT}*")):
            shutil.rmtree(path)
        for path in list(self.folder.rglob(".*")):
            if is_draft(path) and path.is_file():
                path.unlink()

    def _leave(self, *, for_good: bool) -> None:
        """Let others write here. The lock file goes only with a finished run: who waits for a file that is gone locks nothing."""
        if for_good:
            with suppress(OSError):  # Windows removes no open file
                (self.folder / BUSY).unlink()
        self.lock.release()

    def _refuse_foreign_folder(self) -> None:
        """Refuse a folder that holds anything but an unfinished run of this recipe; and links, which may lead anywhere."""
        found = sorted(self.folder.iterdir()) if self.folder.is_dir() else []
        links = [path.relative_to(self.folder).as_posix() for path in self.folder.rglob("*") if path.is_symlink()]
        if links:
            what = f"holds a link, {links[0]}, and nothing is written through links"
            raise DataError(Problem(str(self.folder), what, "remove it, or name another folder with --out"))
        others = [path.name for path in found if path.name not in (BUSY, RECORD) and not is_draft(path)]
        if not others or (self.folder / RECORD).exists() or self._is_of_this_recipe():
            return
        what = f"is not empty and holds no run of this recipe (it holds {', '.join(others[:3])}{' …' if others[3:] else ''})"
        raise DataError(Problem(str(self.folder), what, "name a new folder with --out"))

    def _is_of_this_recipe(self) -> bool:
        recipe, origin = self.folder / RECIPE, newest_origin(self.folder / CHECKPOINTS)[1]
        if origin.get("recipe") == self.record.recipe.sha256:
            return True
        return recipe.is_file() and recipe.read_bytes() in (b"", self.text.encode())

    def _read_earlier_run(self) -> None:
        """Read what an earlier run left in the folder, or refuse it."""
        if not (self.folder / RECORD).exists():
            return
        try:
            before = read_record(self.folder / RECORD)
        except ModelError as error:  # as after a power cut
            found = error.problems[0]
            if not self._is_of_this_recipe():
                raise DataError(Problem(found.where, found.what, "name another folder with --out")) from error
            (self.folder / RECORD).replace(self.folder / f"{DAMAGED}{RECORD}")
            self.left.append(Finding("warning", f"{found.what}; it was set aside and is written again", RECORD))
            before = self.record
        if before.status == "done":
            raise DataError(
                Problem(str(self.folder), "already holds a run", "name another folder with --out, or remove this one")
            )
        if before.recipe.sha256 != self.record.recipe.sha256:
            raise DataError(
                Problem(
                    str(self.folder),
                    "holds an unfinished run of another recipe, or of this one before it was changed",
                    "name another folder with --out, or remove this one",
                )
            )
        if self.restart:
            remove_checkpoints(self.folder / CHECKPOINTS)
        if newest_origin(self.folder / CHECKPOINTS)[0] < 0:
            (self.folder / LOG).unlink(missing_ok=True)
            return
        self.resumes = True
        log = (self.folder / LOG).read_bytes() if (self.folder / LOG).exists() else b""
        training = ""
        for line in log.decode(errors="replace").split("\n"):
            with suppress(ValueError, TypeError):  # lines that a power cut left unfinished
                facts = json.loads(line)
                if TRAINING in facts:
                    self.logged[training], training = list(self.steps), facts[TRAINING]
                    self._go_on_after(facts.get(AFTER, 0))
                elif "update" in facts:
                    self.steps.append(Step(**facts))
                elif RESUMED in facts:
                    self._drop_steps_after(facts[RESUMED])
                    self.resumed += [facts[RESUMED]] * (facts[RESUMED] > 0)
                elif WENT_BACK in facts:
                    self._drop_steps_after(facts[WENT_BACK])
        self.logged[training] = list(self.steps)
        if log and not log.endswith(b"\n"):
            with (self.folder / LOG).open("ab") as file:
                file.write(b"\n")

    def _drop_steps_after(self, update: int) -> None:
        while self.steps and self.steps[-1].update > update:  # they are made again
            self.steps.pop()

    def _go_on_after(self, update: int) -> None:
        """Of the steps only those up to this update are part of what begins; at 0 it is a training of its own."""
        self.after, self.steps = update, [step for step in self.steps if step.update <= update]
        self.resumed = self.resumed if update else []

    def begin(self, training: str, before: Sequence[Step] = ()) -> None:
        """Begin one of several trainings; where it goes on from the one before, `before` are the steps so far."""
        self.steps = list(before)
        self._go_on_after(before[-1].update if before else 0)
        self.log({TRAINING: training, AFTER: self.after})

    def take_up(self, training: str, before: Sequence[Step] = ()) -> None:
        """Take up one of several trainings again: its own steps are those that the log tells of."""
        self.after = before[-1].update if before else 0
        self.steps = [*before, *(step for step in self.logged.get(training, ()) if step.update > self.after)]

    def spent(self, stage: str, last: Step, before: Step | None) -> None:
        """Count the time of a training that ended before an interruption, from the step before it to its last."""
        seconds = [one.seconds + one.seconds_on_dev for one in (last, before) if one]
        self.seconds[stage] = self.seconds.get(stage, 0.0) + seconds[0] - sum(seconds[1:])

    def stage(self, name: str) -> None:
        """Begin a stage, unless it has begun; the time of each stage is counted separately."""
        if self.open_stage and self.open_stage[0] == name:
            return
        now = time.monotonic()
        if self.open_stage:
            before, begun = self.open_stage
            self.seconds[before] = self.seconds.get(before, 0.0) + now - begun
        self.open_stage = (name, now)
        self.log({"stage": name})
        self.notify(Stage(name))

    def resume(self, update: int) -> None:
        """Note that training is resumed after this one of its updates; later steps in the log do not count."""
        update += self.after
        self._drop_steps_after(update)
        self.resumed += [update] * (update > 0)  # else it begins anew
        self.log({RESUMED: update})
        if len(self.steps) < update:
            what = f"{update - len(self.steps)} updates are missing from the log, so the learning curve is shorter than the training"
            self.finding(Finding("warning", what, LOG))
        self.seconds["training"] = sum(one.seconds + one.seconds_on_dev for one in self.steps[-1:])

    def step(self, step: Step) -> None:
        """Log a step and notify; one that was made before replaces it and all that followed, as after a training diverged."""
        if self.steps and step.update <= self.steps[-1].update:
            self._drop_steps_after(step.update - 1)
            self.log({WENT_BACK: step.update - 1})
        self.steps.append(step)
        self.log(vars(step), durable=step.dev is not None)
        self.notify(step)

    def finding(self, finding: Finding) -> None:
        """Log a finding, tell whoever watches, and keep it for the record."""
        self.record = self.record.model_copy(
            update={"findings": [*self.record.findings, *finding_facts([finding], self.near)]}
        )
        self.log(vars(finding))
        self.notify(finding)

    def log(self, line: Mapping[str, object], *, durable: bool = False) -> None:
        """Append a JSON line to log.jsonl; `durable` lines are on the disk before this returns."""
        with (self.folder / LOG).open("a", encoding="utf-8") as log:
            log.write(json.dumps(line, ensure_ascii=False) + "\n")
            if durable:
                log.flush()
                os.fsync(log.fileno())

    def sync_log(self) -> None:
        """Return when the log is on the disk, as it must be before a checkpoint."""
        sync(self.folder / LOG)

    def predictions(self, lines: Iterable[Mapping[str, object]]) -> None:
        """Write predictions.jsonl: one line for each test item."""
        write_whole(self.folder / PREDICTIONS, "".join(f"{json.dumps(line, ensure_ascii=False)}\n" for line in lines))

    def write(self, **facts: object) -> None:
        """Add facts to the record and replace record.json at once, so that nobody reads half of it."""
        self.record = Record.model_validate(self.record.model_copy(update=facts).model_dump())
        write_whole(self.folder / RECORD, self.record.model_dump_json(indent=1) + "\n")

    def finish(self, machine: object) -> None:
        """Write the last facts and the report. That the run is done is written last, when all else is on the disk."""
        self.stage("report")
        cost = CostFacts(seconds=self.seconds, peak_memory_gib=peak_memory_gib())
        self.write(cost=cost, environment=machine, model_files=model_files(self.folder / MODEL))
        write_whole(self.folder / REPORT, render(self.record.model_copy(update={"status": "done"})))
        sync_all(self.folder)
        self.write(status="done")
        self.notify(self.record)
