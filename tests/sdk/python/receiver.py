"""An endpoint for change notifications."""

import json
import queue
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

WAIT_SECONDS_MAX = 20


class Receiver:
    """Listens on a free port of the loopback address, answers validation requests as it must, and
    keeps what else comes."""

    def __init__(self):
        self._bodies: queue.Queue = queue.Queue()
        # How many validation requests came to which path.
        self.checks: list[str] = []
        # What a validation request is answered with; None repeats the token.
        self.validation_status: int | None = None
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"] or 0))
                url = urlsplit(self.path)
                token = parse_qs(url.query).get("validationToken")
                if token is None:
                    receiver._bodies.put((self.path, json.loads(body)))
                    self._answer(202, b"")
                elif receiver.validation_status is not None:
                    self._answer(receiver.validation_status, b"")
                else:
                    receiver.checks.append(url.path)
                    self._answer(200, token[0].encode())

            def _answer(self, status, body):
                self.send_response(status)
                self.send_header("Content-Type", "text/plain")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *arguments):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def url(self, path: str = "/hook") -> str:
        return f"http://127.0.0.1:{self._server.server_port}{path}"

    def next(self) -> tuple[str, dict]:
        """The next message, with the path it came to."""
        return self._bodies.get(timeout=WAIT_SECONDS_MAX)

    def is_empty(self) -> bool:
        return self._bodies.empty()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(WAIT_SECONDS_MAX)
