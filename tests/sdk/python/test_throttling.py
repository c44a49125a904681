"""What the official client makes of 429."""

import time

import httpx
import pytest

from presence import OFFLINE, Presence
from presenced import ADELE, Server

REQUESTS = 100
WINDOW_SECONDS = 4


@pytest.fixture
def server():
    """A server that lets two reads through in four seconds, and counts all requests besides."""
    limits = f"requests={REQUESTS}/3600s,presence_reads=2/{WINDOW_SECONDS}s"
    running = Server("--throttling", limits)
    yield running
    running.stop()


def requests_so_far(server, token: str) -> int:
    """How many requests the application has sent, those that were refused included."""
    headers = {"Authorization": f"Bearer {token}"}
    answer = httpx.get(f"{server.url}/v1.0/me/nothing", headers=headers)
    assert answer.headers["RateLimit-Limit"] == str(REQUESTS)
    return REQUESTS - int(answer.headers["RateLimit-Remaining"]) - 1


async def test_a_throttled_read_is_repeated_when_it_may_be(server, graph):
    """Two reads pass; the third is refused, and the client asks once more when the time in
    Retry-After is over. It is let through, and the program sees only that it took longer."""
    token = server.token()
    presence = Presence.of_user(graph(token), ADELE)
    begun = time.monotonic()
    assert [await presence.shown() for _ in range(3)] == [OFFLINE] * 3
    assert time.monotonic() - begun >= WINDOW_SECONDS
    # Three and one more: it did not ask again and again.
    assert requests_so_far(server, token) == 4
