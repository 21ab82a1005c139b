"""From a recipe and a machine to a plan, or to refusals, before any weights are loaded. Imports nothing heavy."""

from lowres.planning.durations import estimate_seconds, estimate_stages
from lowres.planning.examination import Examined, examine
from lowres.planning.footprint import weights_gib
from lowres.planning.machine import Machine, Options
from lowres.planning.peak_memory import device_memory_gib, host_memory_gib
from lowres.planning.plan import Plan, as_suits_the_base, make_plan, prepare, read_data, read_fitting_data

__all__ = [
    "Examined",
    "Machine",
    "Options",
    "Plan",
    "as_suits_the_base",
    "device_memory_gib",
    "estimate_seconds",
    "estimate_stages",
    "examine",
    "host_memory_gib",
    "make_plan",
    "prepare",
    "read_data",
    "read_fitting_data",
    "weights_gib",
]
