//! What AWS Marketplace told the hub of its products, for the filters of the members: sealed as a
//! snapshot is, and kept beside it. It is no part of the snapshot: looking products up takes longer
//! than publishing, and what is found out changes on its own.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::seal::{pack, unpack};
use crate::{Digest, ExperienceId, ProductId};

/// The most that answers may unpack to: 32 MiB, some 100,000 products. More is refused before it
/// fills the memory.
pub const MAX_ANSWERS_BYTES: usize = 32 * 1024 * 1024;

/// What is known of a product. What is blank in AWS's answer is not known.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProductAttributes {
    /// Title of the product, in `en-US`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Its vendor, as AWS Marketplace shows it in `en-US`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manufacturer: Option<String>,
    /// The id of the vendor's profile: it stays where the vendor takes another name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manufacturer_id: Option<String>,
    /// Its categories, as AWS Marketplace shows them in `en-US`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub categories: Vec<String>,
    /// The ids of those that have one: they stay where a category takes another name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub category_ids: Vec<String>,
    /// How it is delivered, as Marketplace Catalog spells it: `AmazonMachineImage`, `Container`,
    /// `SaaS`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fulfillment_types: Vec<String>,
}

/// What was answered of one product.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// When AWS answered, by the hub's clock.
    pub at: Timestamp,
    /// What is known; none where there is no such product to be seen. That is an answer, too,
    /// unlike no answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attributes: Option<ProductAttributes>,
}

/// All answers that the hub of a management experience has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answers {
    /// Management experience whose products were looked up.
    pub experience: ExperienceId,
    /// By product. One that is missing was not answered, and nothing may be concluded of it.
    pub products: BTreeMap<ProductId, Answer>,
}

/// Answers packed for storage, with the digest that they must unpack to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedAnswers {
    digest: Digest,
    compressed: Vec<u8>,
}

/// Bytes that are not the answers they were stored as. They are refused whole.
#[derive(Debug, thiserror::Error)]
pub enum AnswersError {
    /// The canonical form is larger than [`MAX_ANSWERS_BYTES`].
    #[error("the answers are larger than {MAX_ANSWERS_BYTES} bytes unpacked")]
    TooLarge,
    /// zstd could not pack or unpack.
    #[error("the answers cannot be packed or unpacked")]
    Compression(#[source] std::io::Error),
    /// The bytes do not hash to the digest that names them.
    #[error("the answers hash to {found}, and the ledger names {expected}")]
    Digest {
        /// As the ledger names it.
        expected: Digest,
        /// Digest of the bytes that were read.
        found: Digest,
    },
    /// The answers are those of another management experience.
    #[error("the answers are those of `{0}`")]
    Experience(ExperienceId),
    /// Not the JSON of answers.
    #[error("the answers are not in the form this version reads")]
    Json(#[source] serde_json::Error),
}

crate::codes!(AnswersError {
    TooLarge => "E1001",
    Compression => "E1002",
    Digest => "E1003",
    Experience => "E1004",
    Json => "E1005",
});

crate::without_hint!(AnswersError);

impl Answers {
    /// No answer about any product.
    #[must_use]
    pub fn none(experience: ExperienceId) -> Self {
        Self { experience, products: BTreeMap::new() }
    }

    /// Packs the answers in their canonical form.
    ///
    /// # Errors
    /// Where they are too large, or zstd fails.
    pub fn seal(&self) -> Result<SealedAnswers, AnswersError> {
        let canonical = serde_json::to_vec(self).map_err(AnswersError::Json)?;
        if canonical.len() > MAX_ANSWERS_BYTES {
            return Err(AnswersError::TooLarge);
        }
        let compressed = pack(&canonical).map_err(AnswersError::Compression)?;
        Ok(SealedAnswers { digest: Digest::of(&canonical), compressed })
    }

    /// When the oldest answer was given; none where there is none.
    #[must_use]
    pub fn oldest(&self) -> Option<Timestamp> {
        self.products.values().map(|answer| answer.at).min()
    }
}

impl SealedAnswers {
    /// Takes bytes that came from outside, with the digest that names them. Nothing is checked
    /// until [`Self::open`].
    #[must_use]
    pub fn from_parts(digest: Digest, compressed: Vec<u8>) -> Self {
        Self { digest, compressed }
    }

    /// The digest of the canonical form.
    #[must_use]
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// The packed bytes, to be cut into items.
    #[must_use]
    pub fn compressed(&self) -> &[u8] {
        &self.compressed
    }

    /// Unpacks and verifies: digest and experience. All of it, or nothing.
    pub fn open(&self, experience: &ExperienceId) -> Result<Answers, AnswersError> {
        let canonical = unpack(&self.compressed, MAX_ANSWERS_BYTES).map_err(AnswersError::Compression)?;
        let canonical = canonical.ok_or(AnswersError::TooLarge)?;
        let found = Digest::of(&canonical);
        // Protocol L11.
        if found != self.digest {
            return Err(AnswersError::Digest { expected: self.digest, found });
        }
        let answers: Answers = serde_json::from_slice(&canonical).map_err(AnswersError::Json)?;
        if answers.experience == *experience { Ok(answers) } else { Err(AnswersError::Experience(answers.experience)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Coded as _;

    fn experience() -> ExperienceId {
        ExperienceId::new("exp-1").unwrap()
    }

    fn answers() -> Answers {
        let at = "2026-11-24T12:00:00Z".parse().unwrap();
        let attributes = ProductAttributes { manufacturer_id: Some("seller-1".into()), ..ProductAttributes::default() };
        let answer = |(id, attributes)| (ProductId::new(id).unwrap(), Answer { at, attributes });
        let products = [("prod-a", Some(attributes)), ("prod-none", None)].map(answer).into();
        Answers { products, ..Answers::none(experience()) }
    }

    #[test]
    fn what_is_sealed_opens_to_the_same_and_no_such_product_stays_an_answer() {
        let opened = answers().seal().unwrap().open(&experience()).unwrap();
        assert_eq!(opened, answers());
        assert_eq!(opened.products["prod-none"].attributes, None);
        assert_eq!(opened.oldest(), "2026-11-24T12:00:00Z".parse().ok());
    }

    #[test]
    fn the_canonical_form_is_fixed_and_may_be_added_to() {
        let canonical = concat!(
            r#"{"experience":"exp-1","products":{"prod-a":{"at":"2026-11-24T12:00:00Z","#,
            r#""attributes":{"manufacturer_id":"seller-1"}},"prod-none":{"at":"2026-11-24T12:00:00Z"}}}"#
        );
        assert_eq!(serde_json::to_string(&answers()).unwrap(), canonical);
        let later = canonical.replace(r#"{"manufacturer_id""#, r#"{"later":1,"manufacturer_id""#);
        let sealed = SealedAnswers::from_parts(Digest::of(later.as_bytes()), pack(later.as_bytes()).unwrap());
        assert_eq!(sealed.open(&experience()).unwrap(), answers());
    }

    #[test]
    fn what_is_not_what_the_ledger_names_is_refused() {
        // Protocol L11.
        let sealed = answers().seal().unwrap();
        let other = ExperienceId::new("exp-2").unwrap();
        assert!(matches!(sealed.open(&other), Err(AnswersError::Experience(_))));
        let renamed = SealedAnswers::from_parts(Digest::of(b"another"), sealed.compressed().to_vec());
        assert!(matches!(renamed.open(&experience()), Err(AnswersError::Digest { .. })));
        let cut = sealed.compressed()[..sealed.compressed().len() - 4].to_vec();
        let torn = SealedAnswers::from_parts(sealed.digest(), cut);
        assert!(matches!(torn.open(&experience()), Err(AnswersError::Compression(_))));
        let bomb = SealedAnswers::from_parts(sealed.digest(), pack(&vec![b' '; MAX_ANSWERS_BYTES + 1]).unwrap());
        assert!(matches!(bomb.open(&experience()), Err(AnswersError::TooLarge)));
        let of_another_form = SealedAnswers::from_parts(Digest::of(b"[]"), pack(b"[]").unwrap());
        assert_eq!(of_another_form.open(&experience()).unwrap_err().code().to_string(), "E1005");
    }
}
