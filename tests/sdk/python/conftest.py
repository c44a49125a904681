"""What the tests are given: servers of their own, and the official client pointed at them."""

import pytest
from kiota_abstractions.authentication import (
    AccessTokenProvider,
    AllowedHostsValidator,
    BaseBearerTokenAuthenticationProvider,
)
from msgraph import GraphRequestAdapter, GraphServiceClient

from presenced import Server


@pytest.fixture
def server():
    """A fresh server over plain HTTP."""
    running = Server()
    yield running
    running.stop()


@pytest.fixture
def tls_server(monkeypatch):
    """A fresh server over TLS, which the clients of this process trust: httpx by the first of the
    variables, requests by the second."""
    running = Server("--tls")
    certificate = running.certificate()
    monkeypatch.setenv("SSL_CERT_FILE", certificate)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", certificate)
    yield running
    running.stop()


class _FixedToken(AccessTokenProvider):
    """Gives out one token."""

    def __init__(self, token: str):
        self._token = token

    async def get_authorization_token(self, uri, additional_authentication_context={}) -> str:
        return self._token

    def get_allowed_hosts_validator(self) -> AllowedHostsValidator:
        return AllowedHostsValidator([])


@pytest.fixture
async def graph(server):
    """Makes Graph clients for the plain server: `graph(token)`, `graph(token, "beta")`."""
    adapters = []

    def make(token: str, version: str = "v1.0") -> GraphServiceClient:
        provider = BaseBearerTokenAuthenticationProvider(_FixedToken(token))
        adapter = GraphRequestAdapter(provider)
        adapters.append(adapter)
        client = GraphServiceClient(request_adapter=adapter)
        adapter.base_url = f"{server.url}/{version}"
        return client

    yield make
    for adapter in adapters:
        await adapter._http_client.aclose()
