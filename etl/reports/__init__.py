"""Reports: their files, their parameters, their charts."""

from etl.reports.chart import ChartError, csp_hash, render, svg
from etl.reports.lifecycle_rules import check_rules, load_rules, read_rules
from etl.reports.loader import find_report, load_reports
from etl.reports.report import Report, answer, check_drawable, run_report, statement

__all__ = [
    "ChartError",
    "Report",
    "answer",
    "check_drawable",
    "check_rules",
    "csp_hash",
    "find_report",
    "load_reports",
    "load_rules",
    "read_rules",
    "render",
    "run_report",
    "statement",
    "svg",
]
