"""Actions in a process of their own, which may be killed at any change of a file."""

import hashlib
import json
import os
import shutil
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Literal

from lowres.planning import Options
from lowres.runs.reload_check import ReloadSample, same, write_sample
from lowres.runs.run import load_predictor

KILLED, FAILED = 9, 7
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
CHANGES = (
    "os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.chmod", "os.truncate", "os.link", "os.symlink", "shutil.rmtree",
)  # fmt: skip


def in_fork(action: Callable[[], object]) -> int:
    """The exit status of an action in a process of its own: 0, or FAILED where it raises."""
    child = os.fork()
    if not child:
        status = FAILED
        try:
            sys.stderr = open(os.devnull, "w")  # noqa: SIM115
            action()
            status = 0
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def watched(folder: Path, before: Callable[[int, str, bool], object]) -> list[str]:
    """From now on `before` is called before every change below a folder: with its number, the path, and whether a file is opened anew.

    The list tells the changes so far.
    """
    seen: list[str] = []
    home = str(folder)

    def watch(event: str, given: tuple[object, ...]) -> None:
        flags = given[2] if event == "open" and isinstance(given[2], int) else 0
        path = str(given[0]) if flags & WRITING or event in CHANGES else ""
        if path.startswith(home):
            seen.append(f"{event} {path.removeprefix(home)}")
            before(len(seen), path, bool(flags & os.O_TRUNC))
            if event == "os.remove" or flags & os.O_TRUNC:
                _forget(path)
            if event == "os.rename":
                _forget(str(given[1]))

    sys.addaudithook(watch)
    return seen


def killed_at(change: int, folder: Path, *, torn: bool = False) -> None:
    """From now on this process ends before the change of that number below a folder.

    With `torn` a file that is opened anew is opened once more before the end, so that it is there and empty.
    """

    def end(number: int, path: str, anew: bool) -> None:
        if number == change:
            if torn and anew:
                Path(path).write_bytes(b"")
            os._exit(KILLED)

    watched(folder, end)


Fault = Literal["kill -9", "kill -9 in a write", "a power cut"]


def copied_at(faults: Mapping[int, Fault], folder: Path, into: Path) -> None:
    """From now on the folder is copied before the changes of these numbers, as it were if the process had ended there by that fault.

    In a write, a file that is opened anew is there and empty. After a power cut, a file is as long as it was when it was last brought
    to the disk, and one that never was is empty: the worst that a file system may do. Where that leaves the very same files as a fault
    before, there is no second copy.
    """
    fsync, known = os.fsync, set()

    def sync(handle: int) -> None:
        fsync(handle)
        status = os.fstat(handle)
        DURABLE[status.st_ino] = status.st_size

    def copy(number: int, path: str, anew: bool) -> None:
        fault, there = faults.get(number), into / str(number)
        if fault is None:
            return
        there.mkdir(parents=True)
        if folder.exists():
            shutil.copytree(folder, there, symlinks=True, dirs_exist_ok=True)
        if fault == "kill -9 in a write" and anew:
            (there / Path(path).relative_to(folder)).write_bytes(b"")
        if fault == "a power cut":
            for file in [file for file in folder.rglob("*") if file.is_file()]:
                status = file.stat()
                os.truncate(there / file.relative_to(folder), min(status.st_size, DURABLE.get(status.st_ino, 0)))
        left = _state(there)
        if left in known:
            shutil.rmtree(there)
        known.add(left)

    os.fsync = sync
    watched(folder, copy)


def _state(folder: Path) -> str:
    """A digest of all names below a folder and of what the files hold."""
    found = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        found.update(f"{path.relative_to(folder)}\0".encode())
        found.update(hashlib.sha256(path.read_bytes()).digest() if path.is_file() else b"")
    return found.hexdigest()


DURABLE: dict[int, int] = {}  # in `copied_at`: the bytes of each file that are on the disk, by inode


def _forget(path: str) -> None:
    """Another content, or another file, may now have the inode of this one."""
    with suppress(OSError):
        DURABLE.pop(os.stat(path).st_ino, None)


def changes_of(action: Callable[[], object], folder: Path) -> list[str]:
    """What an action changes below a folder, in its order: it is carried out in a process of its own."""
    told = folder.with_name(f"{folder.name}.changes")

    def whole() -> None:
        seen = watched(folder, lambda *change: None)
        action()
        told.write_text(json.dumps(seen), encoding="utf-8")

    assert in_fork(whole) == 0
    found: list[str] = json.loads(told.read_text(encoding="utf-8"))
    return found


def reloaded_here(run: Path, sample: ReloadSample, options: Options) -> None:
    """The reload check without the seconds that a fresh interpreter takes."""
    write_sample(run, sample)
    found = load_predictor(run / "model", options).raw_predictions(sample.inputs)
    assert all(same(expected, answer) for expected, answer in zip(sample.answers, found, strict=True))
