"""$batch through the official client, which writes absolute URLs and `depends_on`."""

import pytest
from kiota_abstractions.api_error import APIError
from msgraph.generated.users.item.presence.set_presence.set_presence_post_request_body import (
    SetPresencePostRequestBody,
)
from msgraph_core.requests.batch_request_content import BatchRequestContent
from msgraph_core.requests.batch_request_item import BatchRequestItem

from presence import Presence
from presenced import ADELE, ALEX, APPLICATION


def presence_of(client, user):
    return client.users.by_user_id(user).presence


def read(client, user):
    return presence_of(client, user).to_get_request_information()


def set_(client, user, availability, activity):
    body = SetPresencePostRequestBody(
        session_id=APPLICATION, availability=availability, activity=activity
    )
    return presence_of(client, user).set_presence.to_post_request_information(body)


def batch(**requests):
    """A batch of these requests. (Given by themselves, the client would name them itself.)"""
    content = BatchRequestContent({})
    for name, request in requests.items():
        content.add_request(None, BatchRequestItem(request, id=name))
    return content


async def test_reads(server, graph):
    """Each read of a batch is answered under its own name."""
    client = graph(server.token())
    answer = await client.batch.post(
        batch_request_content=batch(adele=read(client, ADELE), alex=read(client, ALEX))
    )
    assert answer.get_response_status_codes() == {"adele": 200, "alex": 200}
    for name in ["adele", "alex"]:
        assert answer.get_response_by_id(name).content_type.startswith("application/json;")


async def test_dependencies_and_failures(server, graph):
    """An action takes effect before what depends on it; a failure takes what depends on it with
    it, and nothing else."""
    client = graph(server.token())
    content = batch(
        set=set_(client, ADELE, "Away", "Away"), wrong=set_(client, ALEX, "Busy", "Busy")
    )
    for name, before in [("after", "set"), ("lost", "wrong")]:
        item = BatchRequestItem(read(client, ADELE), id=name, depends_on=[before])
        content.add_request(None, item)
    answer = await client.batch.post(batch_request_content=content)
    assert answer.get_response_status_codes() == {
        "set": 200,
        "wrong": 400,
        "after": 200,
        "lost": 424,
    }
    assert await Presence.of_user(client, ADELE).shown() == ("Away", "Away")


async def test_actions_without_input(server, graph):
    """An action without a body is carried out, and its answer is empty."""
    client = graph(server.token())
    adele = Presence.of_user(client, ADELE)
    await adele.set("Available", "Available")
    await adele.prefer("Busy", "Busy")
    assert await adele.shown() == ("Busy", "Busy")
    clear = presence_of(client, ADELE).clear_user_preferred_presence
    content = batch(clear=clear.to_post_request_information())
    answer = await client.batch.post(batch_request_content=content)
    assert answer.get_response_status_codes() == {"clear": 200}
    assert answer.get_response_by_id("clear").body is None
    assert await adele.shown() == ("Available", "Available")


async def test_the_token_is_checked_once_for_all(server, graph):
    """A batch without a token that is accepted is refused as a whole."""
    client = graph("no token")
    content = batch(adele=read(client, ADELE))
    with pytest.raises(APIError) as error:
        await client.batch.post(batch_request_content=content)
    assert error.value.response_status_code == 401
