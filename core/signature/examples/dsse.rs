//! Signs and verifies on the command line, for `tests/signatures` to compare with others'
//! libraries.
//!
//! `dsse sign KEY` prints an envelope of a fixed statement, from now on; `dsse verify KEYS` reads
//! one and says what it states.

#![allow(clippy::print_stdout, missing_docs)]

use std::error::Error;
use std::io::Read;

use jiff::{SignedDuration, Timestamp};
use pmp_protocol::{Digest, ExperienceId, SnapshotVersion};
use pmp_signature::{LocalKey, Statement, TrustedKeys, open};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["sign", key] => {
            let key = LocalKey::from_pem(&std::fs::read_to_string(key)?)?;
            let statement = Statement::new(
                ExperienceId::new("exp-management")?,
                SnapshotVersion::new(42)?,
                Digest::of(b"content"),
                key.public().id().clone(),
                Timestamp::now(),
                SignedDuration::from_hours(24),
            );
            let unsigned = statement.to_sign();
            println!("{}", unsigned.sealed(&key.sign(&unsigned.pae())));
        }
        ["key-id", key] => {
            let keys = TrustedKeys::from_pem(&std::fs::read_to_string(key)?)?;
            keys.keys().iter().for_each(|key| println!("{}", key.id()));
        }
        ["verify", keys] => {
            let keys = TrustedKeys::from_pem(&std::fs::read_to_string(keys)?)?;
            let mut envelope = String::new();
            std::io::stdin().read_to_string(&mut envelope)?;
            match open(envelope.trim_end(), &keys) {
                Ok(statement) => println!("snapshot {} of {}", statement.version, statement.experience),
                Err(refusal) => println!("refused: {}", refusal.name()),
            }
        }
        _ => return Err("sign KEY | key-id KEYS | verify KEYS".into()),
    }
    Ok(())
}
