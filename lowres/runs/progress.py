"""How far a run is, in a notebook: one line that is written over. Elsewhere the caller decides what is shown."""

import sys
import time
from html import escape
from importlib import import_module
from typing import Any

from lowres.record import Record
from lowres.runs.writing import Event, Notify, Stage, silent
from lowres.training.loop import Step

STAGES = {
    "plan": "planning",
    "data": "reading the data",
    "base": "loading the base",
    "vocabulary": "fitting the vocabulary",
    "training": "training",
    "back-translation": "translating texts that have no translation",
    "n-grams": "fitting the n-gram classifier",
    "phrase table": "comparing model and phrase table on dev",
    "confidence": "learning on dev how sure a translation is",
    "evaluation": "scoring the test split",
    "before": "scoring the base before training",
    "baselines": "baselines on the same rows",
    "reload check": "checking the saved model in a fresh process",
    "report": "writing the report",
}
EVERY_SECONDS = 0.5  # a notebook keeps up with no more, and stores what it is sent


def shown_progress() -> Notify:
    """What shows the events of a run where this process is the kernel of a notebook; silent in any other."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return NotebookProgress() if hasattr(shell, "kernel") else silent


class NotebookProgress:
    """Shows the stage, and while training a bar with loss and score on dev, in the cell that is running."""

    def __init__(self) -> None:
        ipython: Any = import_module("IPython.display")  # there is one, since this is its kernel
        self.html = ipython.HTML
        self.handle = ipython.display(self.html("planning …"), display_id=True)
        self.shown = 0.0
        self.dev = ""

    def __call__(self, event: Event) -> None:
        if isinstance(event, Stage):
            self.show(f"{STAGES.get(event.name, event.name)} …")
        elif isinstance(event, Step):
            self.step(event)
        elif isinstance(event, Record) and event.status == "done":
            self.show(f"done: {event.recipe.name}")

    def step(self, step: Step) -> None:
        """Show an update, if it is time to."""
        if step.dev is not None:
            self.dev = f", dev {step.dev:.1f}"
        elif step.update < step.updates and time.monotonic() - self.shown < EVERY_SECONDS:
            return
        left = step.seconds / step.update * (step.updates - step.update)
        self.show(
            f"epoch {step.epoch:.1f}, loss {step.loss:.3f}{self.dev}, {left:.0f} s left",
            f'<progress value="{step.update}" max="{step.updates}"></progress> ',
        )

    def show(self, text: str, bar: str = "") -> None:
        """Write over what was shown before."""
        self.shown = time.monotonic()
        self.handle.update(self.html(bar + escape(text)))
