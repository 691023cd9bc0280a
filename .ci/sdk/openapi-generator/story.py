"""The story of .ci/sdk/README.md, through the client that openapi-generator generates."""

# docs
import os

from afterword_openapi import ApiClient, CandidatesApi, Configuration, RecordCandidateRegistered
from afterword_openapi.exceptions import ApiException

afterword = ApiClient(Configuration(host=os.environ["AFTERWORD"], access_token=os.environ["KEY"]))
body = RecordCandidateRegistered(name="Amara Okafor", time_zone="Europe/Berlin")
try:
    candidate = CandidatesApi(afterword).record_candidate_registered(body).event.candidate
except ApiException as refused:
    raise SystemExit(refused.body)
# docs end

import datetime

from afterword_openapi import (
    ApplicationOpenedEvent,
    ApplicationsApi,
    Channel,
    ContactsApi,
    EventsApi,
    InterviewFormat,
    InterviewHeldEvent,
    InterviewsApi,
    NoteChannel,
    NoteKind,
    NoteReviewedEvent,
    NotesApi,
    Organisation,
    Problem,
    RecordApplicationOpened,
    RecordContactCollected,
    RecordInterviewHeld,
    RecordInterviewScheduled,
    RecordNoteDrafted,
    RecordNoteReviewed,
    RecordNoteRevised,
    RecordNoteSent,
    TasksApi,
    TaskState,
)


def at(text: str) -> datetime.datetime:
    return datetime.datetime.fromisoformat(text)


opening = RecordApplicationOpened(
    organisation=Organisation(name="Kestrel Robotics"), position="Site reliability engineer"
)
application = ApplicationsApi(afterword).record_application_opened(candidate, opening).event.subject

# Sent again under the same key, a request has one effect.
contacts = ContactsApi(afterword)
card = RecordContactCollected(
    name="Dana Whitfield", email="dana@kestrel.example", preferred_channel=Channel.EMAIL
)
key = f"{candidate}/dana"
met = contacts.record_contact_collected(candidate, card, idempotency_key=key)
again = contacts.record_contact_collected_with_http_info(candidate, card, idempotency_key=key)
assert again.data.event.id == met.event.id
assert again.headers is not None and again.headers["idempotency-replayed"] == "true"
dana = met.event.subject

interviews = InterviewsApi(afterword)
arranged = RecordInterviewScheduled(
    starts_at=at("2026-03-02T10:00:00+01:00"),
    ends_at=at("2026-03-02T11:30:00+01:00"),
    time_zone="Europe/Berlin",
    format=InterviewFormat.VIDEO,
    interviewers=[dana],
    occurred_at=at("2026-02-26T09:00:00+01:00"),
)
interview = interviews.record_interview_scheduled(candidate, application, arranged).event.subject
ended = at("2026-03-02T11:40:00+01:00")
held = interviews.record_interview_held(candidate, interview, RecordInterviewHeld(ended_at=ended))
thanks = next(task for task in held.tasks.raised if task.play == "write_thank_you")
assert thanks.action.operation == "suggest_notes"

notes = NotesApi(afterword)
draft = RecordNoteDrafted(
    kind=NoteKind.THANK_YOU,
    recipients=[dana],
    channel=NoteChannel.EMAIL,
    interview=interview,
    body="Dear Dana Whitfeld,\n\nThank you!",
)
note = notes.record_note_drafted(candidate, draft).event.subject
reviewed = notes.record_note_reviewed(candidate, note, record_note_reviewed=RecordNoteReviewed())
rules = [finding.rule for finding in reviewed.event.data.findings]
assert "name_misspelled" in rules, rules
mended = RecordNoteRevised(body="Dear Dana Whitfield,\n\nThank you!")
notes.record_note_revised(candidate, note, record_note_revised=mended)
sent = notes.record_note_sent(candidate, note, record_note_sent=RecordNoteSent())
assert thanks.id in [task.id for task in sent.tasks.closed]

# All pages of the feed; the union of facts is told apart by its classes, or by `type`.
words: list[str] = []
cursor: str | None = None
types = ["ApplicationOpened", "InterviewHeld", "NoteReviewed", "NoteSent"]
while True:
    page = EventsApi(afterword).list_events(candidate=candidate, types=types, limit=3, cursor=cursor)
    if not page.data:
        break
    cursor = page.next_cursor
    for event in page.data:
        match event.actual_instance:
            case ApplicationOpenedEvent() as fact:
                words.append(fact.data.organisation.name)
            case InterviewHeldEvent() as fact:
                words.append(fact.data.ended_at.isoformat())
            case NoteReviewedEvent() as fact:
                words.append(str(len(fact.data.findings) > 0))
            case None:
                raise AssertionError(event)
            case fact:
                words.append(fact.type)
assert words == ["Kestrel Robotics", ended.isoformat(), "True", "NoteSent"], words

queue = TasksApi(afterword).list_tasks(candidate=candidate, state=[TaskState.OPEN, TaskState.OVERDUE])
assert queue.data and all(task.candidate_name == "Amara Okafor" for task in queue.data)

try:
    nobody = RecordCandidateRegistered(name="Nobody", time_zone="Mars/Olympus")
    CandidatesApi(afterword).record_candidate_registered(nobody)
    raise AssertionError("there is no such zone")
except ApiException as refused:
    problem = Problem.from_json(refused.body or "")
    assert problem is not None
    assert problem.code == "invalid" and problem.errors[0].pointer == "/time_zone", problem
