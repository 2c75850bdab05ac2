"""The first half of a batch: its log objects are fetched and parsed, in one piece or in several."""

import datetime as dt
from collections.abc import Iterable, Iterator
from dataclasses import replace

import pyarrow as pa

from etl.config import MIB, Privacy
from etl.errors import PreconditionFailedError
from etl.ingest.activity import Meter
from etl.ingest.piece import Piece
from etl.ingest.plan import Batch
from etl.ingest.privacy import protect
from etl.ingest.result import BatchResult
from etl.parser import MOST_REJECTED_BYTES, MOST_REJECTS, Parser
from etl.sources import DamagedError, Fetched, LogObject, Text, fetch_objects
from etl.store import S3Session

# How many times its planned size a batch may have before it is written in pieces: compressed objects can hold anything.
_MOST_BATCHES = 2
_TOO_MUCH_TEXT = "has more text in one field than can be held at a time: set aside; split it, or set batch_size lower"
PIECE_TEXT = 64 * MIB
"""Bytes of text that are written at a time of a log object that is read as a stream.

Lakes rely on it: it must not change while there is an object of which a killed run has written half.
"""
_NOT_A_LOG = (
    f"has more than {MOST_REJECTS:,} lines that are no records, or more than {MOST_REJECTED_BYTES:,} bytes of them: "
    "set aside; move it out of the source if it is not a log object"
)


def read_pieces(batch: Batch, session: S3Session, meter: Meter) -> Iterator[Piece]:
    """Fetch and parse a batch: nearly always in one piece, in several where compressed objects hold more than usual."""
    settings = batch.settings
    largest_piece = _MOST_BATCHES * settings.batch_size
    fetched = fetch_objects(
        batch.objects, session, settings.fetch_concurrency, settings.max_object_size
    )
    collected = _Collected()
    for one in fetched:
        is_large = one.data is not None and len(one.data) > settings.batch_size
        if (is_large or one.stream) and collected.result.objects_ingested:
            # On its own, so that no other has to do with it.
            yield collected.finish(settings.privacy)
            collected = _Collected()
        if one.stream:
            yield from _read_stream(one.log_object, one.stream, settings.privacy, meter)
            continue
        collected.add(one)
        meter.has_read(one.log_object.size)
        if (
            collected.result.bytes_read >= largest_piece
            or collected.rejects >= MOST_REJECTS
        ):
            yield collected.finish(settings.privacy)
            collected = _Collected()
    if collected.result != BatchResult():
        yield collected.finish(settings.privacy)


def _read_stream(
    one: LogObject, stream: Text, privacy: Privacy, meter: Meter
) -> Iterator[Piece]:
    """A large log object in pieces, each of which is written before the next one is read; the last may be empty.

    They are the same whenever the object is read, so that it is known which ones a killed run has written.
    """
    number = lines_before = 0
    collected = _Collected()
    collected.begin_piece(one, lines_before)
    try:
        for text, is_end_of_piece in _cut(stream.lines(), PIECE_TEXT):
            collected.feed(text)
            meter.reads(stream.position)
            if is_end_of_piece:
                # It has no name here, which would keep it in memory while the next one is read.
                yield collected.finish(privacy, number, is_last=False)
                if collected.is_overfull:
                    return
                number += 1
                lines_before = collected.lines
                collected = _Collected()
                collected.begin_piece(one, lines_before)
    except (DamagedError, OSError, PreconditionFailedError) as error:
        meter.has_read(one.size)
        yield collected.failed(f"changed while it was read, or is damaged: {error}")
        return
    meter.has_read(one.size)
    collected.result.objects_ingested = 1
    yield collected.finish(privacy, number)


def _cut(lines: Iterable[bytes], size: int) -> Iterator[tuple[bytes, bool]]:
    """Text of whole lines, and whether a piece ends with it: with the line in which it gets `size` bytes."""
    room = size
    for text in lines:
        start = 0
        while len(text) - start >= room:
            end = text.find(b"\n", start + room - 1) + 1 or len(text)
            yield text[start:end], True
            start, room = end, size
        room -= len(text) - start
        yield text[start:], False


class _Collected:
    """Log objects and what was parsed of them, until it is finished."""

    def __init__(self) -> None:
        self._read_at = dt.datetime.now(dt.UTC).replace(tzinfo=None)
        self._parser = Parser(ingested_at=self._read_at)
        self._objects: list[LogObject] = []
        self.result = BatchResult()

    @property
    def rejects(self) -> int:
        return self._parser.rejects

    @property
    def is_overfull(self) -> bool:
        """Whether a log object has more rejects than are kept of one."""
        return bool(self._parser.overfull)

    @property
    def lines(self) -> int:
        """Lines so far of the log object that was begun last, those before this piece included."""
        return self._parser.lines

    def add(self, one: Fetched) -> None:
        """Parse a log object that could be read; note one that could not."""
        if one.data is not None:
            self._parser.add(one.log_object.name, one.data)
            self._objects.append(one.log_object)
            self.result.objects_ingested += 1
            self.result.bytes_read += len(one.data)
        elif one.problem:
            self.result.failures[one.log_object.name] = one.problem
        else:
            self.result.objects_vanished += 1

    def begin_piece(self, one: LogObject, lines_before: int) -> None:
        """Expect a piece of a log object, behind so many lines."""
        self._parser.begin(one.name, lines_before)
        self._objects.append(one)

    def feed(self, text: bytes) -> None:
        """Parse whole lines of the piece that was begun."""
        self._parser.feed(text)
        self.result.bytes_read += len(text)

    def finish(
        self, privacy: Privacy, number: int | None = None, *, is_last: bool = True
    ) -> Piece:
        """All of it; of a log object that is read in pieces, as the one of this number."""
        try:
            return self._finish(privacy, number, is_last=is_last)
        except (OverflowError, pa.ArrowInvalid, pa.ArrowCapacityError) as error:
            # A column of more than 2 GiB of text, for which pyarrow has several errors.
            is_overflow = isinstance(
                error, (OverflowError, pa.ArrowCapacityError)
            ) or "overflow" in str(error)
            if not is_overflow:
                raise
            return self.failed(f"{_TOO_MUCH_TEXT} ({error})")

    def failed(self, reason: str) -> Piece:
        """A piece without any of its log objects, for the same reason."""
        failures = {**self.result.failures, **{one.name: reason for one in self._objects}}
        result = replace(self.result, objects_ingested=0, failures=failures)
        return Piece(
            [], Parser(ingested_at=self._read_at).finish(), self._read_at, result
        )

    def _finish(self, privacy: Privacy, number: int | None, *, is_last: bool) -> Piece:
        parsed = protect(self._parser.finish(), privacy)
        # Arrow keeps what it frees for itself; the next step takes as much in pieces of other sizes.
        pa.default_memory_pool().release_unused()
        piece = Piece(self._objects, parsed, self._read_at, self.result, number, is_last)
        overfull = self._parser.overfull
        return piece.without(dict.fromkeys(overfull, _NOT_A_LOG)) if overfull else piece
