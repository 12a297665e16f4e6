"""What Prometheus and Grafana are asked for against what the program tells."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import REGISTRY

from streams import telemetry  # noqa: F401 - declares the metrics

ROOT = Path(__file__).parent.parent
METRICS = ROOT / "tools" / "metrics"
SUFFIXES = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count")}


def declared() -> dict[str, set[str]]:
    """Every series that ``/metrics`` can show, and the labels that it has."""
    found: dict[str, set[str]] = {}
    for metric in list(REGISTRY._collector_to_names):
        for family in metric.describe() if hasattr(metric, "describe") else ():
            labels = set(getattr(metric, "_labelnames", ()))
            for suffix in SUFFIXES.get(family.type, ("",)):
                found[family.name + suffix] = labels | ({"le"} if suffix == "_bucket" else set())
    return found


def queries() -> Iterator[str]:
    """Every expression of the rules and the dashboard."""
    rules: dict[str, Any] = yaml.safe_load((METRICS / "rules.yml").read_text())
    yield from (rule["expr"] for group in rules["groups"] for rule in group["rules"])
    board = json.loads((METRICS / "grafana" / "dashboards" / "heft.json").read_text())
    for panel in board["panels"]:
        yield from (target["expr"] for target in panel.get("targets", ()))


@pytest.mark.parametrize("query", sorted(set(queries())))
def test_what_is_asked_for_is_told(query: str) -> None:
    """Each metric of a query exists, with the labels that the query names."""
    known = declared()
    named = set(re.findall(r"\bheft_\w+", query))
    assert named <= known.keys()
    grouped = {
        each.strip() for part in re.findall(r"by \(([^)]*)\)", query) for each in part.split(",")
    }
    matched = set(re.findall(r"(\w+)\s*[=!]~?\"", query)) - {"job"}
    if named:
        assert (grouped | matched) <= set[str]().union(*(known[each] for each in named))


def test_every_role_is_read() -> None:
    """Prometheus looks for the replicas of each role of ours."""
    compose = yaml.safe_load((ROOT / "compose.yaml").read_text())
    config = yaml.safe_load((METRICS / "prometheus.yml").read_text())
    read = config["scrape_configs"][0]["dns_sd_configs"][0]["names"]
    roles = [n for n, s in compose["services"].items() if s.get("command", [""])[0] == "watch"]
    assert sorted(read) == sorted(roles)
