"""A secret that does not print itself. Where it comes from is the settings' business."""

from __future__ import annotations

from streams.errors import Invalid

__all__ = ["Secret"]


class Secret:
    """Text that shows as ``hidden`` wherever it is printed, logged or formatted.

    Raises ``Invalid`` when there is nothing in it: an empty key signs, and protects nothing.
    """

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        if not value.strip():
            raise Invalid("the secret is empty: give some random characters", reason="setting")
        self._value = value.strip()

    def reveal(self) -> str:
        """The text itself, without the newline that editors leave; call it only to use it."""
        return self._value

    def __repr__(self) -> str:
        return "hidden"
