"""What is made from a run appears when it is whole; of what is cut off, nothing stays longer than until it is made again."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from lowres.atomic import PART, make_readable, sync, sync_all
from lowres.errors import ModelError, Problem
from lowres.models.digests import OWN_FACTS, seal_checkpoint
from lowres.runs.disk_space import Writing
from lowres.runs.writing import DRAFT
from lowres.tasks.engines import EXPORT_JSON, seal_export


@contextmanager
def draft_beside(out: Path) -> Iterator[Path]:
    """A new folder beside `out` that is gone afterwards. Raises ModelError where another process makes `out`, or the disk is full."""
    draft, busy = out.with_name(f"{DRAFT}{out.name}"), out.with_name(f".{out.name}.busy")
    with Writing(out, "make room, or name a place on another disk"):
        out.parent.mkdir(parents=True, exist_ok=True)
        try:
            with FileLock(busy, timeout=0):
                shutil.rmtree(draft, ignore_errors=True)  # of a process that was killed
                draft.mkdir()
                try:
                    yield draft
                finally:
                    shutil.rmtree(draft, ignore_errors=True)
                    part_of(out).unlink(missing_ok=True)
                    with suppress(OSError):  # Windows removes no open file
                        busy.unlink()
        except Timeout as error:
            what = "is being made by another process"
            raise ModelError(Problem(str(out), what, "wait for it, or name another place")) from error


def part_of(out: Path) -> Path:
    """How a file `out` is called while it is written."""
    return out.with_name(f".{out.name}{PART}")


@contextmanager
def draft_of(out: Path) -> Iterator[Path]:
    """A new folder that takes the name `out` when all went well. Its README.md must be written."""
    with draft_beside(out) as draft:
        yield draft
        if (draft / EXPORT_JSON).exists():
            seal_export(draft)
        if (draft / OWN_FACTS).exists():
            seal_checkpoint(draft)
        make_readable(draft, "README.md")
        sync_all(draft)
        draft.replace(out)
        sync(out.parent)


def refuse_existing(out: Path) -> None:
    """Raises ModelError where `out` exists."""
    if out.exists():
        raise ModelError(Problem(str(out), "exists already", "remove it, or name another folder with --out"))
