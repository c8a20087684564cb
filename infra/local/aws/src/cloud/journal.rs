//! The latest events of messages and of the hub's ledger, for a person who watches a change travel.
//!
//! The services note what they did; nothing here decides or delays anything. The catalog needs no
//! notes, because its change sets hold their start and end.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use awsim_core::RequestContext;
use jiff::Timestamp;
use pmp_local_dynamodb::{Attributes, Request, Value as Attribute};
use serde::Serialize;
use serde_json::Value;

use super::Cloud;

/// How many entries are kept: enough for the page, and cheap under load.
const MOST: usize = 200;

/// An event, and its time.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Entry {
    pub(crate) at: Timestamp,
    pub(crate) what: Happening,
}

/// The kinds of events. Queues and topics are named by their ARNs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub(crate) enum Happening {
    /// The hub stored a version of a management experience.
    SnapshotStored { experience: String, version: String },
    /// SNS accepted a message. `version` is the one in the message's attributes, if they name one.
    Published { topic: String, version: Option<String> },
    /// A message or a change event reached a queue.
    Delivered { queue: String, from: &'static str },
    /// Messages were received. They are in flight until they are deleted or become visible again.
    Received { queue: String, count: usize },
    /// Messages were deleted after they were processed.
    Deleted { queue: String, count: usize },
    /// A spoke wrote a receipt.
    ReceiptWritten(Receipt),
}

/// The part of a receipt in the hub's ledger that the page shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Receipt {
    pub(crate) organization: String,
    pub(crate) member_experience: String,
    pub(crate) version: String,
    pub(crate) status: String,
    pub(crate) pending: String,
    pub(crate) error: Option<String>,
    /// The reasons of the filter for the products that it took away.
    pub(crate) filtered_for: Vec<FilteredFor>,
}

/// One reason of a filter, with the number of products.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct FilteredFor {
    pub(crate) reason: String,
    /// How many products the filter took away for this reason.
    pub(crate) products: String,
    /// The id of one of these products.
    pub(crate) example: String,
}

#[derive(Debug, Default)]
pub(crate) struct Journal(Mutex<Notes>);

#[derive(Debug, Default)]
struct Notes {
    entries: VecDeque<Entry>,
    /// The newest receipt of each organization's experience.
    receipts: BTreeMap<(String, String), (Timestamp, Receipt)>,
    /// The newest version of each management experience.
    versions: BTreeMap<String, String>,
}

impl Journal {
    fn note(&self, at: Timestamp, what: Happening) {
        let mut notes = self.notes();
        match &what {
            Happening::ReceiptWritten(receipt) => {
                let key = (receipt.organization.clone(), receipt.member_experience.clone());
                notes.receipts.insert(key, (at, receipt.clone()));
            }
            Happening::SnapshotStored { experience, version } => {
                notes.versions.insert(experience.clone(), version.clone());
            }
            _ => {}
        }
        if notes.entries.len() == MOST {
            notes.entries.pop_front();
        }
        notes.entries.push_back(Entry { at, what });
    }

    /// The entries, the newest first.
    pub(super) fn entries(&self) -> Vec<Entry> {
        self.notes().entries.iter().rev().cloned().collect()
    }

    pub(super) fn receipts(&self) -> Vec<(Timestamp, Receipt)> {
        self.notes().receipts.values().cloned().collect()
    }

    pub(super) fn versions(&self) -> BTreeMap<String, String> {
        self.notes().versions.clone()
    }

    fn notes(&self) -> MutexGuard<'_, Notes> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Cloud {
    pub(super) fn note(&self, what: Happening) {
        self.journal.note(self.clock.now(), what);
    }

    /// Notes writes to the ledger, after they succeeded.
    pub(super) fn note_written(&self, written: Vec<Happening>) {
        written.into_iter().for_each(|what| self.note(what));
    }

    pub(super) fn note_received(&self, queue: &str, answer: &Value, context: &RequestContext) {
        let count = answer["Messages"].as_array().map_or(0, Vec::len);
        if count > 0 {
            self.note(Happening::Received { queue: queue_arn(context, queue), count });
        }
    }

    pub(super) fn note_deleted(&self, queue: &str, input: &Value, done: bool, context: &RequestContext) {
        if done {
            let count = input["Entries"].as_array().map_or(1, Vec::len);
            self.note(Happening::Deleted { queue: queue_arn(context, queue), count });
        }
    }

    pub(super) fn note_published(&self, input: &Value) {
        let topic = input["TopicArn"].as_str().or_else(|| input["TargetArn"].as_str()).unwrap_or_default().to_owned();
        let version = input["MessageAttributes"]["version"]["StringValue"].as_str().map(str::to_owned);
        self.note(Happening::Published { topic, version });
    }
}

/// The ARN of a queue in the account and region of a call.
pub(super) fn queue_arn(context: &RequestContext, queue: &str) -> String {
    format!("arn:aws:sqs:{}:{}:{queue}", context.region, context.account_id)
}

/// The events of a write to the hub's ledger. The ledger is recognized by the attributes of the
/// items, because its tables may have any name.
pub(super) fn ledger_writes(request: &Request) -> Vec<Happening> {
    let stored = |(experience, version)| Happening::SnapshotStored { experience, version };
    let happening =
        |item: &Attributes| receipt_in(item).map(Happening::ReceiptWritten).or_else(|| snapshot_in(item).map(stored));
    request.written().filter_map(|item| happening(item.attributes())).collect()
}

/// The value of an attribute that is a text or a number.
fn text(item: &Attributes, name: &str) -> Option<String> {
    match item.get(name)? {
        Attribute::S(text) => Some(text.to_string()),
        Attribute::N(number) => Some(number.to_string()),
        _ => None,
    }
}

fn receipt_in(item: &Attributes) -> Option<Receipt> {
    let reasons = if let Some(Attribute::L(list)) = item.get("narrowed_for") { list.as_slice() } else { &[] };
    Some(Receipt {
        organization: text(item, "organization")?,
        member_experience: text(item, "member_experience")?,
        version: text(item, "version")?,
        status: text(item, "status")?,
        pending: text(item, "pending").unwrap_or_default(),
        error: text(item, "error"),
        filtered_for: reasons.iter().filter_map(filtered_for).collect(),
    })
}

fn filtered_for(reason: &Attribute) -> Option<FilteredFor> {
    let Attribute::M(fields) = reason else { return None };
    Some(FilteredFor {
        reason: text(fields, "reason").unwrap_or_else(|| "no reason given".to_owned()),
        products: text(fields, "products")?,
        example: text(fields, "example").unwrap_or_default(),
    })
}

/// The experience and the version, if the item is the first chunk of a snapshot.
fn snapshot_in(item: &Attributes) -> Option<(String, String)> {
    let (version, chunk) =
        text(item, "item")?.strip_prefix('v')?.split_once('#').map(|(v, c)| (v.to_owned(), c.to_owned()))?;
    let first = chunk.parse() == Ok(1_u32);
    first.then_some((text(item, "experience")?, version.trim_start_matches('0').to_owned()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_ledger_is_known_by_its_attributes() {
        let journal = Journal::default();
        let receipt = json!({ "Item": {
            "organization": { "S": "o-a" }, "item": { "S": "exp-m#exp-a" }, "member_experience": { "S": "exp-a" },
            "version": { "N": "7" }, "status": { "S": "in-sync" }, "pending": { "N": "0" },
            "narrowed_for": { "L": [{ "M": {
                "reason": { "S": "no-genai" }, "products": { "N": "4" }, "example": { "S": "prod-a" } } }] } } });
        let chunk = |chunk: &str| {
            json!({ "Put": { "Item": {
            "experience": { "S": "exp-m" }, "item": { "S": format!("v00000000000000000012#{chunk}") } } } })
        };
        let stored = json!({ "TransactItems": [chunk("0001"), chunk("0002"), { "Update": { "Key": {} } }] });
        let other = json!({ "Item": { "anything": { "S": "else" } } });
        for (operation, input) in [("PutItem", &receipt), ("TransactWriteItems", &stored), ("PutItem", &other)] {
            let request = Request::parse(operation, input.to_string().as_bytes()).unwrap();
            let written = ledger_writes(&request);
            written.into_iter().for_each(|what| journal.note(Timestamp::UNIX_EPOCH, what));
        }
        let entries: Vec<_> = journal.entries().into_iter().map(|entry| entry.what).collect();
        assert_eq!(entries[0], Happening::SnapshotStored { experience: "exp-m".into(), version: "12".into() });
        assert!(matches!(&entries[1], Happening::ReceiptWritten(r) if r.version == "7" && r.status == "in-sync"));
        assert_eq!(entries.len(), 2);
        assert_eq!(journal.receipts().len(), 1);
        let reason = &journal.receipts()[0].1.filtered_for[0];
        assert_eq!([&reason.reason, &reason.products, &reason.example], ["no-genai", "4", "prod-a"]);
    }

    #[test]
    fn it_forgets_what_is_old() {
        let journal = Journal::default();
        for count in 0..=MOST {
            let queue = String::new();
            journal.note(Timestamp::UNIX_EPOCH, Happening::Received { queue, count });
        }
        assert_eq!(journal.entries().len(), MOST);
        assert!(matches!(journal.entries()[0].what, Happening::Received { count: MOST, .. }));
    }
}
