"""Where a release comes from, as an in-toto statement with SLSA's provenance, and signatures: Ed25519, by openssl.

Times are left out, so that the same commit gives the same statement. Ed25519 needs no chance, so neither do signatures differ.
"""

import base64
import hashlib
import json
import subprocess
import tempfile
from pathlib import Path

from layout import PROVENANCE, SIGNATURES, SUMS

PAYLOAD = "application/vnd.in-toto+json"
# What a public key of Ed25519 begins with, in DER; 32 bytes follow.
ED25519 = bytes.fromhex("302a300506032b6570032100")


def statement(sums, commit, toolchains, lock, command, parameters):
    """`sums` are the digests of all files that it is about; `parameters` is what was asked for."""
    return {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": name, "digest": {"sha256": sums[name]}} for name in sorted(sums)],
        "predicateType": "https://slsa.dev/provenance/v1",
        "predicate": {
            "buildDefinition": {
                "buildType": "urn:pmp-sync:infra/release:1",
                "externalParameters": {"command": command, **parameters},
                "resolvedDependencies": [
                    {"name": "pmp-sync", "digest": {"gitCommit": commit}},
                    {"name": "Cargo.lock", "digest": {"sha256": lock}},
                    *({"name": "rust", "uri": f"urn:rust:{one['release']}", "annotations": one} for one in toolchains),
                ],
            },
            "runDetails": {"builder": {"id": "urn:pmp-sync:infra/release"}},
        },
    }


def openssl(*arguments, **options):
    return subprocess.run(["openssl", *arguments], check=True, capture_output=True, **options).stdout


def signed_bytes(payload):
    """What a DSSE signature is over."""
    return b"DSSEv1 %d %s %d %s" % (len(PAYLOAD), PAYLOAD.encode(), len(payload), payload)


def sign_bytes(data, key):
    with tempfile.NamedTemporaryFile() as file:
        file.write(data)
        file.flush()
        return openssl("pkeyutl", "-sign", "-inkey", key, "-rawin", "-in", file.name)


def verifies(data, signature, public_key):
    with tempfile.TemporaryDirectory() as folder:
        said, file = Path(folder) / "signature", Path(folder) / "data"
        said.write_bytes(signature)
        file.write_bytes(data)
        command = ["pkeyutl", "-verify", "-pubin", "-inkey", public_key, "-rawin", "-in", file, "-sigfile", said]
        return subprocess.run(["openssl", *command], capture_output=True, check=False).returncode == 0


def public_part(key, is_public=False):
    """The public key in DER. Fails for a key that is none of Ed25519."""
    try:
        found = openssl("pkey", "-in", key, *(["-pubin"] if is_public else []), "-pubout", "-outform", "DER")
    except subprocess.CalledProcessError as error:
        raise ValueError(f"{key} is no key in PEM: {error.stderr.decode().strip()}") from error
    if not found.startswith(ED25519) or len(found) != len(ED25519) + 32:
        raise ValueError(f"{key} is no key of Ed25519")
    return found


def key_id(public):
    """As securesystemslib computes it, which looks for the key by it."""
    said = {"keytype": "ed25519", "keyval": {"public": public[len(ED25519) :].hex()}, "scheme": "ed25519"}
    return hashlib.sha256(json.dumps(said, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def sign(folder, key):
    """Signs SHA256SUMS as it is, for openssl alone, and the provenance in an envelope of DSSE, for the tools of in-toto."""
    (folder / SIGNATURES[SUMS]).write_bytes(sign_bytes((folder / SUMS).read_bytes(), key))
    payload = (folder / PROVENANCE).read_bytes()
    signature = base64.b64encode(sign_bytes(signed_bytes(payload), key)).decode()
    envelope = {
        "payload": base64.b64encode(payload).decode(),
        "payloadType": PAYLOAD,
        "signatures": [{"keyid": key_id(public_part(key)), "sig": signature}],
    }
    (folder / SIGNATURES[PROVENANCE]).write_text(json.dumps(envelope) + "\n")


def problems(folder, public_key):
    """What keeps one from believing that whoever has the key made this folder."""
    public_part(public_key, is_public=True)
    for name in SIGNATURES.values():
        if not (folder / name).exists():
            yield f"{name} is not there: nobody has signed this folder"
            return
    if not verifies((folder / SUMS).read_bytes(), (folder / SIGNATURES[SUMS]).read_bytes(), public_key):
        yield f"{SIGNATURES[SUMS]} is no signature of {SUMS} by this key"
    try:
        envelope = json.loads((folder / SIGNATURES[PROVENANCE]).read_text())
        payload = base64.b64decode(envelope["payload"], validate=True)
        (signature,) = envelope["signatures"]
        said = base64.b64decode(signature["sig"], validate=True)
        if envelope["payloadType"] != PAYLOAD or payload != (folder / PROVENANCE).read_bytes():
            yield f"{SIGNATURES[PROVENANCE]} does not hold {PROVENANCE}"
        elif not verifies(signed_bytes(payload), said, public_key):
            yield f"{SIGNATURES[PROVENANCE]} is not signed by this key"
    except (KeyError, TypeError, ValueError) as error:
        yield f"{SIGNATURES[PROVENANCE]} is no envelope of DSSE with one signature: {error!r}"
