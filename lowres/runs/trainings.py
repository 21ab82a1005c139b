"""The trainings of a run: that of the task, the stages before it and the rounds after it. None that has ended is made again."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial

from accelerate.utils import set_seed
from torch import nn

from lowres.data.corpus import Corpus
from lowres.errors import Finding
from lowres.planning import Plan
from lowres.recipe.sections import Training
from lowres.record import BackTranslationFacts, StageFacts
from lowres.runs.facts import versions
from lowres.runs.interruption import Interruption
from lowres.runs.layout import CHECKPOINTS
from lowres.runs.writing import RunWriter
from lowres.tasks.equipping import callbacks_of
from lowres.tasks.job import Facts, Job, Predictor, Round, StageTraining, TaskObjective
from lowres.training.checkpoints import Checkpoints, CheckpointState, manifests
from lowres.training.loop import LAST_STEP, Step, train
from lowres.training.outcome import Outcome, load_weights, weights_of
from lowres.training.rounds import further
from lowres.training.state import Callbacks
from lowres.vocabulary.adapting import Adapted

ALONE = "task alone"
Begin = Callable[[], tuple[nn.Module, TaskObjective]]


@dataclass(frozen=True)
class Trainings:
    """The trainings of one run, over the weights of its predictor, of which those of the names `trained` are trained."""

    predictor: Predictor
    trained: frozenset[str]
    job: Job
    plan: Plan
    corpus: Corpus
    writer: RunWriter
    interruption: Interruption

    def fit(self, stages: Sequence[StageTraining]) -> None:
        """Train for the task, after the stages that are kept; then the predictor has the best weights, and the writer their steps."""
        settings = self.plan.recipe.training
        if not stages:
            if self._rounds() is None:
                self._train(self._checkpoints(""), self._task, settings, ())
            else:  # their weights are kept apart, so that a round does not need what training them needed
                self.writer.steps[:] = self._once(ALONE, "training", self._task, settings, before=()).steps
            return
        start, best = weights_of(self.predictor.model, self.trained), None
        if stages[0].keep == "if-better":
            best = self._once(ALONE, "training", self._task, settings)
        for number, stage in enumerate(stages):
            load_weights(self.predictor.model, start)
            staged = self._once(stage.name, stage.name, stage.begin, stage.settings, finish=stage.finish)
            if stage.keep == "always" and number + 1 < len(stages) and stages[number + 1].keep == "always":
                start, best = staged.weights, None  # judged together with the next stage
                self._tell(stage, staged, None, None, kept=True)
                continue
            after = self._once(f"task after {stage.name}", "training", self._task, settings)
            kept = stage.keep == "always" or best is None or after.dev > best.dev
            self._tell(stage, staged, best, after, kept=kept)
            if kept:
                start, best = staged.weights, after
        assert best is not None
        load_weights(self.predictor.model, best.weights)
        self.writer.steps[:] = best.steps

    def fit_further(self) -> Iterator[BackTranslationFacts]:
        """Further rounds of training, if the task has any; each gives its facts when it has ended and the writer has its steps."""
        for number, more in enumerate(self._rounds() or (), start=1):
            before = list(self.writer.steps)
            if more.objective:
                begin = partial(self._round, more.objective)
                self.writer.steps[:] = self._once(f"round {number}", "training", begin, more.settings, before).steps
            yield more.facts(before, self.writer.steps[len(before) :])

    def remove_checkpoints(self) -> None:
        """Delete all checkpoints: training is over and its result has been saved."""
        self._checkpoints("").remove()

    def _rounds(self) -> Iterator[Round] | None:
        return self.job.rounds(self.predictor, self.plan, self.corpus, self.writer.stage, self._once_made)

    def _task(self) -> tuple[nn.Module, TaskObjective]:
        return self.predictor.model, self.job.objective(self.predictor, self.plan, self.corpus)

    def _round(self, make: Callable[[], TaskObjective]) -> tuple[nn.Module, TaskObjective]:
        return self.predictor.model, make()

    def _once_made(self, name: str, make: Callable[[], Facts]) -> Facts:
        """Facts that a training needs, made, or read where they were made before an interruption."""
        done = self._checkpoints(f"{name} done")
        found = done.read()
        self._hand_on(done)
        if found:
            return found.facts
        made = make()
        done.write(CheckpointState({"update": 0, **made}, {}))
        self._hand_on(done)
        return made

    def _once(
        self, name: str, shown: str, begin: Begin, settings: Training, before: Sequence[Step] | None = None,
        finish: Callable[[nn.Module], None] | None = None,
    ) -> Outcome:  # fmt: skip
        """Carry out a training, or read what it led to where it has ended before an interruption.

        With `before` it goes on from the state of the one before, whose steps these are; without, it is a training of its own.
        """
        done, kept = self._checkpoints(f"{name} done"), self._checkpoints(name)
        ended = done.read()
        self._hand_on(done)
        if ended:
            found = Outcome.read(ended)
            found.restore(self.predictor.model, self._callbacks)
            self.writer.spent(shown, found.steps[-1], before[-1] if before else None)
            for finding in found.findings:
                self.writer.finding(finding)
            return found
        self.writer.stage(shown)
        if before is None:
            set_seed(self.plan.recipe.training.seed)  # the same weights, whatever was trained before
        take_up = self.writer.take_up if manifests(kept.folder) else self.writer.begin
        take_up(name, before or ())
        model, findings = self._train(kept, begin, settings, before or ())
        if finish:
            finish(model)
        found = Outcome.of(self.predictor.model, self.trained, self._callbacks, self.writer.steps, findings)
        done.write(found.dump())
        if not done.fault:  # else its last checkpoint is needed
            kept.remove()
        self._hand_on(done)
        return found

    def _train(
        self, kept: Checkpoints, begin: Begin, settings: Training, before: Sequence[Step]
    ) -> tuple[nn.Module, Sequence[Finding]]:
        """Train until the end, after the steps `before`; an interrupted training is resumed from its checkpoint.

        Returns the model that trained, and what came up when its data were encoded, which is not told again of further rounds.
        """
        writer, begun = self.writer, kept.read()
        self._hand_on(kept)
        if begun or (writer.resumes and len(writer.steps) > len(before)):
            writer.resume(begun.update if begun else 0)
            if begun and not writer.steps and LAST_STEP in begun.facts:  # the log is gone
                writer.steps.append(Step(**begun.facts[LAST_STEP]))
        model, objective = begin()
        findings = () if before else objective.findings
        for finding in findings:
            writer.finding(finding)
        steps = train(
            model, objective, settings, accelerator=self.predictor.accelerator, micro_batch_tokens=self.plan.micro_batch_tokens,
            callbacks=callbacks_of(model, self.plan), begun=begun, checkpoints=kept,
        )  # fmt: skip
        if before:
            steps = further(model, steps, before, begun)
        with self.interruption.patience(), closing(steps):  # closed early, the training writes a checkpoint
            for step in steps:
                writer.step(step)
                if kept.due:
                    writer.sync_log()
                self._hand_on(kept)
                self.interruption.raise_if_asked()
        return model, findings

    def _hand_on(self, kept: Checkpoints) -> None:
        """Tell what the checkpoints have to say, once."""
        if kept.fault:
            kept.findings.append(Finding("warning", f"no checkpoint could be written: {kept.fault}", CHECKPOINTS))
            kept.fault = ""
        for finding in kept.findings:
            self.writer.finding(finding)
        kept.findings.clear()

    def _tell(
        self, stage: StageTraining, staged: Outcome, before: Outcome | None, after: Outcome | None, *, kept: bool
    ) -> None:
        facts = StageFacts(
            name=stage.name, rows=stage.rows, updates=staged.steps[-1].update, seconds=staged.steps[-1].seconds, kept=kept,
            dev_without=before.dev if before else None, dev_with=after.dev if after else None,
        )  # fmt: skip
        self.writer.write(first=[*self.writer.record.first, facts])
        self.writer.finding(Finding("note", _sentence(facts), "first"))

    def _checkpoints(self, name: str) -> Checkpoints:
        """The checkpoints of one training. They are bound to recipe, data, base and version of lowres: with others it cannot be
        resumed.
        """
        origin = {
            "recipe": self.writer.record.recipe.sha256, "data": self.corpus.fingerprint, "base": self.plan.checkpoint.sha256(),
            "lowres": versions()["lowres"],
        }  # fmt: skip
        machine = {
            "device": self.plan.machine.device, "precision": self.plan.precision, "threads": str(self.plan.machine.cores),
        }  # fmt: skip
        folder = self.writer.folder / CHECKPOINTS
        return Checkpoints(folder / name.replace(", ", "-").replace(" ", "-"), origin, machine)

    @property
    def _callbacks(self) -> Callbacks:
        return callbacks_of(self.predictor.model, self.plan)


def fit(
    predictor: Predictor, job: Job, adapted: Adapted, plan: Plan, corpus: Corpus, writer: RunWriter, interruption: Interruption
) -> Trainings:  # fmt: skip
    """Train the predictor, after the stages of the recipe that make it better on dev."""
    trained = frozenset(name for name, weight in predictor.model.named_parameters() if weight.requires_grad)
    trainings = Trainings(predictor, trained, job, plan, corpus, writer, interruption)
    trainings.fit(list(job.stages(predictor, adapted, plan, corpus)))
    return trainings


def _sentence(facts: StageFacts) -> str:
    if facts.dev_with is None:
        return f"{facts.name}: kept, as the recipe says"
    if facts.dev_without is None:
        return f"{facts.name}: kept, as the recipe says; dev {facts.dev_with:.1f} with it"
    said = "kept" if facts.kept else "left out"
    return f"{facts.name}: {said}; dev {facts.dev_with:.1f} with it, {facts.dev_without:.1f} without"
