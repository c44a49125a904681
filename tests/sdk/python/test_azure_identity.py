"""azure-identity and msal sign in at the server itself, over TLS. Nothing is changed for them but
addresses: the authority and the Graph root; that they trust the certificate is said in the
environment, where their users say it."""

import datetime
from urllib.parse import parse_qsl, urlsplit

import msal
import pytest
from azure.core.credentials import AccessToken
from azure.core.exceptions import ClientAuthenticationError
from azure.identity import ClientSecretCredential, DeviceCodeCredential
from browser import REDIRECT, sign_in
from msgraph import GraphServiceClient

from presence import Presence, read_many
from presenced import (
    ADELE,
    ALEX,
    APPLICATION,
    GRAPH,
    SECRETS,
    TENANT,
)

READ_WRITE = [f"{GRAPH}/Presence.ReadWrite"]


class HandedOver:
    """A credential that has its token from elsewhere."""

    def __init__(self, token: str):
        self._token = token

    def get_token(self, *scopes, **_) -> AccessToken:
        return AccessToken(self._token, 2**31)


def graph(server, credential, scopes=None) -> GraphServiceClient:
    client = GraphServiceClient(credentials=credential, scopes=scopes)
    client.request_adapter.base_url = f"{server.url}/v1.0"
    return client


def parameters_of(target) -> dict[str, str]:
    """The query of the address that a sign-in leads to."""
    assert target.startswith(REDIRECT)
    return dict(parse_qsl(urlsplit(target).query))


async def drive(server, credential, scopes=None):
    """A session is set and read back with what the credential gets."""
    client = graph(server, credential, scopes)
    presence = Presence.of_user(client, ADELE)
    await presence.set("Busy", "InACall", "PT1H")
    assert await presence.shown() == ("Busy", "InACall")
    return client


@pytest.mark.parametrize("tenant", [TENANT, "presenced.dev"])
@pytest.mark.parametrize("scopes", [None, [f"{GRAPH}/.default"]])
async def test_client_secret(tls_server, tenant, scopes):
    """An application's secret gets its token, for Graph's own scope and for the one that the
    client derives from the changed address; the server's own tenant goes by id and by domain."""
    credential = ClientSecretCredential(
        tenant,
        APPLICATION,
        SECRETS[APPLICATION],
        authority=tls_server.url,
        disable_instance_discovery=True,
    )
    client = await drive(tls_server, credential, scopes)
    assert [presence.id for presence in await read_many(client, [ALEX, ADELE])] == [ALEX, ADELE]


def test_a_wrong_secret(tls_server):
    """The library reads the refusal and shows its reason."""
    credential = ClientSecretCredential(
        TENANT,
        APPLICATION,
        "wrong",
        authority=tls_server.url,
        disable_instance_discovery=True,
    )
    with pytest.raises(ClientAuthenticationError) as caught:
        credential.get_token(f"{GRAPH}/.default")
    assert "AADSTS7000215" in str(caught.value)


async def test_device_code(tls_server):
    """A device without a browser is signed in by a person with one: the code is shown, typed in on
    the page, and the device's next question is answered with a delegated token."""
    shown = []

    def prompt(verification_uri, user_code, expires_on):
        shown.append(user_code)
        assert expires_on > datetime.datetime.now(expires_on.tzinfo)
        assert sign_in(tls_server.certificate(), verification_uri, user_code) is None

    credential = DeviceCodeCredential(
        APPLICATION,
        tenant_id=TENANT,
        authority=tls_server.url,
        disable_instance_discovery=True,
        prompt_callback=prompt,
    )
    client = await drive(tls_server, credential, READ_WRITE)
    assert await Presence.of_me(client).shown() == ("Busy", "InACall")
    # All of that came from the token cache: the person was asked once.
    assert len(shown) == 1


async def test_authorization_code_with_pkce(tls_server):
    """msal's own code flow, with its PKCE challenge, state, nonce and identity token; then a
    refresh that asks nobody."""
    app = msal.PublicClientApplication(
        APPLICATION, authority=f"{tls_server.url}/{TENANT}", instance_discovery=False
    )
    flow = app.initiate_auth_code_flow(READ_WRITE, redirect_uri=REDIRECT)
    assert "code_challenge=" in flow["auth_uri"]
    answer = parameters_of(sign_in(tls_server.certificate(), flow["auth_uri"]))
    tokens = app.acquire_token_by_auth_code_flow(flow, answer)
    assert "error" not in tokens, tokens
    claims = tokens["id_token_claims"]
    assert (claims["oid"], claims["tid"], claims["aud"]) == (ADELE, TENANT, APPLICATION)
    [account] = app.get_accounts()
    assert account["home_account_id"] == f"{ADELE}.{TENANT}"
    refreshed = app.acquire_token_silent(READ_WRITE, account, force_refresh=True)
    assert refreshed["access_token"] != tokens["access_token"]

    await drive(tls_server, HandedOver(refreshed["access_token"]), READ_WRITE)


def test_a_code_is_good_for_one_exchange(tls_server):
    """A confidential client proves itself by its secret instead of PKCE; the same code a second
    time is refused, as msal reports it."""
    app = msal.ConfidentialClientApplication(
        APPLICATION,
        client_credential=SECRETS[APPLICATION],
        authority=f"{tls_server.url}/{TENANT}",
        instance_discovery=False,
    )
    flow = app.initiate_auth_code_flow(READ_WRITE, redirect_uri=REDIRECT)
    answer = parameters_of(sign_in(tls_server.certificate(), flow["auth_uri"]))
    first = app.acquire_token_by_auth_code_flow(flow, answer)
    assert "access_token" in first, first
    second = app.acquire_token_by_auth_code_flow(flow, answer)
    assert second["error"] == "invalid_grant", second
