//! A content with its place in history.

use jiff::Timestamp;

use crate::{Content, Digest, ExperienceId, SealError, Sealed, SnapshotVersion};

/// Everything that the management experience said at one moment, numbered and verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    version: SnapshotVersion,
    digest: Digest,
    taken_at: Timestamp,
    content: Content,
}

impl Snapshot {
    /// Opens a sealed content as this version of `experience`. A snapshot is whole and verified, or
    /// it does not exist.
    pub fn open(
        experience: &ExperienceId,
        version: SnapshotVersion,
        taken_at: Timestamp,
        sealed: &Sealed,
    ) -> Result<Self, SealError> {
        let content = sealed.open(experience)?;
        Ok(Self { version, digest: sealed.digest(), taken_at, content })
    }

    /// Management experience that was read.
    #[must_use]
    pub fn experience(&self) -> &ExperienceId {
        self.content.experience()
    }

    /// Number of the snapshot in the experience's history.
    #[must_use]
    pub fn version(&self) -> SnapshotVersion {
        self.version
    }

    /// The digest of its content.
    #[must_use]
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// When the hub read it.
    #[must_use]
    pub fn taken_at(&self) -> Timestamp {
        self.taken_at
    }

    /// The content packed again, with the same digest. `None` where a newer release wrote something
    /// into it that this one does not know: packed here, it would be another content.
    ///
    /// # Errors
    /// Where zstd fails.
    pub fn seal(&self) -> Result<Option<Sealed>, SealError> {
        let sealed = Sealed::new(&self.content)?;
        Ok(Some(sealed).filter(|sealed| sealed.digest() == self.digest))
    }

    /// The verified content: lists, notes and settings.
    #[must_use]
    pub fn content(&self) -> &Content {
        &self.content
    }
}

#[cfg(test)]
mod tests {
    use crate::testing;

    use super::*;

    #[test]
    fn a_content_of_a_newer_release_is_not_packed_as_another_one() {
        let content = testing::content(&["prod-a", "prod-b"], &["prod-c"]);
        let sealed = testing::sealed(&content);
        let open = |sealed: &Sealed| {
            Snapshot::open(content.experience(), testing::version(1), testing::now(), sealed).unwrap()
        };
        assert_eq!(open(&sealed).seal().unwrap(), Some(sealed));
        let newer = open(&testing::sealed_by_a_newer_release(&content));
        assert_eq!((newer.content(), newer.seal().unwrap()), (&content, None));
    }
}
