"""What a process may still do from some moment on: read a few directories, write one, and use so much memory.

Linux only, by Landlock (since 5.13; TCP since 6.7, signals since 6.12) and resource limits; elsewhere, and in an older
kernel, what it does not know is not confined. See https://docs.kernel.org/userspace-api/landlock.html.
"""

import ctypes
import os
import resource
import struct
import sys
from collections.abc import Iterable
from pathlib import Path

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
"""System calls, the same on every architecture."""
_VERSION_FLAG = 1
_RULE_PATH_BENEATH = 1
_PR_SET_NO_NEW_PRIVS = 38
_EXECUTE, _READ_FILE, _READ_DIR = 1 << 0, 1 << 2, 1 << 3
_READ = _READ_FILE | _READ_DIR
_WRITE = sum(1 << bit for bit in (1, 4, 5, 7, 8))
"""Write and truncate files, make and remove files and directories."""
_TRUNCATE = 1 << 14
_FILE_RIGHTS = {1: 13, 2: 14, 3: 15, 5: 16}
"""How many rights over files there are, by the version of Landlock since which."""
_TCP = 0b11
_TCP_VERSION = 4
_SCOPES = 0b11
"""No abstract Unix sockets and no signals to processes outside."""
_SCOPES_VERSION = 6


def confine(readable: Iterable[str], writable: str) -> bool:
    """Leave this thread, and all that it starts, only what it needs; for good.

    Files below `readable` can be read and those below `writable` written, no other opened; there is no TCP, and no
    signal to another process. What is open already stays open. False where the kernel has no Landlock.
    """
    if not sys.platform.startswith("linux"):
        return False
    libc = ctypes.CDLL(None, use_errno=True)
    version = libc.syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), _VERSION_FLAG)
    if version < 1:
        return False
    rights = (1 << max(count for since, count in _FILE_RIGHTS.items() if since <= version)) - 1
    fields = (rights, _TCP if version >= _TCP_VERSION else 0, _SCOPES if version >= _SCOPES_VERSION else 0)
    size = 8 * (3 if version >= _SCOPES_VERSION else 2 if version >= _TCP_VERSION else 1)
    ruleset = _check(libc.syscall(_CREATE_RULESET, struct.pack("=3Q", *fields), ctypes.c_size_t(size), 0))
    for path in readable:
        _allow(libc, ruleset, path, rights & (_READ | _EXECUTE))
    _allow(libc, ruleset, writable, rights & (_READ | _WRITE | _TRUNCATE))
    _check(libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
    _check(libc.syscall(_RESTRICT_SELF, ruleset, 0))
    os.close(ruleset)
    return True


def limit_memory(size: int) -> None:
    """Let this process have `size` bytes of memory more than it has now: what asks for more is refused."""
    if sys.platform.startswith("linux"):
        limit = _data_size() + size
        resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))


def _data_size() -> int:
    """Bytes of this process that count against its limit."""
    fields = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text("ascii").splitlines())
    return int(fields["VmData"].split()[0]) * 1024


def _allow(libc: ctypes.CDLL, ruleset: int, path: str, rights: int) -> None:
    """Leave `rights` over what is below `path`; one that does not exist needs none."""
    try:
        descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    try:
        if not os.path.isdir(path):  # noqa: PTH112 - a text
            rights &= ~_READ_DIR
        rule = struct.pack("=Qi", rights, descriptor)
        _check(libc.syscall(_ADD_RULE, ruleset, _RULE_PATH_BENEATH, rule, 0))
    finally:
        os.close(descriptor)


def _check(result: int) -> int:
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result
