"""What goes to the terminal: clean text, progress, plain lines where there is no terminal."""

from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.table import Column
from rich.text import Text

from lowres.cli.safe_text import clean
from lowres.errors import Finding
from lowres.record import Record
from lowres.runs.facts import peak_memory_gib
from lowres.runs.writing import Event, Stage
from lowres.training.loop import Step

STAGES = {
    "plan": "planning",
    "data": "reading the data",
    "base": "loading the base",
    "vocabulary": "fitting the vocabulary",
    "training": "training",
    "back-translation": "translating texts that have no translation",
    "proof": "asking the saved model in a fresh process",
    "n-grams": "fitting the n-gram classifier",
    "phrase table": "comparing model and phrase table on dev",
    "evaluation": "scoring the test split",
    "before": "scoring the base as it was",
    "baselines": "baselines on the same rows",
    "report": "writing the report",
}
PLAIN_LINES = 20


class _Facts(ProgressColumn):
    """Loss, score on dev, speed and memory, as they stand."""

    def render(self, task: Task) -> Text:
        return Text(str(task.fields.get("facts", "")))


class Watcher:
    """Shows a run: a live bar on a terminal, else a plain line now and then."""

    def __init__(self) -> None:
        self.console = Console(stderr=False, highlight=False)
        self.live = self.console.is_terminal
        self.progress = Progress(
            BarColumn(10), TextColumn("{task.percentage:>3.0f} %"), _Facts(Column(no_wrap=True)), TimeRemainingColumn(),
            console=self.console, transient=True,
        )  # fmt: skip
        self.task = self.progress.add_task("training", total=None, visible=False, facts="")
        self.dev: float | None = None
        self.updates = 0

    def __enter__(self) -> "Watcher":
        if self.live:
            self.progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.live:
            self.progress.stop()

    def __call__(self, event: Event) -> None:
        if isinstance(event, Stage):
            self.progress.update(self.task, visible=event.name == "training", refresh=True)
            self.say(f"{STAGES.get(event.name, event.name)} …")
        elif isinstance(event, Step):
            self.step(event)
        elif isinstance(event, Finding):
            self.say(f"  {event.level}: {event.where}  {event.what}")
        elif isinstance(event, Record):
            self.progress.update(self.task, visible=False)

    def step(self, step: Step) -> None:
        """One update: move the bar, or print a line at every score and twenty times between."""
        if step.update > self.updates + 1:
            self.say(f"  taken up after update {step.update - 1}")
        self.updates = step.update
        if step.dev is not None:
            self.dev = step.dev
        dev = f"  dev {self.dev:.1f}" if self.dev is not None else ""
        speed = step.examples / max(step.seconds, 1e-9)
        facts = (  # with bar and time no wider than 80 columns
            f"epoch {step.epoch:.1f}  loss {step.loss:.3f}{dev}  {speed:.{int(speed < 10)}f} texts/s  {peak_memory_gib():.1f} GiB"
        )
        if self.live:
            self.progress.update(self.task, total=step.updates, completed=step.update, facts=facts)
            if step.dev is not None:
                mark = "  best so far" if step.best else ""
                self.say(f"  epoch {step.epoch:.1f}  loss {step.loss:.3f}  dev {step.dev:.1f}{mark}")
        elif step.dev is not None or step.update % max(1, step.updates // PLAIN_LINES) == 0:
            left = step.seconds / step.update * (step.updates - step.update)
            self.say(f"  update {step.update}/{step.updates}  {facts}  {left:.0f} s left")

    def say(self, line: str) -> None:
        """A line of plain text; nothing in it is markup."""
        self.console.print(Text(clean(line)), soft_wrap=True)
