"""Writes the tree in docs/architecture.md from the docstrings: ``python tools/tree.py``."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Final

__all__ = ["PAGE", "current", "main", "rewritten"]

ROOT: Final = Path(__file__).parents[1]
PAGE: Final = ROOT / "docs" / "architecture.md"
PACKAGES: Final = ("streams", "heft_model", "trainer", "alerts", "daemon")
START: Final = "<!-- tree -->"
END: Final = "<!-- end of tree -->"
COLUMN: Final = 26


def main() -> None:
    """Bring the page up to date."""
    PAGE.write_text(rewritten(PAGE.read_text(encoding="utf-8")), encoding="utf-8")


def rewritten(page: str) -> str:
    """The page with the present tree between its two marks."""
    before, rest = page.split(START)
    after = rest.split(END)[1] if END in rest else rest
    return f"{before}{START}\n\n```\n{current()}\n```\n\n{END}{after}"


def current() -> str:
    """One line a folder and a module: its name, and the first line of its docstring."""
    return "\n".join(line for name in PACKAGES for line in _folder(ROOT / name, 0))


def _folder(folder: Path, depth: int) -> list[str]:
    modules = sorted(path for path in folder.glob("*.py") if path.name != "__init__.py")
    packages = sorted(path.parent for path in folder.glob("*/__init__.py"))
    return [
        _line(f"{folder.name}/", folder / "__init__.py", depth),
        *(_line(module.name, module, depth + 1) for module in modules),
        *(line for package in packages for line in _folder(package, depth + 1)),
    ]


def _line(name: str, module: Path, depth: int) -> str:
    docstring = ast.get_docstring(ast.parse(module.read_text(encoding="utf-8"))) or ""
    purpose = docstring.partition("\n")[0].rstrip(".").replace("``", "")
    return f"{'  ' * depth + name:<{COLUMN}} {purpose}"


if __name__ == "__main__":
    main()
