"""What a person should look at first, of the results of reports."""

from etl.findings.unusual import FIGURES, Excerpt, Finding, Notice, find_unusual

__all__ = ["FIGURES", "Excerpt", "Finding", "Notice", "find_unusual"]
