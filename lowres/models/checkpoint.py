"""Finding a base model: its folder and the facts of its config.json, without loading its weights. Imports nothing heavy."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import prod
from pathlib import Path
from typing import Any, Protocol

from lowres.errors import ModelError, Problem, nearest
from lowres.models.adapter_folder import CONFIG, WEIGHTS, is_adapter, read_adapter
from lowres.models.architectures import ARCHITECTURES, Architecture, Pooling
from lowres.models.base_licences import base_licence
from lowres.models.configuration import (
    check_use,
    read_config,
    sentence_pooling,
    sentence_prefix,
    width,
)
from lowres.models.digests import OWN_FACTS, digest_of, verify_checkpoint
from lowres.models.hub_files import PICKLED, READ, SMALL, TOKENIZER, from_hub, hub_size, is_hub_id, pinned, unreachable
from lowres.models.known_bases import close_name
from lowres.models.unknown_family import unknown_encoder
from lowres.models.weight_files import (
    FORMATS,
    Shapes,
    check_names,
    find_weights,
    has_head,
    layer_count,
    read_header,
    read_json,
)
from lowres.places import Places
from lowres.recipe.methods import METHOD_FACTS

MERGED = "merged"  # the folder of a run with its exported checkpoint


@dataclass(frozen=True)
class Checkpoint:
    """A base model on disk.

    `parameters` counts its weights, embeddings included; `positions` is the longest text it reads, in tokens; `pooling` says how the
    states of a text become one vector, and `prefix` is what the model expects before every text (“query: ” for E5). `untied_head` says
    that what is written has embeddings of its own, as in mT5. Of an adapter that was merged, `over` is the model that it was trained
    over, `licence` that of both, and `made_of` a digest of both. `languages` are those that it has modules for (X-MOD), as its config
    writes them, and `language` is the one whose modules read the texts.
    """

    name: str
    folder: Path
    architecture: Architecture
    hidden_size: int
    layers: int
    vocabulary_size: int
    positions: int
    parameters: int
    pooling: Pooling
    prefix: str = ""
    revision: str | None = None
    untied_head: bool = False
    over: str = ""
    licence: str = ""
    made_of: str = ""
    languages: tuple[str, ...] = ()
    language: str = ""

    @property
    def embedding_parameters(self) -> int:
        """Weights of the embeddings, those of an untied head included."""
        return self.vocabulary_size * self.hidden_size * (2 if self.untied_head else 1)

    def sha256(self) -> str:
        """One digest over weights, configuration and tokenizer, in the order of the files' names.

        Of an adapter that was merged it is over what was merged: elsewhere the sums may be rounded otherwise.
        """
        if self.made_of:
            return self.made_of
        return digest_of(self.folder)


# Facts of bases that the shipped recipes name, so that they can be checked before anything is fetched.
KNOWN: Mapping[tuple[str, str | None], Checkpoint] = {
    (facts.name, facts.revision): facts
    for facts in (
        Checkpoint(
            name="facebook/nllb-200-distilled-600M", revision="f8d333a098d19b4fd9a8b18f94170487ad3f821d",
            folder=Path(), architecture=ARCHITECTURES["m2m_100"], hidden_size=1024, layers=12, vocabulary_size=256_206, positions=1024,
            parameters=615_073_792, pooling="mean",
        ),
        Checkpoint(
            name="google/mt5-small", revision="73fb5dbe4756edadc8fbe8c769b0a109493acf7a", folder=Path(),
            architecture=ARCHITECTURES["mt5"], hidden_size=512, layers=8, vocabulary_size=250_112, positions=10_000,
            parameters=300_176_768, pooling="mean", untied_head=True,
        ),
    )
}  # fmt: skip


class Starters(Protocol):
    """The bases that need no hub. They are built in the cache when first used."""

    @property
    def names(self) -> Sequence[str]:
        """Their names, as recipes write them."""

    def describe(self, name: str, cache: Path) -> Checkpoint:
        """The facts of a starter, whose folder need not exist yet."""

    def build(self, name: str, cache: Path) -> Checkpoint:
        """The facts of a starter whose folder has been written. Raises ModelError where its package is missing."""

    def add_decoder(self, encoder: Checkpoint, layers: int, decoder: int, cache: Path) -> Path:
        """The folder of an encoder-decoder: the first `layers` layers of `encoder` and a new decoder of `decoder` layers."""

    def merge_adapter(self, base: Checkpoint, adapter: Path, digest: str, cache: Path) -> Path:
        """The folder of `base` with an adapter in its weights; `digest` is of both."""


def find_base(
    name: str,
    revision: str | None,
    places: Places,
    starters: Starters,
    *,
    build: bool = True,
    layers: int | None = None,
    decoder: int | None = None,
) -> Checkpoint:
    """Find a base by its name: a starter, a folder (absolute, beside the recipe or in the current folder), or owner/name on the hub.
    With a revision, owner/name is never a folder.

    With `build` False nothing is built: only the facts of a starter are returned. With `decoder`, the base is an encoder of which the
    first `layers` layers (all by default) get a new decoder of that many layers. Raises ModelError saying what was looked for and what
    to do.
    """
    if decoder is not None:
        encoder = find_base(name, revision, places, starters, build=build)
        return _with_decoder(encoder, layers, decoder, places.cache, starters, build=build)
    if name.startswith("starter:"):
        if name not in starters.names:
            possible = ", ".join(starters.names)
            raise ModelError(
                Problem("base.name", f"there is no “{name}”", nearest(name, starters.names) or f"starters: {possible}")
            )
        return (starters.build if build else starters.describe)(name, places.cache)
    for folder in () if pinned(name, revision) else (places.near / name, Path(name)):
        if is_adapter(folder):
            return _with_adapter(name, folder, revision, places, starters, build=build)
        if (folder / "record.json").exists() and not build and not is_merged(folder):
            return _unmerged(name, folder, places, starters)
        if folder.is_dir():
            if (folder / "record.json").exists():
                folder = _merged(folder)
                verify_checkpoint(folder)
            found = describe(name, folder)
            check_use(found.folder)
            return found
    if not build and (name, revision) in KNOWN:
        return KNOWN[name, revision]
    if is_hub_id(name):
        return _hub_base(name, revision, places.offline, build=build)
    raise ModelError(
        Problem(
            "base.name",
            f"there is no folder “{name}”",
            " ".join(
                filter(
                    None,
                    [
                        close_name(name),
                        "name a folder, owner/name on the Hugging Face hub, or starter:encoder; see lowres bases",
                    ],
                )
            ),
        )
    )


def is_merged(run: Path) -> bool:
    """Whether the weights of a run stand in one checkpoint, which a recipe can take for its base."""
    return (run / MERGED).is_dir()


def _merged(run: Path) -> Path:
    """The exported checkpoint of a run."""
    if not is_merged(run):
        raise ModelError(
            Problem(str(run), "is a run whose weights are not in one checkpoint yet", f"write it: lowres export {run}")
        )
    return run / MERGED


def _unmerged(name: str, run: Path, places: Places, starters: Starters) -> Checkpoint:
    """The facts of a run's checkpoint before it is written: those of its base, with the run's tokens.

    Raises ModelError where the run cannot be merged, or holds no model.
    """
    own = read_json(run / "model" / "model.json") if (run / "model" / "model.json").exists() else {}
    if not own:
        raise ModelError(Problem(str(run), "holds no model", "is the run finished?"))
    mergeable = METHOD_FACTS[str(own["method"])].mergeable if own.get("method") in METHOD_FACTS else False
    if not mergeable or own.get("quantize") == "8bit":
        what = f"cannot be one checkpoint: {own.get('method')} over a base in {own.get('quantize')!r:.10} is not merged exactly"
        raise ModelError(Problem(str(run), what.replace("'off'", "full precision"), "choose another run, or its base"))
    beside = run / "model" / str(own.get("base_folder") or "")
    base = find_base(
        str(beside) if own.get("base_folder") and beside.is_dir() else str(own.get("base")), own.get("revision"), places,
        starters, build=False, layers=own.get("encoder_layers"), decoder=own.get("decoder_layers"),
    )  # fmt: skip
    rows = run / "model" / "rows.safetensors"
    size = int(read_header(rows)["places"][0]) if rows.exists() else base.vocabulary_size
    fewer = (base.vocabulary_size - size) * (base.embedding_parameters // base.vocabulary_size)
    return replace(
        base, name=name, folder=run / "model" / "tokenizer", vocabulary_size=size, parameters=base.parameters - fewer,
        licence=base_licence(name, run), revision=None,
    )  # fmt: skip


def tokenizer_folder(name: str, revision: str | None, places: Places, starters: Starters) -> Path:
    """A folder that holds the tokenizer of a base; nothing else is fetched from the hub. Raises ModelError as find_base does."""
    folder = Path(name)
    has_own = any(any(folder.glob(pattern)) for pattern in ("tokenizer*", "*.model", "vocab*"))
    if folder.is_dir() and not pinned(name, revision) and (has_own or not is_adapter(folder)):
        if not has_own:
            raise ModelError(Problem(name, "holds no tokenizer", "save it with save_pretrained"))
        return folder
    if not name.startswith("starter:") and is_hub_id(name):
        return from_hub(name, revision, places.offline, TOKENIZER)
    return find_base(name, revision, places, starters).folder


def _with_decoder(
    encoder: Checkpoint, kept: int | None, layers: int, cache: Path, starters: Starters, *, build: bool
) -> Checkpoint:
    """The facts of an encoder with a new decoder; it is built in the cache when first used."""
    if encoder.architecture.shape != "encoder" or "layer" not in encoder.architecture.layers:
        raise ModelError(
            Problem(
                "base.decoder_layers",
                f"{encoder.name} is not an encoder that a decoder can be added to",
                "leave base.decoder_layers out",
            )
        )
    depth = min(kept or encoder.layers, encoder.layers)
    square = encoder.hidden_size**2
    facts = replace(
        encoder,
        architecture=ARCHITECTURES["bart"],
        layers=depth + layers,
        parameters=encoder.parameters + (layers * 16 - (encoder.layers - depth) * 12) * square,
        prefix="",
    )
    return replace(facts, folder=starters.add_decoder(encoder, depth, layers, cache)) if build else facts


def _with_adapter(
    name: str, folder: Path, revision: str | None, places: Places, starters: Starters, *, build: bool
) -> Checkpoint:
    """The facts of a model with an adapter in its weights; it is merged in the cache when first used.

    The model is looked for beside the adapter, then as a recipe's base is. Its commit is that of the recipe, else the adapter's own.
    """
    adapter = read_adapter(folder)
    beside = folder / adapter.over
    if any(is_adapter(place) for place in (beside, places.near / adapter.over, Path(adapter.over))):
        what = f"holds an adapter over {adapter.over}, which is an adapter, too"
        raise ModelError(Problem(str(folder), what, "merge that one with PEFT first"))
    named = str(beside) if beside.is_dir() else adapter.over
    base = find_base(named, revision or adapter.revision, places, starters, build=build)
    licences = (base_licence(base.name, base.folder), base_licence("", folder))
    base = replace(base, over=adapter.over, licence=" + ".join(dict.fromkeys(filter(None, licences))))
    if not build:
        return replace(base, name=name)
    digest = digest_of(folder, (CONFIG, WEIGHTS, *TOKENIZER), start=base.sha256())
    merged = describe(name, starters.merge_adapter(base, folder, digest, places.cache))
    return replace(merged, over=base.over, licence=base.licence, revision=base.revision, made_of=digest)


def describe(name: str, folder: Path, revision: str | None = None) -> Checkpoint:
    """The facts of a checkpoint folder. Raises ModelError where the folder is not a whole checkpoint, or its weights lack a layer."""
    config, family = read_config(folder)
    weights = find_weights(folder)
    family = _checked(weights.shapes, family, config, str(folder))
    return _facts(name, folder, revision, config, family, weights.parameters, weights.shapes)


def _checked(shapes: Shapes | None, family: Architecture, config: Mapping[str, Any], where: str) -> Architecture:
    """The family, whose layers are found in the weights if it has no row; the names of the weights are those that it needs."""
    if not family.is_known:
        return unknown_encoder(config, shapes, where)
    if shapes is not None:
        check_names(shapes, family, config, where)
    return family


def _facts(
    name: str, folder: Path, revision: str | None, config: Mapping[str, Any], family: Architecture, parameters: int,
    shapes: Shapes | None,
) -> Checkpoint:  # fmt: skip
    own_file = folder / OWN_FACTS
    own = read_json(own_file) if own_file.exists() else {}
    modules = family.language_modules
    languages = tuple(map(str, config.get(modules.listed) or ())) if modules else ()
    if modules and languages and shapes:  # only those of one language are loaded
        theirs = sum(prod(shape) for name, shape in shapes.items() if f".{modules.place}." in name)
        parameters -= theirs - theirs // len(languages)
    return Checkpoint(
        name=name,
        folder=folder,
        architecture=family,
        hidden_size=width(config),
        layers=layer_count(config, family.first_stack),
        vocabulary_size=int(config["vocab_size"]),
        positions=_positions(config, family),
        parameters=parameters,
        pooling=own.get("pooling") or sentence_pooling(folder) or family.pooling,
        prefix=own.get("prefix", sentence_prefix(name, folder)),
        revision=revision,
        untied_head=family.shape != "encoder" and (config.get("tie_word_embeddings") is False or has_head(shapes)),
        languages=languages,
        language=languages[0] if len(languages) == 1 else "",
    )


def _positions(config: Mapping[str, Any], family: Architecture) -> int:
    """The longest input in tokens; where the config names none, positions are relative and 10 000 stands for no limit."""
    named = (config.get(field) for field in ("max_position_embeddings", "n_positions", "seq_length"))
    rows = int(next((count for count in named if count), 10_000))
    if not family.positions_follow_padding:
        return rows
    padding = config.get("pad_token_id")
    return rows - (1 if padding is None else int(padding)) - 1


def _hub_base(name: str, revision: str | None, offline: bool, *, build: bool) -> Checkpoint:
    """A base on the hub. Without `build` only its small files and the headers of its weights are fetched."""
    from huggingface_hub import HfApi, try_to_load_from_cache
    from huggingface_hub.errors import HfHubHTTPError, NotASafetensorsRepoError, SafetensorsParsingError

    folder = from_hub(name, revision, offline, SMALL)
    config, family = read_config(folder)
    check_use(folder)
    cached = any(isinstance(try_to_load_from_cache(name, file, revision=revision), str) for file, _ in FORMATS)
    if not build and not offline and not cached:
        try:
            found = HfApi().get_safetensors_metadata(name, revision=revision)
        except (NotASafetensorsRepoError, SafetensorsParsingError):
            family = _checked(None, family, config, name)
            return _facts(name, folder, revision, config, family, hub_size(name, revision) // 4, None)
        except (HfHubHTTPError, OSError) as error:
            raise unreachable(name, revision, offline, error) from error
        tensors = {key: info.shape for file in found.files_metadata.values() for key, info in file.tensors.items()}
        family = _checked(tensors, family, config, name)
        return _facts(name, folder, revision, config, family, sum(prod(shape) for shape in tensors.values()), tensors)
    folder = from_hub(name, revision, offline, READ)
    if not any(folder.glob("*.safetensors")):
        folder = from_hub(name, revision, offline, (*READ, *PICKLED))
    return describe(name, folder, revision)
