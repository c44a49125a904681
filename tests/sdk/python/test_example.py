"""The example of Graph's setPresence page, word for word, and what becomes of it in an hour."""

import json

from presence import OFFLINE, Presence
from presenced import ADELE, APPLICATION

EXAMPLE_BODY = b"""{
  "sessionId": "22553876-f5ab-4529-bffb-cfe50aa89f87",
  "availability": "Available",
  "activity": "Available",
  "expirationDuration": "PT1H"
}"""


def example_request(token: str) -> bytes:
    return (
        b"POST /v1.0/users/fa8bf3dc-eca7-46b7-bad1-db199b62afc3/presence/setPresence HTTP/1.1\r\n"
        b"Host: 127.0.0.1\r\n"
        b"Authorization: Bearer " + token.encode() + b"\r\n"
        b"Content-Type: application/json\r\n"
        b"Content-Length: " + str(len(EXAMPLE_BODY)).encode() + b"\r\n"
        b"Connection: close\r\n"
        b"\r\n" + EXAMPLE_BODY
    )


def test_the_answer_is_200_with_nothing_in_it(server):
    """The bytes on the wire: status 200, no body, and no Content-Type that would promise one."""
    answer = server.exchange(example_request(server.token()))
    assert answer.status_line == b"HTTP/1.1 200 OK"
    assert answer.body == b""
    assert answer.headers[b"content-length"] == b"0"
    assert b"content-type" not in answer.headers
    assert len(answer.headers[b"request-id"]) == 36


def test_the_read_has_the_documented_members(server):
    """The bytes of a read: every documented member, in Graph's content type."""
    token = server.token()
    server.exchange(example_request(token))
    answer = server.exchange(
        b"GET /v1.0/users/fa8bf3dc-eca7-46b7-bad1-db199b62afc3/presence HTTP/1.1\r\n"
        b"Host: presence.example\r\nConnection: close\r\n"
        b"Authorization: Bearer " + token.encode() + b"\r\n\r\n"
    )
    assert answer.status_line == b"HTTP/1.1 200 OK"
    assert answer.headers[b"content-type"].startswith(b"application/json;odata.metadata=minimal")
    assert answer.headers[b"odata-version"] == b"4.0"
    presence = json.loads(answer.body)
    context = presence.pop("@odata.context")
    assert context.endswith(f"://presence.example/v1.0/$metadata#users('{ADELE}')/presence/$entity")
    assert len(presence.pop("sequenceNumber")) == 20
    assert presence == {
        "id": ADELE,
        "availability": "Available",
        "activity": "Available",
        "outOfOfficeSettings": {"message": None, "isOutOfOffice": False},
        "statusMessage": None,
        "workLocation": {
            "placeId": None,
            "source": "none",
            "workLocationType": "unspecified",
        },
    }


async def test_the_hour_after_it(server, graph):
    """Available fades after five minutes and after ten, and ends with its hour; the sequence number
    tells these states apart by text order."""
    server.exchange(example_request(server.token()))
    presence = Presence.of_user(graph(server.token()), ADELE)
    seen = []
    for minutes in (0, 5, 5, 49, 1):
        server.advance(f"PT{minutes}M") if minutes else None
        now = await presence.read()
        seen.append(((now.availability, now.activity), now.sequence_number))
    assert [shown for shown, _ in seen] == [
        ("Available", "Available"),
        ("Available", "AvailableInactive"),
        ("Away", "Away"),
        ("Away", "Away"),
        OFFLINE,
    ]
    numbers = [number for _, number in seen]
    assert numbers[0] < numbers[1] < numbers[2] == numbers[3] < numbers[4]


async def test_a_keep_alive_stops_the_fading(server, graph):
    """A setPresence repeated before five minutes are over restarts the fading and the expiration."""
    presence = Presence.of_user(graph(server.token()), ADELE)
    for _ in range(4):
        await presence.set("Available", "Available", "PT5M", session=APPLICATION)
        server.advance("PT4M59S")
        assert await presence.shown() == ("Available", "Available")
    server.advance("PT1S")
    assert await presence.shown() == OFFLINE
