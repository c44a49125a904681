"""An endpoint for change notifications, and what a subscriber does with what it gets there."""

import hashlib
import hmac
import json
import queue
import threading
from base64 import b64decode, b64encode
from datetime import datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.padding import PKCS7
from cryptography.x509.oid import NameOID

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


class Certificate:
    """A subscriber's certificate, signed by itself, with its key."""

    def __init__(self):
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "subscriber")])
        now = datetime.now(timezone.utc)
        self._certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(self._key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=2))
            .sign(self._key, hashes.SHA256())
        )

    def text(self) -> str:
        """As a subscription has it."""
        return b64encode(self._certificate.public_bytes(serialization.Encoding.DER)).decode()

    def thumbprint(self) -> str:
        return self._certificate.fingerprint(hashes.SHA1()).hex().upper()

    def decrypted(self, content: dict) -> dict:
        """What an `encryptedContent` holds, as Graph's documentation tells subscribers to read it."""
        oaep = padding.OAEP(
            mgf=padding.MGF1(algorithm=hashes.SHA1()), algorithm=hashes.SHA1(), label=None
        )
        key = self._key.decrypt(b64decode(content["dataKey"]), oaep)
        data = b64decode(content["data"])
        signature = hmac.new(key, data, hashlib.sha256).digest()
        assert hmac.compare_digest(signature, b64decode(content["dataSignature"]))
        decryptor = Cipher(algorithms.AES(key), modes.CBC(key[:16])).decryptor()
        padded = decryptor.update(data) + decryptor.finalize()
        unpadder = PKCS7(128).unpadder()
        return json.loads(unpadder.update(padded) + unpadder.finalize())
