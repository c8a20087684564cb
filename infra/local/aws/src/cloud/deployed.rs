//! What of a hub and of spokes is deployed in the embedded AWS, as one account sees it: what
//! `pmp-local env` tells a program that runs as this account.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Cloud, account_in};

/// The keys of the two tables of a ledger: partition and sort.
const SNAPSHOTS: [&str; 2] = ["experience", "item"];
const TIMESTAMPS: [&str; 2] = ["organization", "item"];

/// What is deployed, as an account sees it. What is not there, and what is there more than once, is
/// `None`: nobody but a person can choose.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Deployed {
    /// The management experience of the hub.
    pub experience: Option<String>,
    /// The ARN of the hub's table of snapshots.
    pub snapshots_table: Option<String>,
    /// The ARN of the hub's table of receipts.
    pub timestamps_table: Option<String>,
    /// The ARN of the hub's topic.
    pub topic: Option<String>,
    /// The role of the hub's account that this account may assume.
    pub hub_role: Option<String>,
    /// The external id that this role asks for.
    pub hub_external_id: Option<String>,
    /// The name of this account's queue at the topic.
    pub queue: Option<String>,
    /// The name of this account's queue for the catalog's events.
    pub events_queue: Option<String>,
}

/// A ledger: its account, and the ARNs of its tables.
struct Ledger {
    account: String,
    snapshots: String,
    timestamps: String,
}

impl Cloud {
    /// What is deployed, as `account` sees it. The hub is its own, or else the one that has a role
    /// for it.
    pub(crate) fn deployed(&self, account: &str) -> Deployed {
        let ledgers = self.ledgers();
        let own = ledgers.iter().find(|ledger| ledger.account == account);
        let with_role = || ledgers.iter().find_map(|ledger| Some((ledger, self.role_for(&ledger.account, account)?)));
        let (hub, role) = match own {
            Some(own) => (own, None),
            None => match with_role() {
                Some((hub, role)) => (hub, Some(role)),
                None => return Deployed::default(),
            },
        };
        let topics = self.view().topics.into_iter().filter(|topic| account_in(&topic.arn) == Some(&hub.account));
        let topic = only(topics);
        let queues = topic.iter().flat_map(|topic| &topic.subscribers);
        let (hub_role, hub_external_id) = role.map_or((None, None), |(arn, external)| (Some(arn), external));
        Deployed {
            experience: self.management_experience(&hub.account),
            snapshots_table: Some(hub.snapshots.clone()),
            timestamps_table: Some(hub.timestamps.clone()),
            queue: only(queues.filter_map(|queue| name_of_queue(queue, account))),
            topic: topic.as_ref().map(|topic| topic.arn.clone()),
            hub_role,
            hub_external_id,
            events_queue: if own.is_some() { self.events_queue(account) } else { None },
        }
    }

    /// The accounts that have exactly one table of each kind.
    fn ledgers(&self) -> Vec<Ledger> {
        let ledger = |database: pmp_local_dynamodb::Database| {
            let snapshots = only(database.keyed_by(SNAPSHOTS).into_iter())?;
            let timestamps = only(database.keyed_by(TIMESTAMPS).into_iter())?;
            Some(Ledger { account: database.account().to_owned(), snapshots, timestamps })
        };
        self.databases.copies().into_iter().filter_map(ledger).collect()
    }

    /// The experience that the hub of this account has published, or else the only one of its
    /// organization.
    fn management_experience(&self, hub: &str) -> Option<String> {
        let organizations = self.view().organizations.into_iter();
        let of_hub = |organization: &super::OrganizationView| {
            organization.management_account == hub || organization.member_accounts.iter().any(|account| account == hub)
        };
        let experiences: Vec<_> =
            organizations.filter(of_hub).flat_map(|organization| organization.experiences).collect();
        let published = experiences.iter().filter(|experience| experience.version.is_some());
        let of = |state: &super::ExperienceState| state.experience.id.clone();
        only(published.map(of)).or_else(|| only(experiences.iter().map(of)))
    }

    /// The only role of `hub` whose trust policy names `account`, with the external id that it asks
    /// for.
    fn role_for(&self, hub: &str, account: &str) -> Option<(String, Option<String>)> {
        let roles = self.world().roles.iter().filter(|role| role.account == hub);
        let roles = roles.filter_map(|role| Some((role, external_id(role.trust.as_str(), account)?)));
        let (role, external) = only(roles)?;
        Some((format!("arn:aws:iam::{hub}:role/{}", role.name), external))
    }

    /// The only queue of the account to which a rule delivers the catalog's events.
    fn events_queue(&self, account: &str) -> Option<String> {
        let targets = self.world().change_event_targets.iter().filter(|target| target.account == account);
        let queues = targets.filter_map(|target| Some(target.owner_and_name(target.queue.as_deref()?)));
        only(queues.filter(|(owner, _)| *owner == account).map(|(_, name)| name.to_owned()))
    }
}

/// The only one of several; `None` if there is none, or more than one.
fn only<T>(mut all: impl Iterator<Item = T>) -> Option<T> {
    let first = all.next()?;
    if all.next().is_some() { None } else { Some(first) }
}

/// The name of a queue of `account`, which is written as its ARN.
fn name_of_queue(queue: &str, account: &str) -> Option<String> {
    let name = queue.rsplit(':').next().filter(|_| account_in(queue) == Some(account))?;
    Some(name.to_owned())
}

/// The external id that a trust policy asks of `account`, where a statement names the account. The
/// outer `None` means that no statement does.
fn external_id(trust: &str, account: &str) -> Option<Option<String>> {
    let policy: Value = serde_json::from_str(trust).ok()?;
    let listed = |value: &Value| value.as_array().cloned().unwrap_or_else(|| vec![value.clone()]);
    let is_it = |principal: &Value| {
        let principal = principal.as_str().unwrap_or_default();
        principal == account || account_in(principal) == Some(account)
    };
    let statements = listed(&policy["Statement"]);
    let statement = statements.iter().find(|statement| listed(&statement["Principal"]["AWS"]).iter().any(is_it))?;
    let asked = statement["Condition"]["StringEquals"]["sts:ExternalId"].as_str();
    Some(asked.map(str::to_owned))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trust_policy_says_for_whom_it_is_and_what_it_asks_for() {
        let statement = |principal: &str, condition: &str| {
            format!(r#"{{"Statement":[{{"Effect":"Allow","Principal":{{"AWS":{principal}}}{condition}}}]}}"#)
        };
        let condition = r#","Condition":{"StringEquals":{"sts:ExternalId":"rehearsal"}}"#;
        let policy = statement(r#"["arn:aws:iam::222222222222:root"]"#, condition);
        assert_eq!(external_id(&policy, "222222222222"), Some(Some("rehearsal".to_owned())));
        assert_eq!(external_id(&policy, "333333333333"), None);
        assert_eq!(external_id(&statement(r#""222222222222""#, ""), "222222222222"), Some(None));
    }
}
