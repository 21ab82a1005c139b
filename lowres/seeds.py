"""run_seeds(): one recipe with several seeds, and what all of its runs say together."""

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from lowres.atomic import is_draft, write_whole
from lowres.bounded import read_bounded
from lowres.ensemble import TOGETHER, answers_together
from lowres.errors import DataError, LowresError, ModelError, Problem
from lowres.evaluation.prediction_files import read_predictions, with_parts
from lowres.evaluation.ranking import rank_predictions
from lowres.evaluation.resampling import Resampling
from lowres.planning import Options
from lowres.recipe import RecipeFile, open_recipe
from lowres.recipe.reseeding import with_seed
from lowres.report import render_summary
from lowres.running import run
from lowres.runs.facts import recipe_facts
from lowres.runs.layout import RECIPE, RECORD, REPORT, SUMMARY, runs_of, seed_folder
from lowres.runs.run import Run, read_record
from lowres.runs.writing import Notify, Stage, busy, default_folder, silent
from lowres.summary import SeedFacts, Summary


def run_seeds(
    recipe: str | Path | RecipeFile, seeds: int, out: Path | None = None, *, options: Options | None = None,
    notify: Notify = silent, restart: bool = False,
) -> tuple[Path, Summary]:  # fmt: skip
    """Carry out a recipe with its own seed and those that follow it, and return the folder of the runs and their summary.

    Each run is a folder seed-N with a recipe of its own. Runs that are done are kept, and one that was interrupted is resumed: in
    `out`, or in the newest unfinished folder of this recipe in runs/. With `restart` an unfinished run begins again. Raises
    LowresError if the user's input is at fault.
    """
    if seeds < 2:
        raise DataError(Problem("--seeds", f"{seeds} is too few to tell how much seeds matter", "say 3 or more"))
    file = recipe if isinstance(recipe, RecipeFile) else open_recipe(recipe)
    first = file.recipe.training.seed
    files = {seed: with_seed(file, seed) for seed in range(first, first + seeds)}
    folder = out or (None if restart else _unfinished(file)) or default_folder(file)
    _refuse_single_run(folder)
    runs = []
    for seed, one in files.items():
        place = seed_folder(folder, seed)
        notify(Stage(f"seed {seed}"))
        done = _finished(place, one)
        runs.append(
            Run(place, options=options) if done else run(one, place, options=options, notify=notify, restart=restart)
        )
    summary = summarise(file, runs)
    write_whole(folder / SUMMARY, summary.model_dump_json(indent=1) + "\n")
    write_report(folder)
    return folder, summary


def summarise(file: RecipeFile, runs: Sequence[Run]) -> Summary:
    """What finished runs of one recipe say: its own system, its baselines and parts, over all seeds; and the ensemble of the runs."""
    name, settings = file.recipe.name, file.recipe.evaluation
    found = [read_predictions(one.folder) for one in runs]
    systems = {one.removeprefix(f"{name}: "): some for one, some in with_parts(name, found).items()}
    if together := answers_together(found):
        systems[TOGETHER] = [together]
    resampling = Resampling(settings.confidence, settings.resamples, file.recipe.training.seed)
    ranking = rank_predictions(systems, resampling, TOGETHER)
    return Summary(
        recipe=recipe_facts(file), ours=name, runs=[_seed_facts(one) for one in runs], ranking=ranking
    )  # fmt: skip


def write_report(folder: Path) -> Path:
    """Write report.html of a folder of several runs again from its summary, and return its path. Raises ModelError without one."""
    try:
        summary = Summary.model_validate_json(read_bounded(folder / SUMMARY))
    except (OSError, ValueError) as error:
        what = "cannot be read, or is of another version of lowres"
        raise ModelError(Problem(str(folder / SUMMARY), what, "carry out the recipe with --seeds again")) from error
    write_whole(folder / REPORT, render_summary(summary))
    return folder / REPORT


def _seed_facts(one: Run) -> SeedFacts:
    record = one.record
    seconds = sum(record.cost.seconds.values()) if record.cost else 0.0
    return SeedFacts(
        seed=int(one.folder.name.rpartition("-")[2]), folder=one.folder.name,
        value=record.score.value if record.score else float("nan"),
        verdict=record.transfer.verdict if record.transfer else "", seconds=seconds,
    )  # fmt: skip


def _finished(folder: Path, file: RecipeFile) -> bool:
    """Whether the folder holds a finished run of just this recipe."""
    with suppress(LowresError):
        record = read_record(folder / RECORD)
        return record.status == "done" and record.recipe.sha256 == file.sha256
    return False


def _unfinished(file: RecipeFile) -> Path | None:
    """The newest folder in runs/ in which runs of just this recipe have begun, and not all have ended."""
    for folder in sorted(Path("runs").glob(f"{file.path.stem}-*"), reverse=True):
        own = seed_folder(folder, file.recipe.training.seed) / RECIPE
        if own.is_file() and own.read_bytes() == file.text.encode() and not (folder / SUMMARY).exists():
            return None if any(map(busy, runs_of(folder))) else folder
    return None


def _refuse_single_run(folder: Path) -> None:
    """The folder of several runs holds nothing else."""
    inside = [path.name for path in folder.iterdir() if not is_draft(path)] if folder.is_dir() else []
    known = {SUMMARY, REPORT, *(path.name for path in runs_of(folder))}
    if others := sorted(set(inside) - known):
        what = f"holds other things than runs of several seeds, such as {others[0]}"
        raise DataError(Problem(str(folder), what, "name a new folder with --out"))
