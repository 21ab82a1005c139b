"""From the record of a run to one HTML page."""

from lowres.report.page import render

__all__ = ["render"]
