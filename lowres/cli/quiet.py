"""Silences messages of libraries that no user can act on. Only the command line does this."""

import logging
import warnings


def quiet_libraries() -> None:
    """Silence the libraries. Call this before they are imported: some print while they load."""
    logging.getLogger("bitsandbytes").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", category=FutureWarning, module=r"(transformers|peft|accelerate)\b.*")
    warnings.filterwarnings("ignore", category=UserWarning, module=r"(peft|torch)\b.*")

    from transformers.utils import logging as transformers_logging

    transformers_logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
