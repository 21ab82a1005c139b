"""No file of a run folder, done, failed or cut off, holds the user's name, an absolute path, or a token."""

from pathlib import Path

import pytest
from matrix import tried
from test_run_folder import prepared

from lowres.errors import Interrupted, LowresError
from lowres.export.bundle import share
from lowres.planning import Options
from lowres.running import run as run_recipe

USER, TOKEN, TOKEN_FILE = "siti-planted-4711", "hf_plantedtokenplantedtoken", "hf_anothertokenofafile"


def leaks(folder: Path) -> list[str]:
    """The files below a folder that hold a secret in their bytes or in their names."""
    secrets = [secret.encode() for secret in (USER, TOKEN, TOKEN_FILE, str(folder.parent))]
    return [
        f"{path.relative_to(folder)}: {secret.decode()}"
        for path in sorted(folder.rglob("*")) if path.is_file()
        for secret in secrets if secret in path.read_bytes() or secret.decode() in str(path.relative_to(folder))
    ]  # fmt: skip


@pytest.mark.usefixtures("eager")
def test_nothing_of_the_user_or_the_machine_is_in_a_run(
    tmp_path: Path, tiny_encoder: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / USER
    recipe = prepared(home / "project", tiny_encoder)
    (home / ".cache" / "huggingface").mkdir(parents=True)
    (home / ".cache" / "huggingface" / "token").write_text(TOKEN_FILE, encoding="utf-8")
    for name, value in {
        "HOME": str(home),
        "USER": USER,
        "LOGNAME": USER,
        "HF_TOKEN": TOKEN,
        "LOWRES_SECRET": TOKEN,
    }.items():
        monkeypatch.setenv(name, value)
    (home / "elsewhere").mkdir()
    monkeypatch.chdir(home / "elsewhere")
    options = Options(cache=cache, offline=True, device="cpu", threads=1)

    def stop(event: object) -> None:
        if getattr(event, "update", 0) == 2:
            raise KeyboardInterrupt

    with tried("planted secrets", "in no file of the run"):
        with pytest.raises(Interrupted):
            run_recipe(recipe.resolve(), home / "out", options=options, notify=stop)
        assert (home / "out" / "checkpoints").exists() and not leaks(home / "out")
        done = run_recipe(recipe.resolve(), home / "out", options=options)
        assert not leaks(home / "out")
    with tried("planted secrets", "in no file of the run"):
        monkeypatch.chdir(home / "project")
        share(done, home / "bundle", agreed="us, for this test")
        assert not leaks(home / "bundle")
    (home / "project" / "test.tsv").write_text("text\tlabel\n\tx\n", encoding="utf-8")
    with tried("planted secrets", "in no file of the run"):
        with pytest.raises(LowresError):
            run_recipe(recipe.resolve(), home / "failed", options=options)
        assert (home / "failed" / "record.json").exists() and not leaks(home / "failed")
