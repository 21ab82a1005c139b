"""Without what the libraries say while they load and save: bars and warnings that no user of lowres can act on."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def quiet_imports() -> Iterator[None]:
    """Silence what bitsandbytes and tqdm say while they are imported about kernels and widgets that nothing here uses."""
    kernels = logging.getLogger("bitsandbytes")
    level = kernels.level
    kernels.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="IProgress not found")
            yield
    finally:
        kernels.setLevel(level)


@contextmanager
def without_chatter() -> Iterator[None]:
    """Silence transformers, its bars, and warnings of torch, peft and accelerate; afterwards all is as it was."""
    from transformers.utils import logging as transformers_logging

    verbosity = transformers_logging.get_verbosity()
    bars = transformers_logging.is_progress_bar_enabled()
    transformers_logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        with quiet_imports(), warnings.catch_warnings():
            warnings.filterwarnings(
                "ignore", category=FutureWarning, module=r"(transformers|peft|accelerate|lowres)\b.*"
            )
            warnings.filterwarnings("ignore", category=UserWarning, module=r"(peft|torch)\b.*")
            yield
    finally:
        transformers_logging.set_verbosity(verbosity)
        if bars:
            transformers_logging.enable_progress_bar()  # type: ignore[no-untyped-call]
