"""The Hugging Face hub, as huggingface_hub asks it: its faults in words, and a repository at one commit."""

import shutil
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from lowres.errors import DataError, Problem
from lowres.models.hub_files import remove_damaged
from lowres.shared.addresses import HUB, HubAddress

LOGIN = "log in with  hf auth login"


@contextmanager
def hub_faults(repository: str, *, writing: bool = False) -> Iterator[None]:
    """Raise DataError, with what to do, where the hub cannot be asked or does not do what it is asked."""
    from huggingface_hub import errors

    where = f"{HUB}{repository}"
    try:
        yield
    except errors.OfflineModeIsEnabled:
        raise DataError(
            Problem(where, "the hub cannot be asked offline", "leave out --offline and HF_HUB_OFFLINE")
        ) from None
    except (errors.LocalTokenNotFoundError, errors.GatedRepoError) as error:
        gated = isinstance(error, errors.GatedRepoError)
        what = "has conditions that you have not agreed to" if gated else "you are not logged in to the hub"
        raise DataError(Problem(where, what, "agree on its page of the hub, and log in" if gated else LOGIN)) from None
    except errors.RevisionNotFoundError:
        raise DataError(Problem(where, "has no such revision", "leave it out for the newest one")) from None
    except errors.RepositoryNotFoundError:
        what = "there is no such repository on the hub, or you may not " + ("write to it" if writing else "read it")
        raise DataError(Problem(where, what, f"is the name right? If it is private, {LOGIN}")) from None
    except errors.HfHubHTTPError as error:
        raise _answered(where, error, writing=writing) from error
    except (errors.HFValidationError, ValueError) as error:  # also the hub's own reading of a model card
        raise DataError(Problem(where, _first_line(error), "is the name right?")) from error
    except RuntimeError as error:  # a large file, which huggingface_hub sends to another place
        cause = error.__cause__ or error
        what = f"a file could not be sent: {_first_line(cause)}"
        raise DataError(Problem(where, what, "nothing was published; try again later")) from error
    except (errors.HTTPError, OSError) as error:  # type: ignore[attr-defined]
        what = f"the hub cannot be reached: {_first_line(error)}"
        raise DataError(Problem(where, what, "is the network up?")) from error


def _answered(where: str, error: Exception, *, writing: bool) -> DataError:
    status = getattr(getattr(error, "response", None), "status_code", 0)
    if status == 401:
        return DataError(Problem(where, "the hub does not know your token", f"{LOGIN} --force, or mend HF_TOKEN"))
    if status == 403 and writing:
        hint = "use your own name or that of an organization you may write to, and a token with the right to write"
        return DataError(Problem(where, "you may not write there", hint))
    if status in (409, 412):
        return DataError(Problem(where, "somebody else changed it meanwhile", "say the same again"))
    return DataError(Problem(where, f"the hub answers: {_first_line(error)}", "try again later"))


def _first_line(error: BaseException) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]


class HubRepository:
    """What lies in a repository of the hub at one commit."""

    def __init__(self, address: HubAddress) -> None:
        from huggingface_hub import HfApi

        self.repository = address.repository
        with hub_faults(f"{address.repository}@{address.revision}"):
            found = HfApi().model_info(address.repository, revision=address.revision, files_metadata=True)
        self.version = str(found.sha)
        self.name = address.repository.partition("/")[2]
        self.address = self.origin = f"{HUB}{address.repository}@{self.version}"
        self.files = {file.rfilename: file.size if file.size is not None else -1 for file in found.siblings or []}

    def sizes(self, names: Collection[str]) -> dict[str, int]:
        """Name → size of those of the files that are there."""
        return {name: self.files[name] for name in names if name in self.files}

    def fetch(self, name: str, path: Path, most: int) -> None:
        """Copy one file to `path`. Raises DataError where it is larger than it may be, or cannot be had."""
        from huggingface_hub import hf_hub_download

        if self.files[name] > most:
            raise DataError(Problem(f"{self.origin}/{name}", "is larger than it may be", "do not use it"))
        with hub_faults(self.repository):
            found = Path(hf_hub_download(self.repository, name, revision=self.version))
        if damaged := remove_damaged(found, f"{self.origin}/{name}"):
            raise DataError(damaged)
        shutil.copyfile(found, path)
