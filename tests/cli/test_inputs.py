"""What counts as one document: files, folders, NDJSON, standard input."""

from pathlib import Path

import click
import pytest

from service.cli.failures import CouldNotRun
from service.cli.inputs import read
from service.issues import issue


def _names(*files: Path | str) -> list[tuple[str, str, bytes]]:
    return [(text.name, text.stem, text.data.strip()) for text in read([str(file) for file in files])]


def test_a_document_may_span_lines(tmp_path: Path) -> None:
    file = tmp_path / "one.json"
    file.write_text('{\n "a": {}\n}\n')
    assert _names(file) == [(str(file), "one", b'{\n "a": {}\n}')]


def test_whole_objects_on_lines_are_documents(tmp_path: Path) -> None:
    file = tmp_path / "many.json"
    file.write_text('{"a":1}\n\n{"a":2}\n{"a":\n')
    found = _names(file)
    assert [name for name, _, _ in found] == [f"{file}:1", f"{file}:3", f"{file}:4"]
    assert [stem for _, stem, _ in found] == ["many-1", "many-3", "many-4"]


def test_ndjson_is_by_line_even_where_the_first_is_broken(tmp_path: Path) -> None:
    file = tmp_path / "many.ndjson"
    file.write_text('{"a":\n{"a":2}\n')
    assert [data for _, _, data in _names(file)] == [b'{"a":', b'{"a":2}']


def test_a_folder_gives_its_files_in_order_with_their_paths(tmp_path: Path) -> None:
    for name in ("b.json", "a.json", "deep/c.json", "notes.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("{}")
    assert [stem for _, stem, _ in _names(tmp_path)] == ["a", "b", "deep/c"]


def test_an_empty_file_is_one_empty_document(tmp_path: Path) -> None:
    (tmp_path / "empty.json").write_text("")
    assert [data for _, _, data in _names(tmp_path / "empty.json")] == [b""]


def test_places_count_in_the_whole_file(tmp_path: Path) -> None:
    file = tmp_path / "many.ndjson"
    file.write_text('{"a":1}\n\n{"a":{"b":2}}\n')
    last = list(read([str(file)]))[-1]
    (found,) = last.at([issue("http.bad-request", pointer="/a/b")])
    assert (found.line, found.column) == (3, 11)


def test_what_is_not_there_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(click.UsageError):
        list(read([str(tmp_path / "missing.json")]))
    with pytest.raises(CouldNotRun):
        list(read([str(tmp_path)]))
