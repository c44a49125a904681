"""A subscriber's certificate, and what a subscriber does with what is encrypted for it."""

import hashlib
import hmac
import json
from base64 import b64decode, b64encode
from datetime import datetime, timedelta, timezone

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.padding import PKCS7
from cryptography.x509.oid import NameOID


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
