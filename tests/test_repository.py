"""The repository itself: what its pages say is so, and what it forbids is not there."""

from __future__ import annotations

import ast
import itertools
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from daemon import cli
from tools import tree

ROOT = Path(__file__).parents[1]
PACKAGES = ("streams", "heft_model", "trainer", "alerts", "daemon")
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
MODULES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
TORCH_MODULES = {
    "answer",
    "architecture",
    "export",
    "finetuned",
    "graph",
    "knowledge",
    "writer_graph",
}
BARE = {"LICENSE", "Makefile", "run", ".gitignore", ".npmrc"}
FORBIDDEN_NAMES = {"utils", "helpers", "common", "manager", "handler", "base", "core"}
"""Names that say nothing; ``handler`` and the others have a better word each time."""

TOP_TO_BOTTOM = "recipe"
"""The fine-tune alone may read as one piece."""

MOST_LINES = 500
MOST_LINES_A_FUNCTION = 60


def relative(path: Path) -> str:
    """As pytest shows it."""
    return str(path.relative_to(ROOT))


def texts() -> list[Path]:
    """Every text file that is written by hand or published."""
    folders = (*PACKAGES, "tests", "tools", "benchmarks", "docs", ".ci")
    found = [path for folder in folders for path in (ROOT / folder).rglob("*")]
    return [
        path
        for path in [*ROOT.iterdir(), *found]
        if path.is_file()
        and (path.suffix in {".py", ".md", ".toml", ".txt", ".json", ".sol"} or path.name in BARE)
        and not {"node_modules", "__pycache__"} & set(path.parts)
    ]


def functions(module: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Every function and method of a module."""
    for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def pyproject() -> dict[str, Any]:
    """The project's own description."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def test_architecture_shows_the_real_tree() -> None:
    """docs/architecture.md holds every module with its purpose; make tree writes it."""
    page = tree.PAGE.read_text(encoding="utf-8")
    assert tree.rewritten(page) == page, "run make tree"


@pytest.mark.parametrize("module", MODULES, ids=relative)
def test_modules_are_small_and_say_what_they_are(module: Path) -> None:
    """One idea a module, at most 500 lines; no function over 60; a purpose in the first line."""
    text = module.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= MOST_LINES
    assert (ast.get_docstring(ast.parse(text)) or "").strip()
    assert module.stem not in FORBIDDEN_NAMES
    for function in functions(module) if module.stem != TOP_TO_BOTTOM else ():
        lines = (function.end_lineno or 0) - function.lineno + 1
        assert lines <= MOST_LINES_A_FUNCTION, f"{function.name} has {lines} lines"


def test_every_test_says_what_it_proves() -> None:
    """A docstring a test."""
    silent = [
        f"{relative(module)}::{function.name}"
        for module in sorted((ROOT / "tests").rglob("test_*.py"))
        for function in functions(module)
        if function.name.startswith("test_") and not ast.get_docstring(function)
    ]
    assert silent == []


def test_serving_modules_are_all_under_contract() -> None:
    """The import contract lists every module of heft_model that serving may load."""
    contracts = pyproject()["tool"]["importlinter"]["contracts"]
    (contract,) = (each for each in contracts if "training library" in each["name"])
    listed = {name.split(".")[1] for name in contract["source_modules"] if "." in name}
    present = {path.stem for path in (ROOT / "heft_model").glob("*.py")} - {"__init__"}
    assert listed == present - TORCH_MODULES


@pytest.mark.parametrize("page", PAGES, ids=relative)
def test_pages_name_commands_that_exist(page: Path) -> None:
    """Every ``make x`` and ``heft x`` that a page shows can be run."""
    text = page.read_text(encoding="utf-8")
    targets = set(re.findall(r"(?m)^([a-z-]+):", (ROOT / "Makefile").read_text()))
    commands = {command.name for command in cli.COMMANDS} | set(cli.GROUPS)
    code = "\n".join(re.findall(r"(?s)```.*?```|`[^`\n]+`", text))
    assert set(re.findall(r"(?m)(?:^|`)make ([a-z][a-z-]*)", code)) <= targets
    assert set(re.findall(r"(?m)(?:^|[` ])heft ([a-z]+)", code)) <= commands


@pytest.mark.parametrize("page", PAGES, ids=relative)
def test_pages_link_to_what_is_there(page: Path) -> None:
    """Every relative link leads somewhere, and every file that is named exists."""
    text = page.read_text(encoding="utf-8")
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)", text)
    assert [link for link in links if not (page.parent / link).exists()] == []
    named = re.findall(rf"`((?:{'|'.join(PACKAGES)}|tests|tools|docs|benchmarks)/[\w/.-]+)`", text)
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_glossary_terms_are_in_use() -> None:
    """A word that occurs nowhere in the code is not a word of this project."""
    text = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8")
    rows = re.findall(r"(?m)^\| ([^|]+) \|", text)[2:]
    terms = {term.strip("`* ") for row in rows for term in re.split(r"[,;]", row)}
    words = {word.lower() for term in terms for word in term.split("` in ")[0].split()}
    code = "\n".join(module.read_text(encoding="utf-8").lower() for module in MODULES)
    assert sorted(word for word in words if word not in code) == []


def test_nothing_of_one_machine_is_in_the_repository() -> None:
    """No absolute path of a checkout, no unfinished business, no filled-in-later marks."""
    told = re.compile(
        r"(?<![\w.])/(?:root|home/\w+|Users/\w+|tmp/\w+)/|\b(?:TODO|FIXME|XXX)\b|@@[A-Z]+@@"
    )
    found = [
        f"{relative(path)}: {match[0]}"
        for path in texts()
        if path != Path(__file__)
        for match in told.finditer(path.read_text(encoding="utf-8", errors="ignore"))
    ]
    assert found == []


def test_every_requirement_is_pinned() -> None:
    """Each package of pyproject.toml has its pin in constraints.txt."""
    project = pyproject()["project"]
    extras = project["optional-dependencies"].values()
    wanted = [*project["dependencies"], *itertools.chain.from_iterable(extras)]
    names = {re.split(r"[\[<>=!~]", requirement)[0].lower() for requirement in wanted}
    pinned = {
        line.partition("==")[0].lower().replace("_", "-")
        for line in (ROOT / "constraints.txt").read_text().splitlines()
        if not line.startswith("#")
    }
    assert names - pinned - {"onnxruntime-gpu"} == set()


def test_continuous_integration_allows_no_skip() -> None:
    """.ci/run is executable, strict, and runs what every developer runs."""
    script = ROOT / ".ci" / "run"
    text = script.read_text(encoding="utf-8")
    assert script.stat().st_mode & 0o111
    for line in ("set -euo pipefail", "export HEFT_REQUIRE=all", "make test"):
        assert line in text
