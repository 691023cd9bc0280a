"""Reads calendars, business cards and an archive of a live server with libraries that the service does not use."""

import datetime as dt
import io
import json
import sys
import urllib.request
import zipfile
from typing import Any

import icalendar
import vobject

BASE, KEY = sys.argv[1:]
NAME = "Zoë 東京 O'Neill; Söhne, \\ & Co " + "👩‍👩‍👧‍👦" * 20


def call(method: str, path: str, body: object = None, key: str | None = KEY) -> bytes:
    address = path if path.startswith("http") else BASE + path
    data = None if body is None else json.dumps(body).encode()
    headers = {"Content-Type": "application/json"} if data else {}
    if key:
        headers["Authorization"] = f"Bearer {key}"
    with urllib.request.urlopen(urllib.request.Request(address, data, headers, method=method)) as answer:
        return answer.read()


def makes(path: str, **body: object) -> str:
    return str(json.loads(call("POST", path, body))["event"]["subject"])


candidate = "/v1/candidates/" + makes("/v1/candidates", name=NAME, time_zone="Europe/Berlin")
organisation = {"name": NAME}
application = makes(f"{candidate}/applications", organisation=organisation, position="Engineer, senior; remote")
contact = makes(
    f"{candidate}/contacts",
    name=NAME,
    email="zoe@example.org",
    phone="+49 30 1234567",
    title="Head of R&D",
    organisation_name="Acme; Söhne, KG",
    preferred_channel="phone",
    postal_address={"lines": ["Hof 3; links", "Straße 1, hinten"], "city": "Köln", "postal_code": "50667", "country": "DE"},
)
# The clocks change on 29 March and on 25 October 2026.
times = [
    ("2026-03-29T01:30:00+01:00", "2026-03-29T03:30:00+02:00"),
    ("2026-10-25T02:30:00+02:00", "2026-10-25T02:30:00+01:00"),
]
interviews = {
    makes(
        f"{candidate}/applications/{application}/interviews",
        starts_at=start,
        ends_at=end,
        time_zone="Europe/Berlin",
        format="onsite",
        location=NAME,
        interviewers=[contact],
    ): (start, end)
    for start, end in times
}
first, second = interviews
call("POST", f"{candidate}/interviews/{second}/cancelled", {"by": "organisation"})
makes(f"{candidate}/applications/{application}/decision-dates", decide_by="2027-03-28")
makes(f"{candidate}/applications/{application}/document-requests", document=NAME)

url = json.loads(call("POST", f"{candidate}/calendars", {}))["url"]
calendar = icalendar.Calendar.from_ical(call("GET", url, key=None))
assert not calendar.errors, calendar.errors
entries: dict[str, Any] = {str(it["UID"]): it for it in calendar.walk() if it.name in ("VEVENT", "VTODO")}
assert all(not it.errors for it in calendar.walk()), "a property cannot be read"
for interview, (start, end) in interviews.items():
    event = entries[f"{interview}@afterword"]
    assert event.decoded("DTSTART") == dt.datetime.fromisoformat(start), event
    assert event.decoded("DTEND") == dt.datetime.fromisoformat(end), event
    assert str(event["LOCATION"]) == NAME and str(event["SUMMARY"]) == f"Interview at {NAME}", event
    assert event["STATUS"] == ("CANCELLED" if interview == second else "CONFIRMED"), event
days = [it for it in entries.values() if it.name == "VEVENT" and isinstance(it.decoded("DTSTART"), dt.date)]
days = [it for it in days if not isinstance(it.decoded("DTSTART"), dt.datetime)]
assert [it.decoded("DTSTART") for it in days] == [dt.date(2027, 3, 28)], days
tasks = [it for it in entries.values() if it.name == "VTODO"]
states = {str(it["STATUS"]) for it in tasks}
# The cancellation did what there was to do about that interview.
assert states == {"NEEDS-ACTION", "COMPLETED"}, states
assert all("SEQUENCE" in it and "DTSTAMP" in it for it in entries.values())
assert all("DUE" not in it or "DTSTART" not in it or it.decoded("DUE") > it.decoded("DTSTART") for it in tasks)
alarms = [alarm for it in tasks for alarm in it.subcomponents]
assert alarms and all(alarm["ACTION"] == "DISPLAY" and alarm.decoded("TRIGGER").tzinfo for alarm in alarms), alarms

for version in ("4.0", "3.0"):
    cards = list(vobject.readComponents(call("GET", f"{candidate}/contacts.vcf?version={version}").decode()))
    assert len(cards) == 1, cards
    card = cards[0]
    assert card.version.value == version and card.fn.value == NAME, card
    assert card.email.value == "zoe@example.org" and card.tel.value == "+49 30 1234567", card
    assert card.org.value == ["Acme; Söhne, KG"] and card.title.value == "Head of R&D", card
    assert card.adr.value.city == "Köln" and "Hof 3; links" in str(card.adr.value.street), card.adr

with zipfile.ZipFile(io.BytesIO(call("GET", f"{candidate}/export"))) as archive:
    assert archive.testzip() is None
    manifest = json.loads(archive.read("manifest.json"))
    facts = archive.read("facts.ndjson").decode().splitlines()
    assert manifest["facts"] == len(facts) and manifest["complete"], manifest
    icalendar.Calendar.from_ical(archive.read("calendar.ics"))

print(f"{len(entries)} entries, {len(alarms)} alarms, cards of both versions and an archive of {len(facts)} facts are read")
