"""recipe.lock: the exact data, base, versions and seed of a run. The same run gives the same lock on every machine."""

from io import StringIO
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedSeq
from ruamel.yaml.scalarstring import DoubleQuotedScalarString

from lowres.atomic import write_whole
from lowres.errors import Problem, RecipeError
from lowres.recipe.reader import validate
from lowres.recipe.strict import parse, read_text

LOCK_FORMAT = 1


def _without_machine(name: str) -> str:
    """The last part of an absolute path, which would identify a machine; any other name unchanged."""
    for path in (PurePosixPath(name), PureWindowsPath(name)):
        if path.is_absolute():
            return path.name
    return name


Name = Annotated[str, AfterValidator(_without_machine)]
Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class Lock(BaseModel):
    """What a recipe was resolved to: hashes, versions and seed. Of absolute paths only the last part is kept."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    lock: Literal[1] = Field(default=1, description="version of the lock's format")
    recipe_sha256: Digest = Field(description="of the recipe's exact bytes")
    data_fingerprint: Digest = Field(description="of every row of every split")
    files: tuple[tuple[Name, str], ...] = Field(description="name and sha256 of each file of the data")
    base: Name = Field(description="name of the base")
    base_revision: str | None = Field(description="commit of the base on the hub")
    base_sha256: str = Field(description="of the base's weights and tokenizer")
    seed: int = Field(description="seed of the training")
    versions: dict[str, str] = Field(description="version of each package that took part")

    def to_yaml(self) -> str:
        """The lock as YAML: equal bytes for equal locks. Texts are quoted, so that none is read as a number."""
        facts = self.model_dump(exclude={"files", "versions"})
        facts = {key: DoubleQuotedScalarString(fact) if isinstance(fact, str) else fact for key, fact in facts.items()}
        files = [CommentedSeq(map(DoubleQuotedScalarString, file)) for file in self.files]
        for pair in files:
            pair.fa.set_flow_style()
        versions = {name: DoubleQuotedScalarString(version) for name, version in sorted(self.versions.items())}
        out = StringIO()
        writer = YAML()
        writer.width = 1_000_000
        writer.dump({**facts, "files": files, "versions": versions}, out)
        return out.getvalue()


def write_lock(path: Path, lock: Lock) -> None:
    """Write the lock in UTF-8 with line feeds: the same bytes on every system."""
    write_whole(path, lock.to_yaml())


def read_lock(path: Path) -> Lock:
    """Read a lock. Raises RecipeError with every problem if the file is not a valid lock."""
    document = parse(read_text(path), str(path))
    version = document.data.get("lock")
    if isinstance(version, int) and version > LOCK_FORMAT:
        what = f"lock: this lock is of format {version}, and this lowres reads format {LOCK_FORMAT}"
        raise RecipeError(Problem(document.spot(("lock",)), what, "upgrade: pip install --upgrade lowres"))
    return validate(Lock, document)
