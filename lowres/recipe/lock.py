"""recipe.lock: what a recipe was resolved to. The same for the same run, whatever machine it ran on."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict
from ruamel.yaml import YAML

from lowres.recipe.strict import parse, read_text


class Lock(BaseModel):
    """Hashes, versions and seed of a run."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    lock: int = 1
    recipe_sha256: str
    data_fingerprint: str
    files: dict[str, str]
    base: str
    base_revision: str | None
    base_sha256: str
    seed: int
    versions: dict[str, str]


def write_lock(path: Path, lock: Lock) -> None:
    """Write the lock as YAML, keys in the order of the fields."""
    with path.open("w", encoding="utf-8") as file:
        writer = YAML()
        writer.width = 200
        writer.dump(lock.model_dump(), file)


def read_lock(path: Path) -> Lock:
    """The lock of a run. Raises RecipeError where it is not one."""
    return Lock.model_validate(parse(read_text(path), str(path)).data)
