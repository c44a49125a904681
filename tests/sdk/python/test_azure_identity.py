"""azure-identity and msal sign in at the server itself, over TLS. Nothing is changed for them but
addresses: the authority and the Graph root; that they trust the certificate is said in the
environment, where their users say it."""

import datetime

import msal
import pytest
from azure.core.exceptions import ClientAuthenticationError
from azure.identity import ClientSecretCredential, DeviceCodeCredential, UsernamePasswordCredential
from browser import sign_in
from msgraph import GraphServiceClient

from presence import OFFLINE, Presence, read_many
from presenced import (
    ADELE,
    ADELE_UPN,
    ALEX,
    APPLICATION,
    GRAPH,
    PASSWORD,
    SECRETS,
    TENANT,
)

READ_WRITE = [f"{GRAPH}/Presence.ReadWrite"]


def graph(server, credential, scopes=None) -> GraphServiceClient:
    client = GraphServiceClient(credentials=credential, scopes=scopes)
    client.request_adapter.base_url = f"{server.url}/v1.0"
    return client


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
    # The second client is served from the token cache: the person is asked once.
    assert credential.get_token(*READ_WRITE).token
    assert len(shown) == 1


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
async def test_user_name_and_password(tls_server):
    """The password grant, which programs for tests use, gives a delegated token."""
    credential = UsernamePasswordCredential(
        APPLICATION,
        ADELE_UPN,
        PASSWORD,
        tenant_id=TENANT,
        authority=tls_server.url,
        disable_instance_discovery=True,
    )
    client = await drive(tls_server, credential, READ_WRITE)
    me = Presence.of_me(client)
    await me.clear()
    assert await me.shown() == OFFLINE


async def test_authorization_code_with_pkce(tls_server):
    """msal's own code flow, with its PKCE challenge, state, nonce and identity token; then a
    refresh that asks nobody."""
    app = msal.PublicClientApplication(
        APPLICATION, authority=f"{tls_server.url}/{TENANT}", instance_discovery=False
    )
    flow = app.initiate_auth_code_flow(READ_WRITE, redirect_uri="http://localhost:43117/done")
    assert "code_challenge=" in flow["auth_uri"]
    target = sign_in(tls_server.certificate(), flow["auth_uri"])
    answer = dict(part.split("=", 1) for part in target.partition("?")[2].split("&"))
    from urllib.parse import unquote_plus

    answer = {name: unquote_plus(value) for name, value in answer.items()}
    tokens = app.acquire_token_by_auth_code_flow(flow, answer)
    assert "error" not in tokens, tokens
    claims = tokens["id_token_claims"]
    assert (claims["oid"], claims["tid"], claims["aud"]) == (ADELE, TENANT, APPLICATION)
    [account] = app.get_accounts()
    assert account["home_account_id"] == f"{ADELE}.{TENANT}"
    refreshed = app.acquire_token_silent(READ_WRITE, account, force_refresh=True)
    assert refreshed["access_token"] != tokens["access_token"]

    class Credential:
        """Hands the refreshed token to the Graph client."""

        def get_token(self, *scopes, **_):
            from azure.core.credentials import AccessToken

            return AccessToken(refreshed["access_token"], 2**31)

    await drive(tls_server, Credential(), READ_WRITE)


def test_a_code_is_good_for_one_exchange(tls_server):
    """The same code a second time is refused, as msal reports it."""
    app = msal.PublicClientApplication(
        APPLICATION, authority=f"{tls_server.url}/{TENANT}", instance_discovery=False
    )
    redirect = "http://localhost:43117/done"
    url = app.get_authorization_request_url(READ_WRITE, redirect_uri=redirect)
    target = sign_in(tls_server.certificate(), url)
    code = dict(part.split("=", 1) for part in target.partition("?")[2].split("&"))["code"]
    first = app.acquire_token_by_authorization_code(code, READ_WRITE, redirect_uri=redirect)
    assert "access_token" in first, first
    second = app.acquire_token_by_authorization_code(code, READ_WRITE, redirect_uri=redirect)
    assert second["error"] == "invalid_grant"
