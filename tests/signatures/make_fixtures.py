"""Makes the envelopes in core/signature/tests/fixtures anew, with new keys: `tests/signatures/run --make-fixtures`."""

import base64
import copy
import json
import pathlib
import shutil

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

import dsse

FOLDER = pathlib.Path(__file__).resolve().parents[2] / "core/signature/tests/fixtures"


def cases():
    p256, edwards = ec.generate_private_key(ec.SECP256R1()), ed25519.Ed25519PrivateKey.generate()
    stranger = ec.generate_private_key(ec.SECP256R1())
    keys = FOLDER / "keys"
    shutil.rmtree(keys, ignore_errors=True)
    keys.mkdir(parents=True)
    others = {
        "p384": ec.generate_private_key(ec.SECP384R1()),
        "p521": ec.generate_private_key(ec.SECP521R1()),
        "secp256k1": ec.generate_private_key(ec.SECP256K1()),
        "rsa": rsa.generate_private_key(65537, 2048),
    }
    for name, key in {"p256": p256, "ed25519": edwards, **others}.items():
        (keys / f"{name}.pem").write_text(dsse.public_pem(key))

    def signed(key=p256, keyid=None, **changes):
        return dsse.envelope(key, dsse.statement(key, **changes), keyid)

    def changed(change, base=None):
        result = copy.deepcopy(base or signed())
        change(result)
        return result

    def one_line(data):
        return base64.standard_b64encode(data).decode()

    def swap_payload(result):
        result["payload"] = one_line(dsse.statement(p256, version=43))

    def second_signature(result):
        result["signatures"].append(dsse.envelope(edwards, dsse.statement(p256))["signatures"][0])

    def url_safe(result):
        # A payload whose base64 holds a character that the two alphabets write differently.
        result.update(signed(later="~?>~?>~?>"))
        result["payload"] = result["payload"].replace("+", "-").replace("/", "_")

    def without_padding(result):
        padded = (signed(later="x" * extra) for extra in range(3))
        result.update(next(it for it in padded if it["payload"].endswith("=")))
        result["payload"] = result["payload"].rstrip("=")

    def other_type(result):
        kind = "application/vnd.in-toto+json"
        payload = dsse.statement(p256)
        result["payloadType"] = kind
        result["signatures"][0]["sig"] = one_line(dsse.sign(p256, dsse.pae(payload, kind)))

    raw = dsse.statement(p256)
    without_pae = dsse.envelope(p256, raw, signature=dsse.sign(p256, raw))
    yield "good-p256", signed(), "none"
    yield "good-ed25519", signed(edwards), "none"
    yield "good-without-key-id", signed(keyid=""), "none"
    yield "good-with-another-hint", signed(keyid="some-other-hint"), "none"
    yield "good-with-unknown-fields", changed(lambda it: it.update(later=1), signed(later={"x": 1})), "none"
    yield "good-until-the-last-second", signed(issued_at="2026-11-21T12:00:01Z", expires_at="2026-11-28T12:00:01Z"), "none"
    yield "good-from-a-clock-that-is-ahead", signed(issued_at="2026-11-28T12:05:00Z"), "none"
    yield "another-key", signed(stranger), "unknown-key"
    yield "another-key-under-a-trusted-name", signed(stranger, keyid=dsse.key_id(p256)), "bad-signature"
    yield "another-payload", changed(swap_payload), "bad-signature"
    yield "signed-without-pae", without_pae, "bad-signature"
    yield "another-experience", signed(experience="exp-other"), "other-experience"
    yield "another-version", signed(version=43), "other-version"
    yield "another-digest", signed(digest="sha256:" + "0" * 64), "other-digest"
    yield "expired", signed(issued_at="2026-11-21T12:00:00Z", expires_at="2026-11-28T12:00:00Z"), "expired"
    yield "from-the-future", signed(issued_at="2026-11-28T12:05:01Z"), "issued-in-the-future"
    yield "two-signatures", changed(second_signature), "malformed"
    yield "no-signature", changed(lambda it: it.update(signatures=[])), "malformed"
    yield "another-payload-type", changed(other_type), "malformed"
    yield "url-safe-base64", changed(url_safe), "malformed"
    yield "base64-without-padding", changed(without_padding), "malformed"
    yield "base64-in-two-lines", changed(lambda it: it.update(payload=it["payload"][:64] + "\n" + it["payload"][64:])), "malformed"
    yield "another-schema", signed(schema="pmp-sync.statement/2"), "malformed"
    yield "another-key-inside", signed(key_id=dsse.key_id(edwards)), "malformed"
    yield "expires-before-it-is-issued", signed(expires_at="2026-11-28T10:00:00Z"), "malformed"
    yield "holds-for-a-century", signed(expires_at="2126-11-28T12:00:00Z"), "malformed"
    yield "a-field-twice", dsse.envelope(p256, raw.replace(b'{"digest', b'{"version":43,"digest')), "malformed"
    yield "too-large", changed(lambda it: it.update(later="x" * 9000)), "malformed"
    yield "not-json", "DSSE", "malformed"


def main():
    for old in FOLDER.iterdir():
        if old.is_dir():
            shutil.rmtree(old)
    for name, envelope, refusal in cases():
        folder = FOLDER / name
        folder.mkdir()
        text = envelope if isinstance(envelope, str) else json.dumps(envelope, separators=(",", ":"))
        (folder / "envelope.json").write_text(text + "\n")
        (folder / "refusal").write_text(refusal + "\n")


main()
