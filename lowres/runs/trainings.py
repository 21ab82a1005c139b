"""The trainings of a run: that of the task, and those of the stages before it. None that has ended is made again."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass

import torch
from accelerate.utils import set_seed
from torch import Tensor, nn

from lowres.data.corpus import Corpus
from lowres.errors import Finding
from lowres.planning import Plan
from lowres.recipe.sections import Training
from lowres.record import StageFacts
from lowres.runs.facts import versions
from lowres.runs.interruption import Interruption
from lowres.runs.layout import CHECKPOINTS
from lowres.runs.writing import RunWriter
from lowres.tasks.equipping import callbacks_of
from lowres.tasks.job import Job, Predictor, StageTraining, TaskObjective
from lowres.training.checkpoints import Checkpoints, CheckpointState, manifests
from lowres.training.loop import Step, train
from lowres.training.rounds import best_on_dev
from lowres.vocabulary.adapting import Adapted

ALONE = "task alone"
Begin = Callable[[], tuple[nn.Module, TaskObjective]]


@dataclass(frozen=True)
class Outcome:
    """What a training has led to: the trainable weights of the predictor, on the CPU, and the steps of the training."""

    weights: dict[str, Tensor]
    steps: list[Step]

    @property
    def dev(self) -> float:
        """The best score on dev."""
        best = best_on_dev(self.steps)
        return -1.0 if best is None or best.dev is None else best.dev


@dataclass(frozen=True)
class Trainings:
    """The trainings of one run, over the weights of its predictor."""

    predictor: Predictor
    job: Job
    plan: Plan
    corpus: Corpus
    writer: RunWriter
    interruption: Interruption

    def fit(self, stages: Sequence[StageTraining]) -> None:
        """Train for the task, after the stages that are kept; then the predictor has the best weights, and the writer their steps."""
        if not stages:
            self._train(self._checkpoints(""), self._task, self.plan.recipe.training)
            return
        start, best = self._weights(), None
        if stages[0].keep == "if-better":
            best = self._once(ALONE, "training", self._task, self.plan.recipe.training)
        for number, stage in enumerate(stages):
            self._load(start)
            staged = self._once(stage.name, stage.name, stage.begin, stage.settings, stage.finish)
            if stage.keep == "always" and number + 1 < len(stages) and stages[number + 1].keep == "always":
                start, best = staged.weights, None  # judged together with the next stage
                self._tell(stage, staged, None, None, kept=True)
                continue
            after = self._once(f"task after {stage.name}", "training", self._task, self.plan.recipe.training)
            kept = stage.keep == "always" or best is None or after.dev > best.dev
            self._tell(stage, staged, best, after, kept=kept)
            if kept:
                start, best = staged.weights, after
        assert best is not None
        self._load(best.weights)
        self.writer.steps[:] = best.steps

    def remove_checkpoints(self) -> None:
        """Delete all checkpoints: training is over and its result has been saved."""
        self._checkpoints("").remove()

    def _task(self) -> tuple[nn.Module, TaskObjective]:
        return self.predictor.model, self.job.objective(self.predictor, self.plan, self.corpus)

    def _once(
        self, name: str, shown: str, begin: Begin, settings: Training, finish: Callable[[nn.Module], None] | None = None
    ) -> Outcome:
        """Carry out a training, or read what it led to where it has ended before an interruption."""
        done = self._checkpoints(f"{name} done")
        if ended := done.read():
            self._load(ended.tensors)
            return Outcome(dict(ended.tensors), [Step(**facts) for facts in ended.facts["steps"]])
        self.writer.stage(shown)
        set_seed(self.plan.recipe.training.seed)  # the same weights, whatever was trained before
        kept = self._checkpoints(name)
        if not manifests(kept.folder):
            self.writer.begin(name)
        model = self._train(kept, begin, settings)
        if finish:
            finish(model)
        found = Outcome(self._weights(), list(self.writer.steps))
        facts = {"update": found.steps[-1].update, "steps": [vars(step) for step in found.steps]}
        done.write(CheckpointState(facts, found.weights))
        kept.remove()
        return found

    def _train(self, kept: Checkpoints, begin: Begin, settings: Training) -> nn.Module:
        """Train until the end; an interrupted training is resumed from its checkpoint."""
        writer, begun = self.writer, kept.read()
        self._hand_on(kept)
        if begun or (writer.resumes and writer.steps):
            writer.resume(begun.update if begun else 0)
        model, objective = begin()
        for finding in objective.findings:
            writer.finding(finding)
        steps = train(
            model, objective, settings, accelerator=self.predictor.accelerator, micro_batch_tokens=self.plan.micro_batch_tokens,
            callbacks=callbacks_of(model, self.plan), begun=begun, checkpoints=kept,
        )  # fmt: skip
        with self.interruption.patience(), closing(steps):  # closed early, the training writes a checkpoint
            for step in steps:
                writer.step(step)
                if kept.due:
                    writer.sync_log()
                self._hand_on(kept)
                self.interruption.raise_if_asked()
        return model

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

    def _weights(self) -> dict[str, Tensor]:
        named = self.predictor.model.named_parameters()
        return {name: weight.detach().to("cpu", copy=True) for name, weight in named if weight.requires_grad}

    @torch.no_grad()
    def _load(self, weights: Mapping[str, Tensor]) -> None:
        for name, weight in self.predictor.model.named_parameters():
            if weight.requires_grad:
                weight.copy_(weights[name])


def fit(
    predictor: Predictor, job: Job, adapted: Adapted, plan: Plan, corpus: Corpus, writer: RunWriter, interruption: Interruption
) -> Trainings:  # fmt: skip
    """Train the predictor, after the stages of the recipe that make it better on dev."""
    trainings = Trainings(predictor, job, plan, corpus, writer, interruption)
    trainings.fit(list(job.stages(predictor, adapted, plan, corpus)))
    return trainings


def _sentence(facts: StageFacts) -> str:
    if facts.dev_with is None:
        return f"{facts.name}: kept, as the recipe says"
    if facts.dev_without is None:
        return f"{facts.name}: kept, as the recipe says; dev {facts.dev_with:.1f} with it"
    said = "kept" if facts.kept else "left out"
    return f"{facts.name}: {said}; dev {facts.dev_with:.1f} with it, {facts.dev_without:.1f} without"
