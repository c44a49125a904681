"""Users by name, and tenants that have no others, through the official client."""

import httpx
import pytest

from presence import OFFLINE, UNKNOWN, Presence, read_many, refused
from presenced import ADELE, ADELE_UPN, ADMINISTRATOR, Server

STRANGER = "0d9f7a0c-0000-4000-8000-000000000001"


@pytest.fixture
def server(request):
    """A fresh server, with a closed directory where the test asks for one."""
    running = Server(*getattr(request, "param", []))
    yield running
    running.stop()


async def test_a_user_by_principal_name(server, graph):
    """A principal name stands for the user whom it belongs to, in whatever case."""
    client = graph(server.token())
    await Presence.of_user(client, ADELE_UPN).set("Busy", "InACall")
    assert await Presence.of_user(client, ADELE).shown() == ("Busy", "InACall")
    read = await Presence.of_user(client, ADELE_UPN.upper()).read()
    assert read.id == ADELE


@pytest.mark.parametrize("server", [["--directory", "closed"]], indirect=True)
async def test_a_closed_directory(server, graph):
    """Of a user whom it does not know nothing is told, and nothing can be set, until somebody makes
    the user."""
    client = graph(server.token())
    stranger = Presence.of_user(client, STRANGER)
    assert await stranger.shown() == UNKNOWN
    shown = [(one.availability, one.activity) for one in await read_many(client, [STRANGER, ADELE])]
    assert shown == [UNKNOWN, OFFLINE]
    with refused(404, "NotFound"):
        await stranger.set("Busy", "InACall")
    made = httpx.put(
        f"{server.url}/admin/v1/users/{STRANGER}",
        headers={"Authorization": f"Bearer {server.token(ADMINISTRATOR)}"},
        json={"principalName": "robin@presenced.dev"},
    )
    assert made.status_code == 201, made.text
    await Presence.of_user(client, "robin@presenced.dev").set("Busy", "InACall")
    assert await stranger.shown() == ("Busy", "InACall")


async def test_out_of_office(server, graph):
    """What an administrator says of a user is read as Graph shows it."""
    answer = httpx.put(
        f"{server.url}/admin/v1/users/{ADELE}/outOfOffice",
        headers={"Authorization": f"Bearer {server.token(ADMINISTRATOR)}"},
        json={"message": "Back on Monday."},
    )
    assert answer.status_code == 200, answer.text
    read = await Presence.of_user(graph(server.token()), ADELE).read()
    assert read.out_of_office_settings.is_out_of_office is True
    assert read.out_of_office_settings.message == "Back on Monday."
