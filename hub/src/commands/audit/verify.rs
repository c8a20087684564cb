//! `audit verify`: verifies an exported file by itself. It needs no AWS and no settings.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;

use clap::Args;
use pmp_audit::{Fault, MAX_LINE, Verified, Verifier};
use pmp_protocol::Digest;
use pmp_terminal::{Exit, Failure, Output, progress};
use serde::Serialize;
use serde_json::json;

#[derive(Debug, Args)]
pub(crate) struct VerifyFileArgs {
    /// The file that `audit export` wrote; `-` for standard input
    #[arg(value_name = "FILE")]
    pub(super) file: PathBuf,
    /// The digest of an entry that was noted elsewhere: that entry has to be in the file, or to be
    /// the one before it
    #[arg(long, value_name = "DIGEST")]
    anchor: Option<Digest>,
    /// The number of the entry with which the file begins: for a part that was exported with
    /// `--since`. Without it, a file that does not begin with entry 1 was cut
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u64).range(1..))]
    since: Option<u64>,
}

/// What was verified, for programs.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct VerifiedAudit {
    /// Management experience of the hub.
    experience: pmp_protocol::ExperienceId,
    /// Number of the first entry in the file.
    first: u64,
    /// Number of the last entry in the file.
    last: u64,
    /// The digest of the last entry.
    head: Digest,
    /// The digest of the entry before the first; none where the file has the first of all.
    before: Option<Digest>,
    /// Number of the entry that has the anchor's digest; none without an anchor.
    anchored: Option<u64>,
    /// How many entries come after that one: of these, the anchor proves nothing; none without an
    /// anchor.
    after_anchor: Option<u64>,
}

pub(crate) fn verify_file(args: &VerifyFileArgs, output: Output) -> Result<Exit, Failure> {
    let verified = verified(args, output, |_| {})?;
    let Verified { experience, first, last, head, before, anchored } = verified;
    let after_anchor = anchored.map(|anchored| last.saturating_sub(anchored));
    if !output.is_table() {
        let verified = VerifiedAudit { experience, first, last, head, before, anchored, after_anchor };
        output.document(&json!(verified))?;
        return Ok(Exit::Ok);
    }
    output.line(&format!("Entries {first} to {last} of {experience} belong together, and none was altered."))?;
    output.line(&format!("Head: {head}"))?;
    match (anchored, after_anchor) {
        (Some(anchored), Some(after)) => {
            output.line(&format!("Entry {anchored} is the anchor: it and all before it are as they were then."))?;
            output.line(&match after {
                0 => "No entry comes after it in this file.".to_owned(),
                after => format!("{} after it: of these the anchor proves nothing.", comes(after)),
            })?;
            progress::note(
                "hint: anyone who held the file could have cut off entries after the anchor: the digest of a later entry that was noted \
                 elsewhere shows that",
            );
        }
        _ => progress::note(
            "hint: anyone who held the file could have shortened it at its end, and anyone who may write the table could have written all \
             of it again: `--anchor DIGEST` compares it with a head that was noted elsewhere",
        ),
    }
    Ok(Exit::Ok)
}

/// How many entries come, as the beginning of a sentence.
fn comes(entries: u64) -> String {
    if entries == 1 { "1 entry comes".to_owned() } else { format!("{entries} entries come") }
}

/// Verifies the file, and passes on each line that belongs to the ones before it.
///
/// # Errors
/// If the file cannot be read, and the first line that is wrong.
pub(super) fn verified(
    args: &VerifyFileArgs,
    output: Output,
    mut line: impl FnMut(&[u8]),
) -> Result<Verified, Failure> {
    let path = args.file.display();
    let cannot = |error| Failure::tried("E1750", format!("cannot read `{path}`"), error);
    let verified = if args.file.as_os_str() == "-" {
        progress::computing(output, "the end of standard input", || read(std::io::stdin().lock(), args, &mut line))
    } else {
        let file = File::open(&args.file).map_err(cannot)?;
        progress::computing(output, &format!("the end of `{path}`"), || read(BufReader::new(file), args, &mut line))
    };
    verified.map_err(cannot)?.map_err(|fault| {
        Failure::from(fault).within(format!("`{path}` is not as `pmp-hub audit export` wrote it")).exit(Exit::Unhealthy)
    })
}

/// Reads a file line by line, each of bounded length.
fn read(
    mut file: impl BufRead,
    args: &VerifyFileArgs,
    each: &mut impl FnMut(&[u8]),
) -> std::io::Result<Result<Verified, Fault>> {
    let verifier = Verifier::new(args.anchor);
    let mut verifier = match args.since {
        Some(first) => verifier.since(first),
        None => verifier,
    };
    let mut line = Vec::new();
    loop {
        line.clear();
        let most = u64::try_from(MAX_LINE + 1).unwrap_or(u64::MAX);
        if file.by_ref().take(most).read_until(b'\n', &mut line)? == 0 {
            return Ok(verifier.finish());
        }
        let checked = match line.strip_suffix(b"\n") {
            Some(line) => verifier.line(line).map(|()| each(line)),
            None => Err(verifier.cut_line()),
        };
        if let Err(fault) = checked {
            return Ok(Err(fault));
        }
    }
}

#[cfg(test)]
mod tests {
    use pmp_audit::FaultKind;
    use pmp_audit::testing::{chain, file};

    use super::*;

    #[test]
    fn a_file_is_read_line_by_line_and_no_line_is_longer_than_an_entry() {
        let args = |since| VerifyFileArgs { file: "-".into(), anchor: None, since };
        let whole = file(&chain(30), 1);
        let verified = read(whole.as_bytes(), &args(None), &mut |_| {}).unwrap().unwrap();
        assert_eq!((verified.first, verified.last), (1, 30));
        let cut = read(&whole.as_bytes()[..whole.len() - 1], &args(None), &mut |_| {}).unwrap().unwrap_err();
        assert_eq!((cut.line, cut.kind), (31, FaultKind::NoLine));
        let endless = vec![b'x'; 3 * MAX_LINE];
        assert_eq!(read(endless.as_slice(), &args(None), &mut |_| {}).unwrap().unwrap_err().kind, FaultKind::NoLine);
        let part = file(&chain(30), 4);
        assert_eq!(read(part.as_bytes(), &args(Some(4)), &mut |_| {}).unwrap().unwrap().first, 4);
        let fault = read(part.as_bytes(), &args(None), &mut |_| {}).unwrap().unwrap_err();
        assert_eq!(fault.to_string(), "entry 1 (line 1) is missing: the file begins with entry 4");
    }
}
