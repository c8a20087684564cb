"""Statements and envelopes as another implementation makes them: Python's `cryptography`, and nothing of this project."""

import base64
import hashlib
import json

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

PAYLOAD_TYPE = "application/vnd.pmp-sync.statement+json"
DIGEST = "sha256:" + hashlib.sha256(b"content").hexdigest()


def pae(payload: bytes, payload_type: str = PAYLOAD_TYPE) -> bytes:
    kind = payload_type.encode()
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)


def public_pem(key) -> str:
    public = key.public_key() if hasattr(key, "public_key") else key
    return public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()


def key_id(key) -> str:
    """securesystemslib's id of a key, written out."""
    public = key.public_key()
    if isinstance(public, ed25519.Ed25519PublicKey):
        raw = public.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
        kind, value, scheme = "ed25519", raw.hex(), "ed25519"
    else:
        kind, value, scheme = "ecdsa", public_pem(key), "ecdsa-sha2-nistp256"
    canonical = '{"keytype":"%s","keyval":{"public":"%s"},"scheme":"%s"}' % (kind, value, scheme)
    return hashlib.sha256(canonical.encode()).hexdigest()


def sign(key, message: bytes) -> bytes:
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return key.sign(message)
    return key.sign(message, ec.ECDSA(hashes.SHA256()))


def statement(key, **changes) -> bytes:
    fields = {
        "digest": DIGEST,
        "expires_at": "2026-12-05T11:00:00Z",
        "experience": "exp-management",
        "issued_at": "2026-11-28T11:00:00Z",
        "key_id": key_id(key),
        "schema": "pmp-sync.statement/1",
        "version": 42,
    } | changes
    return json.dumps(fields, separators=(",", ":"), sort_keys=True).encode()


def envelope(key, payload: bytes, keyid: str | None = None, signature: bytes | None = None) -> dict:
    signature = sign(key, pae(payload)) if signature is None else signature
    encode = lambda data: base64.standard_b64encode(data).decode()  # noqa: E731
    one = {"sig": encode(signature)} if keyid == "" else {"keyid": keyid or key_id(key), "sig": encode(signature)}
    return {"payload": encode(payload), "payloadType": PAYLOAD_TYPE, "signatures": [one]}
