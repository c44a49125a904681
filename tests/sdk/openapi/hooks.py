"""What schemathesis has to know beside the description: values for its formats, what the parts of a
batch have to do with each other, what subscriptions need, and which answers are right though they look
wrong."""

import itertools
import json
import os
from datetime import datetime, timedelta, timezone
from pathlib import Path

import httpx
import jsonschema_rs
import schemathesis
from hypothesis import strategies as st
from schemathesis.core.failures import AcceptedNegativeData
from schemathesis.generation import GenerationMode
from schemathesis.generation.meta import TestPhase

URL, TOKEN = os.environ["PRESENCED_URL"], os.environ["PRESENCED_TOKEN"]
# With what subscriptions are made, where notifications go, and the client id for which both are.
SUBSCRIBER, RECEIVER = os.environ["PRESENCED_SUBSCRIBER"], os.environ["PRESENCED_RECEIVER"]
APPLICATION = "22553876-f5ab-4529-bffb-cfe50aa89f87"
VECTORS = Path(__file__).parents[3] / "crates/notify/testdata/rich_notification.json"
CERTIFICATE = json.loads(VECTORS.read_text())["rsa_2048"]
IS_USER = os.environ["PRESENCED_RUN"] == "user"
# Those of the description.
SCHEMAS = {}
# An entry of the directory that the administrator makes, and so can change.
MADE = "1c9b5d2e-7a40-4f3b-8e61-5b0d2f7c9a38"
USERS = [os.environ["PRESENCED_USER"], "66825e03-7ef5-42da-9069-724602c31f6b"]

# From PT5M to PT4H, which both a session and a preferred presence may last.
schemathesis.openapi.format(
    "duration",
    st.one_of(
        st.integers(5, 240).map(lambda minutes: f"PT{minutes}M"),
        st.integers(5, 239).map(lambda minutes: f"PT{minutes // 60}H{minutes % 60}M"),
        st.integers(300, 14_400).map(lambda seconds: f"PT{seconds}S"),
        st.integers(300, 14_399).map(lambda seconds: f"P0Y0M0DT0H0M{seconds}.1234567S"),
    ),
)

# Times to come: what lies in the past is refused.
schemathesis.openapi.format(
    "date-time-local",
    st.builds(
        "{:%Y-%m-%dT%H:%M}{}".format,
        st.datetimes(min_value=datetime(2100, 1, 1), max_value=datetime(9998, 12, 31)),
        st.sampled_from(["", ":00", ":59.1", ":30.1234567"]),
    ),
)

schemathesis.openapi.format(
    "date-time",
    st.builds(
        "{:%Y-%m-%dT%H:%M:%S}{}".format,
        st.datetimes(min_value=datetime(2100, 1, 1), max_value=datetime(9997, 12, 31)),
        st.sampled_from(["Z", ".1234567Z", "+02:00", ".5-11:30"]),
    ),
)

schemathesis.openapi.format(
    "time-zone",
    st.sampled_from(["UTC", "Pacific Standard Time", "W. Europe Standard Time", "Asia/Kolkata", "europe/BERLIN"]),
)

# Users who exist, so that most writes are allowed, and some who do not.
schemathesis.openapi.format("uuid", st.sampled_from(USERS * 3) | st.uuids().map(str))


@schemathesis.hook
def before_load_schema(context, raw_schema):
    """Closes the objects of answers, so that a member which is not described is found. The file leaves
    them open, since clients are to pass over what they do not know; those of requests really are."""
    schemas = raw_schema["components"]["schemas"]
    SCHEMAS.update(schemas)
    seen = set()

    def close(value):
        if isinstance(value, list):
            for item in value:
                close(item)
        elif isinstance(value, dict):
            if value.get("type") == "object" and "properties" in value:
                value.setdefault("additionalProperties", False)
            kind, _, name = value.get("$ref", "").rpartition("/")
            if kind == "#/components/schemas" and name not in seen:
                seen.add(name)
                close(schemas[name])
            for item in value.values():
                close(item)

    close(raw_schema["components"]["responses"])


def is_administrative(case):
    return case.operation.path.startswith("/admin/")


def is_subscription(case):
    return "/subscriptions" in case.operation.path


def is_batch(case):
    return case.operation.path.endswith("/$batch")


@schemathesis.hook
def map_case(context, case):
    """Of a batch that is right, no two requests have one id, and each depends on requests that are there
    and stand before it. No schema can say so."""
    if is_batch(case) and case.meta.generation.mode is GenerationMode.POSITIVE:
        for at, item in enumerate(case.body["requests"]):
            item["id"] = str(at)
            if "dependsOn" in item:
                item["dependsOn"] = [str(before) for before in range(at)][: len(item["dependsOn"] or [])]
    return case


conditions = itertools.count()


def mend_entry(case):
    """What no schema can say of an entry: it has the id of its path, and ends after it begins. Those whose
    ids the description gives as examples stand in the configuration, and cannot be changed. Every
    second request asks for no condition, and the others for one: both at once are refused, and
    hardly any is met."""
    if case.meta.phase.name is TestPhase.EXAMPLES or next(conditions) % 2:
        case.headers.pop("If-Match", None)
        case.headers.pop("If-None-Match", None)
    elif "If-Match" in case.headers:
        case.headers.pop("If-None-Match", None)
    by_example = case.meta.phase.name is not TestPhase.FUZZING
    if by_example and case.method != "GET" and case.path_parameters:
        case.path_parameters["id"] = MADE
    if case.method == "DELETE":
        url, headers = f"{URL}{case.formatted_path}", {"Authorization": f"Bearer {TOKEN}"}
        httpx.put(url, json={}, headers=headers)
    if not isinstance(case.body, dict):
        return
    if case.body.get("id"):
        case.body["id"] = case.path_parameters["id"]
    for span in [case.body, *(case.body.get("value") or [])]:
        if span.get("endDateTime"):
            span["endDateTime"] = "9999-12-30T00:00:00Z"


subscriptions = httpx.Client(
    base_url=f"{URL}/v1.0/subscriptions", headers={"Authorization": f"Bearer {SUBSCRIBER}"}
)


def end_subscriptions():
    """Ends those that are there."""
    for entry in subscriptions.get("").json()["value"]:
        subscriptions.delete(f"/{entry['id']}")


def in_a_while():
    """When a subscription may end."""
    return (datetime.now(timezone.utc) + timedelta(minutes=50)).isoformat()


def subscription():
    """A subscription that is there, and of which everything can be changed."""
    for entry in subscriptions.get("").json()["value"]:
        if entry["includeResourceData"]:
            return entry["id"]
    end_subscriptions()
    wanted = {
        "changeType": "updated",
        "notificationUrl": RECEIVER,
        "resource": f"/communications/presences/{USERS[1]}",
        "expirationDateTime": in_a_while(),
        "includeResourceData": True,
        "encryptionCertificate": CERTIFICATE,
        "encryptionCertificateId": "first",
    }
    made = subscriptions.post("", json=wanted)
    assert made.status_code == 201, made.text
    return made.json()["id"]


turns = itertools.count()


def mend_subscription(case):
    """What no schema can say of a subscription: a signed-in user has one only. Every second id is that
    of a subscription, but where a link has led to one."""
    is_right = case.meta.generation.mode is GenerationMode.POSITIVE
    is_linked = case.meta.phase.name is TestPhase.STATEFUL
    is_new = case.method == "POST" and case.operation.path.endswith("/subscriptions")
    if is_new and not is_linked:
        end_subscriptions()
    elif is_right and not is_linked and "id" in case.path_parameters and next(turns) % 2:
        case.path_parameters["id"] = subscription()
    if not isinstance(case.body, dict):
        return
    mend_members(case.body, SCHEMAS["CreateSubscription" if is_new else "UpdateSubscription"])
    if is_right:
        mend_right_members(case.body, is_new)
    if is_right and is_linked and not is_new:
        # Whether there is a certificate to change, no link says.
        for name in ("encryptionCertificate", "encryptionCertificateId"):
            case.body.pop(name, None)


def mend_members(body, schema):
    """A subscription ends within an hour, its receiver is there, and its certificate is one. What is
    wrong on purpose stays so."""
    for name, value in [
        ("expirationDateTime", in_a_while()),
        ("notificationUrl", RECEIVER),
        ("lifecycleNotificationUrl", RECEIVER),
        ("encryptionCertificate", CERTIFICATE),
        ("notificationUrlAppId", APPLICATION),
    ]:
        rule = schema["properties"].get(name)
        if body.get(name) and jsonschema_rs.is_valid(rule, body[name], validate_formats=True):
            body[name] = value


def mend_right_members(body, is_new):
    """A secret on v1.0 is shorter than on beta, whole tenants are for applications, and a change
    changes something."""
    if body.get("clientState"):
        body["clientState"] = body["clientState"][:128]
    if is_new and IS_USER and body["resource"].endswith("/presences"):
        body["resource"] += f"/{USERS[1]}"
    if not is_new:
        body["expirationDateTime"] = in_a_while()


clears = itertools.count()


@schemathesis.hook
def before_call(context, case, kwargs):
    """Mends subscriptions and the entries of administrators, and sees to it that every second session
    to be cleared is there."""
    if is_subscription(case):
        mend_subscription(case)
    elif is_administrative(case) and case.meta.generation.mode is GenerationMode.POSITIVE:
        mend_entry(case)
    is_clear = case.operation.path.endswith("/clearPresence")
    if is_clear and case.meta.generation.mode is GenerationMode.POSITIVE and next(clears) % 2:
        path = case.formatted_path.replace("clearPresence", "setPresence")
        body = {"sessionId": case.body["sessionId"], "availability": "Away", "activity": "Away"}
        httpx.post(f"{URL}{path}", json=body, headers={"Authorization": f"Bearer {TOKEN}"})


def removes_status_message(case):
    """Whether a body says that there is to be no status message: its expiry is not looked at then."""
    status = case.body.get("statusMessage") if isinstance(case.body, dict) else None
    message = status.get("message") if isinstance(status, dict) else None
    if not isinstance(message, dict):
        return False
    content = message.get("content") or ""
    return isinstance(content, str) and not content.strip()


@schemathesis.hook
def filter_failure(context, failure, case, response):
    """Keeps what is wrong. What is wrong with one request of a batch is the answer to that request, and
    the batch is 200 (contract section 5)."""
    if not isinstance(failure, AcceptedNegativeData) or response.status_code != 200:
        return True
    if is_batch(case):
        return all(answer["status"] < 400 for answer in json.loads(response.content)["responses"])
    return not (case.operation.path.endswith("/setStatusMessage") and removes_status_message(case))
