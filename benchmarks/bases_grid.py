"""The table base × task × method × bits: writes docs/results/bases.md from tiny models in the layout of published families.

    python benchmarks/bases_grid.py

Of each cell it is asked whether the model memorises a handful of texts, answers the same when it is loaded again, and answers the same
when its adapter is merged. What was done is kept in runs/bases.jsonl, so that it can be stopped and started again; `--new` forgets it.
"""

import argparse
import json
import sys
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))

import transformers  # noqa: E402
from bases import write_base  # noqa: E402
from decoder_bases import DECODERS, write_decoder  # noqa: E402
from encoder_bases import ENCODERS, write_encoder  # noqa: E402
from memorising import METHODS, TRIMMED, again, memorise, merges, planned, possible  # noqa: E402

from lowres.errors import LowresError  # noqa: E402
from lowres.planning import Options  # noqa: E402
from lowres.recipe.methods import METHOD_FACTS  # noqa: E402

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
BITS = {"off": "16", "8bit": "8", "4bit": "4"}
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


def cells() -> Iterator[tuple[str, str, str, str]]:
    """Every base with every task, method and number of bits that goes together."""
    for task, names in BASES.items():
        for name in names:
            for method in METHODS:
                for bits in BITS:
                    if possible(task, method, bits):
                        yield name, task, method, bits


def sign(cell: tuple[str, str, str, str], folder: Path, options: Options) -> str:
    """What becomes of a cell."""
    name, task, method, bits = cell
    base = folder / name
    if not base.exists():
        (write_encoder if name in ENCODERS else write_decoder if name in DECODERS else write_base)(name, base)
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
    return "\n".join(lines)


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
                found[cell] = sign(cell, Path(scratch), options)
                print(*cell, found[cell], flush=True)
                file.write(json.dumps([cell, found[cell]], ensure_ascii=False) + "\n")
                file.flush()
                PAGE.write_text(page(found), encoding="utf-8")
    PAGE.write_text(page(found), encoding="utf-8")


if __name__ == "__main__":
    main()
