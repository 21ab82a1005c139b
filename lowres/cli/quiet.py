"""What the libraries say and do while they load that no user needs. Only the command line silences it."""

import logging
import os
import warnings
from contextlib import suppress
from pathlib import Path

from lowres.bounded import read_bounded_json


def skip_compilation(model: Path) -> None:
    """Spare a model whose base is not quantized the seconds, and the second process, that torch takes to get its compiler ready.

    Only bitsandbytes compiles anything. To be called before torch is imported; `model` is the model folder of a run.
    """
    with suppress(OSError, ValueError, AttributeError):
        if read_bounded_json(model / "model.json").get("quantize") == "off":
            os.environ.setdefault("TORCHDYNAMO_DISABLE", "1")


def quiet_libraries() -> None:
    """Silence the libraries. Call this before they are imported: some print while they load."""
    logging.getLogger("bitsandbytes").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", category=FutureWarning, module=r"(transformers|peft|accelerate)\b.*")
    warnings.filterwarnings("ignore", category=UserWarning, module=r"(peft|torch)\b.*")

    from transformers.utils import logging as transformers_logging

    transformers_logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
