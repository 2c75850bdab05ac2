"""What the process that asks and the process that answers say to each other, over Unix sockets.

The one that answers trusts the other, which is not so the other way round: pickles go to it, and only JSON, bytes and
Arrow, which run nothing, come from it.

A result is a line of JSON, `{}` or an error; without an error, rows as an Arrow stream and one more such line follow.
A read is a path, a position and a length; its answer is a length, negative where the read failed, and the bytes.
"""

import json
import pickle
import socket
import struct
from dataclasses import dataclass
from typing import Any, BinaryIO

from etl.errors import AccessLakeError
from etl.query.result import LimitError, QueryError, UnreadableError

_LENGTH = struct.Struct("=I")
_READ = struct.Struct("=IQQ")
_SIZE = struct.Struct("=q")
_ERRORS: dict[str, type[AccessLakeError]] = {one.__name__: one for one in (QueryError, LimitError, UnreadableError)}


@dataclass(frozen=True, slots=True)
class Limits:
    """What the queries of a connection may use."""

    memory: int
    """Bytes that DuckDB may use; what does not fit is spilled."""
    spill: int
    """Bytes on disk."""
    seconds: int
    """For one query."""
    spill_directory: str = ""
    """Nothing is spilled without one."""


@dataclass(frozen=True, slots=True)
class Task:
    """What is to be opened: files by path with their sizes, and the statements that make the views over them."""

    sizes: dict[str, int]
    statements: list[str]
    limits: Limits


@dataclass(frozen=True, slots=True)
class Query:
    """One SELECT, and the values of its parameters."""

    sql: str
    parameters: dict[str, object]


def send(control: socket.socket, message: Task | Query, descriptors: list[int]) -> None:
    """Send a message, and open files that go with it."""
    data = pickle.dumps(message)
    socket.send_fds(control, [_LENGTH.pack(len(data))], descriptors)
    control.sendall(data)


def receive(control: socket.socket) -> tuple[Any, list[int]]:
    """A message, and the open files that came with it. Raises EOFError where there is no more."""
    head, descriptors, _, _ = socket.recv_fds(control, _LENGTH.size, 64)
    if len(head) < _LENGTH.size:
        raise EOFError
    return pickle.loads(receive_exactly(control, *_LENGTH.unpack(head))), descriptors  # noqa: S301 - from our parent


def receive_exactly(channel: socket.socket, length: int) -> bytes:
    """So many bytes. Raises EOFError where the other side is gone."""
    data = bytearray(length)
    view = memoryview(data)
    while view:
        count = channel.recv_into(view)
        if not count:
            raise EOFError
        view = view[count:]
    return bytes(data)


def write_outcome(stream: BinaryIO, error: AccessLakeError | None = None) -> None:
    """The line that says whether all went well."""
    outcome = {"error": type(error).__name__, "message": str(error)} if error else {}
    stream.write(json.dumps(outcome).encode() + b"\n")
    stream.flush()


def read_outcome(stream: BinaryIO) -> None:
    """Read that line. Raises the error that it tells, and EOFError where there is none."""
    line = stream.readline()
    if not line.endswith(b"\n"):
        raise EOFError
    if outcome := json.loads(line):
        raise _ERRORS.get(outcome["error"], UnreadableError)(outcome["message"])


def ask_for_bytes(channel: socket.socket, path: str, position: int, length: int) -> bytes:
    """Bytes of a file that the other process reads. Raises OSError where it could not."""
    name = path.encode()
    channel.sendall(_READ.pack(len(name), position, length) + name)
    (size,) = _SIZE.unpack(receive_exactly(channel, _SIZE.size))
    if size < 0:
        raise OSError(f"{path} could not be read")
    return receive_exactly(channel, size)


def receive_read(channel: socket.socket) -> tuple[str, int, int]:
    """What the other process asks to read: path, position and length. Raises EOFError where it is gone."""
    name, position, length = _READ.unpack(receive_exactly(channel, _READ.size))
    return receive_exactly(channel, name).decode(), position, length


def send_bytes(channel: socket.socket, data: bytes | None) -> None:
    """Answer a read; with None, that it failed."""
    channel.sendall(_SIZE.pack(-1) if data is None else _SIZE.pack(len(data)) + data)
