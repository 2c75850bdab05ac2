"""The files that reports are in, by the names of the reports; no file is read."""

from pathlib import Path

from etl.resources import DEFINITIONS, bundled


def bundled_files() -> dict[str, Path]:
    """The bundled reports, in order."""
    files = _by_name(bundled("sql"), "*/*.sql")
    return {name: path for name, path in files.items() if path.parent.name != DEFINITIONS}


def files_below(directory: Path) -> dict[str, Path]:
    """Those of a directory of one's own, in order."""
    return _by_name(directory, "**/*.sql")


def _by_name(root: Path, pattern: str) -> dict[str, Path]:
    return {
        path.relative_to(root).with_suffix("").as_posix(): path
        for path in sorted(root.glob(pattern))
    }
