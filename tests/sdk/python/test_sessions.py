"""setPresence and clearPresence through the official client."""

import pytest

from presence import OFFLINE, SESSION_PAIRS, Presence, refused
from presenced import ADELE, ALEX, APPLICATION, APPLICATION_2

BOTH = "Presence.ReadWrite Presence.Read.All"


@pytest.mark.parametrize("version", ["v1.0", "beta"])
async def test_all_pairs_under_all_addresses(server, graph, version):
    """Each of the five pairs can be set and read back under each of the three addresses of a
    presence, which are one object; the context names the version and form that was asked for."""
    as_application = graph(server.token(), version)
    as_user = graph(server.user_token(BOTH), version)
    addresses = [
        (Presence.of_me(as_user), f"users('{ADELE}')/presence/$entity"),
        (Presence.of_user(as_application, ADELE), f"users('{ADELE}')/presence/$entity"),
        (Presence.of_communications(as_application, ADELE), "communications/presences/$entity"),
    ]
    for setter, _ in addresses:
        for pair in SESSION_PAIRS:
            await setter.set(*pair, "PT1H")
            for reader, context in addresses:
                presence = await reader.read()
                assert (presence.availability, presence.activity) == pair
                assert presence.id == ADELE
                assert presence.additional_data["@odata.context"] == (
                    f"{server.url}/{version}/$metadata#{context}"
                )
        await setter.clear()
        for reader, _ in addresses:
            assert await reader.shown() == OFFLINE


async def test_the_typed_members(server, graph):
    """The client reads every member into its type: the settings, the location, the absent message."""
    presence = await Presence.of_user(graph(server.token()), ADELE).read()
    assert (presence.availability, presence.activity) == OFFLINE
    assert presence.out_of_office_settings.is_out_of_office is False
    assert presence.out_of_office_settings.message is None
    assert presence.status_message is None
    assert presence.work_location.source.value == "none"
    assert presence.work_location.work_location_type.value == "unspecified"
    assert presence.work_location.place_id is None
    assert presence.sequence_number == "0" * 20


async def test_clearing_twice(server, graph):
    """The session is gone after the first clearPresence, and the second is told so."""
    presence = Presence.of_user(graph(server.token()), ADELE)
    await presence.set("Busy", "InACall")
    await presence.clear()
    assert await presence.shown() == OFFLINE
    with refused(404, "NotFound"):
        await presence.clear()


async def test_an_ended_session_cannot_be_cleared(server, graph):
    """Without a duration a session lasts five minutes, to the millisecond, and is then unknown."""
    presence = Presence.of_user(graph(server.token()), ADELE)
    await presence.set("Busy", "InAConferenceCall")
    server.advance("PT4M59S")
    assert await presence.shown() == ("Busy", "InAConferenceCall")
    server.advance("PT1S")
    assert await presence.shown() == OFFLINE
    with refused(404, "NotFound"):
        await presence.clear()


async def test_two_applications(server, graph):
    """Each application has a session of its own; the stronger one shows, whoever set it last."""
    first = Presence.of_user(graph(server.token()), ADELE)
    second = Presence.of_user(graph(server.token(APPLICATION_2)), ADELE)
    order = [
        ("Away", "Away"),
        ("Available", "Available"),
        ("Busy", "InACall"),
        ("DoNotDisturb", "Presenting"),
    ]
    for weaker, stronger in zip(order, order[1:]):
        await first.set(*stronger, "PT1H")
        await second.set(*weaker, "PT1H", session=APPLICATION_2)
        assert await first.shown() == stronger
        await first.clear()
        assert await second.shown() == weaker


async def test_users_are_apart(server, graph):
    """What is set for one user shows for no other."""
    client = graph(server.token())
    await Presence.of_user(client, ADELE).set("Busy", "InACall")
    assert await Presence.of_user(client, ALEX).shown() == OFFLINE


async def test_busy_does_not_fade(server, graph):
    """Only Available fades: Busy stays what it is for its four hours, the longest there are."""
    presence = Presence.of_user(graph(server.token()), ADELE)
    await presence.set("Busy", "InACall", "PT4H")
    server.advance("PT3H59M59S")
    assert await presence.shown() == ("Busy", "InACall")
    server.advance("PT1S")
    assert await presence.shown() == OFFLINE


async def test_an_id_in_capitals_is_the_same_user(server, graph):
    """A GUID means the same in either case."""
    client = graph(server.token())
    await Presence.of_user(client, ADELE.upper()).set("Busy", "InACall", session=APPLICATION.upper())
    assert await Presence.of_user(client, ADELE).shown() == ("Busy", "InACall")
