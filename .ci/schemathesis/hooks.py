"""What schemathesis cannot read from the OpenAPI document: formats and bodies that no schema describes, and which
answers no schema can foresee. Nothing is switched off: a failure is let pass only where the answer says, at the very
place, why it had to be so. `REFUSALS`, `refused_rightly` and `accepted_rightly` are the whole list.
"""

import datetime
import itertools
import json
import os
import re

import schemathesis
from hypothesis import strategies as st
from schemathesis.core.failures import AcceptedNegativeData
from schemathesis.openapi.checks import RejectedPositiveData

numbers = itertools.count(1)

# -- What is sent ------------------------------------------------------------------------------------------------------

# Facts may name the years 1900 to 2200; far outside any search the arithmetic of days would overflow.
FIRST, LAST = datetime.date(1900, 1, 1), datetime.date(2200, 12, 31)
schemathesis.openapi.format("date", st.dates(FIRST, LAST).map(str))
MOMENTS = st.datetimes(datetime.datetime(1900, 1, 2), datetime.datetime(2026, 1, 1))
OFFSETS = st.sampled_from(["Z", "+01:00", "-08:00", "+05:45"])
schemathesis.openapi.format("date-time", st.builds(lambda at, by: at.isoformat() + by, MOMENTS, OFFSETS))


@schemathesis.serializer("application/x-ndjson")
def lines(ctx, value):
    """The schema of the body is that of one line; a text stands for all of the body."""
    return value.encode() if isinstance(value, str) else json.dumps(value).encode()


EXAMPLE = "01k9ze3n8qfq7s5b1x5n0v3gk2"


def operation_of(case):
    return case.operation.definition.raw.get("operationId", "")


def is_right(case, part):
    return case.meta is not None and not case.meta.is_negative_at(part)


@schemathesis.hook
def filter_case(ctx, case):
    """Whoever gives back the key that he knocks with is outside from then on."""
    own = os.environ.get("OWN_KEY")
    return own is None or own not in (case.path_parameters or {}).values()


# Whom scene.py records to be erased: without the others nothing would be left to ask for.
ERASED = {"record_candidate_erased": "candidate", "record_contact_erased": "contact"}


@schemathesis.hook
def before_call(ctx, case, kwargs):
    # A name stands for one request; examples and boundary values would use it again.
    if case.headers and "Idempotency-Key" in case.headers and is_right(case, "header"):
        case.headers["Idempotency-Key"] = f"request-{next(numbers)}"
    part = ERASED.get(operation_of(case))
    if part and is_right(case, "path") and str(case.path_parameters[part]).endswith(EXAMPLE):
        case.path_parameters[part] = case.path_parameters[part].replace(EXAMPLE, EXAMPLE[:-1] + "3")
    # Another text than a tag's is refused by its form, which is written down in RFC 9110 and not in the schema.
    if case.headers and '"' not in case.headers.get("If-Match", '"') and is_right(case, "header"):
        case.headers["If-Match"] = "*"
    # It is not tried here how long one can wait.
    if case.query and str(case.query.get("wait", "0")).isdigit() and int(case.query.get("wait", 0)) > 1:
        if is_right(case, "query"):
            case.query["wait"] = 1
    # Zones are a list that grows, and not a form: without a real one nothing behind it would be reached.
    if isinstance(case.body, dict) and isinstance(case.body.get("time_zone"), str) and is_right(case, "body"):
        case.body["time_zone"] = "Europe/Berlin"


# -- What may be answered ----------------------------------------------------------------------------------------------

# Requests that are right by their schema, and refused all the same: operation, place, what is told there, and why no
# schema can say it.
REFUSALS = [
    # A reference is right where there is such a thing: api.md, 422 `unknown_reference`.
    (r".*", r".*", r"is not the id of .*", "ids of what there is"),
    (r".*", r".*", r"Is not the id of a thing\.", "a prefix that no kind of thing has; kinds are added with releases"),
    # A cursor is opaque, and of one query of one tenant.
    (r"(list|get|stream)_.*", r"\?cursor", r"The cursor is not one that this query gave.*", "cursors are given, not made"),
    # OpenAPI 3.1, 4.8.12: without `allowEmptyValue` a parameter is not sent empty; schemathesis sends it.
    (r".*", r"\?\w+", r"`\w+` is empty; leave it out instead\.", "empty parameters"),
    (r".*", r"\?\w+", r"It is not text in UTF-8, or holds a NUL character\.", "bytes of a query are text"),
    (r".*", r"\?\w+", r"Expected a list with commas and no empty entry.*", "lists in a query have no empty entry"),
    # The clock is not part of a schema.
    (r".*", r"/.*", r"must not be in the future", "what happened has happened"),
    (r".*", r"\?as_of", r"must not be in the future", "what was known at a moment that is not yet"),
    (r".*", r"/.*", r"Must be between the years 1900 and 2200\.", "a year"),
    (r".*", r"/.*", r"Must be a date between the years 1900 and 2200\.", "a year"),
    # Blanks alone are nothing; dialects of regular expressions do not agree on what is blank.
    (r".*", r"/.*", r"Must not be empty\.", "blanks"),
    (r".*", r"/.*", r"has an offset that \S+ does not use then.*", "summer and winter"),
    # Names that grow with releases: a list in the document would break whoever reads a later answer.
    (r".*", r"/.*time_zone", r"Must be the IANA name of a time zone.*", "zones"),
    (r"(create|change|test)_webhook|list_events|stream_events", r"(/types?|\?types).*", r"`.*` is not a type of fact", "types of facts"),
    (r"put_playbook|try_playbook", r"(/playbook)?/plays/\d+/play", r"is not a play; plays are .*", "plays"),
    (r"put_playbook|try_playbook", r"(/playbook)?/plays/\d+/.*", r".*", "numbers that a play has, or has not"),
    (r"put_playbook|try_playbook", r"(/playbook)?/holidays/\d+/date", r"stands in the list twice", "each day once"),
    (r"record_facts", r"/facts/\d+(/.*)?", r".*", "the data of a fact of any type; each type's own operation has its schema"),
    # Fields that go with each other, or do not.
    (r"create_key", r"/group", r"must not stand beside candidate.*", "one bond"),
    (r"put_mail", r"/username", r"is missing: a password belongs to a user name", "a pair"),
    (r"import_file", r"\?map", r"is for `format=csv` alone|is required with `format=csv`.*|must be JSON.*", "a map goes with one format"),
    (r"import_file", r"\?map.*", r".*", "a map is JSON within a parameter"),
    (r"import_file", r"\?\w+", r"does not go with `format=export`", "an archive is brought in whole"),
    (r"advance_test_clock", r"/to(_next)?", r"is missing: .*|must not .*|must be .*", "a moment, or the next one"),
    (r"(set|advance)_test_clock", r"/(now|to)", r"must be between the years 1970 and 2200", "a year"),
    # Languages and forms that a schema has no words for.
    (r"put_template", r"/variants/\d+/(subject_line|body)", r".*", "templates are a language"),
    (r"(create|change)_webhook", r"/url", r"is not an address of the form https://host/path|leads to an address that is not public|must begin with https://", "where connections may lead"),
    (r"put_mail", r"/host", r"leads to an address that is not public|Must be the name of a server.*", "where connections may lead"),
    (r"put_mail", r"/security", r"must be tls or starttls.*", "who serves decides"),
    (r"put_mail", r"/password", r"is missing: there is none on record.*", "what is on record"),
    (r"put_mail", r"/from/.*", r".*", "mailboxes"),
    (r"roll_(key|webhook_secret)", r"/overlap", r"Must be an ISO 8601 duration.*|must be between PT0S and PT720H", "spans of time"),
    (r"put_mail", r"/(password|username)", r"Must be a text of 1 to 500 characters without control characters\.", "what SMTP takes"),
    # What is on record decides.
    (r"record_requirement_prepared", r"/item", r"must be an item of the outline, as it is written there", "the outline"),
    (r"suggest_notes", r"/\w+", r".*", "what a note could be about"),
]


def problem_of(response):
    try:
        return json.loads(response.content)
    except ValueError:
        return {}


def foreseen(operation, error):
    return any(
        re.fullmatch(which, operation) and re.fullmatch(where, error["pointer"]) and re.fullmatch(told, error["detail"], re.S)
        for which, where, told, _ in REFUSALS
    )


def refused_rightly(operation, response):
    # A file is what its format's own standard says, the schema says: bytes. And lines of any number are one text.
    if operation in ("import_file", "import_export", "record_many_facts") and response.status_code == 400:
        return problem_of(response).get("code") == "malformed"
    if operation == "import_export" and response.status_code == 422:
        return True
    errors = problem_of(response).get("errors")
    return response.status_code == 422 and bool(errors) and all(foreseen(operation, error) for error in errors)


def without_nulls(value):
    if isinstance(value, dict):
        return {name: without_nulls(it) for name, it in value.items() if it is not None}
    if isinstance(value, list):
        return [without_nulls(it) for it in value]
    return value


def accepted_rightly(operation, case, response):
    # api.md: `null` and absent mean the same, except in PATCH. The document's types leave `null` out, so that generated
    # clients have one way to say nothing.
    if case.method != "PATCH" and isinstance(case.body, (dict, list)):
        kept = without_nulls(case.body)
        if kept != case.body and only_body_is_wrong(case) and body_is_right(case, kept):
            return True
    # Each fact of a list has an answer of its own (api.md, `C/facts`): refused is refused.
    if operation in ("record_facts", "record_many_facts", "import_file") and response.status_code == 200:
        results = problem_of(response).get("results") or []
        return any(result.get("status") == "refused" for result in results)
    return False


def only_body_is_wrong(case):
    return all(is_right(case, part) for part in ("path", "query", "header", "cookie"))


def body_is_right(case, body):
    return any(it.media_type == case.media_type and it.get_validator().is_valid(body) for it in case.operation.body)


@schemathesis.hook
def filter_failure(ctx, failure, case, response):
    operation = operation_of(case)
    if isinstance(failure, RejectedPositiveData):
        return not refused_rightly(operation, response)
    if isinstance(failure, AcceptedNegativeData):
        return not accepted_rightly(operation, case, response)
    # OpenAPI 3.1 describes a stream of events as one text; schemathesis reads the schema as OpenAPI 3.2's of one event.
    if operation == "stream_events" and failure.title == "SSE event violates schema":
        return False
    return True
