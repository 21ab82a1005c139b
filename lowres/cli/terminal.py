"""Shows a run while it lasts: a progress bar on a terminal, plain lines elsewhere."""

from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.table import Column
from rich.text import Text

from lowres.cli.safe_text import clean
from lowres.errors import Finding
from lowres.record import Record
from lowres.runs.facts import peak_memory_gib
from lowres.runs.progress import STAGES
from lowres.runs.writing import Event, Stage
from lowres.training.loop import Step

PLAIN_LINES = 20


class _Facts(ProgressColumn):
    """The column with loss, score on dev, speed and memory."""

    def render(self, task: Task) -> Text:
        return Text(str(task.fields.get("facts", "")))


class Watcher:
    """Shows the events of a run: with a live bar on a terminal, else with a plain line now and then."""

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
            self.say(f"  {event.level}: {event.told}")
        elif isinstance(event, Record):
            self.progress.update(self.task, visible=False)

    def step(self, step: Step) -> None:
        """Show an update: move the bar, or print a line whenever dev was scored and about twenty times in between."""
        if step.update > self.updates + 1:
            self.say(f"  resumed after update {step.update - 1}")
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
                best = "  best so far" if step.best else ""
                self.say(f"  epoch {step.epoch:.1f}  loss {step.loss:.3f}  dev {step.dev:.1f}{best}")
        elif step.dev is not None or step.update % max(1, step.updates // PLAIN_LINES) == 0:
            left = step.seconds / step.update * (step.updates - step.update)
            self.say(f"  update {step.update}/{step.updates}  {facts}  {left:.0f} s left")

    def say(self, line: str) -> None:
        """Print a line of plain text; nothing in it is taken for markup."""
        self.console.print(Text(clean(line)), soft_wrap=True)
