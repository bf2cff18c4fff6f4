"""Runs a command under the system call filter of a systemd unit, as systemd would set it: UNIT COMMAND…

The sets come from `systemd-analyze`, the filter is made by libseccomp, which systemd uses too.
"""

import ctypes
import errno
import os
import re
import shutil
import subprocess
import sys
from ctypes.util import find_library
from functools import cache
from pathlib import Path

ALLOW, KILL, ERRNO = 0x7FFF0000, 0x80000000, 0x00050000  # seccomp.h


def is_possible() -> bool:
    return bool(shutil.which("systemd-analyze") and find_library("seccomp"))


@cache
def calls_of(name: str) -> frozenset[str]:
    """The calls of a set such as @system-service, and of the sets in it."""
    if not name.startswith("@"):
        return frozenset({name})
    shown = subprocess.run(
        ["systemd-analyze", "--no-pager", "syscall-filter", name], capture_output=True, text=True, check=True
    ).stdout
    members = re.findall(r"^\s+(@?[a-z0-9_-]+)$", shown, re.MULTILINE)
    return frozenset().union(*(calls_of(member) for member in members))


def read_filter(unit: str) -> tuple[set[str], int]:
    """The allowed calls, and what happens at another one."""
    allowed = set(calls_of("@default"))  # systemd adds it to every list of allowed calls
    for line in re.findall(r"^SystemCallFilter=(.+)$", unit, re.MULTILINE):
        named = set().union(*(calls_of(name) for name in line.removeprefix("~").split()))
        allowed = allowed - named if line.startswith("~") else allowed | named
    number = re.search(r"^SystemCallErrorNumber=(\w+)$", unit, re.MULTILINE)
    return allowed, ERRNO | getattr(errno, number[1]) if number else KILL


def set_filter(allowed: set[str], otherwise: int) -> None:
    library = ctypes.CDLL(find_library("seccomp"))
    library.seccomp_init.restype = ctypes.c_void_p
    context = ctypes.c_void_p(library.seccomp_init(ctypes.c_uint32(otherwise)))
    for name in allowed:
        number = library.seccomp_syscall_resolve_name(name.encode())
        if number >= 0:  # else the call of another machine
            library.seccomp_rule_add(context, ctypes.c_uint32(ALLOW), number, 0)
    if library.seccomp_load(context) != 0:
        raise OSError("the filter could not be set")


if __name__ == "__main__":
    set_filter(*read_filter(Path(sys.argv[1]).read_text()))
    os.execv(sys.argv[2], sys.argv[2:])
