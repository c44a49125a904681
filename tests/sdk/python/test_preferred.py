"""setUserPreferredPresence and clearUserPreferredPresence through the official client."""

import pytest

from presence import OFFLINE, PREFERRED_PAIRS, Presence, refused
from presenced import ADELE

BOTH = "Presence.ReadWrite Presence.Read.All"


@pytest.mark.parametrize("address", ["me", "users", "communications"])
async def test_all_pairs(server, graph, address):
    """Each of the six pairs goes before the session, under each address, and leaves when cleared."""
    client = graph(server.user_token(BOTH))
    presence = {
        "me": lambda: Presence.of_me(client),
        "users": lambda: Presence.of_user(client, ADELE),
        "communications": lambda: Presence.of_communications(client, ADELE),
    }[address]()
    await presence.set("Busy", "InACall", "PT4H")
    for pair in PREFERRED_PAIRS:
        await presence.prefer(*pair, "PT8H")
        assert await presence.shown() == pair
    await presence.clear_preferred()
    assert await presence.shown() == ("Busy", "InACall")


async def test_nothing_shows_without_a_session(server, graph):
    """A preferred presence waits for a session, and goes back to waiting with its end."""
    presence = Presence.of_user(graph(server.token()), ADELE)
    await presence.prefer("DoNotDisturb", "DoNotDisturb")
    assert await presence.shown() == OFFLINE
    await presence.set("Available", "Available")
    assert await presence.shown() == ("DoNotDisturb", "DoNotDisturb")
    await presence.clear()
    assert await presence.shown() == OFFLINE


async def test_clearing_twice_is_fine(server, graph):
    """The client sends neither body nor Content-Type, and clearing what is not there is answered
    like the first time."""
    presence = Presence.of_user(graph(server.token()), ADELE)
    await presence.prefer("Away", "Away")
    await presence.clear_preferred()
    await presence.clear_preferred()


@pytest.mark.parametrize(
    ("pair", "days"), [(("Busy", "Busy"), 1), (("DoNotDisturb", "DoNotDisturb"), 1), (("Away", "Away"), 7)]
)
async def test_default_durations(server, graph, pair, days):
    """Without a duration Busy and DoNotDisturb last a day, the others seven."""
    presence = Presence.of_user(graph(server.token()), ADELE)
    await presence.prefer(*pair)
    server.advance(f"PT{days * 24 - 1}H")
    await presence.set("Busy", "InACall", "PT4H")
    assert await presence.shown() == pair
    server.advance("PT1H")
    assert await presence.shown() == ("Busy", "InACall")


async def test_session_pairs_are_not_preferred_pairs(server, graph):
    """Busy/InACall is what an application sets; a user cannot prefer it, and the reverse."""
    presence = Presence.of_user(graph(server.token()), ADELE)
    with refused(400, "InvalidArgument") as error:
        await presence.prefer("Busy", "InACall")
    assert "InACall" in error.value.error.message
    with refused(400, "InvalidArgument"):
        await presence.set("Busy", "Busy")
