"""setStatusMessage and the four location actions through the official client."""

from datetime import datetime, timezone

import pytest
from msgraph.generated.communications.presences.item.set_automatic_location.set_automatic_location_post_request_body import (
    SetAutomaticLocationPostRequestBody as CommunicationsAutomaticBody,
)
from msgraph.generated.communications.presences.item.set_manual_location.set_manual_location_post_request_body import (
    SetManualLocationPostRequestBody as CommunicationsManualBody,
)
from msgraph.generated.communications.presences.item.set_status_message.set_status_message_post_request_body import (
    SetStatusMessagePostRequestBody as CommunicationsStatusBody,
)
from msgraph.generated.models.body_type import BodyType
from msgraph.generated.models.date_time_time_zone import DateTimeTimeZone
from msgraph.generated.models.item_body import ItemBody
from msgraph.generated.models.presence_status_message import PresenceStatusMessage
from msgraph.generated.models.work_location_source import WorkLocationSource
from msgraph.generated.models.work_location_type import WorkLocationType
from msgraph.generated.users.item.presence.set_automatic_location.set_automatic_location_post_request_body import (
    SetAutomaticLocationPostRequestBody,
)
from msgraph.generated.users.item.presence.set_manual_location.set_manual_location_post_request_body import (
    SetManualLocationPostRequestBody,
)
from msgraph.generated.users.item.presence.set_status_message.set_status_message_post_request_body import (
    SetStatusMessagePostRequestBody,
)

from presence import refused
from presenced import ADELE

BOTH = "Presence.ReadWrite Presence.Read.All"
PLACE = "eb706f15-137e-4722-b4d1-b601481d9251"


def note(text: str, until: str | None = None, zone: str = "UTC") -> PresenceStatusMessage:
    """A status message; `until` is a local time in `zone`."""
    expiry = DateTimeTimeZone(date_time=until, time_zone=zone) if until else None
    message = ItemBody(content=text, content_type=BodyType.Text)
    return PresenceStatusMessage(message=message, expiry_date_time=expiry)


async def say(presence, message: PresenceStatusMessage | None, body=SetStatusMessagePostRequestBody):
    await presence.set_status_message.post(body(status_message=message))


def place(location) -> tuple:
    return location.source, location.work_location_type, location.place_id


@pytest.mark.parametrize("address", ["me", "users", "communications"])
async def test_a_status_message_reads_back(server, graph, address):
    """Under each address; its own user reads the expiry in UTC and when it was set, an application
    reads neither."""
    client = graph(server.user_token(BOTH))
    presence, body = {
        "me": (client.me.presence, SetStatusMessagePostRequestBody),
        "users": (client.users.by_user_id(ADELE).presence, SetStatusMessagePostRequestBody),
        "communications": (
            client.communications.presences.by_presence_id(ADELE),
            CommunicationsStatusBody,
        ),
    }[address]
    said = note("Back at noon ☕", "2099-07-01T12:00:00.0000000", "Pacific Standard Time")
    await say(presence, said, body)
    own = (await presence.get()).status_message
    assert own.message.content == "Back at noon ☕"
    assert own.message.content_type == BodyType.Text
    assert own.expiry_date_time.date_time == "2099-07-01T19:00:00.0000000"
    assert own.expiry_date_time.time_zone == "UTC"
    assert abs((datetime.now(timezone.utc) - own.published_date_time).total_seconds()) < 60
    application = graph(server.token())
    other = (await application.users.by_user_id(ADELE).presence.get()).status_message
    assert other.message.content == "Back at noon ☕"
    assert (other.expiry_date_time, other.published_date_time) == (None, None)


@pytest.mark.parametrize("removal", [None, note(""), PresenceStatusMessage(message=ItemBody())])
async def test_a_status_message_is_removed(server, graph, removal):
    """However the client is told to say nothing: without a message it writes no member at all."""
    presence = graph(server.token()).users.by_user_id(ADELE).presence
    await say(presence, note("Reading"))
    await say(presence, removal)
    assert (await presence.get()).status_message is None


async def test_a_status_message_that_is_refused(server, graph):
    """HTML, and a time zone that nobody knows."""
    presence = graph(server.token()).users.by_user_id(ADELE).presence
    html = note("<b>x</b>")
    html.message.content_type = BodyType.Html
    with refused(400, "InvalidArgument") as error:
        await say(presence, html)
    assert "html" in error.value.error.message
    with refused(400, "InvalidArgument") as error:
        await say(presence, note("x", "2099-07-01T12:00:00", "Mars Standard Time"))
    assert "Mars Standard Time" in error.value.error.message


@pytest.mark.parametrize("address", ["me", "users", "communications"])
async def test_locations(server, graph, address):
    """Under each address the manual location shows before the automatic one; each clearing action
    forgets its own, and midnight forgets both."""
    client = graph(server.user_token(BOTH))
    users = (SetAutomaticLocationPostRequestBody, SetManualLocationPostRequestBody)
    presence, (automatic_body, manual_body) = {
        "me": (client.me.presence, users),
        "users": (client.users.by_user_id(ADELE).presence, users),
        "communications": (
            client.communications.presences.by_presence_id(ADELE),
            (CommunicationsAutomaticBody, CommunicationsManualBody),
        ),
    }[address]

    async def shown():
        return place((await presence.get()).work_location)

    office = (WorkLocationSource.Automatic, WorkLocationType.Office, PLACE)
    remote = (WorkLocationSource.Manual, WorkLocationType.Remote, None)
    none = (WorkLocationSource.None_, WorkLocationType.Unspecified, None)
    automatic = automatic_body(work_location_type=WorkLocationType.Office, place_id=PLACE)
    manual = manual_body(work_location_type=WorkLocationType.Remote)
    assert await shown() == none
    await presence.set_automatic_location.post(automatic)
    assert await shown() == office
    await presence.set_manual_location.post(manual)
    assert await shown() == remote
    await presence.clear_automatic_location.post()
    assert await shown() == remote
    await presence.clear_location.post()
    assert await shown() == none
    await presence.set_automatic_location.post(automatic)
    await presence.clear_automatic_location.post()
    assert await shown() == none
    await presence.set_manual_location.post(manual)
    server.advance("PT24H")
    assert await shown() == none


async def test_a_location_is_the_users_own(server, graph):
    """An application cannot set it, whatever its permissions."""
    application = graph(server.token()).communications.presences.by_presence_id(ADELE)
    body = CommunicationsManualBody(work_location_type=WorkLocationType.Office)
    with refused(403, "Forbidden", ""):
        await application.set_manual_location.post(body)
    with refused(403, "Forbidden", ""):
        await application.clear_location.post()
