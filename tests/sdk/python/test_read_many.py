"""getPresencesByUserId through the official client."""

import uuid

from presence import OFFLINE, UNKNOWN, Presence, read_many, refused
from presenced import ADELE, ALEX

IDS_MAX = 650


def shown(presences):
    return [(presence.id, (presence.availability, presence.activity)) for presence in presences]


async def test_order_duplicates_and_unknown_ids(server, graph):
    """Answers come in the order of the ids, once for each mention, with PresenceUnknown for what
    cannot be a user."""
    client = graph(server.token())
    await Presence.of_user(client, ADELE).set("Busy", "InACall")
    stranger = "0d9f7a0c-0000-4000-8000-000000000001"
    ids = [ALEX, ADELE, "adele@presenced.dev", ADELE, stranger, "no id"]
    assert shown(await read_many(client, ids)) == [
        (ALEX, OFFLINE),
        (ADELE, ("Busy", "InACall")),
        ("adele@presenced.dev", UNKNOWN),
        (ADELE, ("Busy", "InACall")),
        (stranger, OFFLINE),
        ("no id", UNKNOWN),
    ]


async def test_as_many_as_are_allowed(server, graph):
    """650 ids are answered, each in its place; one more is refused."""
    client = graph(server.token())
    await Presence.of_user(client, ADELE).set("DoNotDisturb", "Presenting")
    ids = [str(uuid.UUID(int=number)) for number in range(1, IDS_MAX)] + [ADELE]
    presences = await read_many(client, ids)
    assert [presence.id for presence in presences] == ids
    assert (presences[-1].availability, presences[-1].activity) == ("DoNotDisturb", "Presenting")
    with refused(400, "InvalidArgument") as error:
        await read_many(client, [*ids, ALEX])
    assert "650" in error.value.error.message


async def test_an_empty_list(server, graph):
    """Nobody was asked for, nobody is answered."""
    assert await read_many(graph(server.token()), []) == []


async def test_reading_creates_nothing(server, graph):
    """A read of a user of whom nothing was set leaves the user as it was: no sequence number."""
    client = graph(server.token())
    await read_many(client, [ALEX])
    [presence] = await read_many(client, [ALEX])
    assert presence.sequence_number == "0" * 20


async def test_own_permission_is_not_enough(server, graph):
    """With a permission for one's own presence alone, the list is refused, one's own id too."""
    client = graph(server.user_token("Presence.Read"))
    with refused(
        403,
        "Authorization_RequestDenied",
        "Insufficient privileges to complete the operation.",
    ):
        await read_many(client, [ADELE])
