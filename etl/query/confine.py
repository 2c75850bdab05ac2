"""Limits that a process sets itself: the files that it can open, the sockets that it can use, and its memory.

Linux only, by Landlock (since 5.13; TCP since 6.7, signals since 6.12) and resource limits. An older kernel confines
what it knows of; other systems confine nothing. See https://docs.kernel.org/userspace-api/landlock.html.
"""

import ctypes
import os
import resource
import struct
import sys
from collections.abc import Iterable
from pathlib import Path

# The C library has no functions for these system calls; their numbers are the same on every architecture.
_CREATE_RULESET = 444
_ADD_RULE = 445
_RESTRICT_SELF = 446
# With this flag, and without a ruleset, the first of them returns the version of Landlock.
_VERSION_FLAG = 1 << 0
_RULE_PATH_BENEATH = 1
_PR_SET_NO_NEW_PRIVS = 38

# Landlock's access rights to files, bit by bit as the kernel's headers number them.
_EXECUTE = 1 << 0
_WRITE_FILE = 1 << 1
_READ_FILE = 1 << 2
_READ_DIR = 1 << 3
_REMOVE_DIR = 1 << 4
_REMOVE_FILE = 1 << 5
_MAKE_DIR = 1 << 7
_MAKE_FILE = 1 << 8
_TRUNCATE = 1 << 14

_READABLE = _EXECUTE | _READ_FILE | _READ_DIR
_CHANGE_FILES = _WRITE_FILE | _TRUNCATE | _MAKE_FILE | _REMOVE_FILE
_CHANGE_FOLDERS = _MAKE_DIR | _REMOVE_DIR
_WRITABLE = _READ_FILE | _READ_DIR | _CHANGE_FILES | _CHANGE_FOLDERS

# How many rights to files there are, by the version since which. A kernel refuses a ruleset with a bit that it does not
# know, and does not restrict what a ruleset leaves out: so a ruleset has to have exactly the bits of its version.
_FILE_RIGHTS = {1: 13, 2: 14, 3: 15, 5: 16}
# To bind and to connect a TCP socket.
_TCP_RIGHTS = 0b11
_TCP_VERSION = 4
# To use abstract Unix sockets of, and to signal, processes outside.
_SCOPES = 0b11
_SCOPES_VERSION = 6

# Landlock's structures have no padding, hence the "=": rights to files, rights to TCP, scopes; and a rule's rights with
# the descriptor of the path that it is about.
_RULESET = struct.Struct("=3Q")
_RULE = struct.Struct("=Qi")
_FIELD_BYTES = 8


def confine(readable: Iterable[str], writable: str) -> bool:
    """Leave this thread, and all that it starts, only the files that it needs; for good.

    Files below `readable` can be read and those below `writable` written, no other opened; there is no TCP, and no
    signal to another process. What is open already stays open. False where the kernel has no Landlock.
    """
    if not sys.platform.startswith("linux"):
        return False
    libc = ctypes.CDLL(None, use_errno=True)
    version = _landlock_version(libc)
    if version < 1:
        return False
    rights = _file_rights(version)
    ruleset = _create_ruleset(libc, version, rights)
    for path in readable:
        _allow(libc, ruleset, path, rights & _READABLE)
    _allow(libc, ruleset, writable, rights & _WRITABLE)
    # The kernel requires this first: otherwise a confined process could mislead a set-user-ID program that it starts.
    _check(libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
    _check(libc.syscall(_RESTRICT_SELF, ruleset, 0))
    os.close(ruleset)
    return True


def limit_memory(size: int) -> None:
    """Let this process allocate `size` bytes more than it has now; the kernel refuses what goes beyond."""
    if sys.platform.startswith("linux"):
        # The only limit that counts what a process allocates: RLIMIT_AS also counts libraries and reserved addresses,
        # and RLIMIT_RSS has no effect on Linux.
        limit = _data_size() + size
        resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))


def _data_size() -> int:
    """Bytes of this process that count against RLIMIT_DATA."""
    lines = Path("/proc/self/status").read_text("ascii").splitlines()
    fields = dict(line.split(":", 1) for line in lines)
    kibibytes, _unit = fields["VmData"].split()
    return int(kibibytes) * 1024


def _landlock_version(libc: ctypes.CDLL) -> int:
    """The kernel's version of Landlock, negative where it has none."""
    # `syscall` takes any arguments: ctypes would pass a plain int as 32 bits, where the kernel reads 64.
    no_size = ctypes.c_size_t(0)
    version: int = libc.syscall(_CREATE_RULESET, None, no_size, _VERSION_FLAG)
    return version


def _file_rights(version: int) -> int:
    """All rights to files that a version of Landlock knows, each a bit."""
    count = max(count for since, count in _FILE_RIGHTS.items() if since <= version)
    return (1 << count) - 1


def _create_ruleset(libc: ctypes.CDLL, version: int, file_rights: int) -> int:
    """The descriptor of a ruleset that denies `file_rights`, and all else that the version knows, unless allowed."""
    has_tcp = version >= _TCP_VERSION
    has_scopes = version >= _SCOPES_VERSION
    fields = (file_rights, _TCP_RIGHTS if has_tcp else 0, _SCOPES if has_scopes else 0)
    # The structure has grown: each version has a field more than those before.
    size = _FIELD_BYTES * (1 + has_tcp + has_scopes)
    return _check(
        libc.syscall(_CREATE_RULESET, _RULESET.pack(*fields), ctypes.c_size_t(size), 0)
    )


def _allow(libc: ctypes.CDLL, ruleset: int, path: str, rights: int) -> None:
    """Allow `rights` to what is below `path`; a path that does not exist needs none."""
    try:
        descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    try:
        if not os.path.isdir(path):  # noqa: PTH112 - a text
            rights &= ~_READ_DIR  # which the kernel refuses for a file
        rule = _RULE.pack(rights, descriptor)
        _check(libc.syscall(_ADD_RULE, ruleset, _RULE_PATH_BENEATH, rule, 0))
    finally:
        os.close(descriptor)


def _check(result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result
