"""A secret that does not print itself, read from a file or from the environment."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from streams.errors import Invalid

__all__ = ["Secret", "load_secret"]


class Secret:
    """Text that shows as ``hidden`` wherever it is printed, logged or formatted."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The text itself; call it only where the text is used."""
        return self._value

    def __repr__(self) -> str:
        return "hidden"


def load_secret(what: str, *, file: str, variable: str, environ: Mapping[str, str]) -> Secret:
    """The secret in ``file`` (outer white space aside), or else in the variable.

    Args:
        what: whose secret it is, for the sentence of a refusal.
        file: a path, or empty.
        variable: the name of an environment variable, or empty.
        environ: usually ``os.environ``.

    Raises:
        Invalid: neither is given, the file cannot be read, or the secret is empty.
    """
    if file:
        value, source = _read(what, file), f"the file {file}"
    elif variable:
        value, source = environ.get(variable, ""), f"the environment variable {variable}"
    else:
        raise _refusal(what, "has no secret: set secret_file or secret_env")
    if not value.strip():
        raise _refusal(what, f"has an empty secret: put it into {source}")
    return Secret(value.strip())


def _read(what: str, file: str) -> str:
    try:
        return Path(file).expanduser().read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        sentence = f"cannot read its secret from {file}: check the path, the rights and the text"
        raise _refusal(what, sentence) from error


def _refusal(what: str, sentence: str) -> Invalid:
    return Invalid(f"{what} {sentence}", reason="secret")
