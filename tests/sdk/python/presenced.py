"""A `presenced dev` of one's own: started for a test, driven over HTTP, ended by its process id."""

import collections
import os
import queue
import re
import socket
import subprocess
import threading
from typing import NamedTuple
from urllib.parse import urlsplit

import httpx

TENANT = "7e3f2b1c-5f0a-4d3e-9a41-0c6d1b8e2f50"
APPLICATION = "22553876-f5ab-4529-bffb-cfe50aa89f87"
APPLICATION_2 = "5a0d3c8e-6b1f-4c5d-8f59-3f1f6f3f7a21"
APPLICATION_WITHOUT_ROLES = "c1b7a7f4-0d5e-4b0e-b9a5-7c8d9e0f1a2b"
ADMINISTRATOR = "4d7e9c02-8a35-4f61-b0d8-2e6a1c95f374"
SECRETS = {
    APPLICATION: "dev-secret",
    APPLICATION_2: "dev-secret-2",
    APPLICATION_WITHOUT_ROLES: "dev-secret-3",
    ADMINISTRATOR: "dev-secret-4",
}
ADELE = "fa8bf3dc-eca7-46b7-bad1-db199b62afc3"
ADELE_UPN = "adele@presenced.dev"
ALEX = "66825e03-7ef5-42da-9069-724602c31f6b"
PASSWORD = "dev"
GRAPH = "https://graph.microsoft.com"

START_SECONDS_MAX = 20
STOP_SECONDS_MAX = 15


class RawAnswer(NamedTuple):
    """An answer as it came, byte for byte."""

    status_line: bytes
    headers: dict[bytes, bytes]
    body: bytes


class Server:
    """A running `presenced dev` on a free port of the loopback address."""

    def __init__(self, *arguments: str):
        binary = os.environ.get("PRESENCED_BIN")
        if not binary:
            raise RuntimeError("PRESENCED_BIN names no binary: run these with `cargo xtask sdk`")
        self.lines: collections.deque[str] = collections.deque(maxlen=500)
        self._heard: queue.Queue[str | None] = queue.Queue()
        self._process = subprocess.Popen(
            [binary, "dev", "--listen", "127.0.0.1:0", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        try:
            self.url = self._wait_for(r"(https?://127\.0\.0\.1:[1-9]\d*)")
        except BaseException:
            self.stop()
            raise

    def _read(self) -> None:
        for line in self._process.stdout:
            self.lines.append(line)
            self._heard.put(line)
        self._heard.put(None)

    def _wait_for(self, pattern: str) -> str:
        """The first group of `pattern` in what the server says."""
        while True:
            try:
                line = self._heard.get(timeout=START_SECONDS_MAX)
            except queue.Empty:
                line = None
            if line is None:
                raise RuntimeError(f"the server said no {pattern!r}:\n{''.join(self.lines)}")
            if match := re.search(pattern, line):
                return match[1]

    def certificate(self) -> str:
        """The file that a client has to trust, as the server's start-up lines name it."""
        for line in list(self.lines):
            if match := re.search(r"REQUESTS_CA_BUNDLE=(\S+)", line):
                return match[1].strip("'\"")
        return self._wait_for(r"REQUESTS_CA_BUNDLE=['\"]?([^\s'\"]+)")

    def stop(self) -> None:
        """Ends the process, politely first."""
        if self._process.poll() is None:
            self._process.terminate()
        try:
            self._process.wait(STOP_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(STOP_SECONDS_MAX)
            raise AssertionError(f"the server did not end by itself:\n{''.join(self.lines)}") from None
        finally:
            self._reader.join(STOP_SECONDS_MAX)
            self._process.stdout.close()

    def token(self, application: str = APPLICATION) -> str:
        """An application's own access token."""
        return self.grant(
            grant_type="client_credentials",
            client_id=application,
            client_secret=SECRETS[application],
            scope=f"{GRAPH}/.default",
        )

    def user_token(self, scopes: str, user: str = ADELE_UPN) -> str:
        """An access token with which application 1 acts for a user."""
        return self.grant(
            grant_type="password",
            client_id=APPLICATION,
            client_secret=SECRETS[APPLICATION],
            username=user,
            password=PASSWORD,
            scope=" ".join(f"{GRAPH}/{scope}" for scope in scopes.split()),
        )

    def grant(self, **form: str) -> str:
        answer = httpx.post(f"{self.url}/{TENANT}/oauth2/v2.0/token", data=form)
        assert answer.status_code == 200, answer.text
        return answer.json()["access_token"]

    def advance(self, duration: str) -> None:
        """Moves the test clock."""
        answer = httpx.post(f"{self.url}/dev/clock/advance", json={"duration": duration})
        assert answer.status_code == 200, answer.text

    def exchange(self, request: bytes) -> RawAnswer:
        """Sends these bytes on a connection of their own, and reads until it is closed."""
        address = urlsplit(self.url)
        with socket.create_connection((address.hostname, address.port), timeout=10) as connection:
            connection.sendall(request)
            received = b""
            while part := connection.recv(65536):
                received += part
        head, _, body = received.partition(b"\r\n\r\n")
        status_line, *lines = head.split(b"\r\n")
        headers = dict(line.lower().split(b": ", 1) for line in lines)
        return RawAnswer(status_line, headers, body)
