"""The rules of the architecture that a machine can check: dependencies point one way, files have names of their own, light entry
points stay light, nothing prints."""

import ast
import resource
import subprocess
import sys
from pathlib import Path

import lowres
from lowres.models.checkpoint import Checkpoint

PACKAGE = Path(lowres.__file__).parent
# Each package may import only from layers below its own (earlier lines), and from its own files.
LAYERS = (
    ("atomic", "bounded", "chatter", "errors", "garbage", "hashing", "places", "score"),
    ("languages",),
    ("recipe", "record"),
    ("summary",),
    ("cards", "report"),
    ("data", "models"),
    ("starters", "statistical", "methods", "training"),
    ("vocabulary", "evaluation"),
    ("planning",),
    ("tasks",),
    ("runs",),
    ("shared",),
    ("export", "demo"),
    ("running", "other_data", "fetching", "ensemble"),
    ("seeds", "leave_one_out"),
    ("cli",),
)
LAYER = {package: number for number, packages in enumerate(LAYERS) for package in packages}
# A file name stands for one thing. These stand in several packages, and mean the same wherever they stand.
SHARED_NAMES = {
    "__init__": "what a package is",
    "job": "tasks/job.py says what a task must know how to do; each task's own job.py does it",
    "objective": "of each task: the loss that training minimises, and the score on dev",
    "model": "of each task: a predictor, saved and restored",
    "inputs": "of each task: how texts become token ids",
    "exported": "of some tasks: a predictor over what was exported from a run",
    "judgement": "of each task, and what they share: scores, baselines, comparisons",
}
FORBIDDEN_NAMES = {"utils", "common", "helpers", "core", "base", "misc"}
HEAVY = ("torch", "transformers", "peft", "datasets", "pandas", "accelerate")


def package_of(path: Path) -> str:
    """The package a file belongs to: its folder, or its own name."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported_packages(path: Path) -> set[str]:
    """Packages of lowres that a file imports, also inside functions."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = []
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        found |= {name.split(".")[1] for name in names if name.startswith("lowres.")}
    return found


def test_imports_point_one_way() -> None:
    upward = []
    for path in sorted(PACKAGE.rglob("*.py")):
        package = package_of(path)
        if package.startswith("__"):
            continue
        for other in imported_packages(path) - {package}:
            if LAYER[other] >= LAYER[package]:
                upward.append(f"{path.relative_to(PACKAGE)} → {other}")
    assert not upward, "these imports point up or sideways:\n" + "\n".join(upward)


def imported_files(path: Path) -> set[Path]:
    """The files of the package that a file imports when it is loaded; those inside functions are left out."""
    found = set()
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if not isinstance(node, ast.ImportFrom) or not (node.module or "").startswith("lowres"):
            continue
        target = PACKAGE.parent.joinpath(*str(node.module).split("."))
        for inner in (*(target / alias.name for alias in node.names), target):
            file = next((each for each in (inner.with_suffix(".py"), inner / "__init__.py") if each.exists()), None)
            if file:
                found.add(file)
                break
    return found - {path}


def test_no_files_import_each_other_in_a_circle() -> None:
    imports = {path: imported_files(path) for path in PACKAGE.rglob("*.py")}
    left = dict(imports)
    while ready := [path for path, needs in left.items() if not needs & left.keys()]:
        for path in ready:
            del left[path]
    assert not left, "these files import each other in a circle, or import such files:\n" + "\n".join(
        f"{path.relative_to(PACKAGE)} → {', '.join(sorted(str(other.relative_to(PACKAGE)) for other in needs & left.keys()))}"
        for path, needs in left.items()
    )


def test_a_file_name_stands_for_one_thing() -> None:
    places: dict[str, list[str]] = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        places.setdefault(path.stem, []).append(str(path.relative_to(PACKAGE)))
    several = {stem: found for stem, found in places.items() if len(found) > 1 and stem not in SHARED_NAMES}
    assert not several, "\n".join(f"{stem}: {', '.join(found)}" for stem, found in several.items())
    assert not [stem for stem in SHARED_NAMES if len(places.get(stem, ())) < 2], "shared names that are not shared"


def test_files_have_names_and_a_size() -> None:
    files = sorted(PACKAGE.rglob("*.py"))
    assert not [path for path in files if path.stem in FORBIDDEN_NAMES]
    long = {str(path.relative_to(PACKAGE)): len(path.read_text(encoding="utf-8").splitlines()) for path in files}
    assert not {name: lines for name, lines in long.items() if lines > 400}


def test_no_module_swallows_every_exception() -> None:
    sinners = [
        f"{path.relative_to(PACKAGE)}:{node.lineno}"
        for path in PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ExceptHandler)
        and (node.type is None or (isinstance(node.type, ast.Name) and node.type.id in ("Exception", "BaseException")))
    ]
    assert not sinners


def loaded_after(code: str) -> set[str]:
    """Heavy packages in memory after running `code` in a fresh process."""
    script = f"{code}\nimport sys\nprint('LOADED', *[name for name in {HEAVY!r} if name in sys.modules])"
    answer = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=120)
    return set(answer.stdout.rsplit("LOADED", 1)[1].split())


def test_help_loads_nothing_heavy_and_is_quick() -> None:
    code = (
        "from click.testing import CliRunner\n"
        "import lowres.cli\n"
        "answer = CliRunner().invoke(lowres.cli.lowres, ['--help'])\n"
        "assert answer.exit_code == 0 and 'run' in answer.output\n"
        "import sys; assert 'pydantic' not in sys.modules and 'numpy' not in sys.modules\n"
    )
    assert not loaded_after(code)
    # Processor time beside that of the smallest program with such help, in turn: a busy machine slows both.
    toy = "import rich_click\n@rich_click.command()\ndef toy(): 'A toy.'\ntoy()"
    times = [(_cpu_seconds("-c", toy, "--help"), _cpu_seconds("-m", "lowres", "--help")) for _ in range(5)]
    least, ours = min(one for one, _ in times), min(other for _, other in times)
    assert ours < 2 * least, f"lowres --help took {ours:.2f} s of processor time, a toy {least:.2f} s"


def test_reading_and_checking_a_recipe_loads_nothing_heavy() -> None:
    recipe = PACKAGE.parent / "recipes" / "upper-sorbian.yaml"
    assert not loaded_after(f"import lowres; lowres.load_recipe({str(recipe)!r})")
    assert not loaded_after(
        f"from lowres.cli import lowres\nlowres.main(['check', {str(recipe)!r}], standalone_mode=False)"
    )


def test_an_audit_loads_tokenizers_and_no_torch(starter: Checkpoint, tmp_path: Path) -> None:
    """The tokenizer of a starter, or of a saved run, says all by itself; AutoTokenizer would load torch."""
    text = tmp_path / "text.txt"
    text.write_text("Nikmati cicilan untuak pamasanan tiket pisawat\n", encoding="utf-8")
    asked = ["audit", str(text), "--base", str(starter.folder), "--json"]
    code = f"from lowres.cli import lowres\nlowres.main({asked!r}, standalone_mode=False)"
    assert loaded_after(code) == {"transformers"}


def _cpu_seconds(*arguments: str) -> float:
    """Processor time of a fresh Python, which does not grow while others have the processor."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, *arguments], capture_output=True, check=True, timeout=60)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
