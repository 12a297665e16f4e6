"""compose.yaml against the program that it runs: nothing misspelt waits for production."""

from __future__ import annotations

import os
import re
import stat
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from daemon.commands.watch import ROLES
from daemon.settings import known_keys

ROOT = Path(__file__).parent.parent
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = {name: service for name, service in SERVICES.items() if "heft-monitor" in service["image"]}


def key(variable: str) -> str:
    """The setting that a variable or secret file gives."""
    return variable.removeprefix("HEFT_").lower().replace("__", ".")


@pytest.mark.parametrize("name", OURS)
def test_a_service_sets_what_there_is(name: str) -> None:
    """Each variable and secret of a service is a setting that the program knows."""
    service = OURS[name]
    told = [*service["environment"], *service.get("secrets", [])]
    assert {key(each) for each in told} - {"config"} <= set(known_keys())
    assert set(service.get("secrets", [])) <= set(COMPOSE["secrets"])


@pytest.mark.parametrize("name", OURS)
def test_a_service_can_do_no_harm(name: str) -> None:
    """Read-only, no privileges, a user of its own, memory limited, ports on loopback."""
    service = OURS[name]
    assert service["read_only"]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["user"] == "10001:10001"
    assert service["mem_limit"]
    assert all(port.startswith("127.0.0.1:") for port in service.get("ports", []))


def test_every_role_is_a_service() -> None:
    """Each role of heft watch runs once, and waits for topics and state."""
    running = {name: s["command"] for name, s in OURS.items() if s["command"][0] == "watch"}
    assert running == {role: ["watch", "--role", role] for role in ROLES}
    for role in ROLES:
        assert set(OURS[role]["depends_on"]) == {"topics", "postgres"}


def test_every_variable_is_explained() -> None:
    """What compose.yaml takes from the environment is in .env.example, with its default."""
    taken = dict(re.findall(r"\$\{(\w+):-([^}]*)\}", (ROOT / "compose.yaml").read_text()))
    shown = (ROOT / ".env.example").read_text()
    explained = dict(re.findall(r"^# (\w+)=(\S*)$", shown, re.MULTILINE))
    assert taken == explained


def test_secrets_are_made_once(tmp_path: Path) -> None:
    """Make secrets gives every file that compose.yaml names, and the same password in both."""
    (tmp_path / "Makefile").write_text((ROOT / "Makefile").read_text())
    for _ in range(2):
        subprocess.run(["make", "-s", "secrets"], cwd=tmp_path, check=True, env=dict(os.environ))
        folder = tmp_path / "secrets"
        assert {path.name for path in folder.iterdir()} == set(COMPOSE["secrets"])
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        password = (folder / "postgres_password").read_text()
        assert re.fullmatch("[0-9a-f]{48}", password)
        url = (folder / "HEFT_STATE__URL").read_text()
        assert url == f"postgresql://heft:{password}@postgres/heft"
