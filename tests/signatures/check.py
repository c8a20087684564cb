"""What README.md says, check by check."""

import base64
import hashlib
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time

import boto3
import botocore.exceptions
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, utils
from securesystemslib.dsse import Envelope
from securesystemslib.exceptions import VerificationError
from securesystemslib.signer import AWSSigner, CryptoSigner, SSlibKey

import dsse

DSSE, LOCAL = sys.argv[1:]
FIXTURES = pathlib.Path(__file__).resolve().parents[2] / "core/signature/tests/fixtures"
results = []


def check(name, passed):
    results.append(bool(passed))
    print(f"{'ok    ' if passed else 'FAILED'}  {name}", flush=True)


def ours(*arguments, given=""):
    done = subprocess.run([DSSE, *arguments], input=given, capture_output=True, text=True, timeout=60)
    return done.stdout.strip() if done.returncode == 0 else f"failed: {done.stderr}"


def raised(error, work):
    try:
        work()
    except error as caught:
        return caught
    return None


def envelopes(folder):
    private = ed25519.Ed25519PrivateKey.generate()
    pem = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "private.pem").write_bytes(pem)
    (folder / "public.pem").write_text(dsse.public_pem(private))
    text = ours("sign", str(folder / "private.pem"))
    envelope = json.loads(text)
    payload = base64.standard_b64decode(envelope["payload"])
    signature = base64.standard_b64decode(envelope["signatures"][0]["sig"])
    verified = raised(InvalidSignature, lambda: private.public_key().verify(signature, dsse.pae(payload))) is None
    check("cryptography verifies our envelope", verified)
    statement = json.loads(payload)
    canonical = json.dumps(statement, sort_keys=True, separators=(",", ":")).encode()
    check("our payload is the canonical JSON of what it says", canonical == payload)
    key = SSlibKey.from_crypto(private.public_key())
    check("securesystemslib verifies our envelope", Envelope.from_dict(json.loads(text)).verify([key], 1))
    other = SSlibKey.from_crypto(ed25519.Ed25519PrivateKey.generate().public_key())
    refused = raised(VerificationError, lambda: Envelope.from_dict(json.loads(text)).verify([other], 1))
    check("securesystemslib refuses it by another key", refused)
    check("our one line is ASCII without white space", text.isascii() and not re.search(r"\s", text))

    for name, key in {"Ed25519": private, "P-256": ec.generate_private_key(ec.SECP256R1())}.items():
        public = folder / f"{name}.pem"
        public.write_text(dsse.public_pem(key))
        theirs = SSlibKey.from_crypto(key.public_key()).keyid
        check(f"{name}: the key's id is securesystemslib's", ours("key-id", str(public)) == theirs == dsse.key_id(key))
        # The payload type is ours; all else is theirs.
        made = Envelope(dsse.statement(key), dsse.PAYLOAD_TYPE, {})
        made.sign(CryptoSigner(key))
        text = json.dumps(made.to_dict())
        check(f"{name}: we verify securesystemslib's envelope", ours("verify", str(public), given=text) == "snapshot 42 of exp-management")
        text = json.dumps(dsse.envelope(key, dsse.statement(key)))
        check(f"{name}: we verify cryptography's envelope", ours("verify", str(public), given=text) == "snapshot 42 of exp-management")
        made.payload = dsse.statement(key, version=43)
        refused = ours("verify", str(public), given=json.dumps(made.to_dict()))
        check(f"{name}: we refuse a payload that was swapped", refused == "refused: bad-signature")


def fixtures():
    keys = [SSlibKey.from_crypto(load((FIXTURES / f"keys/{name}.pem").read_bytes())) for name in ("p256", "ed25519")]
    signed = {"none", "other-experience", "other-version", "other-digest", "expired", "issued-in-the-future"}
    agreed, judged = 0, 0
    for folder in sorted(FIXTURES.iterdir()):
        if not (folder / "envelope.json").is_file():
            continue
        refusal = (folder / "refusal").read_text().strip()
        # What securesystemslib does not judge: the form beyond the signature, and an envelope whose hint is no key's id.
        if refusal == "malformed" or folder.name in ("good-without-key-id", "good-with-another-hint"):
            continue
        judged += 1
        envelope = Envelope.from_dict(json.loads((folder / "envelope.json").read_text()))
        verifies = raised(VerificationError, lambda: envelope.verify(keys, 1)) is None
        agreed += verifies == (refusal in signed)
    check(f"securesystemslib judges the signatures of all {judged} envelopes as we do", judged >= 12 and agreed == judged)


def load(pem):
    return serialization.load_pem_public_key(pem)


def kms(endpoint):
    client = boto3.client(
        "kms", "us-east-1", endpoint_url=endpoint, aws_access_key_id="111111111111", aws_secret_access_key="secret"
    )
    arn = client.create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")["KeyMetadata"]["Arn"]
    answer = client.get_public_key(KeyId=arn)
    public = serialization.load_der_public_key(answer["PublicKey"])
    check("KMS: the public key is a P-256 key, under its ARN", public.curve.name == "secp256r1" and answer["KeyId"] == arn)

    def sign(message, kind, **more):
        request = {"KeyId": arn, "Message": message, "MessageType": kind, "SigningAlgorithm": "ECDSA_SHA_256"} | more
        return client.sign(**request)["Signature"]

    def code(work):
        error = raised(botocore.exceptions.ClientError, work)
        return error and error.response["Error"]["Code"]

    message = b"m" * 4096
    digest = hashlib.sha256(b"of any length" * 10_000).digest()
    prehashed = ec.ECDSA(utils.Prehashed(hashes.SHA256()))
    whole, hashed = [], []
    for _ in range(20):
        whole.append(raised(InvalidSignature, lambda: public.verify(sign(message, "RAW"), message, ec.ECDSA(hashes.SHA256()))))
        hashed.append(raised(InvalidSignature, lambda: public.verify(sign(digest, "DIGEST"), digest, prehashed)))
    check("KMS: cryptography verifies 20 signatures of a raw message of 4,096 bytes", not any(whole))
    check("KMS: cryptography verifies 20 signatures of a digest, which is not hashed again", not any(hashed))
    check("KMS: a raw message ends at 4,096 bytes", code(lambda: sign(message + b"m", "RAW")) == "ValidationException")
    check("KMS: a digest has 32 bytes", code(lambda: sign(digest[:31], "DIGEST")) == "ValidationException")
    wrong = code(lambda: sign(digest, "DIGEST", SigningAlgorithm="ECDSA_SHA_384"))
    check("KMS: another algorithm than the key's is refused", wrong == "InvalidKeyUsageException")
    check("KMS: a dry run does not sign", code(lambda: sign(digest, "DIGEST", DryRun=True)) == "DryRunOperationException")
    p384 = code(lambda: client.create_key(KeySpec="ECC_NIST_P384", KeyUsage="SIGN_VERIFY"))
    check("KMS: there are no keys over P-384 here", p384 == "UnsupportedOperationException")
    check("KMS: a key that is not there is not found", code(lambda: client.describe_key(KeyId="none")) == "NotFoundException")

    # It makes a client of its own.
    os.environ.update(AWS_ENDPOINT_URL=endpoint, AWS_DEFAULT_REGION="us-east-1")
    os.environ.update(AWS_ACCESS_KEY_ID="111111111111", AWS_SECRET_ACCESS_KEY="secret")
    key = SSlibKey.from_crypto(public)
    signer = AWSSigner(arn, key)
    made = Envelope(b"anything" * 1_000, dsse.PAYLOAD_TYPE, {})
    made.sign(signer)
    check("KMS: securesystemslib signs 8,000 bytes with it, and its key verifies", made.verify([key], 1))

    client.disable_key(KeyId=arn)
    state = client.describe_key(KeyId=arn)["KeyMetadata"]
    check("KMS: a disabled key says so", (state["KeyState"], state["Enabled"]) == ("Disabled", False))
    codes = {code(lambda: sign(digest, "DIGEST")), code(lambda: client.get_public_key(KeyId=arn))}
    check("KMS: a disabled key neither signs nor shows its public part", codes == {"DisabledException"})
    client.enable_key(KeyId=arn)
    check("KMS: once enabled again it signs", code(lambda: sign(digest, "DIGEST")) is None)


def main():
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        envelopes(folder)
        fixtures()
        printed = folder / "env"
        with open(printed, "wb") as out, open(folder / "log", "wb") as log:
            server = subprocess.Popen([LOCAL, "serve", "--port", "0"], stdin=subprocess.DEVNULL, stdout=out, stderr=log)
        try:
            deadline = time.monotonic() + 60
            while "# Ready" not in printed.read_text():
                if time.monotonic() > deadline or server.poll() is not None:
                    raise RuntimeError(f"pmp-local is not ready:\n{(folder / 'log').read_text()}")
                time.sleep(0.05)
            kms(re.search(r"AWS_ENDPOINT_URL=(\S+)", printed.read_text()).group(1))
        finally:
            server.terminate()
            server.wait(30)
    failed = results.count(False)
    print(f"{len(results) - failed} passed, {failed} failed")
    return 1 if failed or not results else 0


sys.exit(main())
