"""Rules about a recipe alone, and about a recipe and its data: keys without effect, and names of what does not exist.

A key that would be ignored is refused: whoever wrote it expects something of it.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from pydantic import BaseModel

from lowres.bounded import read_bounded_json
from lowres.data.corpus import Corpus
from lowres.data.pairs import directions, pairs
from lowres.errors import Finding, Problem
from lowres.recipe.data_section import CardData, Columns
from lowres.recipe.methods import Bottleneck, Freeze, Lora
from lowres.recipe.sections import Recipe
from lowres.recipe.task_section import Classification, Translation
from lowres.statistical.phrases import LEAST_PAIRS

LEAVE_OUT = "leave it out"
RecipeRule = Callable[[Recipe, Path], Iterator[Problem]]
DataRule = Callable[[Recipe, Corpus], Iterator[Problem]]

# Keys that have an effect only in some tasks; “off” may be written anywhere.
TASKS_OF: Mapping[str, tuple[str, ...]] = {
    "decoding": ("translation", "generation"),
    "ensemble.ngrams": ("classification",),
    "ensemble.phrase_table": ("translation",),
    "ensemble.rerank": ("translation",),
    "evaluation.languages": ("translation",),
    "base.centre": ("classification",),
    "first": ("classification",),
    "method.encoder_rate": ("translation",),
}
BASE_AS_IT_IS = ("features", "head")  # methods that train nothing between the embeddings and the head
OF_OWN_DATA = {"answer", "source", "target", "texts", "split"}  # columns that a card names itself
TASKS_OF_COLUMNS: Mapping[str, tuple[str, ...]] = {
    "label": ("classification",),
    "answer": ("generation",),
    "source": ("translation",),
    "target": ("translation",),
    "texts": ("translation",),
}


def keys_fit_task(recipe: Recipe, near: Path) -> Iterator[Problem]:
    """Keys that belong to another task have no effect."""
    for key, tasks in TASKS_OF.items():
        if _named(recipe, key) not in (None, "off") and recipe.task.kind not in tasks:
            yield Problem(key, f"is for {' and '.join(tasks)}, not for {recipe.task.kind}", LEAVE_OUT)


def columns_fit_data(recipe: Recipe, near: Path) -> Iterator[Problem]:
    """Columns of another task have no effect; and a card knows itself which columns hold source and target."""
    for number, source in enumerate(recipe.sources):
        where = f"data, item {number + 1}.columns" if isinstance(recipe.data, tuple) else "data.columns"
        named = source.columns.model_fields_set if isinstance(source.columns, Columns) else set()
        for column in sorted(named):
            tasks = TASKS_OF_COLUMNS.get(column, (recipe.task.kind,))
            if isinstance(source, CardData) and column in OF_OWN_DATA:
                yield Problem(
                    f"{where}.{column}", "has no effect with a card, which names its columns itself", LEAVE_OUT
                )
            elif recipe.task.kind not in tasks:
                yield Problem(
                    f"{where}.{column}", f"is for {' and '.join(tasks)}, not for {recipe.task.kind}", LEAVE_OUT
                )


def layers_need_a_decoder(recipe: Recipe, near: Path) -> Iterator[Problem]:
    """The encoder is shortened only where it is given a new decoder."""
    if recipe.base.encoder_layers is not None and recipe.base.decoder_layers is None:
        yield Problem("base.encoder_layers", "has no effect without base.decoder_layers", "give both, or none")


def replacing_is_not_extending(recipe: Recipe, near: Path) -> Iterator[Problem]:
    """A new tokenizer takes the place of the base's; nothing is added to it."""
    if recipe.vocabulary.replace is not None and _named(recipe, "vocabulary.extend") not in (None, "off"):
        yield Problem("vocabulary.extend", "has no effect with vocabulary.replace", "leave one of them out")


def keep_fits_filter(recipe: Recipe, near: Path) -> Iterator[Problem]:
    """Only the round-trip filter ranks texts, so only it can keep a share of them."""
    back = recipe.task.back_translation if isinstance(recipe.task, Translation) else None
    if back and back.filter != "round-trip" and "keep" in back.model_fields_set:
        what = f"is for round-trip, not for {back.filter}"
        yield Problem("task.back_translation.keep", what, "leave one of them out")


def glossary_has_a_use(recipe: Recipe, near: Path) -> Iterator[Problem]:
    """A glossary acts through the phrase table and its hints."""
    task = recipe.task
    if isinstance(task, Translation) and task.glossary and (task.hints, recipe.ensemble.phrase_table) == ("off", "off"):
        what = "has no effect with hints: off and ensemble.phrase_table: off"
        yield Problem("task.glossary", what, "leave it out, or allow one of them")


def reranking_has_a_phrase_table(recipe: Recipe, near: Path) -> Iterator[Problem]:
    """What the model chooses among are translations of the phrase table."""
    if recipe.ensemble.rerank and recipe.ensemble.phrase_table == "off":
        yield Problem("ensemble.rerank", "has no effect with ensemble.phrase_table: off", "leave one of them out")


def language_model_chooses(recipe: Recipe, near: Path) -> Iterator[Problem]:
    """A language model of the target languages translates nothing itself: it needs translations to choose among."""
    task = recipe.task
    if not isinstance(task, Translation) or not task.only_chooses:
        return
    if not recipe.ensemble.rerank:
        what = "a language model only chooses among translations of the phrase table, and has none to choose from"
        yield Problem("task.objective", what, "say how many: ensemble: {rerank: 16}")
    for key in ("task.hints", "task.max_pairs", "task.temperature", "decoding"):
        if _named(recipe, key) not in (None, "off"):
            yield Problem(key, "has no effect with task.objective: language-model", LEAVE_OUT)


def dropout_fits_method(recipe: Recipe, near: Path) -> Iterator[Problem]:
    """Dropout inside the base is for training it, or adapters in it."""
    if recipe.training.dropout and recipe.method.kind in BASE_AS_IT_IS:
        what = f"has no effect with {recipe.method.kind}, which trains nothing inside the base"
        yield Problem("training.dropout", what, LEAVE_OUT)


def stages_fit_method(recipe: Recipe, near: Path) -> Iterator[Problem]:
    """The stages before a task train the same weights as the task, one after the other."""
    method = recipe.method
    if not recipe.first:
        return
    if method.kind in BASE_AS_IT_IS:
        what = f"has no effect with {method.kind}, which trains nothing inside the base"
        yield Problem("first", what, "leave it out, or choose lora or full")
    elif method.kind == "adalora" or (isinstance(method, Freeze) and method.gradual):
        what = "does not go with a method that changes which weights it trains"
        yield Problem("first", what, "choose lora, full, or freeze without gradual")
    elif isinstance(method, Bottleneck) and method.language_adapters:
        yield Problem("first", "does not go with language adapters, which are pre-trained already", LEAVE_OUT)


def centre_fits_method(recipe: Recipe, near: Path) -> Iterator[Problem]:
    """The mean vectors of languages are those of the base as it is."""
    if recipe.base.centre is not None and recipe.method.kind != "features":
        what = f"is for features, not for {recipe.method.kind}, with which the vectors of the texts change"
        yield Problem("base.centre", what, LEAVE_OUT)


def runs_exist(recipe: Recipe, near: Path) -> Iterator[Problem]:
    """Runs whose adapters a method starts from must exist, and be of the same method."""
    method = recipe.method
    if isinstance(method, Lora) and method.combine:
        for number, name in enumerate(method.combine.runs):
            yield from _run_of(name, method.kind, f"method.combine.runs, item {number + 1}", near)
    if isinstance(method, Bottleneck):
        for tag, name in method.language_adapters.items():
            yield from _run_of(name, method.kind, f"method.language_adapters.{tag}", near)


def finished_run(name: str, near: Path) -> Path | None:
    """The folder of a run, given relative to the recipe or to the current folder; None if there is no such run."""
    return next((path for path in (near / name, Path(name)) if (path / "record.json").exists()), None)


def language_fits_data(recipe: Recipe, corpus: Corpus) -> Iterator[Problem]:
    """A task in one language needs data in that language only."""
    if isinstance(recipe.task, Translation) or recipe.task.language is None:
        return
    others = [tag for tag in corpus.languages if tag != recipe.task.language]
    if others:
        what = f"says {recipe.task.language}, but the data are also in {_listed(others)}"
        yield Problem(
            "task.language", what, "choose the data in this language, with data.subset; or leave task.language out"
        )


def tested_languages_exist(recipe: Recipe, corpus: Corpus) -> Iterator[Problem]:
    """Every language in evaluation.languages must be one that test pairs are translated from or into."""
    if not isinstance(recipe.task, Translation):
        return
    tested = {tag for pair in pairs(corpus.test, directions(recipe.task, corpus.languages)) for tag in pair.direction}
    for number, tag in enumerate(recipe.evaluation.languages):
        if tag not in tested:
            what = f"no test pair is from or into {tag}"
            yield Problem(
                f"evaluation.languages, item {number + 1}", what, f"possible: {_listed(sorted(tested)) or 'none'}"
            )


def initialised_languages_exist(recipe: Recipe, corpus: Corpus) -> Iterator[Problem]:
    """A language token can be initialised only for a language of the data."""
    if isinstance(recipe.task, Translation):
        for tag in recipe.task.init_from.keys() - set(corpus.languages):
            what = f"no text is in {tag}, so it gets no language token"
            yield Problem(f"task.init_from.{tag}", what, f"the data are in {_listed(corpus.languages)}")


def translations_can_be_learned(recipe: Recipe, corpus: Corpus) -> Iterator[Problem]:
    """Phrase tables are learned from rows that are translations of each other."""
    task = recipe.task
    if not isinstance(task, Classification) or task.translate_into is None:
        return
    if not translated_languages(task.translate_into, corpus):
        what = f"no language has {LEAST_PAIRS} rows in train with a translation into {task.translate_into}"
        hint = f"add rows of {task.translate_into} with the same ids, or leave it out; the data are in {_listed(corpus.languages)}"
        yield Problem("task.translate_into", what, hint)


def choices_can_be_learned(recipe: Recipe, corpus: Corpus) -> Iterator[Problem]:
    """Where the model only chooses, every direction needs a phrase table."""
    task = recipe.task
    if isinstance(task, Translation) and task.only_chooses:
        counts = Counter(pair.direction for pair in pairs(corpus.train, directions(task, corpus.languages)))
        for source, target in directions(task, corpus.languages):
            if (count := counts[source, target]) < LEAST_PAIRS:
                what = f"{source}→{target} has {count} pairs in train; {LEAST_PAIRS} are needed for a phrase table to choose from"
                yield Problem("task.objective", what, "give more pairs, or leave the direction out")


def parallel_has_a_use(recipe: Recipe, near: Path) -> Iterator[Problem]:
    """Parallel texts of a classifier are for its translations."""
    if isinstance(recipe.task, Classification) and recipe.task.parallel is not None and not recipe.task.translate_into:
        yield Problem("task.parallel", "has no effect without task.translate_into", "name the language there")


def untranslated(recipe: Recipe, corpus: Corpus) -> Iterator[Finding]:
    """Languages of the data whose texts are read without a translation, though the recipe asks for one."""
    if isinstance(recipe.task, Classification) and (into := recipe.task.translate_into):
        known = translated_languages(into, corpus)
        if alone := [tag for tag in corpus.languages if tag != into and tag not in known]:
            what = f"texts in {_listed(alone)} are read without a translation: fewer than {LEAST_PAIRS} rows are translated"
            yield Finding("note", what, "task.translate_into")


def translated_languages(into: str, corpus: Corpus) -> tuple[str, ...]:
    """The languages of the data that have enough translations into another one for a phrase table."""
    rows, others = (*corpus.train, *corpus.parallel), [tag for tag in corpus.languages if tag != into]
    counts = Counter(pair.source.language for pair in pairs(rows, [(tag, into) for tag in others]))
    return tuple(tag for tag in others if counts[tag] >= LEAST_PAIRS)


RECIPE_RULES: tuple[RecipeRule, ...] = (
    keys_fit_task,
    columns_fit_data,
    layers_need_a_decoder,
    replacing_is_not_extending,
    keep_fits_filter,
    parallel_has_a_use,
    glossary_has_a_use,
    reranking_has_a_phrase_table,
    language_model_chooses,
    dropout_fits_method,
    stages_fit_method,
    centre_fits_method,
    runs_exist,
)
DATA_RULES: tuple[DataRule, ...] = (
    language_fits_data,
    tested_languages_exist,
    initialised_languages_exist,
    translations_can_be_learned,
    choices_can_be_learned,
)


def _named(recipe: Recipe, key: str) -> object:
    """The value that the recipe gives for a key such as ensemble.ngrams; None if it leaves the key out."""
    value: object = recipe
    for part in key.split("."):
        if not isinstance(value, BaseModel) or part not in value.model_fields_set:
            return None
        value = getattr(value, part)
    return value


def _run_of(name: str, kind: str, where: str, near: Path) -> Iterator[Problem]:
    folder = finished_run(name, near)
    hint = f"name the folder of a finished run with {kind}"
    if folder is None:
        yield Problem(where, f"“{name}” is not the folder of a run", hint)
        return
    try:
        method = read_bounded_json(folder / "model" / "model.json")["method"]
    except (OSError, ValueError, KeyError, TypeError):
        yield Problem(where, f"the run “{name}” has no model that can be read", hint)
        return
    if method != kind:
        yield Problem(where, f"the run “{name}” trained {method}, not {kind}", hint)


def _listed(tags: Sequence[str]) -> str:
    return ", ".join(tags[:12]) + (" …" if len(tags) > 12 else "")
