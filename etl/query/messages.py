"""The messages between the process that reads the lake and the query process, over Unix sockets.

The query process trusts the process that reads, but not the other way round: whoever finds a hole in DuckDB controls
the query process. So pickles are sent to it, while it sends back only JSON, bytes and Arrow, none of which run code.

A result is a line of JSON: `{}` or an error. After a line without an error come the rows as an Arrow stream, and
one more such line. To read a file, the query process sends a path, a position and a length; it receives a length,
negative where the read failed, and the bytes.
"""

import json
import pickle
import socket
import struct
from dataclasses import dataclass
from typing import Any, BinaryIO

from etl.errors import AccessLakeError
from etl.query.result import LimitError, QueryError, UnreadableError

# Both ends run on one machine, so its own byte order will do ("=", which also means no padding).
_MESSAGE_LENGTH = struct.Struct("=I")
_READ_REQUEST = struct.Struct("=IQQ")
_READ_LENGTH = struct.Struct("=q")
_READ_FAILED = -1
# More than there are readers (`process`), and fewer than the 253 that Linux sends at a time.
_MAX_DESCRIPTORS = 64
# The errors that a query process may name: a name that it sends never becomes a class in any other way.
_ERRORS: dict[str, type[AccessLakeError]] = {
    error_class.__name__: error_class
    for error_class in (QueryError, LimitError, UnreadableError)
}


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
    """The files by path with their sizes, the statements that make the views over them, and the limits.

    `geo_databases` are paths of files on this machine, which tell where addresses are.
    """

    sizes: dict[str, int]
    statements: list[str]
    limits: Limits
    geo_databases: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Query:
    """One SELECT, and the values of its parameters."""

    sql: str
    parameters: dict[str, object]
    is_pruned: bool = False
    """Whether parts of days that its conditions on `time` leave out stay closed."""


def send(control: socket.socket, message: Task | Query, descriptors: list[int]) -> None:
    """Send a message, and open files that go with it."""
    data = pickle.dumps(message)
    # A stream has no boundaries between messages, so each begins with its length. The kernel delivers descriptors with
    # the bytes that they were sent with: as these are few, the other side receives them in one call.
    socket.send_fds(control, [_MESSAGE_LENGTH.pack(len(data))], descriptors)
    control.sendall(data)


def receive(control: socket.socket) -> tuple[Any, list[int]]:
    """A message, and the open files that came with it. Raises EOFError where there is no more."""
    header, descriptors, _flags, _address = socket.recv_fds(
        control, _MESSAGE_LENGTH.size, _MAX_DESCRIPTORS
    )
    if len(header) < _MESSAGE_LENGTH.size:
        raise EOFError
    (length,) = _MESSAGE_LENGTH.unpack(header)
    data = receive_exactly(control, length)
    return pickle.loads(data), descriptors  # noqa: S301 - from our parent


def receive_exactly(channel: socket.socket, length: int) -> bytes:
    """So many bytes. Raises EOFError where the other side is gone."""
    data = bytearray(length)
    view = memoryview(data)
    while view:
        # A socket returns what has arrived, which may be less than requested.
        count = channel.recv_into(view)
        if not count:
            raise EOFError
        view = view[count:]
    return bytes(data)


def write_outcome(stream: BinaryIO, error: AccessLakeError | None = None) -> None:
    """Write the line that says whether all went well."""
    outcome = {"error": type(error).__name__, "message": str(error)} if error else {}
    stream.write(json.dumps(outcome).encode() + b"\n")
    stream.flush()


def read_outcome(stream: BinaryIO) -> None:
    """Read that line. Raises the error that it names, and EOFError where there is none."""
    line = stream.readline()
    # A process that died has sent no line, or the beginning of one.
    if not line.endswith(b"\n"):
        raise EOFError
    if outcome := json.loads(line):
        error_class = _ERRORS.get(outcome["error"], UnreadableError)
        raise error_class(outcome["message"])


def request_bytes(channel: socket.socket, path: str, position: int, length: int) -> bytes:
    """Bytes of a file, read by the other process. Raises OSError where it could not."""
    name = path.encode()
    channel.sendall(_READ_REQUEST.pack(len(name), position, length) + name)
    (size,) = _READ_LENGTH.unpack(receive_exactly(channel, _READ_LENGTH.size))
    if size < 0:
        raise OSError(f"{path} could not be read")
    return receive_exactly(channel, size)


def receive_read_request(channel: socket.socket) -> tuple[str, int, int]:
    """The path, position and length that the other process wants to read. Raises EOFError where it is gone."""
    name_length, position, length = _READ_REQUEST.unpack(
        receive_exactly(channel, _READ_REQUEST.size)
    )
    name = receive_exactly(channel, name_length)
    return name.decode(), position, length


def send_bytes(channel: socket.socket, data: bytes | None) -> None:
    """Send the bytes of a read, or with None that it failed."""
    if data is None:
        channel.sendall(_READ_LENGTH.pack(_READ_FAILED))
    else:
        channel.sendall(_READ_LENGTH.pack(len(data)) + data)
