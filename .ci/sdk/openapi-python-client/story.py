"""The story of .ci/sdk/README.md, through the client that openapi-python-client generates."""

# docs
import os

from afterword_client import AuthenticatedClient
from afterword_client.api.candidates import record_candidate_registered
from afterword_client.models import CandidateRegisteredRecorded, RecordCandidateRegistered

afterword = AuthenticatedClient(base_url=os.environ["AFTERWORD"], token=os.environ["KEY"])
body = RecordCandidateRegistered(name="Amara Okafor", time_zone="Europe/Berlin")
registered = record_candidate_registered.sync(client=afterword, body=body)
if not isinstance(registered, CandidateRegisteredRecorded):
    raise SystemExit(registered)
candidate = registered.event.candidate
# docs end

import datetime

from afterword_client.api.applications import record_application_opened
from afterword_client.api.contacts import record_contact_collected
from afterword_client.api.events import list_events
from afterword_client.api.interviews import record_interview_held, record_interview_scheduled
from afterword_client.api.notes import (
    record_note_drafted,
    record_note_reviewed,
    record_note_revised,
    record_note_sent,
)
from afterword_client.api.tasks import list_tasks
from afterword_client.models import (
    ApplicationOpenedEvent,
    ApplicationOpenedRecorded,
    Channel,
    ContactCollectedRecorded,
    Feed,
    InterviewFormat,
    InterviewHeldEvent,
    InterviewHeldRecorded,
    InterviewScheduledRecorded,
    NoteChannel,
    NoteDraftedRecorded,
    NoteKind,
    NoteReviewedEvent,
    NoteReviewedRecorded,
    NoteRevisedRecorded,
    NoteSentRecorded,
    Organisation,
    Problem,
    QueuedTaskPage,
    RecordApplicationOpened,
    RecordContactCollected,
    RecordInterviewHeld,
    RecordInterviewScheduled,
    RecordNoteDrafted,
    RecordNoteReviewed,
    RecordNoteRevised,
    RecordNoteSent,
    TaskState,
)
from afterword_client.types import UNSET, Unset


def at(text: str) -> datetime.datetime:
    return datetime.datetime.fromisoformat(text)


opening = RecordApplicationOpened(
    organisation=Organisation(name="Kestrel Robotics"), position="Site reliability engineer"
)
opened = record_application_opened.sync(candidate, client=afterword, body=opening)
assert isinstance(opened, ApplicationOpenedRecorded), opened
application = opened.event.subject

# Sent again under the same key, a request has one effect.
card = RecordContactCollected(name="Dana Whitfield", email="dana@kestrel.example", preferred_channel=Channel.EMAIL)
key = f"{candidate}/dana"
met = record_contact_collected.sync(candidate, client=afterword, body=card, idempotency_key=key)
again = record_contact_collected.sync_detailed(candidate, client=afterword, body=card, idempotency_key=key)
assert isinstance(met, ContactCollectedRecorded), met
assert isinstance(again.parsed, ContactCollectedRecorded), again
assert again.parsed.event.id == met.event.id
assert again.headers["idempotency-replayed"] == "true"
dana = met.event.subject

arranged = RecordInterviewScheduled(
    starts_at=at("2026-03-02T10:00:00+01:00"),
    ends_at=at("2026-03-02T11:30:00+01:00"),
    time_zone="Europe/Berlin",
    format_=InterviewFormat.VIDEO,
    interviewers=[dana],
    occurred_at=at("2026-02-26T09:00:00+01:00"),
)
scheduled = record_interview_scheduled.sync(candidate, application, client=afterword, body=arranged)
assert isinstance(scheduled, InterviewScheduledRecorded), scheduled
interview = scheduled.event.subject
ended = at("2026-03-02T11:40:00+01:00")
held = record_interview_held.sync(candidate, interview, client=afterword, body=RecordInterviewHeld(ended_at=ended))
assert isinstance(held, InterviewHeldRecorded), held
thanks = next(task for task in held.tasks.raised if task.play == "write_thank_you")
assert thanks.action.operation == "suggest_notes"

draft = RecordNoteDrafted(
    kind=NoteKind.THANK_YOU,
    recipients=[dana],
    channel=NoteChannel.EMAIL,
    interview=interview,
    body="Dear Dana Whitfeld,\n\nThank you!",
)
drafted = record_note_drafted.sync(candidate, client=afterword, body=draft)
assert isinstance(drafted, NoteDraftedRecorded), drafted
note = drafted.event.subject
reviewed = record_note_reviewed.sync(candidate, note, client=afterword, body=RecordNoteReviewed())
assert isinstance(reviewed, NoteReviewedRecorded), reviewed
rules = [finding.rule for finding in reviewed.event.data.findings]
assert "name_misspelled" in rules, rules
mended = RecordNoteRevised(body="Dear Dana Whitfield,\n\nThank you!")
revised = record_note_revised.sync(candidate, note, client=afterword, body=mended)
assert isinstance(revised, NoteRevisedRecorded), revised
sent = record_note_sent.sync(candidate, note, client=afterword, body=RecordNoteSent())
assert isinstance(sent, NoteSentRecorded), sent
assert thanks.id in [task.id for task in sent.tasks.closed]

# All pages of the feed; the union of facts is told apart by its classes, or by `type`_.
words: list[str] = []
cursor: str | Unset = UNSET
types = ["ApplicationOpened", "InterviewHeld", "NoteReviewed", "NoteSent"]
while True:
    page = list_events.sync(client=afterword, candidate=candidate, types=types, limit=3, cursor=cursor)
    assert isinstance(page, Feed), page
    if not page.data:
        break
    cursor = page.next_cursor
    for fact in page.data:
        match fact:
            case ApplicationOpenedEvent():
                words.append(fact.data.organisation.name)
            case InterviewHeldEvent():
                words.append(fact.data.ended_at.isoformat())
            case NoteReviewedEvent():
                words.append(str(len(fact.data.findings) > 0))
            case _:
                words.append(fact.type_)
assert words == ["Kestrel Robotics", ended.isoformat(), "True", "NoteSent"], words

queue = list_tasks.sync(client=afterword, candidate=candidate, state=[TaskState.OPEN, TaskState.OVERDUE])
assert isinstance(queue, QueuedTaskPage), queue
assert queue.data and all(task.candidate_name == "Amara Okafor" for task in queue.data)

body = RecordCandidateRegistered(name="Nobody", time_zone="Mars/Olympus")
refused = record_candidate_registered.sync(client=afterword, body=body)
assert isinstance(refused, Problem), refused
assert refused.code == "invalid" and refused.errors[0].pointer == "/time_zone", refused
