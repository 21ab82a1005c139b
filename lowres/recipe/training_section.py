"""The section `training` of a recipe."""

from pydantic import Field

from lowres.recipe.methods import DEFAULT_METHOD, METHOD_FACTS, own_defaults, without_default
from lowres.recipe.section import Section


class Training(Section):
    """How the weights are trained."""

    epochs: int = Field(
        default=METHOD_FACTS[DEFAULT_METHOD].epochs,
        ge=1,
        le=1000,
        description=f"how often training goes through all texts; by default the method's own: {own_defaults('epochs')}",
        json_schema_extra=without_default,
    )
    learning_rate: float = Field(
        default=METHOD_FACTS[DEFAULT_METHOD].learning_rate,
        gt=0,
        lt=1,
        description="size of the steps, at its peak after warm-up and before linear decay; by default the method's own: "
        f"{own_defaults('learning_rate')}",
        json_schema_extra=without_default,
    )
    batch_tokens: int = Field(
        default=1536, ge=64, description="padded tokens per update; texts of similar length are batched together"
    )
    warmup: float = Field(default=0.1, ge=0, lt=1, description="share of the updates in which the learning rate rises")
    weight_decay: float = Field(
        default=0.01, ge=0, description="how strongly weights are drawn to zero at each update, against overfitting"
    )
    max_grad_norm: float = Field(default=1.0, gt=0, description="gradients with a larger norm are scaled down to it")
    label_smoothing: float = Field(
        default=0.1,
        ge=0,
        lt=1,
        description="share of certainty that is given to the other answers, so that the model is less sure of itself",
    )
    dropout: float = Field(
        default=0.0,
        ge=0,
        lt=1,
        description="inside the base while it trains, for methods that train its weights and for pre-training",
    )
    max_length: int = Field(
        default=256, ge=8, le=8192, description="in tokens; longer texts are truncated, and the report counts them"
    )
    evaluations_per_epoch: int = Field(
        default=1, ge=1, le=100, description="how often dev is scored; the weights with the best score are kept"
    )
    patience: int = Field(
        default=METHOD_FACTS[DEFAULT_METHOD].patience,
        ge=1,
        description="stop after so many evaluations on dev without a better score; by default the method's own: "
        f"{own_defaults('patience')}",
        json_schema_extra=without_default,
    )
    seed: int = Field(
        default=13, ge=0, lt=2**32, description="number from which all chance follows: the same seed gives the same run"
    )
