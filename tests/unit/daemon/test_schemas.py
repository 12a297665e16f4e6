"""The published schemas are those of the structs, and the structs' events are valid by them."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

from daemon.jobs.schemas import schema_of, write_schemas
from streams.errors import Invalid
from streams.topics import TOPICS, Topic

PUBLISHED = Path(__file__).parents[3] / "docs" / "schemas"


def test_published_schemas_are_current(tmp_path: Path) -> None:
    """docs/schemas is what ``make schemas`` writes; nobody has edited or forgotten it."""
    written = write_schemas(tmp_path)
    assert {path.name for path in written} == {path.name for path in PUBLISHED.iterdir()}
    for path in written:
        assert path.read_text() == (PUBLISHED / path.name).read_text(), "run make schemas"


@pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.name)
def test_schemas_are_valid_schemas(topic: Topic) -> None:
    """Each is JSON Schema 2020-12 that a validator accepts, and names what the topic holds."""
    schema = schema_of(topic)
    jsonschema.Draft202012Validator.check_schema(schema)
    assert schema["$comment"] == topic.purpose


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    """A file where the folder should be is refused by name."""
    path = tmp_path / "file"
    path.write_text("")
    with pytest.raises(Invalid, match="cannot write into"):
        write_schemas(path)


def test_schemas_say_their_dialect() -> None:
    """A validator of any language must know how to read them."""
    documents = [json.loads(path.read_text()) for path in PUBLISHED.iterdir()]
    assert {document["$schema"] for document in documents} == {
        "https://json-schema.org/draft/2020-12/schema"
    }
