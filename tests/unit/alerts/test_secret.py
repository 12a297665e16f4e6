"""A secret shows nowhere."""

from __future__ import annotations

import pytest

from alerts.secret import Secret
from streams.errors import Invalid


def test_a_secret_shows_as_hidden() -> None:
    """Printing, formatting and logging give nothing away; asking does."""
    secret = Secret("s3cr3t\n")
    assert f"{secret} {secret!r} {[secret]}" == "hidden hidden [hidden]"
    assert secret.reveal() == "s3cr3t"


@pytest.mark.parametrize("empty", ["", " \n"], ids=["nothing", "blank"])
def test_an_empty_secret_is_refused(empty: str) -> None:
    """Nobody signs with nothing by mistake."""
    with pytest.raises(Invalid, match=r"^the secret is empty: give"):
        Secret(empty)
