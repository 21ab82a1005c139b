"""Ctrl-C and other signals to stop: a run ends in order, and a training after the update that is running, so as to be resumed."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from lowres.errors import Interrupted

SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))


class Interruption:
    """While entered, a signal to stop raises Interrupted, so that the record is written and locks are given back.

    In `patience`, the first signal is only noted in `asked`; a second one raises. Signals that the process ignores, as under nohup,
    stay ignored. Outside the main thread, which alone receives signals, it does nothing.
    """

    def __init__(self) -> None:
        self.asked, self.patient = 0, False
        self.before: dict[int, Any] = {}

    def __enter__(self) -> "Interruption":
        if threading.current_thread() is threading.main_thread():
            for number in SIGNALS:
                if signal.getsignal(number) not in (signal.SIG_IGN, None):
                    self.before[number] = signal.signal(number, self._note)
        return self

    def __exit__(self, *error: object) -> None:
        for number, handler in self.before.items():
            signal.signal(number, handler)

    @contextmanager
    def patience(self) -> Iterator[None]:
        """What is left in order by whoever asks `raise_if_asked` between two steps."""
        self.patient = True
        try:
            yield
        finally:
            self.patient = False

    def raise_if_asked(self) -> None:
        """Raise Interrupted if a signal came."""
        if self.asked:
            raise Interrupted("", self.asked)

    def _note(self, number: int, frame: FrameType | None) -> None:
        again, self.asked = bool(self.asked), number
        if again or not self.patient:
            raise Interrupted("", number)
