mod every_byte;

use super::*;
use crate::testing::{chain, file};

fn verify(file: &str, anchor: Option<Digest>) -> Result<Verified, Fault> {
    verify_since(file, anchor, 1)
}

fn verify_since(file: &str, anchor: Option<Digest>, first: u64) -> Result<Verified, Fault> {
    let mut verifier = match first {
        1 => Verifier::new(anchor),
        first => Verifier::new(anchor).since(first),
    };
    verifier.bytes(file.as_bytes())?;
    verifier.finish()
}

fn found(file: &str) -> String {
    verify(file, None).unwrap_err().to_string()
}

/// The lines of a file with these entries in the place of its own.
fn changed(file: &str, change: impl Fn(&mut Vec<String>)) -> String {
    let mut lines: Vec<_> = file.lines().map(|line| format!("{line}\n")).collect();
    change(&mut lines);
    lines.concat()
}

#[test]
fn a_file_is_verified_whole_or_from_an_entry_on() {
    let entries = chain(5);
    let digest = |number: usize| Digest::of(entries[number - 1].as_bytes());
    let whole = verify(&file(&entries, 1), None).unwrap();
    assert_eq!((whole.first, whole.last, whole.head, whole.before, whole.anchored), (1, 5, digest(5), None, None));
    let part = verify_since(&file(&entries, 3), None, 3).unwrap();
    assert_eq!((part.first, part.last, part.head, part.before), (3, 5, digest(5), Some(digest(2))));
}

#[test]
fn a_file_without_its_first_entries_is_whole_only_where_that_is_meant() {
    let entries = chain(27);
    // Entries 1 to 3 and 26 to 27 are dropped, and the last line is written anew.
    let cut = file(&entries[..25], 4);
    let fault = verify(&cut, None).unwrap_err();
    assert_eq!((fault.entry, fault.line, &fault.kind), (Some(1), 1, &FaultKind::NoBeginning(4)));
    assert_eq!(fault.to_string(), "entry 1 (line 1) is missing: the file begins with entry 4");
    assert!(fault.hint().unwrap().contains("say so: `--since 4`"), "{fault}");
    let anchor = |number: usize| Some(Digest::of(entries[number - 1].as_bytes()));
    assert_eq!(verify(&cut, anchor(25)).unwrap_err(), fault);
    // Where a part is meant, it is that part and no other.
    assert_eq!(verify_since(&cut, None, 4).unwrap().first, 4);
    assert_eq!(verify_since(&cut, None, 3).unwrap_err().kind, FaultKind::NoBeginning(4));
    assert_eq!(verify_since(&cut, None, 5).unwrap_err().kind, FaultKind::Missing(4));
    // That the end was cut off shows by an anchor of what was cut off, and by nothing else.
    let shortened = file(&entries[..25], 1);
    assert_eq!(verify(&shortened, anchor(25)).unwrap().anchored, Some(25));
    assert!(matches!(verify(&shortened, anchor(27)).unwrap_err().kind, FaultKind::NotAnchored(_)));
}

#[test]
fn an_anchor_is_the_digest_of_an_entry_or_of_the_one_before_the_file() {
    let entries = chain(5);
    let digest = |number: usize| Digest::of(entries[number - 1].as_bytes());
    for (first, anchor, anchored) in [(1, 5, 5), (1, 2, 2), (3, 2, 2), (3, 3, 3)] {
        let verified = verify_since(&file(&entries, first), Some(digest(anchor)), first as u64).unwrap();
        assert_eq!(verified.anchored, Some(anchored));
    }
    let fault = verify_since(&file(&entries, 4), Some(digest(2)), 4).unwrap_err();
    assert_eq!(fault.kind, FaultKind::NotAnchored(digest(2).to_string()));
    assert!(fault.to_string().starts_with("the anchor sha256:"), "{fault}");
    // An audit that was written again from an entry on belongs together, and only the anchor tells.
    let mut again = chain(5);
    again.truncate(3);
    let forged = file(&again, 1);
    assert!(verify(&forged, None).is_ok());
    assert!(verify(&forged, Some(digest(5))).is_err());
}

#[test]
fn what_was_dropped_swapped_repeated_or_replaced_is_named() {
    // Protocol A3 and A7.
    let whole = file(&chain(6), 1);
    let dropped = changed(&whole, |lines| drop(lines.remove(2)));
    assert_eq!(found(&dropped), "entry 3 (line 3) is missing: entry 4 is in its place");
    let swapped = changed(&whole, |lines| lines.swap(1, 4));
    assert_eq!(found(&swapped), "entry 2 (line 2) is missing: entry 5 is in its place");
    let repeated = changed(&whole, |lines| lines.insert(4, lines[3].clone()));
    assert_eq!(found(&repeated), "entry 5 (line 5) is missing: entry 4 is in its place");
    let first = changed(&whole, |lines| drop(lines.remove(0)));
    assert_eq!(found(&first), "entry 1 (line 1) is missing: the file begins with entry 2");
    let last = changed(&whole, |lines| drop(lines.remove(5)));
    assert_eq!(found(&last), "entry 6 (line 6) is missing: the entries end with 5");
    // Somebody wrote one entry again, with a digest of its own.
    let replaced = changed(&whole, |lines| {
        let text = chain(6)[2].replace("an audit", "a mishap");
        lines[2] = crate::line(&text, &Digest::of(text.as_bytes()).to_string()) + "\n";
    });
    assert_eq!(found(&replaced), "entry 4 (line 4) does not follow the entry before it: it names another digest");
}

#[test]
fn a_file_that_was_cut_anywhere_is_noticed() {
    // Protocol A6 and A7.
    let whole = file(&chain(4), 1);
    for length in 0..whole.len() {
        let fault = verify(&whole[..length], None).unwrap_err();
        let lines = whole[..length].lines().count() as u64;
        let named = fault.entry.map_or(fault.line, |entry| entry.min(fault.line));
        assert!(named == lines || named == lines + 1, "{length}: {fault}");
    }
    let two: String = whole.split_inclusive('\n').take(2).collect();
    assert_eq!(found(&two), "line 3 is missing: the file ends after entry 2, before it says where the audit ends");
    assert_eq!(found(""), "line 1 is missing: the file ends without an entry, before it says where the audit ends");
}

#[test]
fn nothing_stands_behind_the_end_and_no_other_end_is_believed() {
    // Protocol A6.
    let entries = chain(3);
    let whole = file(&entries, 1);
    assert_eq!(found(&(whole.clone() + &whole)), "line 5 comes after the end of the audit");
    assert_eq!(found(&(whole.clone() + "x")), "line 5 comes after the end of the audit");
    assert_eq!(found(&(whole.clone() + "\n")), "line 5 comes after the end of the audit");
    assert_eq!(
        found(&whole.replace('\n', "\r\n")),
        "line 1 is not a line that `pmp-hub audit export` wrote: its digest is missing"
    );
    let experience = ExperienceId::new("exp-management").unwrap();
    let with_end = |experience: &ExperienceId, first, last, head: Digest| {
        changed(&whole, |lines| lines[3] = crate::last_line(experience, first, last, &head) + "\n")
    };
    let head = Digest::of(entries[2].as_bytes());
    assert!(verify(&with_end(&experience, 1, 3, head), None).is_ok());
    for (end, kind) in [
        (with_end(&experience, 1, 3, Digest::of(b"another")), FaultKind::OtherHead),
        (with_end(&experience, 2, 3, head), FaultKind::OtherEntries(2, 3)),
        (with_end(&experience, 1, 2, head), FaultKind::OtherEntries(1, 2)),
        (with_end(&ExperienceId::new("exp-x").unwrap(), 1, 3, head), FaultKind::OtherExperience("exp-x".into())),
    ] {
        assert_eq!(verify(&end, None).unwrap_err().kind, kind);
    }
}

#[test]
fn an_entry_of_a_later_release_is_verified_as_well() {
    // Protocol A8.
    let mut entries = chain(2);
    let previous = Digest::of(entries[1].as_bytes());
    entries.push(format!(
        r#"{{"number":3,"previous":"{previous}","at":"2026-11-24T12:00:00Z","experience":"exp-management","author":"a","action":"dissolve","of_later":{{"x":[1]}}}}"#
    ));
    assert_eq!(verify(&file(&entries, 1), None).unwrap().last, 3);
}

#[test]
fn what_is_no_audit_is_not_taken_for_one() {
    for text in ["\n", "{}\n", "hello\n", "\u{feff}{}\n", "{\"digest\":\"sha256:0\"}\n"] {
        assert!(matches!(verify(text, None).unwrap_err().kind, FaultKind::NoLine), "{text:?}");
    }
    let no_entry = r#"{"a":1}"#;
    let line = crate::line(no_entry, &Digest::of(no_entry.as_bytes()).to_string()) + "\n";
    assert!(found(&line).starts_with("line 1 is neither an entry nor the end of an audit: missing field"));
    let later = r#"{"schema":"pmp-sync.audit/2","experience":"exp-m","first":1,"last":1,"head":"sha256:"#;
    let later = format!("{later}{}\"}}", "0".repeat(64));
    let line = crate::line(&later, &Digest::of(later.as_bytes()).to_string()) + "\n";
    assert!(found(&line).contains("is of the form `pmp-sync.audit/2`"));
}

#[test]
fn each_fault_has_its_code() {
    let entries = chain(6);
    let whole = file(&entries, 1);
    let of = |text: &str| crate::line(text, &Digest::of(text.as_bytes()).to_string()) + "\n";
    let with = |place: usize, text: &str| changed(&whole, |lines| lines[place] = of(text));
    let end = |schema: &str| {
        let head = Digest::of(entries[5].as_bytes());
        format!(r#"{{"schema":"{schema}","experience":"exp-management","first":1,"last":6,"head":"{head}"}}"#)
    };
    let without = |place: usize| changed(&whole, |lines| drop(lines.remove(place)));
    let another = format!(r#""previous":"{}""#, Digest::of(b"another"));
    let first = entries[0].replace(r#""previous":null"#, &another);
    for (file, code) in [
        (whole.replace('\n', "\r\n"), "E1602"),
        (whole.replacen("an audit", "a mishap", 1), "E1603"),
        (with(2, r#"{"a":1}"#), "E1604"),
        (without(2), "E1605"),
        (with(2, &entries[2].replace("an audit", "a mishap")), "E1606"),
        (with(0, &first), "E1607"),
        (with(6, &end("pmp-sync.audit/2")), "E1611"),
        (without(0), "E1612"),
        (without(5), "E1613"),
        (without(6), "E1614"),
        (whole.clone() + &whole, "E1615"),
    ] {
        assert_eq!(verify(&file, None).unwrap_err().code().to_string(), code, "{file}");
    }
    assert!(verify(&with(6, &end("pmp-sync.audit/1")), None).is_ok());
}
