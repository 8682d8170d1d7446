"""What is particular to SFTP: who the server is, who we are, and connections that break."""

from pathlib import Path
from typing import Any

import paramiko
import pytest

from service.drops import Drop, DropError, open_drop
from tests.drops.sftp_server import PASSWORD, SftpDouble


@pytest.fixture
def password(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    monkeypatch.setenv("TEST_SFTP_PASSWORD", PASSWORD)
    return {"password_env": "TEST_SFTP_PASSWORD"}


def _drop(double: SftpDouble, options: dict[str, Any]) -> Drop:
    return open_drop(f"{double.url}/", {"fingerprint": double.host_key.fingerprint, **options})


def test_known_by_its_fingerprint(sftp: SftpDouble, password: dict[str, Any]) -> None:
    with _drop(sftp, password) as drop:
        drop.put("a", b"a")
        drop.put("b", b"b")
    assert sorted(one.name for one in sftp.root.iterdir()) == ["a", "b"]
    assert sftp.logins == 1


@pytest.mark.parametrize("way", ["fingerprint", "known_hosts", "both"])
def test_another_server_gets_nothing(sftp: SftpDouble, password: dict[str, Any], way: str, tmp_path: Path) -> None:
    other = paramiko.ECDSAKey.generate()
    hosts = tmp_path / "hosts"
    hosts.write_text(f"[127.0.0.1]:{sftp.port} {other.get_name()} {other.get_base64()}\n")
    options = {"fingerprint": {"fingerprint": other.fingerprint}, "known_hosts": {"known_hosts": str(hosts)}}
    options["both"] = {"known_hosts": str(hosts), "fingerprint": sftp.host_key.fingerprint}
    drop = open_drop(f"{sftp.url}/", {**options[way], **password})
    with pytest.raises(DropError) as refused:
        drop.put("a", b"a")
    assert refused.value.issue.key == "drops.host-key"
    assert not refused.value.permanent
    assert sftp.logins == 0
    assert list(sftp.root.iterdir()) == []


def test_a_known_hosts_without_the_server(sftp: SftpDouble, password: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "hosts").write_text("")
    with pytest.raises(DropError) as refused:
        open_drop(f"{sftp.url}/", {"known_hosts": str(tmp_path / "hosts"), **password}).put("a", b"a")
    assert refused.value.issue.key == "drops.host-key"


def test_a_wrong_password(sftp: SftpDouble, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_SFTP_PASSWORD", "another")
    with pytest.raises(DropError) as refused:
        _drop(sftp, {"password_env": "TEST_SFTP_PASSWORD"}).put("a", b"a")
    assert refused.value.issue.key == "drops.login"
    assert "another" not in refused.value.issue.text()


def test_a_key_with_a_passphrase(sftp: SftpDouble, tmp_path: Path) -> None:
    sftp.user_key.write_private_key_file(str(tmp_path / "key"), password="synthetic phrase")
    (tmp_path / "phrase").write_text("synthetic phrase\n")
    options = {"key_file": str(tmp_path / "key")}
    with _drop(sftp, {**options, "passphrase_file": str(tmp_path / "phrase")}) as drop:
        assert drop.put("a", b"a").written
    with pytest.raises(DropError) as refused:
        _drop(sftp, options).put("b", b"b")
    assert refused.value.issue.key == "drops.key-file"


@pytest.mark.parametrize("content", [None, "no key at all"])
def test_a_key_file_that_is_none(sftp: SftpDouble, tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "key").write_text(content)
    with pytest.raises(DropError) as refused:
        _drop(sftp, {"key_file": str(tmp_path / "key")}).put("a", b"a")
    assert refused.value.issue.key == "drops.key-file"


def test_a_connection_that_breaks_is_made_anew(sftp: SftpDouble, password: dict[str, Any]) -> None:
    with _drop(sftp, password) as drop:
        drop.put("a", b"a")
        sftp.cut()
        with pytest.raises(DropError) as refused:
            drop.put("b", b"b")
        assert not refused.value.permanent
        assert drop.put("b", b"b").written
    assert sftp.logins == 2


def test_a_connection_that_breaks_within_a_file(sftp: SftpDouble, password: dict[str, Any]) -> None:
    sftp.faults.append("cut")
    with _drop(sftp, password) as drop:
        with pytest.raises(DropError) as refused:
            drop.put("a", b"a" * 100_000)
        assert not refused.value.permanent
        assert drop.list() == []
        assert drop.put("a", b"a" * 100_000).written
        assert drop.tidy(-10) == 1
    assert [one.name for one in sftp.root.iterdir()] == ["a"]


def test_a_full_disk_leaves_nothing(sftp: SftpDouble, password: dict[str, Any]) -> None:
    sftp.faults.append("full")
    with _drop(sftp, password) as drop, pytest.raises(DropError) as refused:
        drop.put("a", b"a" * 100_000)
    assert refused.value.issue.key == "drops.failed"
    assert not (sftp.root / "a").exists()


def test_a_server_without_posix_rename(sftp: SftpDouble, password: dict[str, Any]) -> None:
    sftp.posix_rename = False
    with _drop(sftp, password) as drop:
        drop.put("a", b"a")
        drop.put("a", b"b", replace=True)
        assert drop.read("a") == b"b"
        assert drop.list() == ["a"]


def test_a_folder_that_is_missing(sftp: SftpDouble, password: dict[str, Any]) -> None:
    options = {"fingerprint": sftp.host_key.fingerprint, **password}
    with open_drop(f"{sftp.url}/none", options) as drop:
        with pytest.raises(DropError) as refused:
            drop.list()
        assert refused.value.issue.key == "drops.no-folder"
        with pytest.raises(DropError):
            drop.put("a", b"a")
    assert list(sftp.root.iterdir()) == []


def test_no_rights(sftp: SftpDouble, password: dict[str, Any]) -> None:
    sftp.faults.append("denied")
    with _drop(sftp, password) as drop, pytest.raises(DropError) as refused:
        drop.put("a", b"a")
    assert refused.value.issue.key == "drops.refused"
