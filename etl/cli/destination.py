"""Where a command's pages go: a file or a folder, on a disk or on S3, or standard output."""

import sys
import webbrowser
from dataclasses import dataclass
from pathlib import Path

import typer

from etl.errors import StoreError, UsageError
from etl.query.output import write_file
from etl.store import Location, S3Session, parse_location, publish
from etl.text import safe_text

_SUFFIXES = (".html", ".htm")
_STANDARD_OUTPUT = "-"
_TYPE = "text/html; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Destination:
    """A place for pages, as an option names it: `target` is a path, a URL of S3, or `-`."""

    target: str

    @property
    def location(self) -> Location | None:
        """None: standard output. Raises UsageError for a URL that names nothing."""
        return None if self.target == _STANDARD_OUTPUT else parse_location(self.target)

    @property
    def path(self) -> Path | None:
        """Its path on a disk, if it is there."""
        location = self.location
        is_on_disk = location is not None and not location.is_s3
        return Path(location.key) if location is not None and is_on_disk else None

    def below(self, name: str) -> "Destination":
        """A page of a folder."""
        return Destination(f"{self.target.rstrip('/')}/{name}")

    def write(self, page: str, session: S3Session) -> None:
        """Write a page: all of it, or nothing. Raises StoreError."""
        data = page.encode("utf-8", "backslashreplace")
        if self.location is None:
            sys.stdout.buffer.write(data)
        elif self.path is None:
            publish(self.location, data, _TYPE, session)
        else:
            write_file(self.path, data)

    def make_folder(self) -> None:
        """Make a folder on a disk, if there is none. Raises StoreError."""
        if self.path is None:
            return
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(
                f"{self.target}: cannot make this directory: {error.strerror or error}"
            ) from error

    def open(self) -> None:
        """Show a page on a disk in the browser, or say that there is none."""
        if self.path is not None and not webbrowser.open(self.path.as_uri()):
            text = f"accesslake: no browser was found to open {self.path}"
            typer.echo(safe_text(text), err=True)


def page_destination(target: str) -> Destination:
    """Where to write one page. Raises UsageError for a name that is not one of an HTML file."""
    destination = Destination(target)
    location = destination.location
    if location is not None and not location.key.lower().endswith(_SUFFIXES):
        raise UsageError(
            f"--output {target}: the page is HTML, so the name must end in .html or .htm; - is standard output"
        )
    return destination


def folder_destination(target: str) -> Destination:
    """Where to write several pages. Raises UsageError for standard output."""
    destination = Destination(target)
    if destination.location is None:
        raise UsageError("--per-bucket makes several files: name a directory or s3://...")
    return destination
