"""From the record of a run, or from what several runs say together, to one HTML page."""

from lowres.report.page import render
from lowres.report.ranking_page import render_ranking, render_summary

__all__ = ["render", "render_ranking", "render_summary"]
