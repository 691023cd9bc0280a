"""A short story that goes through the generated client: a candidate, a request for a document, its task, the feed."""

import sys

from afterword_client import AuthenticatedClient
from afterword_client.api.applications import record_application_opened
from afterword_client.api.candidates import record_candidate_registered
from afterword_client.api.documents import record_document_requested
from afterword_client.api.events import list_events
from afterword_client.models import (
    ApplicationOpenedRecorded,
    CandidateRegisteredRecorded,
    DocumentRequestedEvent,
    DocumentRequestedRecorded,
    Feed,
    Organisation,
    Problem,
    RecordApplicationOpened,
    RecordCandidateRegistered,
    RecordDocumentRequested,
)


def story(client: AuthenticatedClient) -> None:
    body = RecordCandidateRegistered(name="Amara Okafor", time_zone="Europe/Berlin")
    registered = record_candidate_registered.sync(client=client, body=body)
    assert isinstance(registered, CandidateRegisteredRecorded), registered
    candidate = registered.event.candidate

    opening = RecordApplicationOpened(
        organisation=Organisation(name="Kestrel Robotics"), position="Site reliability engineer"
    )
    opened = record_application_opened.sync(candidate, client=client, body=opening)
    assert isinstance(opened, ApplicationOpenedRecorded), opened

    request = RecordDocumentRequested(document="work samples")
    requested = record_document_requested.sync(candidate, opened.event.subject, client=client, body=request)
    assert isinstance(requested, DocumentRequestedRecorded), requested
    task = requested.tasks.raised[0]
    assert (task.play, task.state) == ("answer_document_request", "open"), task

    feed = list_events.sync(client=client, candidate=candidate, types=["ApplicationOpened", "DocumentRequested"])
    assert isinstance(feed, Feed), feed
    last = feed.data[-1]
    assert isinstance(last, DocumentRequestedEvent) and last.data.document == "work samples", last

    body = RecordCandidateRegistered(name="Nobody", time_zone="Mars/Olympus")
    refused = record_candidate_registered.sync(client=client, body=body)
    assert isinstance(refused, Problem) and refused.errors[0].pointer == "/time_zone", refused


story(AuthenticatedClient(base_url=sys.argv[1], token=sys.argv[2]))
