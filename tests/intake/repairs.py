"""What a made document needs beyond its schema to satisfy the rules: one function for each object."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from service.intake.rules.responsible_worker import LAY

if TYPE_CHECKING:
    from .documents import Maker

CHILDREN = {
    "150318A9125": "2018-03-15",
    "021120A900B": "2020-11-02",
    "300619B9358": "2019-06-30",
    "240717D901K": "2017-07-24",
}
ADULTS = {"121288-970D": "1988-12-12", "050590Y9814": "1990-05-05", "230485X9023": "1985-04-23"}
WORKERS = ("perheohjaaja", "terveydenhoitaja", "psykologi", "sosiaaliohjaaja")
ATTENDED = ("checked-in", "started", "held", "no-show")
Repair = Callable[["Maker", dict[str, Any]], None]


def ends(maker: "Maker", one: dict[str, Any]) -> None:
    for name in ("end", "due", "target"):
        if "start" in one and name in one:
            one[name] = maker.after(one["start"])


def child(maker: "Maker", one: dict[str, Any]) -> None:
    one["birthDate"] = f"20{maker.rnd.randint(10, 18)}-0{maker.rnd.randint(1, 9)}-{maker.rnd.randint(10, 28)}"
    if "learnerOid" in one:
        one["learnerOid"] = f"1.2.246.562.24.{maker.serial()}"
    if "hetu" in one:
        one.pop("temporaryId", None)
    if "temporaryId" in one:
        one["temporaryId"] = {"system": "urn:oid:1.2.246.10.99999992.22.2025", "value": f"T{maker.serial()}"}


def person(maker: "Maker", one: dict[str, Any]) -> None:
    if "birthDate" in one:
        one["birthDate"] = f"19{maker.rnd.randint(50, 99)}-11-{maker.rnd.randint(10, 30)}"
    seen: dict[str, dict[str, Any]] = {}
    for relation in one["relations"]:
        seen.setdefault(relation["child"], relation)
    one["relations"] = list(seen.values())


def organisation(maker: "Maker", one: dict[str, Any]) -> None:
    if "oid" in one:
        one["oid"] = f"2.999.77.{maker.serial()}"
    for telecom in one.get("telecom", ()):
        if telecom.get("use") == "home":
            telecom["use"] = "work"


def professional(maker: "Maker", one: dict[str, Any]) -> None:
    for other in one.get("otherIds", ()):
        other["value"] = f"id-{maker.serial()}"


def answer(maker: "Maker", one: dict[str, Any]) -> None:
    keep = maker.rnd.choice(sorted(one))
    for name in set(one) - {keep}:
        del one[name]


def feedback(maker: "Maker", one: dict[str, Any]) -> None:
    if "items" not in one and "text" not in one:
        one["text"] = maker.text()
    if "items" in one:
        one.setdefault("questionnaire", "https://kysely.example/fhir/Questionnaire/palaute")


def measure(maker: "Maker", one: dict[str, Any]) -> None:
    ends(maker, one)
    if one["environment"] == "elsewhere" and "where" not in one:
        one["where"] = maker.text()


def permission(maker: "Maker", one: dict[str, Any]) -> None:
    if one["status"] == "revoked":
        one["revoked"] = maker.after(one["given"])
    else:
        one.pop("revoked", None)
    one["givenBy"] = list(dict.fromkeys([*one["givenBy"], maker.ids["child"][0]]))


def recipient(maker: "Maker", one: dict[str, Any]) -> None:
    if one["basis"] == "statutory":
        one.setdefault("provision", "540/2018 41 §")
        one.pop("permission", None)
    elif "permission" not in one:
        one["permission"] = {
            "status": "active",
            "givenBy": [maker.ids["child"][0]],
            "given": maker.time(),
        }


def invitation(maker: "Maker", one: dict[str, Any]) -> None:
    one["givenBy"] = list(dict.fromkeys([*one["givenBy"], maker.ids["child"][0]]))
    if {"persons", "organisations", "professions"} & set(one):
        one["persons"] = list(maker.ids["professional"])


def meeting(maker: "Maker", one: dict[str, Any]) -> None:
    status = one["status"]
    if status not in ("planned", "ordered", "cancelled", "moved") or ("start" in one) != ("end" in one):
        one.setdefault("start", maker.time())
        one.setdefault("end", "")
    ends(maker, one)
    if status in ("cancelled", "moved"):
        one.setdefault("cancellation", {"reason": maker.text()})
        one["cancellation"].pop("movedTo", None)
        if maker.rnd.random() < 0.5:
            one["cancellation"]["movedTo"] = "elsewhere-8"
    else:
        one.pop("cancellation", None)
    if "followsUp" in one:
        one["followsUp"] = "elsewhere-7"
    seen: dict[str, dict[str, Any]] = {}
    for participant in one["participants"]:
        seen.setdefault(participant["person"], participant)
    one["participants"] = list(seen.values())
    _attendance(maker, one)


def _attendance(maker: "Maker", one: dict[str, Any]) -> None:
    status, family = one["status"], {*maker.ids["child"], *maker.ids["guardian"], *maker.ids["other"]}
    present = [row for row in one["participants"] if row["person"] in family]
    if status == "held" and not present:
        one["participants"].insert(0, {"person": maker.ids["child"][0], "response": "accepted", "attended": True})
    for row in one["participants"]:
        if status == "held" and row["person"] in family:
            row["attended"] = True
        elif status not in ATTENDED or (status == "no-show" and row["person"] in family):
            row.pop("attended", None)


def plan(maker: "Maker", one: dict[str, Any]) -> None:
    contact = one["followUp"].get("nextContact")
    if contact:
        contact["start"] = maker.after(one["made"])
        contact["end"] = maker.after(contact["start"])


OBJECTS: dict[str, Repair] = {
    "period": ends,
    "service": ends,
    "need": ends,
    "nextContact": ends,
    "measure": measure,
    "child": child,
    "guardian": person,
    "otherMember": person,
    "organisation": organisation,
    "professional": professional,
    "answer": answer,
    "feedback": feedback,
    "permission": permission,
    "recipient": recipient,
    "invitationPermission": invitation,
    "meeting": meeting,
    "plan": plan,
}


def document(maker: "Maker", out: dict[str, Any]) -> dict[str, Any]:
    """What concerns several parts of a document at once."""
    _people(maker, out)
    _houses(out)
    workers = [one["id"] for one in out["professionals"] if one["profession"] not in LAY]
    if not workers:
        out["professionals"][0]["profession"] = maker.rnd.choice(WORKERS)
        workers = [out["professionals"][0]["id"]]
    for one in _listed(out, "plan", "plans") + _listed(out, "careTeam", "careTeams"):
        one["responsibleWorkers"] = maker.rnd.sample(workers, min(len(workers), maker.rnd.randint(1, 2)))
        for member in one.get("members", ()):
            _roles(member, one["nearWorker"], one["responsibleWorkers"])
    for one in _listed(out, "meeting", "meetings"):
        for member in one["participants"]:
            _roles(member, one["nearWorker"], workers)
        if "invitationPermission" not in one:
            one["invitationPermission"] = {"id": "lupa", "givenBy": [maker.ids["child"][0]], "given": maker.time()}
    sectors = {one["id"]: one["sector"] for one in out["organisations"]}
    client = out["family"].get("clientRelationship", True)
    for one in _listed(out, "plan", "plans"):
        for row in one.get("recipients", ()):
            if row["basis"] == "luovutuslupa" and (
                not client or sectors[row["organisation"]] not in ("health", "social")
            ):
                row["basis"] = "suostumus"
    return out


def _people(maker: "Maker", out: dict[str, Any]) -> None:
    client = out["family"].get("clientRelationship", True)
    for people, codes in ((out["family"]["children"], CHILDREN), (out["family"].get("guardians", ()), ADULTS)):
        for one, (code, birth) in zip(people, codes.items(), strict=False):
            if "hetu" in one and client:
                one["hetu"] = code
                if "birthDate" in one:
                    one["birthDate"] = birth
            else:
                one.pop("hetu", None)
    for kind, people in (("guardian", "guardians"), ("other", "others")):
        if people not in out["family"]:
            relation = {"child": maker.ids["child"][0], "relation": "other"}
            rows = [
                {"id": one, "name": {"given": ["Aada"], "family": "Saari"}, "relations": [relation]}
                for one in maker.ids[kind]
            ]
            out["family"][people] = rows


def _houses(out: dict[str, Any]) -> None:
    before: list[str] = []
    for one in out["organisations"]:
        if one.get("partOf") not in before:
            one.pop("partOf", None)
        before.append(one["id"])


def _roles(member: dict[str, Any], near: str, responsible: list[str]) -> None:
    if "roles" not in member:
        return
    barred = set()
    if member["person"] != near:
        barred.add("near-worker")
    if member["person"] not in responsible:
        barred.add("responsible-worker")
    member["roles"] = [role for role in member["roles"] if role not in barred] or ["support-person"]


def _listed(out: dict[str, Any], one: str, many: str) -> list[dict[str, Any]]:
    return [out[one]] if one in out else out.get(many, [])
