"""The folder of a run while it is being written."""

import json
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from filelock import FileLock, Timeout

from lowres.errors import DataError, Finding, Problem
from lowres.recipe import RecipeFile
from lowres.record import CostFacts, Record
from lowres.report import render
from lowres.runs.facts import finding_facts, peak_memory_gib, recipe_facts
from lowres.runs.layout import CHECKPOINT, LOG, PREDICTIONS, RECIPE, RECORD, REPORT
from lowres.runs.run import read_record
from lowres.training.loop import Step

CUT = "taken up after"
BUSY = ".busy"  # locked as long as a process writes in the folder


@dataclass(frozen=True)
class Stage:
    """A new stage begins."""

    name: str


Event = Stage | Step | Finding | Record
Notify = Callable[[Event], None]


def silent(event: Event) -> None:
    """Tell nobody."""


def default_folder(file: RecipeFile) -> Path:
    """runs/<recipe>-<time> in the current folder."""
    return Path("runs") / f"{file.path.stem}-{datetime.now():%Y%m%d-%H%M%S}"


def unfinished(file: RecipeFile) -> Path | None:
    """The newest run in runs/ of just this recipe that was cut off in training, if there is one."""
    folders = sorted(Path("runs").iterdir(), reverse=True) if Path("runs").is_dir() else []
    for folder in folders:
        if folder.name.startswith(f"{file.path.stem}-") and (folder / CHECKPOINT).exists():
            with suppress(OSError):
                if (folder / RECIPE).read_bytes() == file.text.encode() and not _busy(folder):
                    return folder
    return None


def _busy(folder: Path) -> bool:
    lock = FileLock(folder / BUSY, timeout=0)
    try:
        lock.acquire()
    except Timeout:
        return True
    lock.release()
    return False


class RunWriter:
    """The record after every stage, the log after every step. `steps` are those of the training so far, also of a run cut off.

    An unfinished run of the same recipe in the folder is taken up, or with `restart` thrown away. Leaving by an exception writes
    status `failed` or `interrupted` before the exception goes on. Raises DataError where the folder holds another run.
    """

    def __init__(self, file: RecipeFile, folder: Path, notify: Notify, *, restart: bool = False) -> None:
        self.folder, self.notify = folder, notify
        self.record = Record(status="running", recipe=recipe_facts(file))
        self.seconds: dict[str, float] = {}
        self.text = file.text
        self.open_stage: tuple[str, float] | None = None
        self.lock = FileLock(folder / BUSY, timeout=0)
        self.steps: list[Step] = []
        self.cuts: list[int] = []  # updates after which the training was taken up
        self.restart = restart

    def __enter__(self) -> "RunWriter":
        self.folder.mkdir(parents=True, exist_ok=True)
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
            undo.callback(self._leave)
            self._look_round()
            (self.folder / RECIPE).write_bytes(self.text.encode())
            self.write()
            undo.pop_all()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        try:
            if kind is KeyboardInterrupt:
                self.write(status="interrupted")
            elif error is not None:
                self.write(status="failed", error=str(error) or kind.__name__ if kind else "")
        finally:
            self._leave()

    def _leave(self) -> None:
        self.lock.release()
        (self.folder / BUSY).unlink(missing_ok=True)

    def _look_round(self) -> None:
        """What an earlier run left here."""
        if not (self.folder / RECORD).exists():
            return
        before = read_record(self.folder / RECORD)
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
            (self.folder / CHECKPOINT).unlink(missing_ok=True)
        if self.restart or not (self.folder / CHECKPOINT).exists():
            (self.folder / LOG).unlink(missing_ok=True)
            return
        for line in (self.folder / LOG).read_text(encoding="utf-8").splitlines():
            with suppress(ValueError):  # the last line of a run that was killed
                said = json.loads(line)
                if "update" in said:
                    self.steps.append(Step(**said))
                elif CUT in said:
                    self._cut(said[CUT])

    def _cut(self, update: int) -> None:
        while self.steps and self.steps[-1].update > update:  # they are made again
            self.steps.pop()
        self.cuts.append(update)

    def stage(self, name: str) -> None:
        """End the stage before and begin another; their times stay separate."""
        now = time.monotonic()
        if self.open_stage:
            before, begun = self.open_stage
            self.seconds[before] = self.seconds.get(before, 0.0) + now - begun
        self.open_stage = (name, now)
        self.log({"stage": name})
        self.notify(Stage(name))

    def resume(self, update: int) -> None:
        """The training goes on after this update, whatever was logged behind it."""
        self._cut(update)
        self.log({CUT: update})
        self.seconds["training"] = sum(one.seconds + one.seconds_on_dev for one in self.steps[-1:])

    def step(self, step: Step) -> None:
        """Log a step and tell whoever watches."""
        self.steps.append(step)
        self.log(vars(step))
        self.notify(step)

    def finding(self, finding: Finding) -> None:
        """Log a finding, tell whoever watches, and keep it for the record."""
        self.record = self.record.model_copy(update={"findings": [*self.record.findings, *finding_facts([finding])]})
        self.log(vars(finding))
        self.notify(finding)

    def log(self, line: Mapping[str, object]) -> None:
        """One JSON line in log.jsonl."""
        with (self.folder / LOG).open("a", encoding="utf-8") as log:
            log.write(json.dumps(line, ensure_ascii=False) + "\n")

    def predictions(self, lines: Iterable[Mapping[str, object]]) -> None:
        """One row per test item in predictions.jsonl."""
        with (self.folder / PREDICTIONS).open("w", encoding="utf-8") as file:
            for line in lines:
                file.write(json.dumps(line, ensure_ascii=False) + "\n")

    def write(self, **facts: object) -> None:
        """Add facts to the record and put it in place whole, so that a reader never sees half of it."""
        self.record = Record.model_validate(self.record.model_copy(update=facts).model_dump())
        draft = self.folder / (RECORD + ".part")
        draft.write_text(self.record.model_dump_json(indent=1) + "\n", encoding="utf-8")
        draft.replace(self.folder / RECORD)

    def finish(self, machine: object) -> None:
        """The last facts, then the report."""
        self.stage("report")
        cost = CostFacts(seconds=self.seconds, peak_memory_gib=peak_memory_gib())
        self.write(status="done", cost=cost, environment=machine)
        (self.folder / REPORT).write_text(render(self.record), encoding="utf-8")
        self.notify(self.record)
