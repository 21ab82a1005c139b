"""What the libraries say and do while they load that no user needs. Only the command line silences it."""

import logging
import os
import warnings
from contextlib import suppress
from pathlib import Path

from lowres.bounded import read_bounded_json


def set_up_torch(model: Path) -> None:
    """Spare processor time in answering a few lines; to be called before torch is imported. `model` is the model folder of a run.

    Threads that wait for their next part of the work sleep, where by default they spin. And unless the base is quantized, torch does
    not get its compiler ready, which takes seconds and a second process: only bitsandbytes compiles anything.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    with suppress(OSError, ValueError, AttributeError):
        if read_bounded_json(model / "model.json").get("quantize") == "off":
            os.environ.setdefault("TORCHDYNAMO_DISABLE", "1")


def quiet_libraries() -> None:
    """Silence the libraries. Call this before they are imported: some print while they load."""
    logging.getLogger("bitsandbytes").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", category=FutureWarning, module=r"(transformers|peft|accelerate|lowres)\b.*")
    warnings.filterwarnings("ignore", category=UserWarning, module=r"(peft|torch)\b.*")

    from transformers.utils import logging as transformers_logging

    transformers_logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
