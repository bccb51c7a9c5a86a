"""Who may import whom: the layers of docs/architecture.md, read from the source itself."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("search", "indexer", "training", "api")
ALLOWED = {
    "search": {"search"},
    "indexer": {"indexer", "search"},
    "training": {"training", "search"},
    "api": {"api", "indexer", "training", "search"},
}
RESERVED = {
    "torch": ("search/encoders/", "training/"),
    "open_clip": ("search/encoders/", "training/"),
    "timm": ("search/encoders/", "training/"),
    "pymilvus": ("search/store/",),
    "milvus_lite": ("search/store/",),
    "fastapi": ("api/",),
    "starlette": ("api/",),
    "uvicorn": ("api/",),
}


def modules() -> list[Path]:
    return sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))


def imported(path: Path) -> Iterator[tuple[int, str]]:
    """Line and top-level package of every import in the file, those inside functions included."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name.split(".")[0]) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno} imports relatively"
            yield node.lineno, str(node.module).split(".")[0]


@pytest.mark.parametrize("package", PACKAGES)
def test_packages_import_only_the_layers_below(package: str) -> None:
    wrong = [
        f"{path.relative_to(ROOT)}:{line} imports {name}"
        for path in (ROOT / package).rglob("*.py")
        for line, name in imported(path)
        if name in PACKAGES and name not in ALLOWED[package]
    ]
    assert not wrong


@pytest.mark.parametrize("library", RESERVED)
def test_libraries_stay_in_their_place(library: str) -> None:
    wrong = [
        f"{path.relative_to(ROOT)}:{line} imports {library}"
        for path in modules()
        if not str(path.relative_to(ROOT)).startswith(RESERVED[library])
        for line, name in imported(path)
        if name == library
    ]
    assert not wrong


def test_the_check_sees_a_wrong_import(tmp_path: Path) -> None:
    bad = tmp_path / "bad.py"
    bad.write_text("def f():\n    import torch.nn\n    from pymilvus import MilvusClient\n")
    assert list(imported(bad)) == [(2, "torch"), (3, "pymilvus")]


def test_modules_stay_readable() -> None:
    long = {
        str(path.relative_to(ROOT)): lines
        for path in modules()
        if (lines := len(path.read_text(encoding="utf-8").splitlines())) > 400
    }
    assert not long
