"""The state of a training beside the model: optimizer, best weights, counts."""

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from accelerate import Accelerator
from torch import Tensor, nn

from lowres.errors import Problem, TrainingError
from lowres.recipe.training_section import Training
from lowres.training.checkpoints import CheckpointState

Tensors = Mapping[str, Tensor]
LOWER_RATE = "halve training.learning_rate and run again"


class DivergenceError(TrainingError):
    """A loss, a gradient or a weight is not a finite number."""


def _full_rate(name: str) -> float:
    return 1.0


def _do_nothing(done: int, updates: int) -> None:
    pass


def _decays(name: str) -> bool:
    return True


def _no_state() -> Tensors:
    return {}


def _ignore_state(tensors: Tensors) -> None:
    pass


@dataclass(frozen=True)
class Callbacks:
    """What a method contributes to training.

    `rate` is the factor of the learning rate of a weight, by its name, and `decays` says whether weight decay, which draws it towards
    0, applies to it. `on_update` is called with the number of updates done, first
    with 0, and of all updates. `penalty`, a scalar with a gradient, is added to the loss of each update. `state_dict` gives what a
    resumed training needs beside the weights, and `load_state_dict` takes it.
    """

    rate: Callable[[str], float] = _full_rate
    decays: Callable[[str], bool] = _decays
    on_update: Callable[[int, int], None] = _do_nothing
    penalty: Callable[[], Tensor] | None = None
    state_dict: Callable[[], Tensors] = _no_state
    load_state_dict: Callable[[Tensors], None] = _ignore_state


NO_CALLBACKS = Callbacks()


class Best:
    """The trainable weights with the highest score on dev so far; `since` counts the scores after it."""

    def __init__(self, model: nn.Module) -> None:
        self.score, self.update, self.since = -math.inf, 0, 0
        self.trained = {name: weight for name, weight in model.named_parameters() if weight.requires_grad}
        self.weights: dict[str, Tensor] = {}

    def consider(self, score: float, update: int) -> None:
        """Keep a copy of the weights if `score` is higher than all before. Raises DivergenceError where one is not a finite number."""
        for name, weight in self.trained.items():
            if not bool(torch.isfinite(weight.detach()).all()):
                raise DivergenceError(Problem(f"update {update}", f"the weight {name} is not finite", LOWER_RATE))
        self.since += 1
        if score > self.score:
            self.score, self.update, self.since = score, update, 0
            self.weights = {name: weight.detach().to("cpu", copy=True) for name, weight in self.trained.items()}

    def restore(self) -> None:
        """Load the kept weights into the model."""
        with torch.no_grad():
            for name, weight in self.weights.items():
                self.trained[name].copy_(weight)


class TrainerState:
    """The state of a training after `update` updates, over `examples` examples of `tokens` tokens.

    `micro_batch_tokens` is halved where memory does not suffice, and `rate_factor` where training diverged.

    AdamW (Loshchilov and Hutter 2019); biases and norms are not decayed; `callbacks` may give weights another learning rate.
    """

    def __init__(
        self, model: nn.Module, settings: Training, accelerator: Accelerator, callbacks: Callbacks, updates: int,
        micro_batch_tokens: int,
    ) -> None:  # fmt: skip
        self.callbacks, self.updates = callbacks, updates
        self.best = Best(model)
        self.weights = self.best.trained
        groups = _groups(self.weights, settings, callbacks)
        fused = all(weight.device.type in ("cpu", "cuda") for weight in self.weights.values())
        self.adam = torch.optim.AdamW(groups, lr=settings.learning_rate, fused=fused)
        self.optimizer = accelerator.prepare(self.adam)
        self.warmup = max(1, round(settings.warmup * updates))
        self.update = self.examples = self.tokens = 0
        self.micro_batch_tokens, self.rate_factor = micro_batch_tokens, 1.0
        self.seconds = self.seconds_on_dev = 0.0
        callbacks.on_update(0, updates)
        self.schedule_learning_rate()

    def schedule_learning_rate(self) -> float:
        """Set the learning rates of the next update and return the highest of them."""
        for group in self.adam.param_groups:
            group["lr"] = group["peak"] * self.rate_factor * _schedule(self.update, self.warmup, self.updates)
        return float(max(group["lr"] for group in self.adam.param_groups))

    @property
    def finite(self) -> bool:
        """Whether all weights are finite numbers."""
        return all(bool(torch.isfinite(weight.detach()).all()) for weight in self.weights.values())

    @property
    def checkpoint_state(self) -> CheckpointState:
        """Everything that is needed to resume from here."""
        moments = {
            f"adam {key} {name}": value
            for name, weight in self.weights.items()
            for key, value in self.adam.state.get(weight, {}).items()
        }
        rng = {f"rng {device}": state for device, state in random_state(self.weights.values()).items()}
        tensors = {
            **{f"weight {name}": weight.detach() for name, weight in self.weights.items()},
            **{f"best {name}": weight for name, weight in self.best.weights.items()},
            **moments,
            **{f"method {name}": value for name, value in self.callbacks.state_dict().items()},
            **rng,
        }
        best = {"score": self.best.score, "update": self.best.update, "since": self.best.since}
        counts = {name: getattr(self, name) for name in COUNTS}
        unfrozen = [name for name, weight in self.weights.items() if weight.requires_grad]
        return CheckpointState({**counts, "best": best if self.best.weights else None, "unfrozen": unfrozen}, tensors)

    @torch.no_grad()
    def resume(self, checkpoint_state: CheckpointState) -> None:
        """Resume from a checkpoint. Raises TrainingError where its weights are not those of this model."""
        saved: dict[str, dict[str, Tensor]] = {}
        for name, tensor in checkpoint_state.tensors.items():
            kind, _, rest = name.partition(" ")
            saved.setdefault(kind, {})[rest] = tensor
        found = {name: weight.shape for name, weight in saved["weight"].items()}
        if found != {name: weight.shape for name, weight in self.weights.items()}:
            raise TrainingError(
                Problem(
                    "checkpoint", "was written for another model than this recipe makes", "start again with --restart"
                )
            )
        for name, weight in self.weights.items():
            weight.copy_(saved["weight"][name])
        self.adam.state.clear()
        for name, value in saved.get("adam", {}).items():
            key, _, of = name.partition(" ")
            weight = self.weights[of]
            apart = key == "step" and not self.adam.defaults["fused"]
            self.adam.state[weight][key] = value if apart else value.to(weight.device)
        for name in COUNTS:
            setattr(self, name, checkpoint_state.facts[name])
        best = checkpoint_state.facts["best"] or {"score": -math.inf, "update": 0, "since": 0}
        self.best.score, self.best.update, self.best.since = best["score"], best["update"], best["since"]
        self.best.weights = saved.get("best", {})
        for name, weight in self.weights.items():
            weight.requires_grad_(name in checkpoint_state.facts["unfrozen"])
        self.callbacks.load_state_dict(saved.get("method", {}))
        set_random_state(saved["rng"])


COUNTS = ("update", "examples", "tokens", "seconds", "seconds_on_dev", "rate_factor", "micro_batch_tokens")


def random_state(weights: Iterable[Tensor]) -> dict[str, Tensor]:
    """The state of the random numbers by device, for those devices that hold weights, and the processor."""
    state = {"cpu": torch.get_rng_state()}
    if any(weight.is_cuda for weight in weights):
        state["cuda"] = torch.cuda.get_rng_state()
    return state


def set_random_state(state: Tensors) -> None:
    """Let random numbers go on from here."""
    torch.set_rng_state(state["cpu"])
    if "cuda" in state and torch.cuda.is_available():
        torch.cuda.set_rng_state(state["cuda"])


def _groups(weights: Mapping[str, nn.Parameter], settings: Training, callbacks: Callbacks) -> list[dict[str, Any]]:
    """The parameter groups of the optimizer: one for each learning rate, with and without weight decay."""
    groups: dict[tuple[float, float], list[nn.Parameter]] = {}
    for name, weight in weights.items():
        decay = settings.weight_decay if weight.ndim > 1 and callbacks.decays(name) else 0.0
        key = settings.learning_rate * callbacks.rate(name), decay
        groups.setdefault(key, []).append(weight)
    return [{"params": some, "peak": peak, "weight_decay": decay} for (peak, decay), some in groups.items()]


def _schedule(done: int, warmup: int, updates: int) -> float:
    """The factor of the peak learning rate after `done` updates."""
    return min((done + 1) / warmup, max(0.0, (updates - done) / max(1, updates - warmup)), 1.0)
