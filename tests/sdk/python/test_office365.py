"""Office365-REST-Python-Client, which is not Microsoft's and is used widely: every presence method
that it has, under each of the three addresses of a presence."""

from datetime import datetime, timedelta, timezone

import pytest
from office365 import azure_env
from office365.azure_env import AzureEnvironment
from office365.communications.presences.work_location_source import WorkLocationSource
from office365.communications.presences.work_location_type import WorkLocationType
from office365.graph_client import GraphClient
from office365.graph_version import GraphVersion
from office365.outlook.mail.body_type import BodyType
from office365.outlook.mail.item_body import ItemBody
from office365.runtime.client_request_exception import ClientRequestException

from presence import OFFLINE, PREFERRED_PAIRS, SESSION_PAIRS
from presenced import ADELE, ALEX, APPLICATION

BOTH = "Presence.ReadWrite Presence.Read.All"
ADDRESSES = {
    "me": lambda client: client.me.presence,
    "users": lambda client: client.users[ADELE].presence,
    "communications": lambda client: client.communications.presences[ADELE],
}


@pytest.fixture
def office(server, monkeypatch):
    """Makes clients for the server: `office(token)`. The client knows Graph's own hosts by a table,
    and has no setting for another; the table is changed."""
    monkeypatch.setitem(azure_env._ENDPOINTS[AzureEnvironment.Global], "graph", server.url)

    def make(token: str, version: GraphVersion = GraphVersion.V1) -> GraphClient:
        answer = {"token_type": "Bearer", "access_token": token}
        client = GraphClient(token_callback=lambda: answer)
        client.pending_request().version = version
        return client

    return make


def pair(presence) -> tuple[str, str]:
    return presence.availability, presence.activity


def shown(presence) -> tuple[str, str]:
    return pair(presence.get().execute_query())


def refused(status: int, code: str, attempt) -> ClientRequestException:
    """The attempt is answered with this error, as the client shows it."""
    with pytest.raises(ClientRequestException) as caught:
        attempt.execute_query()
    assert (caught.value.response.status_code, caught.value.code) == (status, code)
    return caught.value


@pytest.mark.parametrize("version", GraphVersion)
@pytest.mark.parametrize("address", ADDRESSES)
def test_sessions(server, office, address, version):
    """Each pair of an application is set and read back, and cleared."""
    presence = ADDRESSES[address](office(server.user_token(BOTH), version))
    for expected in SESSION_PAIRS:
        presence.set_presence(APPLICATION, *expected, "PT1H").execute_query()
        assert shown(presence) == expected
    presence.clear_presence(APPLICATION).execute_query()
    assert shown(presence) == OFFLINE
    refused(404, "NotFound", presence.clear_presence(APPLICATION))


@pytest.mark.parametrize("address", ADDRESSES)
def test_preferred_presence(server, office, address):
    """Each pair of a user goes before the session, with and without a duration of its own."""
    presence = ADDRESSES[address](office(server.user_token(BOTH)))
    presence.set_presence(APPLICATION, "Busy", "InACall", "PT4H").execute_query()
    for expected in PREFERRED_PAIRS:
        presence.set_user_preferred_presence(*expected, "PT8H").execute_query()
        assert shown(presence) == expected
    presence.set_user_preferred_presence().execute_query()
    assert shown(presence) == ("Available", "Available")
    presence.clear_user_preferred_presence().execute_query()
    assert shown(presence) == ("Busy", "InACall")


@pytest.mark.parametrize("address", ADDRESSES)
def test_status_messages(server, office, address):
    """A text as it is; with an expiry, whose UTC offset the client writes behind the time; and an
    empty one, which removes it."""
    presence = ADDRESSES[address](office(server.user_token(BOTH)))

    def said():
        return presence.get().execute_query().status_message

    presence.set_status_message("Back at noon ☕").execute_query()
    assert (said().message.content, said().message.contentType) == ("Back at noon ☕", BodyType.text)
    assert said().expiryDateTime.dateTime is None
    presence.set_status_message("Until seven", datetime(2099, 7, 1, 19)).execute_query()
    assert said().message.content == "Until seven"
    assert said().expiryDateTime.dateTime == "2099-07-01T19:00:00.0000000"
    assert said().expiryDateTime.timeZone == "UTC"
    published = said().publishedDateTime.replace(tzinfo=timezone.utc)
    assert abs(datetime.now(timezone.utc) - published) < timedelta(minutes=1)
    presence.set_status_message("").execute_query()
    assert presence.get().execute_query().properties["statusMessage"] is None


def test_a_status_message_that_is_refused(server, office):
    """HTML is told apart from text."""
    presence = office(server.token()).users[ADELE].presence
    error = refused(
        400, "InvalidArgument", presence.set_status_message(ItemBody.html("<b>x</b>"))
    )
    assert "html" in error.message


def test_every_member(server, office):
    """What a read has finds its type: the location, the settings, the number."""
    presence = office(server.token()).users[ADELE].presence.get().execute_query()
    assert (presence.id, *pair(presence)) == (ADELE, *OFFLINE)
    assert presence.sequence_number == "0" * 20
    assert presence.out_of_office_settings.isOutOfOffice is False
    assert presence.work_location.source == WorkLocationSource.none
    assert presence.work_location.workLocationType == WorkLocationType.unspecified


def test_chosen_members(server, office):
    """`$select` leaves out the rest."""
    presence = office(server.token()).users[ADELE].presence
    chosen = presence.select(["availability"]).get().execute_query()
    assert chosen.properties == {"availability": "Offline"}


def test_many_users(server, office):
    """Several presences at once, and the listing with a filter."""
    client = office(server.token())
    client.users[ADELE].presence.set_presence(APPLICATION, "Busy", "InACall").execute_query()
    expected = [(ALEX, OFFLINE), (ADELE, ("Busy", "InACall"))]
    many = client.communications.get_presences_by_user_id([ALEX, ADELE]).execute_query()
    assert [(presence.id, pair(presence)) for presence in many] == expected
    listing = client.communications.presences.filter(f"id in ('{ALEX}','{ADELE}')")
    assert [(each.id, pair(each)) for each in listing.get().execute_query()] == expected
    refused(400, "BadRequest", client.communications.presences.get())


def test_a_batch(server, office):
    """Actions without an answer beside reads: the client wants each answer's body, empty ones too."""
    client = office(server.token())
    adele = client.users[ADELE].presence
    adele.set_presence(APPLICATION, "Available", "Available")
    adele.set_user_preferred_presence("Away", "Away", "PT1H")
    read = client.users[ADELE].presence.get()
    many = client.communications.get_presences_by_user_id([ALEX, ADELE])
    client.execute_batch(sequential=True)
    assert pair(read) == ("Away", "Away")
    assert [pair(presence) for presence in many] == [OFFLINE, ("Away", "Away")]


def test_a_batch_with_a_refusal(server, office):
    """The request that is refused is told by its error, and the others took effect."""
    client = office(server.token())
    client.users[ADELE].presence.set_presence(APPLICATION, "Busy", "InACall")
    client.users[ALEX].presence.set_presence(APPLICATION, "Busy", "Busy")
    with client.collect_batch_failures() as failures:
        client.execute_batch()
    [(_, error)] = failures
    assert (error.response.status_code, error.code) == (400, "InvalidArgument")
    assert shown(client.users[ADELE].presence) == ("Busy", "InACall")


def test_what_a_presence_does_not_have(server, office):
    """The client can write PATCH and DELETE; a presence is changed by actions."""
    presence = office(server.token()).users[ADELE].presence
    for attempt in (presence.set_property("activity", "Away").update, presence.delete_object):
        refused(405, "Request_BadRequest", attempt())
