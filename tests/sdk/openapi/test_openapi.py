"""The server does what its description says, whatever schemathesis thinks of to ask."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import httpx
import jsonschema_rs
import pytest
from schemathesis.specs.openapi.definitions import OPENAPI_31_VALIDATOR

from presenced import ADELE, ADMINISTRATOR, APPLICATION, APPLICATION_2, Server
from receiver import Receiver

HERE = Path(__file__).parent
# An answer that does not end is none to schemathesis: `tests/sdk/javascript` reads them.
STREAMS = "/presences/live$"
ADMIN = "^/admin/"
# A minute on a machine that has nothing else to do.
RUN_SECONDS_MAX = 540


@pytest.fixture(scope="module")
def description():
    """The file as it is served."""
    server = Server()
    try:
        return httpx.get(f"{server.url}/openapi.json").json()
    finally:
        server.stop()


class Run:
    """schemathesis with one kind of token, against a server of its own."""

    def __init__(self, name: str, directory: Path, *arguments: str):
        # Sessions of any name: which one is a caller's own client id, no description can say. And
        # counted as `serve` counts, so that the rate headers are there.
        self._server = Server("--sessions", "any", "--throttling")
        self._receiver = Receiver()
        self._report = directory / f"{name}.txt"
        self._process = None
        try:
            self._start(name, *arguments)
        except BaseException:
            self.stop()
            raise

    def _start(self, name: str, *arguments: str) -> None:
        server = self._server
        user = server.user_token("Presence.ReadWrite Presence.Read.All")
        furnish(server, user)
        administrator = server.token(ADMINISTRATOR)
        furnish_directory(server, administrator)
        tokens = {"user": user, "administrator": administrator}
        own = server.token()
        token = tokens.get(name) or own
        command = [sys.executable, "-m", "schemathesis.cli", "--no-color", "--config-file"]
        command += [HERE / "schemathesis.toml", "run", f"{server.url}/openapi.json"]
        command += ["--url", server.url, *arguments]
        variables = {
            "PRESENCED_URL": server.url,
            "PRESENCED_RUN": name,
            "PRESENCED_TOKEN": token,
            # Administrators look at what others have made.
            "PRESENCED_SUBSCRIBER": user if name == "user" else own,
            "PRESENCED_RECEIVER": self._receiver.url(),
            "PRESENCED_USER": ADELE,
            # Or it would write beside the tests.
            "HYPOTHESIS_STORAGE_DIRECTORY": str(self._report.with_suffix(".hypothesis")),
        }
        with self._report.open("wb") as report:
            self._process = subprocess.Popen(
                command,
                cwd=HERE,
                env=os.environ | variables,
                stdin=subprocess.DEVNULL,
                stdout=report,
                stderr=subprocess.STDOUT,
            )

    def outcome(self) -> tuple[int, str]:
        """Its exit code and what it said."""
        code = self._process.wait(RUN_SECONDS_MAX)
        return code, self._report.read_text()

    def stop(self) -> None:
        if self._process and self._process.poll() is None:
            self._process.kill()
            self._process.wait(10)
        self._server.stop()
        self._receiver.stop()


def furnish(server: Server, user: str) -> None:
    """Gives Adele something of everything, so that the answers show it."""
    path = f"{server.url}/v1.0/users/{ADELE}/presence"
    session = {"sessionId": APPLICATION_2, "availability": "DoNotDisturb", "activity": "Presenting"}
    own = {"sessionId": APPLICATION, "availability": "Busy", "activity": "InACall"}
    note = {"message": {"content": "Back soon"}, "expiryDateTime": {"dateTime": "2099-01-01T00:00"}}
    for action, body in [
        ("setPresence", session | {"expirationDuration": "PT4H"}),
        ("setPresence", own | {"expirationDuration": "PT4H"}),
        ("setStatusMessage", {"statusMessage": note}),
        ("setManualLocation", {"workLocationType": "office", "placeId": "b1"}),
        ("setAutomaticLocation", {"workLocationType": "remote"}),
    ]:
        answer = httpx.post(f"{path}/{action}", json=body, headers={"Authorization": f"Bearer {user}"})
        assert answer.status_code == 200, answer.text


def furnish_directory(server: Server, administrator: str) -> None:
    """Makes something that each path of administrators names by Adele's id, also an application."""
    planned = {"workLocationType": "office", "startDateTime": "2099-01-01T00:00:00Z"}
    for path, body in [
        (f"users/{ADELE}/outOfOffice", {"message": "Away"}),
        (f"users/{ADELE}/schedule", {"value": [planned | {"endDateTime": "2099-01-02T00:00:00Z"}]}),
        (f"applications/{ADELE}", {"displayName": "Lamp", "roles": ["Presence.Read.All"]}),
    ]:
        url, headers = f"{server.url}/admin/v1/{path}", {"Authorization": f"Bearer {administrator}"}
        answer = httpx.put(url, json=body, headers=headers)
        assert answer.is_success, answer.text


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """All at once: each waits for its server as much as it works."""
    directory = tmp_path_factory.mktemp("schemathesis")
    started = {}
    try:
        # To others than administrators, what is theirs is 403, whatever is sent.
        started["user"] = Run("user", directory, "--exclude-path-regex", f"{ADMIN}|{STREAMS}")
        # With an application's token, `/me` is 400 and a location 403, whatever is sent (contract
        # sections 6.5 and 1.2): there is nothing to find there. Wrong values are the same to both
        # kinds of token, so it is enough that one of them sends all that there are.
        left_out = ["--exclude-path-regex", f"/me/|{ADMIN}|{STREAMS}", "--exclude-tag", "Location"]
        left_out += ["--phases", "examples,fuzzing,stateful"]
        started["application"] = Run("application", directory, *left_out)
        # The description has no links from one of these to another.
        own = ["--include-path-regex", ADMIN, "--phases", "examples,coverage,fuzzing"]
        started["administrator"] = Run("administrator", directory, *own)
        yield started
    finally:
        for run in started.values():
            run.stop()


def operations(description, wanted: str = "", unwanted: str = "$^") -> int:
    """How many operations the description has below such paths."""
    items = description["paths"].items()
    return sum(len(item) for path, item in items if re.search(wanted, path) and not re.search(unwanted, path))


@pytest.mark.parametrize("name", ["user", "application", "administrator"])
def test_answers_are_as_described(runs, description, name):
    """No answer is other than the description says, no wrong request is taken and no right one refused,
    and nothing is open without a token that asks for one."""
    code, report = runs[name].outcome()
    assert code == 0, report
    if name == "user":
        # The one from which it has the file is left out by schemathesis itself.
        tested = operations(description, unwanted=f"{ADMIN}|{STREAMS}") - 1
        assert f"Tested: {tested}\n" in report, report
    if name == "administrator":
        tested = operations(description, wanted=ADMIN)
        assert f"Tested: {tested}\n" in report, report


def test_the_description_is_one(description):
    """The file is OpenAPI 3.1 by its published schema."""
    errors = OPENAPI_31_VALIDATOR.iter_errors(description)
    assert not [f"{error.instance_path}: {error.message}" for error in errors]


def test_examples_fit(description):
    """Every example is what its schema says. That those of answers are true, other tests show."""

    def component(value):
        _, kind, name = value["$ref"].removeprefix("#/").split("/")
        return description["components"][kind][name]

    checked = 0
    components = description["components"]
    for whole in [*components["requestBodies"].values(), *components["responses"].values()]:
        for content in whole.get("content", {}).values():
            schema = {"components": components, **content["schema"]}
            validator = jsonschema_rs.Draft202012Validator(schema)
            for example in content.get("examples", {}).values():
                if "$ref" in example:
                    example = component(example)
                problems = [error.message for error in validator.iter_errors(example["value"])]
                assert not problems, (example["summary"], problems)
                checked += 1
    assert checked > 20
