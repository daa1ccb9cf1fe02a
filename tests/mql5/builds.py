"""Test programs: the MQL5 sources, preprocessed, and a C++ main, compiled with sanitizers."""

import ctypes.util
import functools
import shutil
import subprocess
from pathlib import Path

import zmq

from tests.mql5 import preprocess

HERE = Path(__file__).parent
PROGRAMS = HERE / "programs"
SANITIZED = ("-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")
FAST = ("-O2",)
_FLAGS = (
    "-std=c++17", "-g1", "-Wall", "-Wextra", "-Werror", "-Wshadow", "-Wconversion",
    "-Wno-unused-parameter",  # MQL5 does not complain about one, and empty defaults have some
)  # fmt: skip


class BuildError(Exception):
    """The compiler refuses a program."""


@functools.cache
def compiler() -> str | None:
    """Path of g++, None where there is none."""
    return shutil.which("g++")


def build(name: str, folder: Path, options: tuple[str, ...] = SANITIZED) -> Path:
    """Compile `programs/NAME.cpp`; `folder` holds the preprocessed sources and gets the program."""
    sources = folder / "sources"
    if not sources.exists():
        preprocess.write(sources)
    binary = folder / f"{name}-{options[0].lstrip('-')}"
    command = [
        str(compiler()), *_FLAGS, *options, "-isystem", str(HERE / "shim"), f"-I{sources}", f"-I{PROGRAMS}",
        str(PROGRAMS / f"{name}.cpp"), "-o", str(binary), "-ldl",
    ]  # fmt: skip
    made = subprocess.run(command, capture_output=True, text=True, check=False, cwd=preprocess.ROOT)
    if made.returncode:
        raise BuildError(f"{name} does not compile:\n{made.stderr[:6000]}")
    return binary


def libzmq() -> str | None:
    """The system's libzmq, or the one that pyzmq brings along."""
    found = ctypes.util.find_library("zmq")
    if found:
        return found
    bundled = sorted((Path(zmq.__file__).parents[1] / "pyzmq.libs").glob("libzmq*.so*"))
    return str(bundled[0]) if bundled else None
