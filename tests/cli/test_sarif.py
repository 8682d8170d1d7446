"""SARIF: level, place and rule of each finding."""

from service.cli.sarif import log
from service.issues import issue


def test_a_finding_becomes_a_result() -> None:
    found = issue(
        "http.not-found", line=3, column=7, expression="Patient.name", profile="https://p.example", constraint="x-1"
    )
    run = log([("dir/a.json", found), ("/tmp/b c.json", issue("http.internal", severity="information"))], "fi")["runs"][
        0
    ]
    first, second = run["results"]
    assert first["ruleId"] == "http.not-found"
    assert first["level"] == "error"
    assert first["message"]["text"] == found.text("fi")
    place = first["locations"][0]["physicalLocation"]
    assert place == {"artifactLocation": {"uri": "dir/a.json"}, "region": {"startLine": 3, "startColumn": 7}}
    assert first["locations"][0]["logicalLocations"][0]["fullyQualifiedName"] == "Patient.name"
    assert first["properties"] == {"profile": "https://p.example", "constraint": "x-1"}
    assert second["level"] == "note"
    assert second["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "file:///tmp/b%20c.json"
    assert [rule["id"] for rule in run["tool"]["driver"]["rules"]] == ["http.internal", "http.not-found"]
