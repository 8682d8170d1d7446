"""Receivers' files: every example loads, every mistake is told with its line and what to do."""

import re
from pathlib import Path
from typing import Any

import pytest

from service.deliver.receivers import make
from service.deliver.settings import ReceiverFileError, load, read
from tests.shared import ROOT

EXAMPLES = sorted((ROOT / "receivers").glob("*.toml"))
GOOD = """
name = "neuvola"
organisation = "1.2.246.10.1"
sector = "health"
kind = "fhir_document"
url = "https://fhir.example.org/r4/"

[auth]
kind = "bearer"
token_env = "TOKEN"
"""
DROP = """
name = "paivakoti"
organisation = "1.2.246.10.2"
sector = "early-education"
kind = "file_drop"
url = "sftp://user@sftp.example.org/in"

[options.drop]
known_hosts = "known_hosts"
key_file = "key"

[[options.answers]]
label = { fi = "A" }
value = "%plan.title"
"""


def _file(folder: Path, text: str, name: str = "one.toml") -> Path:
    file = folder / name
    file.write_text(text, "utf-8")
    return file


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: file.stem)
def test_examples_load_and_make_receivers(file: Path) -> None:
    settings = read(file)
    assert make(settings).settings == settings


def test_examples_are_a_folder_of_receivers() -> None:
    receivers, issues = load(ROOT / "receivers")
    assert issues == []
    assert len(receivers) == len(EXAMPLES) >= 5
    assert {one.kind for one in receivers} == {"fhir_transaction", "fhir_document", "file_drop"}
    assert {re.match(r"\w+", one.url)[0] for one in receivers} == {"https", "sftp", "file", "s3"}  # type: ignore[index]


def test_what_a_file_says(tmp_path: Path) -> None:
    settings = read(_file(tmp_path, GOOD + "[limits]\nread = 7.5\n[retries]\nattempts = 3\n"))
    assert settings.url == "https://fhir.example.org/r4"
    assert settings.auth.kind == "bearer"
    assert settings.auth.options == {"token_env": "TOKEN"}
    assert (settings.limits.read, settings.limits.connect) == (7.5, 5.0)
    assert (settings.retries.attempts, settings.retries.days) == (3, 30.0)


def test_paths_begin_at_the_file(tmp_path: Path) -> None:
    settings = read(_file(tmp_path, DROP))
    assert settings.options["drop"] == {"known_hosts": str(tmp_path / "known_hosts"), "key_file": str(tmp_path / "key")}


WRONG: list[tuple[str, tuple[str, str], str, int]] = [
    # the file, what is changed in it, the issue, its line
    (GOOD, ('token_env = "TOKEN"', 'token = "secret-token"'), "toml.secret", 10),
    (GOOD, ('kind = "bearer"', 'kind = "basic"'), "toml.value", 9),
    (GOOD, ("sector =", "sektor ="), "toml.unknown", 4),
    (GOOD, ('"health"', '"hospital"'), "toml.value", 4),
    (GOOD, ("1.2.246.10.1", "urn:oid:1.2.246.10.1"), "toml.value", 3),
    (GOOD, ('"neuvola"', '"Neuvola Puijo"'), "toml.value", 2),
    (GOOD, ('"neuvola"', "7"), "toml.value", 2),
    (GOOD, ("https://", "http://"), "receivers.plain", 6),
    (GOOD, ("https://", "ftp://"), "toml.value", 6),
    (GOOD, ("https://", "https://user:secret-token@"), "receivers.address", 6),
    (GOOD, ("/r4/", "/r4?a=b"), "receivers.address", 6),
    (GOOD, ("fhir_document", "fhir_documents"), "toml.value", 5),
    (GOOD, ('token_env = "TOKEN"', ""), "receivers.one-of", 8),
    (GOOD, ('token_env = "TOKEN"', 'token_env = "A"\ntoken_file = "b"'), "receivers.one-of", 10),
    (GOOD, ('token_env = "TOKEN"', 'token_env = "A"\nkey_file = "b"'), "receivers.both", 8),
    (GOOD, ("[auth]", "[options]\nform = 'pdf'\n[auth]"), "toml.value", 9),
    (GOOD, ("[auth]", "[limits]\nread = 0\n[auth]"), "toml.value", 9),
    (GOOD, ("[auth]", "[limits]\nread = true\n[auth]"), "toml.value", 9),
    (GOOD, ("[auth]", "[limitations]\nread = 1\n[auth]"), "toml.unknown", 8),
    (GOOD, ("[auth]", "[auth"), "toml.syntax", 8),
    (GOOD, ('"neuvola"', '"neuvola"\nname = "again"'), "toml.syntax", 3),
    (DROP, ("sftp://", "gopher://"), "toml.value", 6),
    (DROP, ("known_hosts =", "password = 'secret-token'\nknown_hosts ="), "toml.secret", 9),
    (DROP, ("%plan.title", "%plan.title.("), "receivers.expression", 14),
    (DROP, ("%plan.title", "%plant.title"), "receivers.expression", 14),
    (DROP, ('label = { fi = "A" }', 'label = { de = "A" }'), "toml.value", 13),
    (DROP, ('label = { fi = "A" }', ""), "toml.missing", 12),
    (DROP, ("[options.drop]", "[options]\nfile_name = '{plan}-{hetu}'\n[options.drop]"), "receivers.pattern", 9),
    (DROP, ("[options.drop]", "[options]\nfile_name = '{plan}'\n[options.drop]"), "receivers.pattern", 9),
    (DROP, ("[options.drop]", "[options]\nfile_name = '../{plan}-{version}'\n[options.drop]"), "receivers.pattern", 9),
    (DROP, ("[options.drop]", "[options]\nprefix = '../'\n[options.drop]"), "receivers.pattern", 8),
    (DROP, ("[options.drop]", "[options]\nfile_name = '{plan}-{version'\n[options.drop]"), "receivers.pattern", 9),
    (DROP, ("[options.drop]", "[auth]\nkind = 'smart'\n[options.drop]"), "toml.value", 9),
]


@pytest.mark.parametrize(("text", "change", "key", "line"), WRONG, ids=[f"{one[2]}-{one[1][1][:20]}" for one in WRONG])
def test_mistakes(tmp_path: Path, text: str, change: tuple[str, str], key: str, line: int) -> None:
    assert change[0] in text
    file = _file(tmp_path, text.replace(*change, 1))
    with pytest.raises(ReceiverFileError) as refused:
        read(file)
    found = {one.key: one for one in refused.value.issues}
    assert key in found
    assert found[key].where == f"{file}:{line}"
    assert "secret-token" not in " ".join(
        one.text(language) for one in found.values() for language in ("fi", "sv", "en")
    )


def test_a_file_that_is_missing_or_no_text(tmp_path: Path) -> None:
    (tmp_path / "bytes.toml").write_bytes(b"\xff\xfe")
    for name in ("none.toml", "bytes.toml"):
        with pytest.raises(ReceiverFileError) as refused:
            read(tmp_path / name)
        assert [one.key for one in refused.value.issues] == ["toml.unreadable"]


def test_one_bad_file_does_not_stop_the_others(tmp_path: Path) -> None:
    _file(tmp_path, GOOD, "a.toml")
    _file(tmp_path, DROP, "b.toml")
    _file(tmp_path, "name = 1", "c.toml")
    _file(tmp_path, "not read", "d.txt")
    receivers, issues = load(tmp_path)
    assert [one.name for one in receivers] == ["neuvola", "paivakoti"]
    assert issues


@pytest.mark.parametrize("change", [("neuvola", "other"), ("1.2.246.10.1", "1.2.246.10.9")])
def test_each_organisation_and_name_has_one_receiver(tmp_path: Path, change: tuple[str, str]) -> None:
    _file(tmp_path, GOOD, "a.toml")
    _file(tmp_path, GOOD.replace(*change), "b.toml")
    receivers, issues = load(tmp_path)
    assert [one.name for one in receivers] == ["neuvola"]
    assert [one.key for one in issues] == ["receivers.twice"]


def test_no_folder_is_no_receivers(tmp_path: Path) -> None:
    assert load(tmp_path / "none") == ([], [])


@pytest.mark.parametrize("url", ["http://localhost:8080/fhir", "http://127.0.0.1:1/fhir", "http://[::1]:1/fhir"])
def test_this_machine_needs_no_encryption(tmp_path: Path, url: str) -> None:
    assert read(_file(tmp_path, GOOD.replace("https://fhir.example.org/r4/", url))).url == url


def test_every_key_is_documented() -> None:
    from service.deliver.settings import AUTH, KINDS, LIMITS, RETRIES, TOP, options_of
    from service.drops import KINDS as DROPS
    from service.drops import options_of as drop_options

    text = (ROOT / "docs" / "receivers.md").read_text("utf-8")
    tables = [TOP, LIMITS, RETRIES, *AUTH.values(), *map(options_of, KINDS), *map(drop_options, DROPS)]
    tables += [key.keys for kind in KINDS for key in options_of(kind).values() if key.keys]
    for table in tables:
        for name, key in table.items():
            assert f"`{name}`" in text or f"`[{name}]`" in text
            assert key.text in text or name in ("auth", "options", "limits", "retries")


def test_sectors_are_those_of_the_policy() -> None:
    from service.deliver.settings import TOP
    from service.policy import SECTORS

    assert TOP["sector"].choices == SECTORS


def test_every_kind_says_what_its_options_are() -> None:
    from service.deliver.settings import KINDS, options_of

    for kind in KINDS:
        keys: dict[str, Any] = dict(options_of(kind))
        assert keys
        assert all(key.text.endswith(".") or "below" in key.text for key in keys.values()), kind
