"""How much time a run will take, estimated from plan and data; nothing is loaded."""

from lowres.data.corpus import Corpus
from lowres.planning.plan import Plan
from lowres.recipe.methods import METHOD_FACTS

# Effective floating-point operations per second, for each core of a CPU or for a GPU, measured with small adapters:
# docs/results/speed.md.
# The rates of GPUs are guesses until measured: small models do not keep them busy.
SPEED = {
    ("cpu", "bf16"): 1.6e11,
    ("cpu", "fp32"): 8e10,
    ("mps", "fp32"): 1e12,
    ("cuda", "fp32"): 5e12,
    ("cuda", "bf16"): 1e13,
}
CHARACTERS_PER_TOKEN = 3.0


def estimate_seconds(plan: Plan, corpus: Corpus) -> float:
    """Upper bound of the training time in seconds, without early stopping: 4 (adapter) or 6 (all weights) floating-point operations
    per token and weight outside the embeddings. The time in which back-translation writes is left out.

    Right within a factor of about two; tokens are estimated from characters, since no tokenizer is loaded.
    """
    settings, back = plan.recipe.training, getattr(plan.recipe.task, "back_translation", None)
    epochs = settings.epochs + (back.rounds * (back.epochs or settings.epochs) if back else 0)
    tokens = sum(min(settings.max_length, len(row.fields["text"]) / CHARACTERS_PER_TOKEN + 4) for row in corpus.train)
    body = plan.checkpoint.parameters - plan.checkpoint.vocabulary_size * plan.checkpoint.hidden_size
    operations = (6 if METHOD_FACTS[plan.recipe.method.kind].everything else 4) * body * tokens * epochs
    cores = plan.machine.cores if plan.machine.device == "cpu" else 1
    return operations / (SPEED.get((plan.machine.device, plan.precision), 5e10) * cores)
