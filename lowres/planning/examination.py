"""Everything that `lowres check` looks at: recipe, data, base and plan, with the problems of all of them at once."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from lowres.data.corpus import Corpus
from lowres.errors import Finding, LowresError, PlanError, Problem, RecipeError
from lowres.models.checkpoint import Checkpoint
from lowres.models.special_tokens import special_token_pattern
from lowres.planning.better_bases import better_bases
from lowres.planning.enough_pairs import few_pairs
from lowres.planning.machine import Machine, Options, refuse_many_processes
from lowres.planning.outside import outside_problems
from lowres.planning.plan import (
    Plan,
    base_of,
    base_problems,
    make_plan,
    read_data,
    read_fitting_data,
    recipe_problems,
)
from lowres.planning.test_size import small_test
from lowres.planning.translation_advice import translation_advice
from lowres.recipe import RecipeFile, draft_recipe
from lowres.vocabulary.fitting_data import FittingData

Found = TypeVar("Found")


@dataclass(frozen=True)
class Examined:
    """A recipe in which no problem was found, its plan, and what was read for it."""

    file: RecipeFile
    plan: Plan
    corpus: Corpus
    fitting_data: FittingData
    special_tokens: tuple[Finding, ...] = ()
    advice: tuple[Finding, ...] = ()

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What is worth knowing of plan, data, and texts and base together."""
        return (*self.plan.findings, *self.corpus.findings, *self.special_tokens, *self.advice)


def examine(path: Path, options: Options) -> Examined:
    """Read a recipe, its data and the facts of its base, and plan it. Nothing is trained or built, and no weights are fetched.

    Raises LowresError with the problems of recipe, data, base and plan together, each with its line. A key that is faulty is left
    out to look for further problems.
    """
    file, found = draft_recipe(path)
    if file is None:
        raise RecipeError(*found)
    problems, near = list(found), file.path.parent
    if outside := outside_problems(file.recipe, near):  # before anything of them is read
        raise _all_of(file, [*problems, *outside], len(found))

    def tried(action: Callable[[], Found]) -> Found | None:
        try:
            return action()
        except LowresError as error:
            problems.extend(error.problems)
            return None

    problems += recipe_problems(file.recipe, near)
    corpus = tried(lambda: read_data(file, options))
    fitting_data = tried(lambda: read_fitting_data(file, corpus, options)) if corpus else None
    tried(refuse_many_processes)
    machine = tried(lambda: Machine.detect(options.device, options.threads))
    checkpoint = tried(lambda: base_of(file, options, build=False))
    if machine and checkpoint:
        problems += base_problems(file.recipe, checkpoint, machine)
    if problems or not (machine and checkpoint and corpus and fitting_data):
        raise _all_of(file, problems, len(found))
    plan = make_plan(file.recipe, checkpoint, machine, near)
    advice = (
        *small_test(plan, corpus), *few_pairs(plan, corpus), *better_bases(plan, corpus.languages), *translation_advice(plan, corpus),
    )  # fmt: skip
    return Examined(file, plan, corpus, fitting_data, _special_tokens(checkpoint, corpus), advice)


def _special_tokens(checkpoint: Checkpoint, corpus: Corpus) -> tuple[Finding, ...]:
    """A finding on the names of the base's special tokens in the training texts, as a run reports it."""
    pattern = special_token_pattern(checkpoint)
    counts: Counter[str] = Counter()
    first = ""
    if pattern is None:
        return ()
    for row in corpus.train:
        found = pattern.findall(row.fields["text"])
        first = first or (row.id if found else "")
        counts.update(found)
    if not counts:
        return ()
    used = ", ".join(f"{name} {count:,}×" for name, count in counts.most_common())
    what = f"the texts have the names of special tokens, which are read as text: {used}"
    return (Finding("warning", what, first, "special-token"),)


def _all_of(file: RecipeFile, problems: list[Problem], faults: int) -> LowresError:
    """The problems with their lines, in the order of the lines; those of other files and of the machine come last.

    Of a key that was left out because it is faulty nothing more is said.
    """
    known = {problem.what.partition(":")[0] for problem in problems[:faults]}
    kept = [*problems[:faults], *(problem for problem in problems[faults:] if problem.where not in known)]
    located = list(dict.fromkeys(file.with_line(problem) for problem in kept))
    kind = RecipeError if faults else PlanError
    return kind(*sorted(located, key=lambda problem: _line(file, problem)))


def _line(file: RecipeFile, problem: Problem) -> tuple[float, float]:
    line, _, column = problem.where.removeprefix(f"{file.path}:").partition(":")
    here = problem.where.startswith(f"{file.path}:") and line.isdigit() and column.isdigit()
    return (int(line), int(column)) if here else (float("inf"), 0.0)
