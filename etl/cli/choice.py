"""Choosing a report at a terminal."""

import sys
from collections.abc import Sequence
from pathlib import Path

from etl.errors import UsageError
from etl.reports import load_reports
from etl.text import safe_text


def choose_report(sql_dir: Sequence[Path]) -> str:
    """The name of a report that a person chooses. Raises UsageError where there is no terminal to ask at."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UsageError("which report? `accesslake reports` lists them")
    from prompt_toolkit import prompt  # noqa: PLC0415 - only who is asked needs it
    from prompt_toolkit.completion import FuzzyWordCompleter  # noqa: PLC0415

    reports = load_reports(sql_dir)
    titles = {name: safe_text(report.title) for name, report in reports.items()}
    completer = FuzzyWordCompleter(list(titles), titles)
    try:
        return prompt("report (Tab lists them): ", completer=completer).strip()
    except (EOFError, KeyboardInterrupt) as error:
        raise UsageError("no report chosen") from error
