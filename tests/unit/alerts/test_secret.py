"""A secret is found where the user put it, and shows nowhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from alerts.secret import Secret, load_secret
from streams.errors import Invalid


def test_a_secret_shows_as_hidden() -> None:
    """Printing, formatting and logging give nothing away; asking does."""
    secret = Secret("s3cr3t")
    assert f"{secret} {secret!r} {[secret]}" == "hidden hidden [hidden]"
    assert secret.reveal() == "s3cr3t"


def test_the_file_comes_before_the_environment(tmp_path: Path) -> None:
    """A mounted secret file wins, without the newline that editors leave."""
    file = tmp_path / "secret"
    file.write_text("from file\n", encoding="utf-8")
    environ = {"HOOK": "from environment"}
    both = load_secret("it", file=str(file), variable="HOOK", environ=environ)
    assert both.reveal() == "from file"
    one = load_secret("it", file="", variable="HOOK", environ=environ)
    assert one.reveal() == "from environment"


@pytest.mark.parametrize(
    ("file", "variable", "sentence"),
    [
        ("", "", "webhook has no secret: set secret_file or secret_env"),
        ("", "HOOK", "webhook has an empty secret: put it into the environment variable HOOK"),
        ("{tmp}/absent", "HOOK", "webhook cannot read its secret from .*absent: check the path"),
        ("{tmp}", "", "webhook cannot read its secret from "),
        ("{tmp}/binary", "", "webhook cannot read its secret from .*binary"),
        ("{tmp}/empty", "", "webhook has an empty secret: put it into the file .*empty"),
    ],
)
def test_a_missing_secret_is_one_sentence(
    tmp_path: Path, file: str, variable: str, sentence: str
) -> None:
    """Whoever forgot it reads whose secret is missing and where to put it."""
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "empty").write_bytes(b" \n")
    path = file.format(tmp=tmp_path)
    with pytest.raises(Invalid, match=f"^{sentence}"):
        load_secret("webhook", file=path, variable=variable, environ={})
