"""The recipe format: to read this file is to read the format.

A recipe states the experiment, never the machine. Every default is written once: here, in the files of the larger sections, or
for the methods in `methods`.
"""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field, ModelWrapValidatorHandler, model_validator

from lowres.recipe.data_section import CardData, Data, Source
from lowres.recipe.decoding_section import Decoding as Decoding
from lowres.recipe.methods import DEFAULT_METHOD, METHOD_FACTS, Lora, Method
from lowres.recipe.section import LanguageTag, Section
from lowres.recipe.task_section import Classification, Languages, Task, Translation
from lowres.recipe.training_section import Training as Training
from lowres.recipe.vocabulary_section import Vocabulary


class Base(Section):
    """The pre-trained model to start from."""

    name: str = Field(min_length=1, description="starter:encoder, a folder, or owner/name on the Hugging Face hub")
    revision: str | None = Field(
        default=None, pattern=r"^[0-9a-f]{40}$", description="commit on the hub; required there"
    )
    encoder_layers: Annotated[int, Field(ge=1, le=100)] | None = Field(
        default=None,
        description="with `decoder_layers`: keep only so many of the encoder's lower layers, whose states are closer to the words",
    )
    decoder_layers: Annotated[int, Field(ge=1, le=24)] | None = Field(
        default=None, description="put a new decoder of so many layers on an encoder, for translation"
    )
    quantize: Literal["off", "8bit", "4bit"] = Field(
        default="off",
        description="quantize the linear layers to 8 bits (Dettmers et al. 2022, arXiv 2208.07339) or 4 bits (NF4 with double "
        "quantization, Dettmers et al. 2023, arXiv 2305.14314)",
    )
    language: LanguageTag | None = Field(
        default=None,
        description="of a base with modules for each language (X-MOD): the language whose modules read the texts; by default that of "
        "the texts, if the base has it, else name a related one",
    )
    pooling: Literal["auto", "mean", "first", "last"] = Field(
        default="auto", description="how the token vectors of a text become one vector; auto: as the base was trained"
    )
    centre: Data | None = Field(
        default=None,
        description="with features: plain texts of the languages; from each text's vector the mean vector of its language is "
        "subtracted, over its training texts and these, so that languages look alike (Libovický et al. 2020, arXiv 2004.05160)",
    )


class Ensemble(Section):
    """Simple models that are combined with the trained one."""

    ngrams: Literal["auto", "off"] = Field(
        default="auto",
        description="for classification: auto trains a classifier over word and character n-grams on the same rows; the weights "
        "of both are chosen on dev",
    )
    phrase_table: Literal["auto", "off"] = Field(
        default="auto",
        description="for translation: auto lets a phrase table learned from the training pairs translate those directions in which it "
        "scores better on dev",
    )
    rerank: int = Field(
        default=0,
        ge=0,
        le=100,
        description="for translation: among how many translations of the phrase table the model chooses, in directions in which that "
        "scores best on dev; 0 for none",
    )


class Evaluation(Section):
    """How the result is evaluated."""

    confidence: float = Field(
        default=0.95, gt=0.5, lt=1, description="share of the cases in which an interval is to hold the true value"
    )
    resamples: int = Field(default=1000, ge=100, le=100_000, description="bootstrap resamples")
    baselines: bool = Field(
        default=True,
        description="score simple methods on the same rows: majority class and TF-IDF; copying and a word dictionary of the "
        "training pairs",
    )
    few_shot: int = Field(
        default=4,
        ge=0,
        le=64,
        description="for decoders: also ask the untuned base, showing it so many training examples that are like the text; 0: do not",
    )
    languages: tuple[LanguageTag, ...] = Field(
        default=(), description="for translation: test only directions from or into these languages; by default all"
    )
    dev_pairs: int = Field(
        default=240,
        ge=1,
        description="for translation: at most so many dev pairs, evenly from all directions, choose the best weights in training",
    )


class _Stage(Section):
    """What a stage before the task has in common with the others.

    By default a stage is kept only if the task, trained after it, scores better on dev than without it.
    """

    data: Data | None = Field(default=None, description="what the stage trains on; only training rows are used")
    epochs: int = Field(default=5, ge=1, le=1000, description="how often the stage goes through its texts")
    learning_rate: float = Field(default=5e-4, gt=0, lt=1, description="size of the steps of this stage")
    keep: Literal["if-better", "always"] = Field(
        default="if-better",
        description="if-better: train the task with and without the stage, and keep the stage only if dev is better with it",
    )


class TextsStage(_Stage):
    """Language- and task-adaptive pre-training on the training texts and, with `data`, on further plain text (Gururangan et al. 2020,
    arXiv 2004.10964).
    """

    kind: Literal["texts"]
    masked: float = Field(default=0.15, gt=0, lt=0.9, description="share of the tokens that are masked, as whole words")


class RowsStage(_Stage):
    """The task itself on other labelled rows, as of a related language, before the training rows of the recipe."""

    kind: Literal["rows"]
    data: Data = Field(description="labelled rows; only training rows are used, and none that stand in dev or test")
    nearest: Annotated[int, Field(ge=1)] | None = Field(
        default=None,
        description="only the rows of so many languages of these data that are written most like the recipe's training texts, "
        "by their character trigrams (lowres advise sources)",
    )


Stage = Annotated[TextsStage | RowsStage, Field(discriminator="kind")]


class Recipe(Section):
    """One experiment."""

    lowres: Literal[2] = Field(description="version of the recipe format")
    name: str = Field(
        min_length=1, max_length=100, description="what the experiment is called: the title of its report"
    )
    description: str = Field("", description="what the experiment is for")
    task: Task
    data: Data
    base: Base = Base(name="starter:encoder")
    vocabulary: Vocabulary = Vocabulary()
    method: Method = Lora(kind=DEFAULT_METHOD)
    first: tuple[Stage, ...] = Field(
        default=(),
        description="for classification: stages of training that come before the task, in this order, on the same encoder",
    )
    training: Training = Training()
    ensemble: Ensemble = Ensemble()
    decoding: Decoding = Decoding()
    evaluation: Evaluation = Evaluation()

    @model_validator(mode="wrap")
    @classmethod
    def _as_suits_the_method(cls, found: object, validate: ModelWrapValidatorHandler["Recipe"]) -> "Recipe":
        """Epochs, learning rate and patience that the recipe does not name are the method's own, and do not count as named."""
        if not isinstance(found, Mapping):
            return validate(found)
        method, training = found.get("method", {"kind": DEFAULT_METHOD}), found.get("training", {})
        kind = method.get("kind") if isinstance(method, Mapping) else getattr(method, "kind", None)
        if isinstance(training, Training):  # made in Python
            training = training.model_dump(exclude_unset=True)
        if not isinstance(training, Mapping) or not isinstance(kind, str) or kind not in METHOD_FACTS:
            return validate(found)
        facts = METHOD_FACTS[kind]
        own = {"epochs": facts.epochs, "learning_rate": facts.learning_rate, "patience": facts.patience}
        recipe = validate({**found, "training": {**own, **training}})
        recipe.training.model_fields_set.difference_update(own.keys() - training.keys())
        return recipe

    @property
    def sources(self) -> tuple[Source, ...]:
        """The sources of the data: one, or those of a mixture."""
        return self.data if isinstance(self.data, tuple) else (self.data,)

    @property
    def every_source(self) -> tuple[Source, ...]:
        """The sources of all texts that a model learns from: the data, those of stages, of mean vectors, and of parallel texts."""
        parallel = self.task.parallel if isinstance(self.task, Classification) else None
        further = (*(stage.data for stage in self.first), self.base.centre, parallel)
        listed = [data if isinstance(data, tuple) else (data,) for data in further if data is not None]
        return (*self.sources, *(source for data in listed for source in data))

    @property
    def languages(self) -> tuple[str, ...]:
        """The language tags that the recipe itself names; none if it leaves them to the data card."""
        task = self.task
        spoken = (*_tags(task.source), *_tags(task.target)) if isinstance(task, Translation) else (task.language,)
        named = (*spoken, *(source.language for source in self.sources if not isinstance(source, CardData)))
        return tuple(dict.fromkeys(tag for tag in named if tag))


def _tags(languages: Languages) -> tuple[str, ...]:
    return () if languages == "all" else (languages,) if isinstance(languages, str) else languages
