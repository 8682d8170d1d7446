"""`yhdessa mappings`: what there is, whether it is whole, and a region of its own that is started by the command."""

from pathlib import Path

from click.testing import CliRunner, Result

from service.cli import main
from service.cli.cases import differences
from service.fhir.json import parse


def _run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, ["mappings", *map(str, arguments)], catch_exceptions=False)


def test_list_and_show() -> None:
    rows = parse(_run("list", "--json").stdout)
    assert {"base", "yhdessa-tiimi", "yhdessa-aika"} <= {row["name"] for row in rows}
    assert "yhdessa-aika" in _run("list").stdout
    shown = parse(_run("show", "yhdessa-aika", "--json").stdout)
    assert shown["chain"] == ["base", "yhdessa-aika"]
    assert any("CarePlanOf" in row["groups"] for row in shown["maps"])
    assert "entry    meeting" in _run("show", "yhdessa-aika").stdout
    missing = _run("show", "nothing")
    assert missing.exit_code == 3
    assert "`base`" in missing.stderr


def test_coverage_is_told_for_each_variant() -> None:
    rows = parse(_run("coverage", "base", "--json").stdout)
    assert [row["variant"] for row in rows] == ["base"]
    assert len(rows[0]["mapped"]) > 300
    assert rows[0]["fields"] >= len(rows[0]["mapped"]) + len(rows[0]["missing"])


def test_a_region_is_started_changed_and_tested(tmp_path: Path) -> None:
    made = _run("new", "my-region", "--over", "yhdessa-aika", "--replace", "Environment", "--into", tmp_path)
    assert made.exit_code == 0, made.stderr
    mine = ("--mappings", tmp_path)
    assert "my-region" in _run("list", *mine).stdout
    assert _run("diff", "yhdessa-aika", "my-region", *mine).stdout == ""
    assert _run("test", "my-region", *mine).exit_code == 1
    assert _run("test", "my-region", *mine, "--write").exit_code == 0
    assert _run("test", "my-region", *mine).exit_code == 0
    file = tmp_path / "my-region" / "my-region.map"
    lines = file.read_text("utf-8").splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith("group Environment"))
    end = next(number for number, line in enumerate(lines) if number > start and line.startswith("}"))
    file.write_text("\n".join([*lines[: start + 1], *lines[end:]]) + "\n", "utf-8")
    changed = parse(_run("diff", "yhdessa-aika", "my-region", *mine, "--json").stdout)
    assert changed == [{"kind": "group", "name": "Environment", "change": "changed"}]
    done = _run("test", "my-region", *mine, "--json")
    assert done.exit_code == 1
    (row,) = parse(done.stdout)
    assert any("/activity/0" in pointer for pointer in row["differences"])


def test_new_takes_no_name_that_is_there(tmp_path: Path) -> None:
    assert _run("new", "base", "--into", tmp_path).exit_code == 3
    assert _run("new", "My Region", "--into", tmp_path).exit_code == 2
    assert _run("new", "mine", "--over", "nothing", "--into", tmp_path).exit_code == 3
    assert _run("new", "mine", "--replace", "Nothing", "--into", tmp_path).exit_code == 3
    assert list(tmp_path.iterdir()) == []


def test_differences_name_the_deepest_place() -> None:
    assert list(differences({"a": [1, {"b": 2}]}, {"a": [1, {"b": 3}], "c": 1})) == ["/a/1/b", "/c"]
    assert list(differences({"a": True}, {"a": 1})) == ["/a"]
    assert list(differences([1], [1, 2])) == [""]
