"""Reads beside the plain one: chosen members, the listing, and what goes beyond Graph."""

import json

import pytest
from kiota_abstractions.base_request_configuration import RequestConfiguration
from kiota_abstractions.method import Method
from kiota_abstractions.request_information import RequestInformation
from msgraph.generated.communications.presences.item.presence_item_request_builder import (
    PresenceItemRequestBuilder,
)
from msgraph.generated.communications.presences.presences_request_builder import (
    PresencesRequestBuilder,
)
from msgraph.generated.users.item.presence.presence_request_builder import PresenceRequestBuilder

from presence import OFFLINE, Presence, refused
from presenced import ADELE, ALEX

Select = PresenceRequestBuilder.PresenceRequestBuilderGetQueryParameters
CommunicationsSelect = PresenceItemRequestBuilder.PresenceItemRequestBuilderGetQueryParameters
Filter = PresencesRequestBuilder.PresencesRequestBuilderGetQueryParameters


def with_query(parameters) -> RequestConfiguration:
    return RequestConfiguration(query_parameters=parameters)


@pytest.mark.parametrize("address", ["me", "users", "communications"])
async def test_chosen_members(server, graph, address):
    """`$select` leaves out the rest, under each address; a member that there is not is refused."""
    client = graph(server.user_token("Presence.Read.All"))
    presence, select = {
        "me": (client.me.presence, Select),
        "users": (client.users.by_user_id(ADELE).presence, Select),
        "communications": (
            client.communications.presences.by_presence_id(ADELE),
            CommunicationsSelect,
        ),
    }[address]
    chosen = await presence.get(with_query(select(select=["availability", "statusMessage"])))
    assert (chosen.availability, chosen.status_message) == ("Offline", None)
    assert (chosen.id, chosen.activity, chosen.work_location) == (None, None, None)
    with refused(400, "BadRequest") as error:
        await presence.get(with_query(select(select=["mood"])))
    assert "mood" in error.value.error.message


async def test_the_listing(server, graph):
    """The users that the filter names, and nobody without one."""
    client = graph(server.token())
    await Presence.of_user(client, ADELE).set("Busy", "InACall")
    presences = client.communications.presences
    listing = await presences.get(with_query(Filter(filter=f"id in ('{ALEX}','{ADELE}')")))
    assert [(each.id, each.availability, each.activity) for each in listing.value] == [
        (ALEX, *OFFLINE),
        (ADELE, "Busy", "InACall"),
    ]
    [only] = (await presences.get(with_query(Filter(filter=f"id eq '{ADELE}'")))).value
    assert only.id == ADELE
    with refused(400, "BadRequest"):
        await presences.get()


async def test_why(server, graph):
    """`explain` is not Graph's, so the client has no method for it, but sends what it is given."""
    client = graph(server.token())
    await Presence.of_user(client, ADELE).set("Busy", "InACall")
    template = "{+baseurl}/users/{user%2Did}/presence/explain"
    request = RequestInformation(Method.GET, template, {"user%2Did": ADELE})
    answer = json.loads(await client.request_adapter.send_primitive_async(request, "bytes", {}))
    assert (answer["id"], answer["activity"]) == (ADELE, "InACall")
    assert answer["sessions"][0]["shows"] is True


async def test_the_metadata(server, graph):
    """`$metadata` describes every method that the other tests call."""
    request = RequestInformation(Method.GET, "{+baseurl}/$metadata", {})
    client = graph(server.token())
    text = (await client.request_adapter.send_primitive_async(request, "bytes", {})).decode()
    for name in ["setPresence", "clearLocation", "getPresencesByUserId", "setStatusMessage"]:
        assert f'Name="{name}"' in text
