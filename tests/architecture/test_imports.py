"""The core stays pure: what `sizing` may import and call is held over every one of its files."""

import ast
import sys
from pathlib import Path

import pytest

import sizing

ROOT = Path(sizing.__file__).parent
FILES = sorted(ROOT.rglob("*.py"))
IMPURE = {
    "asyncio", "ctypes", "glob", "importlib", "io", "logging", "multiprocessing", "os", "pathlib", "pickle", "random",
    "secrets", "selectors", "shutil", "signal", "socket", "sqlite3", "subprocess", "tempfile", "threading", "time",
    "urllib", "uuid", "warnings",
}  # fmt: skip
"""Standard library modules that reach outside the process, or give another answer at another moment."""
IMPURE_CALLS = {"open", "print", "input", "eval", "exec", "compile", "__import__", "globals", "breakpoint"}
CLOCK_READS = {"now", "utcnow", "today", "fromtimestamp", "utcfromtimestamp"}


def names_imported(tree: ast.AST) -> list[tuple[str, int]]:
    """Full names of the imported modules, with the level of relative imports."""
    found: list[tuple[str, int]] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found.extend((alias.name, 0) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            found.append((node.module or "", node.level))
    return found


def parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def test_the_core_has_files_to_look_at() -> None:
    assert len(FILES) > 20
    assert ROOT / "engine.py" in FILES


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_the_core_imports_numpy_and_the_standard_library_only(path: Path) -> None:
    for name, level in names_imported(parse(path)):
        top = name.partition(".")[0]
        assert level == 0, f"{path}: relative import of {name!r}; the core names its modules in full"
        assert top in {"sizing", "numpy"} or top in sys.stdlib_module_names, f"{path} imports {name}"
        assert top != "bridge", f"{path} imports {name}: bridge imports sizing, never the other way round"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_the_core_imports_nothing_that_touches_the_world(path: Path) -> None:
    tops = {name.partition(".")[0] for name, _ in names_imported(parse(path))}
    assert not tops & IMPURE, f"{path} imports {sorted(tops & IMPURE)}"
    assert not {name for name, _ in names_imported(parse(path)) if name.startswith("numpy.random")}


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_the_core_reads_no_clock_and_no_file_and_rebinds_no_global(path: Path) -> None:
    for node in ast.walk(parse(path)):
        assert not isinstance(node, ast.Global), f"{path}:{node.lineno}: a global is rebound"
        if isinstance(node, ast.Call):
            called = node.func
            if isinstance(called, ast.Name):
                assert called.id not in IMPURE_CALLS, f"{path}:{node.lineno}: {called.id}()"
            elif isinstance(called, ast.Attribute):
                assert called.attr not in CLOCK_READS, f"{path}:{node.lineno}: .{called.attr}() reads a clock"
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in {"np", "numpy"}:
            assert node.attr != "random", f"{path}:{node.lineno}: numpy.random"
