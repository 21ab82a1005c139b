"""The table base × task × method × bits: writes docs/results/bases.md from tiny models in the layout of published families.

    python benchmarks/bases_grid.py

Of each cell it is asked whether the model memorises a handful of texts, answers the same when it is loaded again, and answers the same
when its adapter is merged. A small run over each base with each task is exported to every format. What was done is kept in
runs/bases.jsonl, so that it can be stopped and started again; `--new` forgets it.
"""

import argparse
import json
import sys
import tempfile
import traceback
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TypeVar

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))

import transformers  # noqa: E402
from bases import parallel, write_base  # noqa: E402
from decoder_bases import DECODERS, write_decoder  # noqa: E402
from encoder_bases import ENCODERS, write_encoder  # noqa: E402
from memorising import METHODS, TASKS, TRIMMED, again, memorise, merges, planned, possible  # noqa: E402

from lowres.errors import LowresError  # noqa: E402
from lowres.export import export  # noqa: E402
from lowres.export.formats import FORMATS, FormatName  # noqa: E402
from lowres.planning import Options  # noqa: E402
from lowres.recipe.methods import METHOD_FACTS  # noqa: E402
from lowres.running import run  # noqa: E402
from lowres.runs.run import Run  # noqa: E402

T = TypeVar("T")

KEPT, PAGE = ROOT / "runs" / "bases.jsonl", ROOT / "docs" / "results" / "bases.md"
BASES = {
    "classification": (
        "mmbert",
        "mdeberta",
        "rembert",
        "xlm-r-xl",
        "xlm-roberta",
        "distilbert",
        "electra",
        "xmod",
        "mpnet",
        *DECODERS,
    ),
    "pre-training": (
        "mmbert",
        "mdeberta-bare",
        "xlm-r-xl",
        "distilbert",
        "electra-discriminator",
        "xmod",
        "madlad",
        *DECODERS,
    ),
    "translation": (
        "madlad",
        "nllb",
        "m2m100",
        "mbart50",
        "mt5",
        "umt5",
        "marian",
        "marian-multilingual",
        "t5gemma2",
        "byt5",
        *DECODERS,
    ),
    "generation": tuple(DECODERS),
}
# A small run with LoRA over a base, that is exported.
RECIPE = """\
lowres: 2
name: Small
task: {task}
data: {{files: {{train: train.{end}, dev: dev.{end}, test: test.{end}}}, licence: BSD-3-Clause, source: messages of Django}}
base: {{name: {base}}}
vocabulary: {vocabulary}
method: {{kind: lora, rank: 4}}
training: {{epochs: 1, learning_rate: 0.001, batch_tokens: 1024, max_length: 60}}
evaluation: {{resamples: 100{few_shot}}}
"""
SPLITS = {"train": (150, 210), "dev": (210, 220), "test": (220, 232)}  # behind the names of languages
FAULT = "a fault of lowres"  # begins the remedy where an exported model predicts otherwise than the run
BITS = {"off": "16", "8bit": "8", "4bit": "4"}
EXPORT = "export"  # stands for the method in the cells of exports, and the format for the bits
LEARNED = 0.6  # of the first loss: what is left when a model has memorised some of the texts
INTRODUCTION = """\
# Bases

Tiny models with random weights in the file layout of published families, with the families' own tokenizers (tests/bases.py,
tests/encoder_bases.py, tests/decoder_bases.py), whose vocabulary is trimmed to the texts. Each method trains them for a few seconds
on nine sentences, in 16, 8 and 4 bits.

    make bench-bases

| sign | meaning |
|---|---|
| ✓ | memorises; saved and loaded again, it answers the same; where an adapter can be merged, so does the merged model |
| ~ | as ✓, but after these few seconds the loss is still above {learned:.0%} of the first |
| ✗ | a fault |
| – | refused: `lowres check` says what goes together |

Signs are in the order 16, 8, 4 bits. What the tests of every commit cover is in tests/test_base_families.py. A base is shown when all
of its cells were tried. What can be exported is tested by family in tests/test_export_formats.py, test_export_decoders.py,
test_export_gguf.py and test_export_onnx.py ([export.md](export.md)).
"""
EXPORTS = """\
## Exports

A small run over each base – LoRA, one epoch over sixty of Django's messages – exported in 32 bits. ✓: lowres has written it, which it
does only where the exported model answers test texts as the run does, within the tolerance; –: refused, with what is possible
instead.
"""


def cells() -> Iterator[tuple[str, str, str, str]]:
    """Every base with every task, method and number of bits that goes together."""
    for task, names in BASES.items():
        for name in names:
            for method in METHODS:
                for bits in BITS:
                    if possible(task, method, bits):
                        yield name, task, method, bits


def tried(work: Callable[[], T], fault: T) -> T:
    """What the work gives; `fault`, and the error on the terminal, where it raises one, so that the cells after it are tried, too."""
    try:
        return work()
    except Exception:
        traceback.print_exc()
        return fault


def sign(cell: tuple[str, str, str, str], folder: Path, options: Options) -> str:
    """What becomes of a cell."""
    name, task, method, bits = cell
    base = written(name, folder)
    try:
        plan = planned(base, task, method, bits, TRIMMED)
    except LowresError:
        return "–"
    with tempfile.TemporaryDirectory() as place:
        model = memorise(plan, Path(place))
        same = again(Path(place), model, options)
        if METHOD_FACTS[plan.recipe.method.kind].mergeable and bits != "8bit":
            same = same and merges(Path(place), model, options)
    if not same:
        return "✗"
    return "✓" if model.learned < LEARNED else "~"


def written(name: str, folder: Path) -> Path:
    """The folder of a tiny base, which is written if need be."""
    base = folder / name
    if not base.exists():
        (write_encoder if name in ENCODERS else write_decoder if name in DECODERS else write_base)(name, base)
    return base


def exports(name: str, task: str, folder: Path, options: Options) -> dict[FormatName, str]:
    """What becomes of a run over a base in each format."""
    with tempfile.TemporaryDirectory() as place:
        recipe = small_recipe(Path(place), written(name, folder), task)
        made = run(recipe, Path(place) / "run", options=options, notify=lambda event: None)
        return {form: tried(partial(exported, made, form, Path(place) / form), "✗") for form in FORMATS}


def exported(made: Run, form: FormatName, out: Path) -> str:
    """What becomes of a run in one format."""
    try:
        export(made, form, 32, out)
    except LowresError as error:
        return "✗" if any(FAULT in problem.hint for problem in error.problems) else "–"
    return "✓"


def small_recipe(folder: Path, base: Path, task: str) -> Path:
    """A recipe beside its data: English messages and their Indonesian translations, labelled by their length."""
    end = "txt" if task in ("pre-training", "generation") else "tsv"
    for split, (start, stop) in SPLITS.items():
        lines = ["text\tlabel"] if task == "classification" else ["source\ttarget"] if task == "translation" else []
        for english, indonesian in parallel("id")[start:stop]:
            other = indonesian if task == "translation" else "long" if len(english) > 25 else "short"
            lines.append(english if end == "txt" else f"{english}\t{other}")
        (folder / f"{split}.{end}").write_text("\n".join(lines) + "\n", encoding="utf-8")
    shots = ", few_shot: 0" if base.name in DECODERS and task in ("classification", "translation") else ""
    said = TASKS[task].replace(", masked: 0.3", "") if base.name in DECODERS else TASKS[task]
    text = RECIPE.format(task=said, end=end, base=json.dumps(str(base)), vocabulary=TRIMMED, few_shot=shots)
    recipe = folder / "recipe.yaml"
    recipe.write_text(text, encoding="utf-8")
    return recipe


def page(found: dict[tuple[str, str, str, str], str]) -> str:
    """The page with a table for each task."""
    lines = [INTRODUCTION.format(learned=LEARNED)]
    for task, names in BASES.items():
        methods = [method for method in METHODS if any(possible(task, method, bits) for bits in BITS)]
        rows = []
        for name in names:
            needed = [(name, task, method, bits) for method in METHODS for bits in BITS if possible(task, method, bits)]
            if all(cell in found for cell in needed):  # a base is shown when all of it was tried
                signs = [" ".join(found.get((name, task, method, bits), "–") for bits in BITS) for method in methods]
                rows.append(f"| {name} | {' | '.join(signs)} |")
        lines += [
            f"## {task.capitalize()}\n",
            f"| base | {' | '.join(methods)} |",
            f"|---|{'---|' * len(methods)}",
            *rows,
            "",
        ]
    lines += [EXPORTS, f"| base | task | {' | '.join(FORMATS)} |", f"|---|---|{'---|' * len(FORMATS)}"]
    for task, names in BASES.items():
        for name in names:
            signs = [found.get((name, task, EXPORT, form)) for form in FORMATS]
            lines += [f"| {name} | {task} | {' | '.join(map(str, signs))} |"] if None not in signs else []
    return "\n".join([*lines, ""])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--new", action="store_true", help="forget what was done before")
    if parser.parse_args().new:
        KEPT.unlink(missing_ok=True)
    transformers.logging.set_verbosity_error()
    warnings.simplefilter("ignore")
    KEPT.parent.mkdir(exist_ok=True)
    kept = KEPT.read_text(encoding="utf-8").splitlines() if KEPT.exists() else []
    found = {tuple(cell): one for cell, one in map(json.loads, kept)}
    with tempfile.TemporaryDirectory() as scratch, KEPT.open("a", encoding="utf-8") as file:
        options = Options(cache=Path(scratch) / "cache", offline=True, device="cpu", threads=1)
        for cell in cells():
            if cell not in found:
                found[cell] = tried(partial(sign, cell, Path(scratch), options), "✗")
                print(*cell, found[cell], flush=True)
                file.write(json.dumps([cell, found[cell]], ensure_ascii=False) + "\n")
                file.flush()
                PAGE.write_text(page(found), encoding="utf-8")
        for task, names in BASES.items():
            for name in names:
                if (name, task, EXPORT, "merged") not in found:
                    signs = tried(partial(exports, name, task, Path(scratch), options), dict.fromkeys(FORMATS, "✗"))
                    for form, one in signs.items():
                        found[name, task, EXPORT, form] = one
                        file.write(json.dumps([[name, task, EXPORT, form], one], ensure_ascii=False) + "\n")
                    file.flush()
    PAGE.write_text(page(found), encoding="utf-8")


if __name__ == "__main__":
    main()
