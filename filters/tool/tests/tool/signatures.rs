//! Signatures: those of this program, and those of OpenSSH, each checked by the other.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use assert_cmd::Command;
use serde_json::Value;
use ssh_key::private::{Ed25519Keypair, KeypairData};
use ssh_key::{LineEnding, PrivateKey};

/// Set by CI: then a missing `ssh-keygen` is a failure, and not a skipped test.
const REQUIRED: &str = "PMP_REQUIRE_OPENSSH";
const COMPONENT: &str = "../examples/exclude-products/exclude-products.wasm";

/// A folder with a component, a key and the list in which it counts.
struct Desk(tempfile::TempDir);

struct Ran {
    code: Option<i32>,
    out: String,
    err: String,
}

impl Desk {
    fn new() -> Self {
        let desk = Self(tempfile::tempdir().unwrap());
        std::fs::copy(Path::new(env!("CARGO_MANIFEST_DIR")).join(COMPONENT), desk.path("filter.wasm")).unwrap();
        let public = desk.key("key", 7);
        std::fs::write(desk.path("allowed_signers"), format!("# The board.\nada@example.com {public}\n")).unwrap();
        desk
    }

    fn path(&self, file: &str) -> PathBuf {
        self.0.path().join(file)
    }

    /// Writes a key and its public half, which is returned.
    fn key(&self, file: &str, seed: u8) -> String {
        let pair = KeypairData::from(Ed25519Keypair::from_seed(&[seed; 32]));
        let key = PrivateKey::new(pair, "").unwrap();
        let text = key.to_openssh(LineEnding::LF).unwrap();
        let public = key.public_key().to_openssh().unwrap();
        std::fs::write(self.path(file), text.as_bytes()).unwrap();
        std::fs::write(self.path(&format!("{file}.pub")), &public).unwrap();
        // OpenSSH takes no key that others can read.
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::set_permissions(self.path(file), std::fs::Permissions::from_mode(0o600)).unwrap();
        public
    }

    fn run(&self, arguments: &[&str]) -> Ran {
        let mut command = Command::cargo_bin("pmp-filter").unwrap();
        let output = command.env_clear().current_dir(self.0.path()).args(arguments).output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        Ran { code: output.status.code(), out: text(&output.stdout), err: text(&output.stderr) }
    }

    /// OpenSSH's own program; none where it is not there.
    fn keygen(&self, arguments: &[&str], input: &[u8]) -> Option<bool> {
        let mut command = std::process::Command::new("ssh-keygen");
        command.current_dir(self.0.path()).args(arguments);
        let started = command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let Ok(mut process) = started else {
            assert!(std::env::var_os(REQUIRED).is_none_or(|value| value != "1"), "{REQUIRED}=1, but no ssh-keygen");
            #[expect(clippy::disallowed_methods, reason = "a notice of the test's own, past the harness")]
            std::io::stderr().write_all(b"\n*** SKIPPED: there is no ssh-keygen to check against. ***\n").unwrap();
            return None;
        };
        process.stdin.take().unwrap().write_all(input).unwrap();
        Some(process.wait().unwrap().success())
    }
}

#[test]
fn who_signed_is_told_by_the_list_and_by_the_public_key() {
    let desk = Desk::new();
    let signed = desk.run(&["sign", "filter.wasm", "--key", "key"]);
    assert_eq!(signed.code, Some(0), "{}", signed.err);
    assert!(desk.path("filter.wasm.sig").is_file());
    let verified = desk.run(&["verify", "./filter.wasm", "--key", "allowed_signers"]);
    assert_eq!(verified.code, Some(0), "{}", verified.err);
    assert!(verified.out.contains("Signed by     ada@example.com"), "{}", verified.out);
    let json = desk.run(&["verify", "filter.wasm", "--key", "key.pub", "-o", "json"]).out;
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["signer"], "the given key");
    assert!(json["key"].as_str().unwrap().starts_with("SHA256:"), "{json}");

    let inspected = desk.run(&["inspect", "filter.wasm"]).out;
    assert!(inspected.contains("Signature     by SHA256:"), "{inspected}");
    assert!(inspected.contains("not verified to be anyone's"), "{inspected}");
}

#[test]
fn a_signature_that_does_not_hold_is_refused_with_the_reason() {
    let desk = Desk::new();
    let missing = desk.run(&["verify", "filter.wasm", "--key", "key.pub"]);
    assert_eq!(missing.code, Some(1));
    assert!(missing.err.contains("there is no signature `filter.wasm.sig`"), "{}", missing.err);
    assert!(missing.err.contains("code: E2127"), "{}", missing.err);
    assert!(desk.run(&["inspect", "filter.wasm"]).out.contains("Signature     none"));

    desk.run(&["sign", "filter.wasm", "--key", "key"]);
    desk.key("other", 8);
    let stranger = desk.run(&["verify", "filter.wasm", "--key", "other.pub"]);
    assert_eq!(stranger.code, Some(1));
    assert!(stranger.err.contains("which is none of the keys in `other.pub`"), "{}", stranger.err);
    assert!(stranger.err.contains("code: E2130"), "{}", stranger.err);

    let mut bytes = std::fs::read(desk.path("filter.wasm")).unwrap();
    bytes.extend([0, 2, 1, b'x']);
    std::fs::write(desk.path("filter.wasm"), bytes).unwrap();
    let changed = desk.run(&["verify", "filter.wasm", "--key", "key.pub"]);
    assert_eq!(changed.code, Some(1));
    assert!(changed.err.contains("the signature does not fit the component"), "{}", changed.err);
    assert!(changed.err.contains("code: E2131"), "{}", changed.err);
    assert!(desk.run(&["inspect", "filter.wasm"]).out.contains("Signature     BROKEN"));
}

#[test]
fn what_is_no_key_is_said_to_be_none() {
    let desk = Desk::new();
    let sign = |filter: &str, key: &str, code: &str, said: &str| {
        let ran = desk.run(&["sign", filter, "--key", key]);
        assert!(ran.err.contains(said) && ran.err.contains(&format!("code: {code}")), "{code} {said}\n{}", ran.err);
    };
    sign("filter.wasm", "key.pub", "E2124", "`key.pub` is no private key of OpenSSH");
    sign("filter.wasm", "no-key", "E2122", "cannot read `no-key`");
    sign("exclude-ids", "key", "E2121", "`exclude-ids` is built in");
    std::fs::create_dir(desk.path("filter.wasm.sig")).unwrap();
    sign("filter.wasm", "key", "E2123", "cannot write `filter.wasm.sig`");
    std::fs::remove_dir(desk.path("filter.wasm.sig")).unwrap();
    desk.run(&["sign", "filter.wasm", "--key", "key"]);
    let verify = |list: &str, code: &str, said: &str| {
        std::fs::write(desk.path("list"), list).unwrap();
        let ran = desk.run(&["verify", "filter.wasm", "--key", "list"]);
        assert!(ran.err.contains(said) && ran.err.contains(&format!("code: {code}")), "{code} {said}\n{}", ran.err);
    };
    verify("ada cert-authority ssh-ed25519 AAAA\n", "E2135", "line 1 of `list` has the option `cert-authority`");
    verify("# Nobody yet.\n\nada ssh-ed25519 AAAA\n", "E2134", "line 3 of `list` is neither a public key nor");
    verify("# Nobody yet.\n", "E2133", "`list` holds no public key");
    std::fs::remove_file(desk.path("list")).unwrap();
    let none = desk.run(&["verify", "filter.wasm", "--key", "list"]);
    assert!(none.err.contains("cannot read the keys `list`") && none.err.contains("code: E2132"), "{}", none.err);
    std::fs::write(desk.path("filter.wasm.sig"), "signed, truly").unwrap();
    verify("", "E2128", "`filter.wasm.sig` is no signature of OpenSSH");
}

#[test]
fn openssh_accepts_what_this_program_signs() {
    let desk = Desk::new();
    assert_eq!(desk.run(&["sign", "filter.wasm", "--key", "key"]).code, Some(0));
    let bytes = std::fs::read(desk.path("filter.wasm")).unwrap();
    let check = [
        "-Y",
        "verify",
        "-n",
        "pmp-sync-filter",
        "-f",
        "allowed_signers",
        "-I",
        "ada@example.com",
        "-s",
        "filter.wasm.sig",
    ];
    let Some(accepted) = desk.keygen(&check, &bytes) else { return };
    assert!(accepted);
    assert_eq!(desk.keygen(&check, b"something else"), Some(false));
}

#[test]
fn this_program_accepts_what_openssh_signs_for_filters_alone() {
    let desk = Desk::new();
    let sign = |namespace: &str| desk.keygen(&["-Y", "sign", "-n", namespace, "-f", "key", "filter.wasm"], b"");
    let Some(signed) = sign("pmp-sync-filter") else { return };
    assert!(signed);
    let verified = desk.run(&["verify", "filter.wasm", "--key", "allowed_signers"]);
    assert_eq!(verified.code, Some(0), "{}", verified.err);

    std::fs::remove_file(desk.path("filter.wasm.sig")).unwrap();
    assert_eq!(sign("file"), Some(true));
    let other = desk.run(&["verify", "filter.wasm", "--key", "allowed_signers"]);
    assert!(other.err.contains("was made for `file`, not for `pmp-sync-filter`"), "{}", other.err);
    assert!(other.err.contains("code: E2129"), "{}", other.err);
}

#[test]
fn a_key_that_is_not_used_here_is_left_to_openssh() {
    let desk = Desk::new();
    let made = desk.keygen(&["-q", "-t", "ed25519", "-N", "a passphrase", "-f", "locked"], b"");
    let Some(made) = made else { return };
    assert!(made);
    assert_eq!(desk.keygen(&["-q", "-t", "rsa", "-b", "2048", "-N", "", "-f", "other-kind"], b""), Some(true));
    let ran = desk.run(&["sign", "filter.wasm", "--key", "other-kind"]);
    assert!(ran.err.contains("which is ssh-rsa: it must be ssh-ed25519"), "{}", ran.err);
    assert!(ran.err.contains("code: E2126"), "{}", ran.err);
    let ran = desk.run(&["sign", "filter.wasm", "--key", "locked"]);
    assert!(ran.err.contains("is protected by a passphrase"), "{}", ran.err);
    assert!(ran.err.contains("hint: sign with OpenSSH"), "{}", ran.err);
    assert!(ran.err.contains("code: E2125"), "{}", ran.err);
}
