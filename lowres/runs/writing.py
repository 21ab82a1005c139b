"""Writes the folder of a run, stage by stage; an interrupted run is found again and resumed."""

import json
import os
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from filelock import FileLock, Timeout

from lowres.errors import DataError, Finding, Interrupted, ModelError, Problem
from lowres.recipe import RecipeFile
from lowres.record import CostFacts, Record
from lowres.report import render
from lowres.runs.atomic import write_whole
from lowres.runs.facts import finding_facts, peak_memory_gib, recipe_facts, shareable
from lowres.runs.layout import LOG, PREDICTIONS, RECIPE, RECORD, REPORT, checkpoints_in
from lowres.runs.run import read_record
from lowres.training.loop import Step

RESUMED = "resumed after"  # the key of a log line that says where an interrupted training went on
TRAINING = "training"  # the key of a log line that says which of several trainings begins
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
    """The newest run of exactly this recipe in runs/ that was interrupted and can be resumed, if there is one."""
    folders = sorted(Path("runs").iterdir(), reverse=True) if Path("runs").is_dir() else []
    for folder in folders:
        if folder.name.startswith(f"{file.path.stem}-") and checkpoints_in(folder):
            with suppress(OSError):
                if (folder / RECIPE).read_bytes() == file.text.encode() and not busy(folder):
                    return folder
    return None


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
        self.resumed: list[int] = []
        self.restart, self.resumes = restart, False

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
            (self.folder / RECIPE).write_bytes(self.text.encode())
            self.write()
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
            raise Interrupted(self._how_to_resume()) from error

    def _how_to_resume(self) -> str:
        if not checkpoints_in(self.folder):
            return "stopped before training; the same command begins again"
        return f"stopped after update {self.steps[-1].update}; the same command resumes it" if self.steps else ""

    def _leave(self, *, for_good: bool) -> None:
        """Let others write here. The lock file goes only with a finished run: who waits for a file that is gone locks nothing."""
        if for_good:
            with suppress(OSError):  # Windows removes no open file
                (self.folder / BUSY).unlink()
        self.lock.release()

    def _refuse_foreign_folder(self) -> None:
        """Refuse a folder that holds anything but an unfinished run of this recipe; and links, which may lead anywhere."""
        found = sorted(self.folder.iterdir()) if self.folder.is_dir() else []
        links = [path.name for path in found if path.is_symlink()]
        if links:
            what = f"holds a link, {links[0]}, and nothing is written through links"
            raise DataError(Problem(str(self.folder), what, "remove it, or name another folder with --out"))
        others = [path.name for path in found if path.name not in (BUSY, RECORD)]
        if not others or (self.folder / RECORD).exists() or self._is_of_this_recipe():
            return
        what = f"is not empty and holds no run of this recipe (it holds {', '.join(others[:3])}{' …' if others[3:] else ''})"
        raise DataError(Problem(str(self.folder), what, "name a new folder with --out"))

    def _is_of_this_recipe(self) -> bool:
        recipe = self.folder / RECIPE
        return recipe.is_file() and recipe.read_bytes() in (b"", self.text.encode())

    def _read_earlier_run(self) -> None:
        """Read what an earlier run left in the folder, or refuse it."""
        if not (self.folder / RECORD).exists():
            return
        try:
            before = read_record(self.folder / RECORD)
        except ModelError as error:  # as after a power cut
            if not self.restart or not self._is_of_this_recipe():
                found = error.problems[0]
                hint = "begin again with --restart, or name another folder with --out"
                raise DataError(Problem(found.where, found.what, hint)) from error
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
            for path in checkpoints_in(self.folder):
                path.unlink()
        if not checkpoints_in(self.folder):
            (self.folder / LOG).unlink(missing_ok=True)
            return
        self.resumes = True
        log = (self.folder / LOG).read_bytes() if (self.folder / LOG).exists() else b""
        for line in log.decode(errors="replace").split("\n"):
            with suppress(ValueError, TypeError):  # lines that a power cut left unfinished
                facts = json.loads(line)
                if TRAINING in facts:
                    self._forget_steps()
                elif "update" in facts:
                    self.steps.append(Step(**facts))
                elif RESUMED in facts:
                    self._drop_steps_after(facts[RESUMED])
        if log and not log.endswith(b"\n"):
            with (self.folder / LOG).open("ab") as file:
                file.write(b"\n")

    def _drop_steps_after(self, update: int) -> None:
        while self.steps and self.steps[-1].update > update:  # they are made again
            self.steps.pop()
        self.resumed.append(update)

    def _forget_steps(self) -> None:
        self.steps, self.resumed = [], []

    def begin(self, training: str) -> None:
        """Begin one of several trainings: the steps of the one before are no part of it."""
        self._forget_steps()
        self.log({TRAINING: training})

    def stage(self, name: str) -> None:
        """Begin a new stage; the time of each stage is counted separately."""
        now = time.monotonic()
        if self.open_stage:
            before, begun = self.open_stage
            self.seconds[before] = self.seconds.get(before, 0.0) + now - begun
        self.open_stage = (name, now)
        self.log({"stage": name})
        self.notify(Stage(name))

    def resume(self, update: int) -> None:
        """Note that training is resumed after this update; later steps in the log do not count."""
        self._drop_steps_after(update)
        self.log({RESUMED: update})
        self.seconds["training"] = sum(one.seconds + one.seconds_on_dev for one in self.steps[-1:])

    def step(self, step: Step) -> None:
        """Log a step and notify."""
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

    def predictions(self, lines: Iterable[Mapping[str, object]]) -> None:
        """Write predictions.jsonl: one line for each test item."""
        with (self.folder / PREDICTIONS).open("w", encoding="utf-8") as file:
            for line in lines:
                file.write(json.dumps(line, ensure_ascii=False) + "\n")

    def write(self, **facts: object) -> None:
        """Add facts to the record and replace record.json at once, so that nobody reads half of it."""
        self.record = Record.model_validate(self.record.model_copy(update=facts).model_dump())
        write_whole(self.folder / RECORD, self.record.model_dump_json(indent=1) + "\n")

    def finish(self, machine: object) -> None:
        """Write the last facts and the report."""
        self.stage("report")
        cost = CostFacts(seconds=self.seconds, peak_memory_gib=peak_memory_gib())
        self.write(status="done", cost=cost, environment=machine)
        write_whole(self.folder / REPORT, render(self.record))
        self.notify(self.record)
