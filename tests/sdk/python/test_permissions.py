"""Who may do what, as the official client tells its user."""

import pytest

from presence import OFFLINE, Presence, read_many, refused
from presenced import ADELE, ALEX, APPLICATION_WITHOUT_ROLES


async def test_a_user_reads_and_writes_oneself(server, graph):
    """With a delegated token /me is the signed-in user, to read and to write."""
    me = Presence.of_me(graph(server.user_token("Presence.ReadWrite")))
    await me.set("Away", "Away", "PT1H")
    presence = await me.read()
    assert (presence.id, presence.availability, presence.activity) == (ADELE, "Away", "Away")
    await me.clear()
    assert await me.shown() == OFFLINE


async def test_another_user_cannot_be_written(server, graph):
    """A delegated token writes its own user's presence only, and the answer names both users."""
    client = graph(server.user_token("Presence.ReadWrite Presence.Read.All"))
    alex = Presence.of_user(client, ALEX)
    text = (
        "Cannot set the presence of another user. "
        f"Authenticated user: {ADELE}. Requested user: {ALEX}"
    )
    for attempt in (
        lambda: alex.set("Busy", "InACall"),
        lambda: alex.clear(),
        lambda: alex.prefer("Busy", "Busy"),
        lambda: alex.clear_preferred(),
    ):
        with refused(401, "Unauthorized", text):
            await attempt()
    assert await alex.shown() == OFFLINE


async def test_an_application_is_nobody(server, graph):
    """An application's own token has no /me."""
    me = Presence.of_me(graph(server.token()))
    text = "/me request is only valid with delegated authentication flow."
    for attempt in (me.read, lambda: me.set("Busy", "InACall"), me.clear, me.clear_preferred):
        with refused(400, "BadRequest", text):
            await attempt()


async def test_a_scope_is_missing(server, graph):
    """A token without the scope of the method gets 403 with an empty message, and changes nothing."""
    reader = graph(server.user_token("Presence.Read"))
    me = Presence.of_me(reader)
    for attempt in (
        lambda: me.set("Busy", "InACall"),
        lambda: me.clear(),
        lambda: me.prefer("Busy", "Busy"),
        lambda: me.clear_preferred(),
    ):
        with refused(403, "Forbidden", ""):
            await attempt()
    assert await me.shown() == OFFLINE


async def test_reading_others_needs_more(server, graph):
    """Presence.Read reaches one's own presence, not another's."""
    client = graph(server.user_token("Presence.Read"))
    assert await Presence.of_user(client, ADELE).shown() == OFFLINE
    with refused(
        403,
        "Authorization_RequestDenied",
        "Insufficient privileges to complete the operation.",
    ):
        await Presence.of_user(client, ALEX).read()
    wider = graph(server.user_token("Presence.Read.All"))
    assert await Presence.of_user(wider, ALEX).shown() == OFFLINE


async def test_an_application_without_roles(server, graph):
    """A token without any roles is a good token that may do nothing."""
    client = graph(server.token(APPLICATION_WITHOUT_ROLES))
    adele = Presence.of_user(client, ADELE)
    for attempt in (
        adele.read,
        lambda: adele.set("Busy", "InACall", session=APPLICATION_WITHOUT_ROLES),
        lambda: read_many(client, [ADELE]),
    ):
        with refused(403, "Forbidden", ""):
            await attempt()


async def test_the_body_is_checked_before_the_permission(server, graph):
    """A missing sessionId is told to an application that could not have set anything anyway."""
    adele = Presence.of_user(graph(server.token(APPLICATION_WITHOUT_ROLES)), ADELE)
    with refused(400, "InvalidArgument"):
        await adele.set("Busy", "InACall", session=None)


@pytest.mark.parametrize("token", ["nonsense", "a.b.c", "eyJhbGciOiJub25lIn0.e30."])
async def test_a_token_that_is_none(server, graph, token):
    """What is no token is answered with 401 and the code that clients know."""
    with refused(401, "InvalidAuthenticationToken"):
        await Presence.of_user(graph(token), ADELE).read()


async def test_a_changed_token(server, graph):
    """A token whose payload was changed after it was signed is refused."""
    header, payload, signature = server.token().split(".")
    changed = payload[:-4] + ("AAAA" if payload[-4:] != "AAAA" else "BBBB")
    with refused(401, "InvalidAuthenticationToken"):
        await Presence.of_user(graph(".".join((header, changed, signature))), ADELE).read()


async def test_no_token(server, graph):
    """Without a token the answer says that there is none."""
    with refused(401, "InvalidAuthenticationToken", "Access token is empty."):
        await Presence.of_user(graph(""), ADELE).read()
