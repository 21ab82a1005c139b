"""Actions in a process of their own, which may be killed at any change of a file."""

import json
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

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


def killed_at(change: int, folder: Path, *, torn: bool = False, power_cut: bool = False) -> list[str]:
    """From now on this process ends before the change of that number below a folder; the list tells those before.

    With `torn` a file that is opened anew is opened once more before the end, so that it is there and empty. With `power_cut` every
    file is then as long as it was when it was last brought to the disk, and one that never was is empty: the worst that a file system
    may do.
    """
    seen: list[str] = []
    home = str(folder)
    durable: dict[int, int] = {}  # the bytes of each file that are on the disk, by inode
    fsync = os.fsync

    def sync(handle: int) -> None:
        fsync(handle)
        status = os.fstat(handle)
        durable[status.st_ino] = status.st_size

    if power_cut:
        os.fsync = sync

    def forget(path: str) -> None:
        """Another content, or another file, may now have this inode."""
        with suppress(OSError):
            durable.pop(os.stat(path).st_ino, None)

    def lose() -> None:
        for path in folder.rglob("*"):
            if path.is_file() and not path.is_symlink() and path.stat().st_size > durable.get(path.stat().st_ino, 0):
                os.truncate(path, durable.get(path.stat().st_ino, 0))

    def watch(event: str, given: tuple[object, ...]) -> None:
        opened = event == "open" and isinstance(given[2], int) and bool(given[2] & WRITING)
        path = str(given[0]) if opened or event in CHANGES else ""
        if path.startswith(home):
            seen.append(f"{event} {path.removeprefix(home)}")
            if len(seen) == change:
                if torn and opened and isinstance(given[2], int) and given[2] & os.O_TRUNC:
                    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC))
                if power_cut:
                    lose()
                os._exit(KILLED)
            if event == "os.remove" or (opened and isinstance(given[2], int) and given[2] & os.O_TRUNC):
                forget(path)
            if event == "os.rename":
                forget(str(given[1]))

    sys.addaudithook(watch)
    return seen


def changes_of(action: Callable[[], object], folder: Path) -> list[str]:
    """What an action changes below a folder, in its order: it is carried out in a process of its own."""
    told = folder.with_name(f"{folder.name}.changes")

    def whole() -> None:
        seen = killed_at(-1, folder)
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
