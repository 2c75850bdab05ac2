"""Where a catalog is written: beside the old one, whose place it takes when it is complete."""

import contextlib
import errno
import os
from collections.abc import Iterator
from pathlib import Path

from etl.query.output import write_errors
from etl.query.spill import make_directory, remove_directory


@contextlib.contextmanager
def new_file(output: Path) -> Iterator[Path]:
    """A path for a new file, which takes the place of `output` at the end; of one that fails nothing is left.

    What processes that were killed left of theirs is removed first. Raises StoreError where a file cannot be there,
    before there is work that would be lost.
    """
    with write_errors(output):
        _check(output)
        directory, lock = make_directory(output.parent, f".{output.name}-")
    try:
        path = directory / output.name
        yield path
        with write_errors(output):
            os.replace(path, output)  # noqa: PTH105 - over what is there
    finally:
        remove_directory(directory, lock)


def _check(output: Path) -> None:
    """Raise OSError for a directory, and for a device or a pipe, in whose place nothing should come."""
    if output.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    if output.exists() and not output.is_file():
        raise OSError(errno.EINVAL, "it is no regular file")
