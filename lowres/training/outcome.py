"""What a training has led to, and all that the next one depends on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from lowres.errors import Finding
from lowres.training.checkpoints import CheckpointState
from lowres.training.loop import Step
from lowres.training.rounds import best_on_dev
from lowres.training.state import Callbacks, random_state, set_random_state

WEIGHT, METHOD, RNG = "weight", "method", "rng"  # how the names of tensors begin on disk


@dataclass(frozen=True)
class Outcome:
    """The weights that were trained and the method's state, on the CPU; which weights still train; the random numbers; the steps of
    the training and of those before that it went on from, and what came up when its data were encoded.
    """

    weights: dict[str, Tensor]
    method: Mapping[str, Tensor]
    unfrozen: frozenset[str]
    rng: Mapping[str, Tensor]
    steps: Sequence[Step]
    findings: Sequence[Finding]

    @staticmethod
    def of(
        model: nn.Module,
        names: frozenset[str],
        callbacks: Callbacks,
        steps: Sequence[Step],
        findings: Sequence[Finding],
    ) -> "Outcome":
        """What training the parameters of these names has led to."""
        trained = {name: weight for name, weight in model.named_parameters() if name in names}
        return Outcome(
            weights=weights_of(model, names),
            method=callbacks.state_dict(),
            unfrozen=frozenset(name for name, weight in trained.items() if weight.requires_grad),
            rng=random_state(trained.values()),
            steps=list(steps),
            findings=findings,
        )

    def restore(self, model: nn.Module, callbacks: Callbacks) -> None:
        """Bring model, method and random numbers into this state."""
        load_weights(model, self.weights)
        for name, weight in model.named_parameters():
            if name in self.weights:
                weight.requires_grad_(name in self.unfrozen)
        callbacks.load_state_dict(self.method)
        set_random_state(self.rng)

    @property
    def dev(self) -> float:
        """The best score on dev."""
        best = best_on_dev(self.steps)
        return -1.0 if best is None or best.dev is None else best.dev

    def dump(self) -> CheckpointState:
        """Itself as a checkpoint holds it."""
        kinds = {WEIGHT: self.weights, METHOD: self.method, RNG: self.rng}
        facts = {
            "update": self.steps[-1].update, "unfrozen": sorted(self.unfrozen), "steps": [vars(step) for step in self.steps],
            "findings": [vars(finding) for finding in self.findings],
        }  # fmt: skip
        tensors = {f"{kind} {name}": tensor for kind, found in kinds.items() for name, tensor in found.items()}
        return CheckpointState(facts, tensors)

    @staticmethod
    def read(state: CheckpointState) -> "Outcome":
        """What was dumped."""
        kinds: dict[str, dict[str, Tensor]] = {WEIGHT: {}, METHOD: {}, RNG: {}}
        for name, tensor in state.tensors.items():
            kind, _, rest = name.partition(" ")
            kinds[kind][rest] = tensor
        facts = state.facts
        steps, findings = [Step(**one) for one in facts["steps"]], [Finding(**one) for one in facts["findings"]]
        return Outcome(kinds[WEIGHT], kinds[METHOD], frozenset(facts["unfrozen"]), kinds[RNG], steps, findings)


def weights_of(model: nn.Module, names: frozenset[str]) -> dict[str, Tensor]:
    """Copies of the parameters of these names, on the CPU."""
    return {name: weight.detach().to("cpu", copy=True) for name, weight in model.named_parameters() if name in names}


@torch.no_grad()
def load_weights(model: nn.Module, weights: Mapping[str, Tensor]) -> None:
    """Copy weights into the parameters of their names."""
    for name, weight in model.named_parameters():
        if name in weights:
            weight.copy_(weights[name])
