//! Contents and answers as bytes: packed, as they lie in the ledger, and unpacked.

use std::io::Read;

use pmp_protocol::{
    Content, Counts, Digest, ExperienceId, MAX_CONTENT_BYTES, MAX_PRODUCTS, SealError, Sealed, SealedAnswers,
};

use crate::memory::within;
use crate::refusal::is_told;

/// The most that unpacking takes, whatever the bytes: the content itself, in a list that doubles
/// while it grows, and the ids, notes and lists in it.
const MOST: usize = 6 * MAX_CONTENT_BYTES;

/// Packed bytes, under the digest of what they unpack to.
pub(super) fn packed(bytes: &[u8]) {
    let mut canonical = Vec::new();
    let unpacks = zstd::Decoder::new(bytes).and_then(|decoder| {
        let most = u64::try_from(MAX_CONTENT_BYTES).unwrap_or(u64::MAX);
        decoder.take(most).read_to_end(&mut canonical)
    });
    opened(bytes.to_vec(), Digest::of(&canonical), MOST);
    if unpacks.is_err() {
        let sealed = Sealed::from_parts(Digest::of(&canonical), Counts::default(), bytes.to_vec());
        let experience = ExperienceId::new("exp-1").expect("an id");
        assert!(sealed.open(&experience).is_err(), "what zstd cannot unpack is no content");
    }
}

/// The canonical form of a content, as somebody may have written it and packed it well.
pub(super) fn content(bytes: &[u8]) {
    let Ok(packed) = zstd::encode_all(bytes, 1) else { return };
    opened(packed, Digest::of(bytes), 256 * 1024 + 64 * bytes.len());
}

/// Opens bytes under this digest, and under the experience and counts that they turn out to have:
/// else no input would come further than the first comparison.
fn opened(packed: Vec<u8>, digest: Digest, most: usize) {
    let (mut experience, mut counts) = (ExperienceId::new("exp-1").expect("an id"), Counts::default());
    for _ in 0..3 {
        let sealed = Sealed::from_parts(digest, counts, packed.clone());
        match within(most, || sealed.open(&experience)) {
            Ok(content) => return whole(&content, &experience, counts),
            Err(error) => {
                is_told(&error);
                match error {
                    SealError::Experience { found, .. } => experience = found,
                    SealError::Counts { found, .. } => counts = found,
                    _ => return,
                }
            }
        }
    }
    panic!("it is refused for what it said itself");
}

/// What holds of every content that was opened (rule 0).
fn whole(content: &Content, experience: &ExperienceId, counts: Counts) {
    assert_eq!((content.experience(), content.counts()), (experience, counts));
    assert!(counts.approved + counts.rejected <= MAX_PRODUCTS);
    assert!(content.approved().is_disjoint(content.rejected()));
    let again = Sealed::new(content).expect("what was opened is sealed");
    let read = again.open(experience).expect("what was sealed is opened");
    assert_eq!(&read, content);
    assert_eq!(Sealed::new(&read).expect("as before").digest(), again.digest(), "there is one canonical form");
}

/// What AWS Marketplace told of products, as it lies in the ledger.
pub(super) fn answers(bytes: &[u8]) {
    let Ok(packed) = zstd::encode_all(bytes, 1) else { return };
    let sealed = SealedAnswers::from_parts(Digest::of(bytes), packed);
    let experience = ExperienceId::new("exp-management").expect("an id");
    match within(256 * 1024 + 64 * bytes.len(), || sealed.open(&experience)) {
        Ok(answers) => {
            assert_eq!(answers.experience, experience);
            let again = answers.seal().expect("what was opened is sealed");
            assert_eq!(again.open(&experience).expect("what was sealed is opened"), answers);
            assert_eq!(answers.oldest().is_none(), answers.products.is_empty());
        }
        Err(error) => is_told(&error),
    }
    // Without the right digest nothing is read.
    let other = SealedAnswers::from_parts(Digest::of(b"another"), bytes.to_vec());
    is_told(&other.open(&experience).expect_err("another digest"));
}
