"""Every kind of drop: whole or not at all, twice is once, names stay inside."""

import hashlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from service.drops import Drop, DropError, open_drop
from service.drops.base import part_name

Opened = Callable[[], Drop]
BODY = "Äidin ja isän sopima".encode() * 40


def test_a_file_arrives_whole_and_is_read_back(opened: Opened) -> None:
    with opened() as drop:
        stored = drop.put("plan.json", BODY)
        assert (stored.size, stored.sha256, stored.written) == (len(BODY), hashlib.sha256(BODY).hexdigest(), True)
    with opened() as drop:
        assert drop.read("plan.json") == BODY
        assert drop.size("plan.json") == len(BODY)
        assert drop.list() == ["plan.json"]


def test_the_same_again_changes_nothing(opened: Opened) -> None:
    with opened() as drop:
        assert drop.put("a.json", BODY).written
    with opened() as drop:
        assert not drop.put("a.json", BODY).written
        assert not drop.put("a.json", iter([BODY[:10], BODY[10:]])).written
        assert drop.list() == ["a.json"]


def test_other_bytes_under_a_taken_name_are_refused_unless_replaced(opened: Opened) -> None:
    with opened() as drop:
        drop.put("a.json", BODY)
        for body in (b"other", iter([b"oth", b"er"])):
            with pytest.raises(DropError) as refused:
                drop.put("a.json", body)
            assert refused.value.issue.key == "drops.taken"
            assert refused.value.permanent
        assert drop.read("a.json") == BODY
        assert drop.put("a.json", b"other", replace=True).written
        assert drop.read("a.json") == b"other"
        assert drop.list() == ["a.json"]


def test_a_long_body_goes_in_parts(opened: Opened) -> None:
    chunk = os.urandom(3 << 20)
    with opened() as drop:
        stored = drop.put("deep/er/long.bin", (chunk for _ in range(4)))
        assert stored.size == 12 << 20
        assert stored.sha256 == hashlib.sha256(chunk * 4).hexdigest()
        assert b"".join(drop.chunks("deep/er/long.bin")) == chunk * 4
        assert drop.list("deep/") == ["deep/er/long.bin"]
        assert drop.list("other/") == []
        with pytest.raises(DropError) as refused:
            drop.read("deep/er/long.bin", longest=1 << 20)
        assert refused.value.issue.key == "drops.too-long"


def test_a_body_that_breaks_off_leaves_nothing(opened: Opened) -> None:
    def broken(count: int) -> Iterator[bytes]:
        yield b"x" * count
        raise KeyError("the source has ended")

    with opened() as drop:
        for count in (10, 9 << 20):
            with pytest.raises(KeyError):
                drop.put("broken.bin", broken(count))
        assert not drop.exists("broken.bin")
        assert drop.list() == []
        assert drop.tidy(-10) == 0


def test_an_empty_body_is_a_file(opened: Opened) -> None:
    with opened() as drop:
        drop.put("empty", b"")
        assert drop.size("empty") == 0
        assert drop.read("empty") == b""


def test_what_is_not_there(opened: Opened) -> None:
    with opened() as drop:
        assert not drop.exists("none")
        assert drop.delete("none") is False
        with pytest.raises(DropError) as missing:
            drop.read("none")
        assert missing.value.issue.key == "drops.missing"


def test_deleted(opened: Opened) -> None:
    with opened() as drop:
        drop.put("a", b"a")
        assert drop.delete("a") is True
        assert not drop.exists("a")


HOSTILE = ["", "/etc/passwd", "../up", "a/../../b", "a//b", ".hidden", "a/.b", "a\\b", "C:x", "a\nb", "a\x00b", "con"]
HOSTILE += ["nul.txt", "x" * 300, "a ", "a.", "a*b", "\u202egpj.exe", "\ud800", "a/" * 500 + "a", "x/"]


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names(name: str, tmp_path: Path) -> None:
    drop = open_drop(tmp_path.as_uri())
    for call in (lambda: drop.put(name, b"x"), lambda: drop.read(name), lambda: drop.delete(name)):
        with pytest.raises(DropError) as refused:
            call()
        assert refused.value.issue.key == "drops.name"
        assert refused.value.permanent
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["Leppävirta_päiväkoti_2026-11-21.json", "x" * 255, "å" * 127, "a-b_c.1.json"])
def test_good_names(name: str, opened: Opened) -> None:
    with opened() as drop:
        drop.put(name, b"x")
        assert drop.list() == [name]


@pytest.mark.parametrize(
    ("url", "options", "key"),
    [
        ("ftp://host/in", {}, "drops.scheme"),
        ("/folder", {}, "drops.scheme"),
        ("sftp://user:secret@host/in", {"known_hosts": "x"}, "drops.address"),
        ("sftp://user@host/in?a=b", {"known_hosts": "x"}, "drops.address"),
        ("sftp://user@host/../in", {"known_hosts": "x", "key_file": "k"}, "drops.address"),
        ("sftp://user@host:99999/in", {"known_hosts": "x", "key_file": "k"}, "drops.address"),
        ("sftp://user@host/in", {"key_file": "k"}, "drops.host-key-missing"),
        ("sftp://host/in", {"known_hosts": "x", "key_file": "k"}, "drops.option-value"),
        ("sftp://user@host/in", {"known_hosts": "x"}, "drops.option-value"),
        ("sftp://user@host/in", {"fingerprint": "MD5:00", "key_file": "k"}, "drops.option-value"),
        ("sftp://user@host/in", {"known_hosts": "x", "password": "secret"}, "drops.option"),
        ("sftp://user@host/in", {"known_hosts": "x", "password_env": "NOT_SET_ANYWHERE"}, "drops.credential"),
        ("s3://bucket", {"endpoint": "http://s3.example.org"}, "drops.plain"),
        ("s3://bucket/../x", {}, "drops.address"),
        ("s3://bucket", {"key_id_env": "HOME"}, "drops.option-value"),
        ("file://elsewhere/folder", {}, "drops.address"),
        ("file:///nowhere/at/all", {}, "drops.failed"),
        ("file:///", {"mode": "worldwide"}, "drops.option-value"),
    ],
)
def test_settings_that_cannot_be(url: str, options: dict[str, str], key: str) -> None:
    with pytest.raises(DropError) as refused:
        open_drop(url, options)
    assert refused.value.issue.key == key
    assert "secret@" not in str(dict(refused.value.issue.params))


def test_a_link_does_not_lead_out(tmp_path: Path) -> None:
    outside, inside = tmp_path / "outside", tmp_path / "inside"
    outside.mkdir()
    inside.mkdir()
    (outside / "file").write_bytes(b"theirs")
    (inside / "folder").symlink_to(outside)
    (inside / "link").symlink_to(outside / "file")
    drop = open_drop(inside.as_uri())
    for name in ("folder/file", "link"):
        with pytest.raises(DropError) as refused:
            drop.put(name, b"ours", replace=True)
        assert refused.value.issue.key == "drops.name"
    assert (outside / "file").read_bytes() == b"theirs"


def test_files_are_not_for_everybody(tmp_path: Path) -> None:
    open_drop(tmp_path.as_uri(), {"mode": "0600"}).put("a", b"a")
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o600


def test_a_missing_folder_is_made_only_on_request(tmp_path: Path) -> None:
    open_drop((tmp_path / "new").as_uri(), {"create": True}).put("a", b"a")
    assert (tmp_path / "new" / "a").read_bytes() == b"a"


def test_what_a_killed_process_left_is_taken_away(tmp_path: Path) -> None:
    left = tmp_path / part_name("plan.json", "0123456789ab")
    left.write_bytes(b"half")
    other = tmp_path / ".theirs.part"
    other.write_bytes(b"not ours")
    drop = open_drop(tmp_path.as_uri())
    assert drop.list() == []
    assert drop.tidy(3600) == 0
    assert drop.tidy(-10) == 1
    assert not left.exists()
    assert other.exists()
