"""The published contract: a JSON Schema a topic, made from the structs that travel."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from streams.errors import Invalid
from streams.topics import DEAD_EVENT, TOPICS, Topic

__all__ = ["schema_of", "write_schemas"]

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def schema_of(topic: Topic) -> dict[str, Any]:
    """What every record of the topic is, in JSON Schema 2020-12."""
    return _document(topic.name, topic.purpose, topic.event)


def write_schemas(folder: Path, topics: Sequence[Topic] = TOPICS) -> list[Path]:
    """Write ``<topic>.json`` for each topic and ``dead-letter.json``; returns the files."""
    documents = {topic.name: schema_of(topic) for topic in topics}
    purpose = "a record that could not be used, on the topic <name>.dead"
    documents["dead-letter"] = _document("dead-letter", purpose, DEAD_EVENT)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return [_write(folder / f"{name}.json", body) for name, body in documents.items()]
    except OSError as error:
        raise Invalid(f"cannot write into {folder}: {error.strerror}", reason="output") from error


def _document(name: str, purpose: str, event: Any) -> dict[str, Any]:
    return {
        "$schema": DIALECT,
        "$id": f"{name}.json",
        "$comment": purpose,
        **msgspec.json.schema(event),
    }


def _write(path: Path, body: dict[str, Any]) -> Path:
    path.write_text(json.dumps(body, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    return path
