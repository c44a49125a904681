"""O365, which is not Microsoft's and is used widely: every presence method that it has, with users
and applications signed in by the client itself."""

import msal
import pytest
from browser import REDIRECT, sign_in
from O365 import Account, Connection, MSGraphProtocol
from O365.teams import Activity, Availability, PreferredActivity, PreferredAvailability
from O365.utils.token import MemoryTokenBackend
from requests import HTTPError

from presence import OFFLINE, PREFERRED_PAIRS, SESSION_PAIRS, UNKNOWN
from presenced import (
    ADELE,
    ADELE_UPN,
    ALEX,
    APPLICATION,
    APPLICATION_WITHOUT_ROLES,
    GRAPH,
    SECRETS,
    TENANT,
)

# msal would have the sign-in's answer posted; the client reads it from an address.
pytestmark = pytest.mark.filterwarnings("ignore:response_mode:UserWarning")


@pytest.fixture
def account(tls_server):
    """Makes accounts of the client: `account("public")` for a user, `account("credentials")` for an
    application. The client has Graph's addresses written into it; both are changed."""
    authority = f"{tls_server.url}/{TENANT}"

    class Protocol(MSGraphProtocol):
        _protocol_url = f"{tls_server.url}/"

    class SignIn(Connection):
        @property
        def msal_client(self):
            if self._msal_client is None:
                kind, secret = msal.PublicClientApplication, {}
                if self.auth_flow_type == "credentials":
                    kind, secret = msal.ConfidentialClientApplication, {"client_credential": self.auth[1]}
                self._msal_client = kind(
                    self.auth[0],
                    authority=authority,
                    instance_discovery=False,
                    token_cache=self.token_backend,
                    **secret,
                )
            return self._msal_client

    class LocalAccount(Account):
        connection_constructor = SignIn

    def make(flow: str, application: str = APPLICATION, version: str = "v1.0") -> Account:
        credentials = (application, SECRETS[application])
        return LocalAccount(
            credentials if flow == "credentials" else (application,),
            auth_flow_type=flow,
            protocol=Protocol(version),
            tenant_id=TENANT,
            token_backend=MemoryTokenBackend(),
            # One that repeats a refused request would hide what the first answer was.
            request_retries=0,
        )

    return make


@pytest.fixture
def me(account, tls_server):
    """Adele's account, signed in with the code flow."""
    adele = account("public")
    scopes = adele.protocol.get_scopes_for(["presence", "Presence.ReadWrite", "Presence.Read.All"])
    assert adele.authenticate(
        requested_scopes=scopes,
        redirect_uri=REDIRECT,
        handle_consent=lambda url: sign_in(tls_server.certificate(), url),
    )
    return adele


def as_application(account, **what) -> Account:
    """An application's account, signed in with its secret."""
    signed_in = account("credentials", **what)
    assert signed_in.authenticate(requested_scopes=[f"{GRAPH}/.default"])
    return signed_in


def pair(presence) -> tuple[str, str]:
    return presence.availability, presence.activity


def refused(status: int, message: str, attempt) -> None:
    """The attempt is answered with this error, as the client shows it."""
    with pytest.raises(HTTPError) as caught:
        attempt()
    assert caught.value.response.status_code == status
    assert message in str(caught.value)


def test_sessions(me):
    """Each pair of an application is set, and answered by the read that the client does behind it."""
    assert me.con.username == ADELE_UPN
    teams = me.teams()
    for availability, activity in SESSION_PAIRS:
        values = Availability(availability), Activity(activity)
        presence = teams.set_my_presence(APPLICATION, *values, "PT1H")
        assert pair(presence) == (availability, activity)
        assert presence.object_id == ADELE
    assert pair(teams.get_my_presence()) == SESSION_PAIRS[-1]


def test_the_duration_that_is_not_sent(me, tls_server):
    """The client misspells the member's name, so that whatever its user asks for, a session lasts
    the five minutes that are the default."""
    teams = me.teams()
    teams.set_my_presence(APPLICATION, Availability.BUSY, Activity.INACALL, "PT4H")
    tls_server.advance("PT4M59S")
    assert pair(teams.get_my_presence()) == ("Busy", "InACall")
    tls_server.advance("PT1S")
    assert pair(teams.get_my_presence()) == OFFLINE


def test_preferred_presence(me):
    """Each pair of a user goes before the session."""
    teams = me.teams()
    teams.set_my_presence(APPLICATION, Availability.BUSY, Activity.INACALL, None)
    for availability, activity in PREFERRED_PAIRS:
        values = PreferredAvailability(availability), PreferredActivity(activity)
        presence = teams.set_my_user_preferred_presence(*values, "P1D")
        assert pair(presence) == (availability, activity)


def test_a_pair_that_is_refused(me):
    """The message of the refusal reaches the user of the client."""
    teams = me.teams()
    refused(
        400,
        "Busy/InAConferenceCall",
        lambda: teams.set_my_presence(APPLICATION, Availability.BUSY, Activity.AWAY, "PT1H"),
    )


def test_another_user(me):
    """A user reads another's presence, and that of nobody."""
    assert pair(me.teams().get_user_presence(ALEX)) == OFFLINE
    assert pair(me.teams().get_user_presence("nobody@presenced.dev")) == UNKNOWN


def test_an_application(account, me):
    """An application reads a user's presence with its own token, in both versions, and has none
    itself."""
    me.teams().set_my_presence(APPLICATION, Availability.DONOTDISTURB, Activity.PRESENTING, None)
    for version in ["v1.0", "beta"]:
        teams = as_application(account, version=version).teams()
        assert pair(teams.get_user_presence(ADELE)) == ("DoNotDisturb", "Presenting")
    refused(400, "only valid with delegated authentication flow", teams.get_my_presence)


def test_an_application_without_roles(account):
    """A refusal without a message comes as its status."""
    teams = as_application(account, application=APPLICATION_WITHOUT_ROLES).teams()
    refused(403, "Forbidden", lambda: teams.get_user_presence(ADELE))
