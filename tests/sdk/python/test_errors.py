"""What a mistake looks like to a program that uses the official client."""

import datetime
import uuid

import pytest
from msgraph.generated.models.presence import Presence as GraphPresence

from presence import OFFLINE, Presence, refused
from presenced import ADELE


async def test_every_member_of_the_error(server, graph):
    """Code, message, and an inner error with a time and the ids to ask about."""
    before = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(seconds=2)
    with refused(
        400, "InvalidArgument", "[SessionId]: The SessionId field is required."
    ) as caught:
        await Presence.of_user(graph(server.token()), ADELE).set("Busy", "InACall", session=None)
    after = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=2)
    inner = caught.value.error.inner_error
    assert isinstance(inner.date, datetime.datetime)
    assert before <= inner.date.replace(tzinfo=datetime.timezone.utc) <= after
    assert str(uuid.UUID(inner.request_id)) == inner.request_id
    assert inner.client_request_id == inner.request_id
    assert caught.value.response_headers["request-id"] == inner.request_id


@pytest.mark.parametrize("duration", ["PT4M59S", "PT4H0M1S", "PT0S", "P1D"])
async def test_a_duration_out_of_range(server, graph, duration):
    """Sessions last from five minutes to four hours, and Graph's own words say so."""
    presence = Presence.of_user(graph(server.token()), ADELE)
    with refused(400, "InvalidArgument", "The provided [ExpirationDuration] is out of range."):
        await presence.set("Busy", "InACall", duration)
    assert await presence.shown() == OFFLINE


@pytest.mark.parametrize("duration", ["PT5M", "PT300S", "PT0H5M", "P0DT1H", "PT1H30M", "PT4H"])
async def test_a_duration_in_range(server, graph, duration):
    """Both ends belong to the range, and any spelling of days, hours, minutes, seconds is read."""
    presence = Presence.of_user(graph(server.token()), ADELE)
    await presence.set("Busy", "InACall", duration)
    assert await presence.shown() == ("Busy", "InACall")


async def test_a_timedelta_is_refused_with_advice(server, graph):
    """This client writes a timedelta as "1:00:00", which Graph refuses as well; the message says
    what to pass instead."""
    presence = Presence.of_user(graph(server.token()), ADELE)
    with refused(400, "InvalidArgument") as caught:
        await presence.set("Busy", "InACall", datetime.timedelta(hours=1))
    assert "PT1H" in caught.value.error.message


@pytest.mark.parametrize(
    ("availability", "activity"),
    [
        ("Available", "Busy"),
        ("Offline", "OffWork"),
        ("Busy", "InAMeeting"),
        ("DoNotDisturb", "DoNotDisturb"),
        ("Nonsense", "Nonsense"),
    ],
)
async def test_a_pair_that_does_not_exist(server, graph, availability, activity):
    """The message names the value and the pairs that could have been meant."""
    presence = Presence.of_user(graph(server.token()), ADELE)
    with refused(400, "InvalidArgument") as caught:
        await presence.set(availability, activity)
    message = caught.value.error.message
    assert availability in message or activity in message
    assert "Busy/InAConferenceCall" in message


@pytest.mark.parametrize("member", ["availability", "activity"])
async def test_a_missing_member(server, graph, member):
    """Each member that is needed is asked for by name."""
    values = {"availability": "Busy", "activity": "InACall", member: None}
    with refused(400, "InvalidArgument") as caught:
        await Presence.of_user(graph(server.token()), ADELE).set(**values)
    assert f"[{member.capitalize()}]" in caught.value.error.message


@pytest.mark.parametrize("session", ["5a0d3c8e-6b1f-4c5d-8f59-3f1f6f3f7a21", "a session"])
async def test_the_session_of_another_application(server, graph, session):
    """A session is named by its application's own id."""
    with refused(400, "InvalidArgument") as caught:
        await Presence.of_user(graph(server.token()), ADELE).set("Busy", "InACall", session=session)
    assert "[SessionId]" in caught.value.error.message


async def test_writing_to_what_is_no_user(server, graph):
    """A write needs a user whom the path names by object id or by a name that is known; a read of
    anything else is PresenceUnknown."""
    presence = Presence.of_user(graph(server.token()), "nobody@presenced.dev")
    with pytest.raises(Exception) as caught:
        await presence.set("Busy", "InACall")
    assert caught.value.response_status_code == 400
    assert await presence.shown() == ("PresenceUnknown", "PresenceUnknown")


async def test_a_method_that_is_not_allowed(server, graph):
    """A presence is set by actions, not deleted or replaced in part, under each address."""
    client = graph(server.user_token("Presence.ReadWrite"))
    text = "Specified HTTP method is not allowed for the request target."
    for presence in (
        Presence.of_me(client),
        Presence.of_user(client, ADELE),
        Presence.of_communications(client, ADELE),
    ):
        with refused(405, "Request_BadRequest", text):
            await presence.builder.delete()
        with refused(405, "Request_BadRequest", text):
            await presence.builder.patch(GraphPresence(activity="Away"))
