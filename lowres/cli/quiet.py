"""What the libraries say that no user can act on. Only the command line silences it."""

import logging
import warnings


def quiet_libraries() -> None:
    """Silence them. To be called before they are imported: some speak while they load."""
    logging.getLogger("bitsandbytes").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", category=FutureWarning, module=r"(transformers|peft|accelerate)\b.*")
    warnings.filterwarnings("ignore", category=UserWarning, module=r"(peft|torch)\b.*")

    from transformers.utils import logging as transformers_logging

    transformers_logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
