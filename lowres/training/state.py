"""What changes while a model trains, apart from the model: optimizer, best weights, counts."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from accelerate import Accelerator
from torch import Tensor, nn

from lowres.errors import Problem, TrainingError
from lowres.recipe.sections import Training
from lowres.training.checkpoints import CheckpointState

Tensors = Mapping[str, Tensor]


def _steady(name: str) -> float:
    return 1.0


def _leave(done: int, updates: int) -> None:
    pass


def _nothing() -> Tensors:
    return {}


def _forget(tensors: Tensors) -> None:
    pass


@dataclass(frozen=True)
class Callbacks:
    """What a method asks of training.

    `rate` is the factor of the learning rate of a weight, by its name; `tend` is told how many updates of how many are done, 0
    before the first; `penalty`, a scalar with a gradient, is added to the loss of each update. What `tend` must not forget when a
    training is taken up again `remember` gives and `recall` takes.
    """

    rate: Callable[[str], float] = _steady
    on_update: Callable[[int, int], None] = _leave
    penalty: Callable[[], Tensor] | None = None
    state_dict: Callable[[], Tensors] = _nothing
    load_state_dict: Callable[[Tensors], None] = _forget


NO_CALLBACKS = Callbacks()


class Best:
    """The trainable weights that scored highest on dev so far."""

    def __init__(self, model: nn.Module) -> None:
        self.score, self.update, self.since = -math.inf, 0, 0
        self.trained = {name: weight for name, weight in model.named_parameters() if weight.requires_grad}
        self.weights: dict[str, Tensor] = {}

    def consider(self, score: float, update: int) -> None:
        """Keep the present weights if `score` is higher than all before."""
        self.since += 1
        if score > self.score:
            self.score, self.update, self.since = score, update, 0
            self.weights = {name: weight.detach().to("cpu", copy=True) for name, weight in self.trained.items()}

    def restore(self) -> None:
        """Put the kept weights back into the model."""
        with torch.no_grad():
            for name, weight in self.weights.items():
                self.trained[name].copy_(weight)


class TrainerState:
    """A training under way: `update` updates are done, over `examples` rows of `tokens` tokens.

    AdamW (Loshchilov and Hutter 2019); biases and norms are not decayed; `care` gives each weight its share of the learning rate.
    """

    def __init__(
        self, model: nn.Module, settings: Training, accelerator: Accelerator, callbacks: Callbacks, updates: int
    ) -> None:
        self.callbacks, self.updates = callbacks, updates
        self.best = Best(model)
        self.weights = self.best.trained
        self.adam = torch.optim.AdamW(_groups(self.weights, settings, callbacks.rate), lr=settings.learning_rate)
        self.optimizer = accelerator.prepare(self.adam)
        self.warmup = max(1, round(settings.warmup * updates))
        self.update = self.examples = self.tokens = 0
        self.seconds = self.seconds_on_dev = 0.0
        callbacks.on_update(0, updates)
        self.warm()

    def warm(self) -> float:
        """Set the learning rate of the next update, a share of its peak, and return the highest of all weights."""
        for group in self.adam.param_groups:
            group["lr"] = group["peak"] * _share(self.update, self.warmup, self.updates)
        return float(max(group["lr"] for group in self.adam.param_groups))

    @property
    def checkpoint_state(self) -> CheckpointState:
        """All that is needed to go on from here."""
        moments = {
            f"adam {key} {name}": value
            for name, weight in self.weights.items()
            for key, value in self.adam.state.get(weight, {}).items()
        }
        rng = {"rng cpu": torch.get_rng_state()}
        if torch.cuda.is_available():
            rng["rng cuda"] = torch.cuda.get_rng_state()
        tensors = {
            **{f"weight {name}": weight.detach() for name, weight in self.weights.items()},
            **{f"best {name}": weight for name, weight in self.best.weights.items()},
            **moments,
            **{f"method {name}": value for name, value in self.callbacks.state_dict().items()},
            **rng,
        }
        best = {"score": self.best.score, "update": self.best.update, "since": self.best.since}
        counts = {name: getattr(self, name) for name in COUNTS}
        awake = [name for name, weight in self.weights.items() if weight.requires_grad]
        return CheckpointState({**counts, "best": best if self.best.weights else None, "awake": awake}, tensors)

    @torch.no_grad()
    def resume(self, checkpoint_state: CheckpointState) -> None:
        """Go on from there. Raises TrainingError where the weights are not those of this model."""
        kept: dict[str, dict[str, Tensor]] = {}
        for name, tensor in checkpoint_state.tensors.items():
            kind, _, rest = name.partition(" ")
            kept.setdefault(kind, {})[rest] = tensor
        found = {name: weight.shape for name, weight in kept["weight"].items()}
        if found != {name: weight.shape for name, weight in self.weights.items()}:
            raise TrainingError(
                Problem(
                    "checkpoint", "was written of another model than this recipe makes", "begin anew with --restart"
                )
            )
        for name, weight in self.weights.items():
            weight.copy_(kept["weight"][name])
        for name, value in kept.get("adam", {}).items():
            key, _, of = name.partition(" ")
            weight = self.weights[of]
            self.adam.state[weight][key] = value if key == "step" else value.to(weight.device)
        for name in COUNTS:
            setattr(self, name, checkpoint_state.facts[name])
        if best := checkpoint_state.facts["best"]:
            self.best.score, self.best.update, self.best.since = best["score"], best["update"], best["since"]
            self.best.weights = kept["best"]
        for name, weight in self.weights.items():
            weight.requires_grad_(name in checkpoint_state.facts["awake"])
        self.callbacks.load_state_dict(kept.get("method", {}))
        torch.set_rng_state(kept["rng"]["cpu"])
        if "cuda" in kept["rng"] and torch.cuda.is_available():
            torch.cuda.set_rng_state(kept["rng"]["cuda"])


COUNTS = ("update", "examples", "tokens", "seconds", "seconds_on_dev")


def _groups(
    weights: Mapping[str, nn.Parameter], settings: Training, rate: Callable[[str], float]
) -> list[dict[str, Any]]:
    """Biases and norms are not decayed; each group has one learning rate."""
    groups: dict[tuple[float, float], list[nn.Parameter]] = {}
    for name, weight in weights.items():
        key = settings.learning_rate * rate(name), settings.weight_decay if weight.ndim > 1 else 0.0
        groups.setdefault(key, []).append(weight)
    return [{"params": some, "peak": peak, "weight_decay": decay} for (peak, decay), some in groups.items()]


def _share(done: int, warmup: int, updates: int) -> float:
    """Share of the peak learning rate after `done` updates."""
    return min((done + 1) / warmup, max(0.0, (updates - done) / max(1, updates - warmup)), 1.0)
