"""A bundle as a repository of the Hugging Face hub: one commit, private unless it is said to be public.

Only huggingface_hub knows the user's token; it is sent to the hub, and stands nowhere else.
"""

from dataclasses import dataclass
from pathlib import Path

from lowres.errors import DataError, ModelError, Problem
from lowres.shared.addresses import HUB
from lowres.shared.hub import hub_faults
from lowres.shared.manifest import is_allowed


@dataclass(frozen=True)
class Destination:
    """A repository that the user may write to. `exists` says whether it is there already, `private` whether others see it."""

    repository: str
    user: str
    exists: bool
    private: bool
    stale: tuple[str, ...] = ()


@dataclass(frozen=True)
class Published:
    """Where a bundle was published, and at which commit."""

    url: str
    address: str


def destination(repository: str, bundle: Path, *, public: bool) -> Destination:
    """Who would publish a bundle, and what is there already; `stale` are files of an earlier bundle, which would be removed.

    Raises DataError where the hub cannot be asked or the user is not logged in, and ModelError where an existing repository is public
    and that was not asked for, or private although public was.
    """
    from huggingface_hub import HfApi
    from huggingface_hub.errors import RepositoryNotFoundError

    api = HfApi()
    with hub_faults(repository, writing=True):
        user = str(api.whoami()["name"])
        try:
            found = api.model_info(repository)
        except RepositoryNotFoundError:
            return Destination(repository, user, exists=False, private=not public)
    private = bool(found.private)
    if private == public:
        now, wanted = ("private", "public") if private else ("public", "private")
        hint = "leave out --public, or change it on its page" if private else "say --public, or choose another name"
        what = f"is there already and is {now}, and you asked for a {wanted} one"
        raise ModelError(Problem(f"{HUB}{repository}", what, hint))
    there = [file.rfilename for file in found.siblings or []]
    stale = tuple(name for name in there if is_allowed(name) and not (bundle / name).exists())
    return Destination(repository, user, exists=True, private=private, stale=stale)


def publish(bundle: Path, place: Destination, message: str) -> Published:
    """Send the files of a bundle to the hub, all in one commit. Raises DataError where the hub refuses."""
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi

    api = HfApi()
    names = files_of_bundle(bundle)
    added = [CommitOperationAdd(path_in_repo=name, path_or_fileobj=bundle / name) for name in names]
    removed = [CommitOperationDelete(path_in_repo=name) for name in place.stale]
    with hub_faults(place.repository, writing=True):
        if not place.exists:
            api.create_repo(place.repository, private=place.private)
        done = api.create_commit(place.repository, [*added, *removed], commit_message=message)
        there = {file.rfilename for file in api.model_info(place.repository, revision=done.oid).siblings or []}
    if lost := sorted(names.keys() - there):
        what = f"did not take {', '.join(lost)}"
        raise DataError(
            Problem(f"{HUB}{place.repository}", what, "does it have a .gitignore? Remove that, and share again")
        )
    return Published(f"{api.endpoint}/{place.repository}", f"{HUB}{place.repository}@{done.oid}")


def files_of_bundle(bundle: Path) -> dict[str, int]:
    """Path → size of every file of a bundle."""
    return {
        path.relative_to(bundle).as_posix(): path.stat().st_size for path in sorted(bundle.rglob("*")) if path.is_file()
    }
