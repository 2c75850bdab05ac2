"""What shells complete beside commands, options and their fixed values: a key press waits for it, so no file is read.

Nothing that came from a log is offered: zsh evaluates what it is given.
"""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

import typer

from etl.reports.files import bundled_files, files_below


def complete_report(ctx: typer.Context, incomplete: str) -> list[str]:
    """The names of reports that begin so; those of `--sql-dir` and ACCESSLAKE_SQL_DIR too."""
    names = _report_names(ctx.params.get("sql_dir") or _own_directories())
    return [name for name in names if name.startswith(incomplete)]


def complete_section_or_report(ctx: typer.Context, incomplete: str) -> list[str]:
    """The same, and the sections that they are in."""
    names = complete_report(ctx, incomplete)
    sections = dict.fromkeys(name.partition("/")[0] for name in names)
    return [*sections, *names]


def _own_directories() -> Iterable[Path]:
    return map(Path, os.environ.get("ACCESSLAKE_SQL_DIR", "").split())


def _report_names(own: Iterable[Path]) -> Iterator[str]:
    yield from bundled_files()
    for directory in own:
        yield from files_below(directory)
