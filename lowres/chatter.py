"""Without what the libraries say while they load and save: bars and warnings that no user of lowres can act on."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def without_chatter() -> Iterator[None]:
    """Silence transformers, its bars, and warnings of torch, peft and accelerate; afterwards all is as it was."""
    from transformers.utils import logging as transformers_logging

    kernels = logging.getLogger("bitsandbytes")
    level, verbosity = kernels.level, transformers_logging.get_verbosity()  # type: ignore[no-untyped-call]
    bars = transformers_logging.is_progress_bar_enabled()  # type: ignore[no-untyped-call]
    kernels.setLevel(logging.ERROR)
    transformers_logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", category=FutureWarning, module=r"(transformers|peft|accelerate)\b.*")
            warnings.filterwarnings("ignore", category=UserWarning, module=r"(peft|torch)\b.*")
            yield
    finally:
        kernels.setLevel(level)
        transformers_logging.set_verbosity(verbosity)  # type: ignore[no-untyped-call]
        if bars:
            transformers_logging.enable_progress_bar()  # type: ignore[no-untyped-call]
