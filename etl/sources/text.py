"""The text of a stored log object, decompressed as it is read; gzip and zstd are told by their magic bytes."""

import gzip
import io
import zlib
from collections.abc import Callable, Iterator

import zstandard

from etl.config import MIB

_GZIP_MAGIC = b"\x1f\x8b"
_ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
_MAGIC_BYTES = 4
_PIECE = MIB
# Compressed bytes at a time: a block of 128 KiB may be four of them.
_STEP = 1024
# Bytes that are kept of a line: a longer one is no record, and a reject shows the beginning.
_LONGEST_LINE = 16 * MIB


class DamagedError(Exception):
    """Compressed data that is not whole, or not compressed."""


class Text:
    """The text of an object, which may be read more than once; `open_raw` opens what is stored."""

    def __init__(self, open_raw: Callable[[], io.RawIOBase | io.BytesIO]) -> None:
        self._open_raw = open_raw
        self.position = 0
        """Bytes of what is stored that are read, the last time that it was."""

    def is_compressed(self) -> bool:
        with self._open() as file:
            return _is_compressed(file)

    def pieces(self) -> Iterator[bytes]:
        """The text, about a MiB at a time. Raises DamagedError, and what reading what is stored raises."""
        with self._open() as file:
            try:
                for piece in _text(file):
                    self.position = file.raw.tell()
                    yield piece
            except (EOFError, gzip.BadGzipFile, zlib.error, zstandard.ZstdError) as error:
                raise DamagedError(f"cannot be decompressed: {error}") from error

    def lines(self) -> Iterator[bytes]:
        """The text, in pieces that end where a line does; of a line of many MiB only the beginning."""
        begun = b""
        for piece in self.pieces():
            end_of_line, newline, rest = piece.partition(b"\n")
            begun = (begun + end_of_line)[:_LONGEST_LINE]
            if newline:
                whole_lines, last_newline, begun_next = rest.rpartition(b"\n")
                yield begun + newline + whole_lines + last_newline
                begun = begun_next
        if begun:
            yield begun

    def _open(self) -> io.BufferedReader:
        return io.BufferedReader(self._open_raw(), _PIECE)


def _is_compressed(file: io.BufferedReader) -> bool:
    return file.peek(_MAGIC_BYTES).startswith((_GZIP_MAGIC, _ZSTD_MAGIC))


def _text(file: io.BufferedReader) -> Iterator[bytes]:
    """What is in a file, of several members or frames where it is compressed."""
    magic = file.peek(_MAGIC_BYTES)
    if magic.startswith(_ZSTD_MAGIC):
        yield from _unzstd(file)
    elif magic.startswith(_GZIP_MAGIC):
        with gzip.GzipFile(fileobj=file) as stream:
            yield from iter(lambda: stream.read(_PIECE), b"")
    else:
        yield from iter(lambda: file.read(_PIECE), b"")


def _unzstd(file: io.BufferedReader) -> Iterator[bytes]:
    """The text of several frames. Raises EOFError where the last one is not whole, which a stream does not tell."""
    rest = b""
    while rest or file.peek(1):
        frame = zstandard.ZstdDecompressor().decompressobj()
        while not frame.eof:
            step = rest or file.read(_STEP)
            rest = b""
            if not step:
                raise EOFError("the last frame is not whole")
            yield frame.decompress(step)
        rest = frame.unused_data
