"""Short names for what the generated client calls at length."""

import contextlib

import pytest
from msgraph.generated.communications.get_presences_by_user_id.get_presences_by_user_id_post_request_body import (
    GetPresencesByUserIdPostRequestBody,
)
from msgraph.generated.communications.presences.item.clear_presence.clear_presence_post_request_body import (
    ClearPresencePostRequestBody as CommunicationsClearBody,
)
from msgraph.generated.communications.presences.item.set_presence.set_presence_post_request_body import (
    SetPresencePostRequestBody as CommunicationsSetBody,
)
from msgraph.generated.communications.presences.item.set_user_preferred_presence.set_user_preferred_presence_post_request_body import (
    SetUserPreferredPresencePostRequestBody as CommunicationsPreferBody,
)
from msgraph.generated.models.o_data_errors.o_data_error import ODataError
from msgraph.generated.users.item.presence.clear_presence.clear_presence_post_request_body import (
    ClearPresencePostRequestBody,
)
from msgraph.generated.users.item.presence.set_presence.set_presence_post_request_body import (
    SetPresencePostRequestBody,
)
from msgraph.generated.users.item.presence.set_user_preferred_presence.set_user_preferred_presence_post_request_body import (
    SetUserPreferredPresencePostRequestBody,
)

from presenced import APPLICATION

# The five pairs that an application can set, and the six that a user can prefer.
SESSION_PAIRS = [
    ("Available", "Available"),
    ("Busy", "InACall"),
    ("Busy", "InAConferenceCall"),
    ("Away", "Away"),
    ("DoNotDisturb", "Presenting"),
]
PREFERRED_PAIRS = [
    ("Available", "Available"),
    ("Busy", "Busy"),
    ("DoNotDisturb", "DoNotDisturb"),
    ("BeRightBack", "BeRightBack"),
    ("Away", "Away"),
    ("Offline", "OffWork"),
]
OFFLINE = ("Offline", "Offline")
UNKNOWN = ("PresenceUnknown", "PresenceUnknown")


class Presence:
    """One presence object under one of its three addresses."""

    def __init__(self, builder, set_body, clear_body, prefer_body):
        self.builder = builder
        self._set_body = set_body
        self._clear_body = clear_body
        self._prefer_body = prefer_body

    @classmethod
    def of_me(cls, client):
        return cls._of_user(client.me.presence)

    @classmethod
    def of_user(cls, client, user):
        return cls._of_user(client.users.by_user_id(user).presence)

    @classmethod
    def _of_user(cls, builder):
        return cls(
            builder,
            SetPresencePostRequestBody,
            ClearPresencePostRequestBody,
            SetUserPreferredPresencePostRequestBody,
        )

    @classmethod
    def of_communications(cls, client, user):
        return cls(
            client.communications.presences.by_presence_id(user),
            CommunicationsSetBody,
            CommunicationsClearBody,
            CommunicationsPreferBody,
        )

    async def read(self):
        return await self.builder.get()

    async def shown(self) -> tuple[str, str]:
        presence = await self.read()
        return presence.availability, presence.activity

    async def set(self, availability, activity, duration=None, session=APPLICATION):
        body = self._set_body(
            session_id=session,
            availability=availability,
            activity=activity,
            expiration_duration=duration,
        )
        await self.builder.set_presence.post(body)

    async def clear(self, session=APPLICATION):
        await self.builder.clear_presence.post(self._clear_body(session_id=session))

    async def prefer(self, availability, activity, duration=None):
        body = self._prefer_body(
            availability=availability, activity=activity, expiration_duration=duration
        )
        await self.builder.set_user_preferred_presence.post(body)

    async def clear_preferred(self):
        await self.builder.clear_user_preferred_presence.post()


async def read_many(client, ids):
    """`getPresencesByUserId`."""
    body = GetPresencesByUserIdPostRequestBody(ids=ids)
    answer = await client.communications.get_presences_by_user_id.post(body)
    return answer.value


@contextlib.contextmanager
def refused(status: int, code: str, message: str | None = None):
    """The block is answered with this error, as the client shows it. With `message` that is the
    whole text; the error is handed out for a closer look."""
    with pytest.raises(ODataError) as caught:
        yield caught
    error = caught.value
    assert (error.response_status_code, error.error.code) == (status, code), error.error
    if message is not None:
        assert error.error.message == message
