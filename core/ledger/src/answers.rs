//! Stores the hub's facts about products in the `Snapshots` table, which every member can read and
//! no member can write.
//!
//! The item `answers` of a management experience's partition names the newest answers by their
//! digest. The items `answers#<digest>#<chunk>` hold them, cut so that none reaches DynamoDB's 400
//! KB. The answers before stay until the next ones are stored, for members that are reading them.

use std::collections::BTreeSet;

use async_trait::async_trait;
use aws_config::SdkConfig;
use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use jiff::Timestamp;
use pmp_aws::ApiError;
use pmp_protocol::{Answers, Digest, ExperienceId, SealedAnswers};

use crate::chunks::{self, CHUNK_BYTES};
use crate::client::TableClient;
use crate::item::{Item, ItemError, number, parse, text};
use crate::large::ONE_TRANSACTION_BYTES;
use crate::{AnswerStore, AnswersHead, LedgerError, TableName};

const HEAD: &str = "answers";

/// The answers in the `Snapshots` table. The caller's credentials decide whether it can write them.
#[derive(Debug)]
pub struct DynamoAnswers {
    table: TableClient,
}

impl DynamoAnswers {
    /// The table of snapshots as `config`'s credentials see it. An ARN's region overrides the
    /// configured one.
    #[must_use]
    pub fn new(config: &SdkConfig, table: TableName) -> Self {
        Self { table: TableClient::new(config, table) }
    }

    fn damaged(&self, problem: impl std::fmt::Display) -> LedgerError {
        self.table.unreadable(format!("what was looked up of products: {problem}"))
    }

    /// Deletes the chunks of all but these two.
    async fn prune(&self, experience: &ExperienceId, keep: [Option<Digest>; 2]) -> Result<(), LedgerError> {
        let kept: BTreeSet<String> = keep.into_iter().flatten().map(chunks_of).collect();
        let is_kept = |key: &str| kept.iter().any(|prefix| key.starts_with(prefix.as_str()));
        let keys = self.table.between(experience, "answers#", "answers#~").projection_expression("experience, #item");
        let keys = self.table.all(keys).await?.into_iter();
        let old = keys.filter(|key| parse::<String>(key, "item").is_ok_and(|item| !is_kept(&item)));
        // DynamoDB may leave some undone. They are deleted after the next answers are stored.
        self.table.delete(old.collect()).await.map(drop)
    }
}

fn key(experience: &ExperienceId, item: &str) -> Item {
    Item::from([("experience".to_owned(), text(experience)), ("item".to_owned(), text(item))])
}

/// The prefix of the keys of the answers' chunks.
fn chunks_of(digest: Digest) -> String {
    format!("answers#{}#", digest.hex())
}

fn chunk_items(experience: &ExperienceId, sealed: &SealedAnswers) -> Vec<Item> {
    let prefix = chunks_of(sealed.digest());
    let item = |(index, chunk): (usize, &[u8])| {
        let mut item = key(experience, &format!("{prefix}{:04}", index + 1));
        item.insert("chunk".to_owned(), number(index + 1));
        item.insert("content".to_owned(), AttributeValue::B(Blob::new(chunk.to_vec())));
        item
    };
    sealed.compressed().chunks(CHUNK_BYTES).enumerate().map(item).collect()
}

fn head_item(experience: &ExperienceId, head: &AnswersHead) -> Item {
    let mut item = key(experience, HEAD);
    item.extend([
        ("digest".to_owned(), text(head.digest)),
        ("chunks".to_owned(), number(head.chunks)),
        ("products".to_owned(), number(head.products)),
        ("at".to_owned(), text(head.at)),
    ]);
    item
}

pub(crate) fn read_head(item: &Item) -> Result<AnswersHead, ItemError> {
    Ok(AnswersHead {
        digest: parse(item, "digest")?,
        chunks: parse(item, "chunks")?,
        products: parse(item, "products")?,
        at: parse(item, "at")?,
    })
}

pub(crate) fn read_chunks(
    experience: &ExperienceId,
    head: &AnswersHead,
    items: Vec<Item>,
) -> Result<Answers, ItemError> {
    let compressed = chunks::join(head.chunks, items)?;
    Ok(SealedAnswers::from_parts(head.digest, compressed).open(experience)?)
}

#[async_trait]
impl AnswerStore for DynamoAnswers {
    async fn latest(&self, experience: &ExperienceId) -> Result<Option<AnswersHead>, LedgerError> {
        let call = self.table.dynamodb.get_item().table_name(self.table.table.as_str());
        let answer = call.set_key(Some(key(experience, HEAD))).consistent_read(true).send().await;
        let answer = answer.map_err(|e| self.table.failed(ApiError::new("dynamodb:GetItem", &e)))?;
        answer.item.map(|item| read_head(&item)).transpose().map_err(|problem| self.damaged(problem))
    }

    async fn fetch(&self, experience: &ExperienceId, head: &AnswersHead) -> Result<Answers, LedgerError> {
        let prefix = chunks_of(head.digest);
        let items = self.table.all(self.table.between(experience, &prefix, &format!("{prefix}~"))).await?;
        read_chunks(experience, head, items).map_err(|problem| self.damaged(problem))
    }

    async fn store(&self, answers: &Answers, at: Timestamp) -> Result<AnswersHead, LedgerError> {
        const OPERATION: &str = "dynamodb:TransactWriteItems";
        let experience = &answers.experience;
        let sealed = answers.seal().map_err(|error| self.damaged(error))?;
        let bytes = sealed.compressed().len();
        if bytes > ONE_TRANSACTION_BYTES {
            return Err(LedgerError::AnswersTooLarge { bytes, limit: ONE_TRANSACTION_BYTES });
        }
        let before = self.latest(experience).await.ok().flatten();
        // Protocol L11.
        let mut items = chunk_items(experience, &sealed);
        let head = AnswersHead { digest: sealed.digest(), chunks: items.len(), products: answers.products.len(), at };
        items.push(head_item(experience, &head));
        let call = self.table.dynamodb.transact_write_items().set_transact_items(Some(self.table.puts(items)?));
        call.send().await.map_err(|e| self.table.failed(ApiError::new(OPERATION, &e)))?;
        if let Err(error) = self.prune(experience, [Some(head.digest), before.map(|before| before.digest)]).await {
            // This is no error: old chunks only take space, and are deleted after the next answers
            // are stored.
            tracing::warn!(%error, "what was looked up before could not be deleted");
        }
        Ok(head)
    }
}

#[cfg(test)]
mod tests {
    use pmp_protocol::{Answer, ProductAttributes, ProductId};

    use super::*;

    fn at() -> Timestamp {
        "2026-11-24T12:00:00Z".parse().unwrap()
    }

    /// Random names, so that the content does not compress to almost nothing.
    fn answers(products: usize) -> Answers {
        let answer = |n: usize| {
            let hex = Digest::of(&n.to_le_bytes()).hex();
            let attributes = ProductAttributes {
                name: Some(hex.clone()),
                manufacturer: Some(format!("Vendor {}", n % 500)),
                manufacturer_id: Some(format!("seller-{}", n % 500)),
                categories: vec!["Security".into(), format!("Category {}", n % 70)],
                ..ProductAttributes::default()
            };
            let answer = Answer { at: at(), attributes: Some(attributes) };
            (ProductId::new(&format!("prod-{}", &hex[..36])).unwrap(), answer)
        };
        let experience = ExperienceId::new("exp-1").unwrap();
        Answers { products: (0..products).map(answer).collect(), ..Answers::none(experience) }
    }

    fn stored(answers: &Answers) -> (AnswersHead, Vec<Item>) {
        let sealed = answers.seal().unwrap();
        let items = chunk_items(&answers.experience, &sealed);
        let head =
            AnswersHead { digest: sealed.digest(), chunks: items.len(), products: answers.products.len(), at: at() };
        (read_head(&head_item(&answers.experience, &head)).unwrap(), items)
    }

    #[test]
    fn ten_thousand_products_fit_into_the_ledger_in_items_below_its_limit_and_come_back_whole() {
        // Protocol L4.
        let answers = answers(10_000);
        let (head, items) = stored(&answers);
        assert_eq!(head.products, 10_000);
        for item in &items {
            let Some(AttributeValue::B(content)) = item.get("content") else { panic!("{item:?}") };
            assert!(content.as_ref().len() <= CHUNK_BYTES);
        }
        assert!(items.len() > 1 && items.len() * CHUNK_BYTES <= ONE_TRANSACTION_BYTES, "{} items", items.len());
        assert_eq!(read_chunks(&answers.experience, &head, items).unwrap(), answers);
    }

    #[test]
    fn what_is_missing_repeated_or_of_others_is_refused() {
        let answers = answers(10_000);
        let (head, items) = stored(&answers);
        let read = |head: &AnswersHead, items| read_chunks(&answers.experience, head, items).unwrap_err().to_string();
        assert!(read(&head, items[1..].to_vec()).contains("chunks are there"));
        let mut repeated = items.clone();
        repeated[1] = items[0].clone();
        assert_eq!(read(&head, repeated), "chunk 2 is missing");
        let forged = AnswersHead { digest: Digest::of(b"others"), ..head };
        assert!(read(&forged, items).contains("hash to"));
    }
}
