//! The world that the embedded AWS starts with: organizations, their private marketplaces, roles,
//! products and timing.
//!
//! [`World::load`] reads it from a TOML, YAML or JSON file and checks it ([`World::validate`]).
//! Tests build it in Rust. A world describes the start and never changes: what happens later is the
//! state of the services. Nothing in it is secret. The documentation of each field is also its
//! description in `docs/world.schema.json` ([`World::schema`]).
//!
//! The crate starts no task and calls nothing. It is a crate of its own so that `pmp-filter` and
//! the catalog can read a world without a runtime or a server.

mod assumptions;
mod catalog;
mod check;
mod control_policy;
mod dice;
mod duration;
mod example;
mod fault_rule;
mod listed_product;
mod load;
mod policy_text;
mod problem;
mod schema;

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use assumptions::{
    AbsentValues, Assumptions, Batches, DeadLetters, EventsOfChanges, KnownTokens, Listing, Listings, ProductSearches,
    Revisions, SortWithScope, StaleRevisions,
};
pub use catalog::{CatalogLimits, ChangeSetTiming, Distribution, Exponential, IdLimit, Lognormal, RequestRates};
pub use check::{is_account, is_product_id};
pub use control_policy::ControlPolicy;
pub use dice::Dice;
pub use example::example;
pub use fault_rule::{Fault, FaultRule, SERVICES, STALE_READS};
pub use listed_product::ListedProduct;
pub use load::{Format, FormatError, WorldError};
pub use policy_text::PolicyText;
pub use problem::Problem;

/// All that exists when the embedded AWS starts.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct World {
    /// The region of every ARN that the world implies.
    pub region: String,
    /// The random seed: the same seed gives the same ids and durations, in the order in which they
    /// are asked for.
    pub seed: u64,
    /// How long change sets take.
    pub change_sets: ChangeSetTiming,
    /// The limits that the catalog enforces.
    pub catalog: CatalogLimits,
    /// The organizations. An account that is in none of them exists as well: any 12 digits are an
    /// account.
    pub organizations: Vec<Organization>,
    /// Access keys beside the account ids. Each account id is also the access key of its account.
    pub access_keys: Vec<AccessKey>,
    /// IAM roles, which callers reach through `sts:AssumeRole`.
    pub roles: Vec<Role>,
    /// Products, for names and labels; an id need not be listed here to be approved, as in AWS.
    pub products: Vec<Product>,
    /// Products that the catalog rejects: a change set that names one ends as `FAILED` with
    /// `CLIENT_ERROR`.
    pub poison_products: BTreeSet<String>,
    /// Which accounts have an EventBridge rule for the catalog's change-set events, and the queue
    /// or topic that the rule delivers to.
    pub change_event_targets: Vec<ChangeEventTarget>,
    /// The faults that are in force from the start. More can be added while the server runs.
    pub faults: Vec<FaultRule>,
}

impl Default for World {
    fn default() -> Self {
        Self {
            region: "us-east-1".into(),
            seed: 1,
            change_sets: ChangeSetTiming::default(),
            catalog: CatalogLimits::default(),
            organizations: Vec::new(),
            access_keys: Vec::new(),
            roles: Vec::new(),
            products: Vec::new(),
            poison_products: BTreeSet::new(),
            change_event_targets: Vec::new(),
            faults: Vec::new(),
        }
    }
}

/// An AWS Organizations organization.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Organization {
    /// The organization's id: `o-` and 10 to 32 lower-case letters or digits.
    pub id: String,
    /// A name for people.
    pub name: String,
    /// Its management account: the owner of its private marketplace.
    pub management_account: String,
    /// Its accounts beside the management account.
    #[serde(default)]
    pub member_accounts: Vec<String>,
    /// Those member accounts that administer the private marketplace on its behalf.
    #[serde(default)]
    pub delegated_administrators: Vec<String>,
    /// Its private marketplace experiences.
    #[serde(default)]
    pub experiences: Vec<Experience>,
    /// Its service control policies: what the principals of its member accounts may not do, even if
    /// another policy allows it. AWS's `FullAWSAccess` is attached beside them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub service_control_policies: Vec<ControlPolicy>,
    /// Its resource control policies: what nobody may do with the roles, queues, keys and tables of
    /// its member accounts. AWS's `RCPFullAWSAccess` is attached beside them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub resource_control_policies: Vec<ControlPolicy>,
}

impl Organization {
    /// An organization with nothing but its management account.
    #[must_use]
    pub fn new(id: &str, name: &str, management_account: &str) -> Self {
        Self {
            id: id.into(),
            name: name.into(),
            management_account: management_account.into(),
            member_accounts: Vec::new(),
            delegated_administrators: Vec::new(),
            experiences: Vec::new(),
            service_control_policies: Vec::new(),
            resource_control_policies: Vec::new(),
        }
    }

    /// Adds a member account.
    #[must_use]
    pub fn with_member(mut self, account: &str) -> Self {
        self.member_accounts.push(account.into());
        self
    }

    /// Adds a member account that is a delegated administrator for private marketplace.
    #[must_use]
    pub fn with_delegated_administrator(mut self, account: &str) -> Self {
        self.delegated_administrators.push(account.into());
        self.with_member(account)
    }

    /// Adds a private marketplace experience.
    #[must_use]
    pub fn with_experience(mut self, experience: Experience) -> Self {
        self.experiences.push(experience);
        self
    }

    /// Attaches a service control policy.
    #[must_use]
    pub fn with_service_control_policy(mut self, policy: ControlPolicy) -> Self {
        self.service_control_policies.push(policy);
        self
    }

    /// Attaches a resource control policy.
    #[must_use]
    pub fn with_resource_control_policy(mut self, policy: ControlPolicy) -> Self {
        self.resource_control_policies.push(policy);
        self
    }
}

/// `Status` of an experience.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub enum ExperienceStatus {
    /// The experience is in force.
    #[default]
    Enabled,
    /// The experience is not in force.
    Disabled,
}

impl ExperienceStatus {
    /// As the catalog spells it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Enabled => "Enabled",
            Self::Disabled => "Disabled",
        }
    }
}

/// A private marketplace experience.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Experience {
    /// The experience's id, `exp-…`.
    pub id: String,
    /// The name that users see.
    pub name: String,
    /// A description for administrators.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Whether the experience is in force.
    #[serde(default)]
    pub status: ExperienceStatus,
    /// `AdminStatus`: `Editable` if left out, `Restricted` for an archived one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub admin_status: Option<String>,
    /// Its procurement policy. Without a policy every product may be procured, and none can be
    /// approved or denied.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<ProcurementPolicy>,
    /// The principals it is associated with: accounts, organizational units, or the organization
    /// itself.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub audience: Vec<String>,
    /// Its discovery policies, `discopolicy-…`. AWS documents that they exist, but not what they
    /// contain. They are shown, and have no effect.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub discovery_policies: Vec<String>,
    /// Its integration, `integ-…`. It is shown, and has no effect.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub integration: Option<String>,
}

impl Experience {
    /// An enabled experience without a policy.
    #[must_use]
    pub fn new(id: &str, name: &str) -> Self {
        Self {
            id: id.into(),
            name: name.into(),
            description: None,
            status: ExperienceStatus::Enabled,
            admin_status: None,
            policy: None,
            audience: Vec::new(),
            discovery_policies: Vec::new(),
            integration: None,
        }
    }

    /// Gives it its policy.
    #[must_use]
    pub fn with_policy(mut self, policy: ProcurementPolicy) -> Self {
        self.policy = Some(policy);
        self
    }

    /// Disables the experience: it is not in force.
    #[must_use]
    pub fn disabled(mut self) -> Self {
        self.status = ExperienceStatus::Disabled;
        self
    }

    /// Archives the experience. AWS allows that for disabled experiences only, so it is disabled,
    /// too.
    #[must_use]
    pub fn archived(mut self) -> Self {
        self.admin_status = Some("Restricted".into());
        self.disabled()
    }
}

/// The approved and the rejected products of an experience.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProcurementPolicy {
    /// The policy's id, `policy-…` or `procpolicy-…`.
    pub id: String,
    /// The products on the list of approved products.
    #[serde(default)]
    pub approved: Vec<ListedProduct>,
    /// The products on the list of rejected products.
    #[serde(default)]
    pub rejected: Vec<ListedProduct>,
    /// Whether users may request products.
    #[serde(default)]
    pub policy_resource_requests: ResourceRequests,
}

impl ProcurementPolicy {
    /// An empty policy: no product may be procured.
    #[must_use]
    pub fn new(id: &str) -> Self {
        Self {
            id: id.into(),
            approved: Vec::new(),
            rejected: Vec::new(),
            policy_resource_requests: ResourceRequests::Allow,
        }
    }

    /// Adds products to the list of approved products.
    #[must_use]
    pub fn approving<P: Into<ListedProduct>>(mut self, products: impl IntoIterator<Item = P>) -> Self {
        self.approved.extend(products.into_iter().map(Into::into));
        self
    }

    /// Adds products to the list of rejected products.
    #[must_use]
    pub fn rejecting<P: Into<ListedProduct>>(mut self, products: impl IntoIterator<Item = P>) -> Self {
        self.rejected.extend(products.into_iter().map(Into::into));
        self
    }
}

/// `PolicyResourceRequests` of a procurement policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub enum ResourceRequests {
    /// Users may request products.
    #[default]
    Allow,
    /// Users may not request products.
    Deny,
}

impl ResourceRequests {
    /// As the catalog spells it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "Allow",
            Self::Deny => "Deny",
        }
    }
}

/// An access key, and who signs with it: the account itself, a user in it, or a role.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AccessKey {
    /// The id of the key, the value of `AWS_ACCESS_KEY_ID`: 16 to 128 upper-case letters or digits.
    pub id: String,
    /// The account that the key belongs to.
    pub account: String,
    /// The name of an IAM user of the account, who may do everything there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// A role of the account, one of `roles`: the key acts as a session of that role, and never
    /// expires.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
}

impl AccessKey {
    /// A key of the account itself.
    #[must_use]
    pub fn new(id: &str, account: &str) -> Self {
        Self { id: id.into(), account: account.into(), user: None, role: None }
    }

    /// Makes it the key of a user.
    #[must_use]
    pub fn of_user(mut self, user: &str) -> Self {
        self.user = Some(user.into());
        self
    }

    /// Makes it act as a role.
    #[must_use]
    pub fn of_role(mut self, role: &str) -> Self {
        self.role = Some(role.into());
        self
    }
}

/// An IAM role that callers can assume.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Role {
    /// The account that owns it.
    pub account: String,
    /// The role's name, the last part of its ARN.
    pub name: String,
    /// Who may assume it, and on what condition.
    pub trust: PolicyText,
    /// What its sessions may do.
    #[serde(default)]
    pub permissions: Vec<PolicyText>,
    /// Its tags. They are `aws:ResourceTag/…` when a caller assumes the role, and
    /// `aws:PrincipalTag/…` for its sessions.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
}

impl Role {
    /// A role without permissions.
    #[must_use]
    pub fn new(account: &str, name: &str, trust: impl Into<PolicyText>) -> Self {
        let (account, name, trust) = (account.into(), name.into(), trust.into());
        Self { account, name, trust, permissions: Vec::new(), tags: BTreeMap::new() }
    }

    /// Adds a permission policy.
    #[must_use]
    pub fn with_permissions(mut self, policy: impl Into<PolicyText>) -> Self {
        self.permissions.push(policy.into());
        self
    }

    /// Gives it a tag.
    #[must_use]
    pub fn with_tag(mut self, key: &str, value: &str) -> Self {
        self.tags.insert(key.into(), value.into());
        self
    }

    /// The role's ARN, `arn:aws:iam::ACCOUNT:role/NAME`.
    #[must_use]
    pub fn arn(&self) -> String {
        format!("arn:aws:iam::{}:role/{}", self.account, self.name)
    }
}

/// A product of AWS Marketplace, as Marketplace Discovery and the page show it.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Product {
    /// The product's id, `prod-…`.
    pub id: String,
    /// The product's name, for people.
    pub name: String,
    /// The name of the vendor.
    pub manufacturer: String,
    /// The names of its categories.
    pub categories: Vec<String>,
    /// How the product is delivered, such as SaaS, AMI or container.
    pub fulfillment: String,
    /// Labels, which filters can decide by.
    pub labels: Vec<String>,
}

/// Where an account's change-set events go, as an EventBridge rule would say it: either a queue or
/// a topic.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ChangeEventTarget {
    /// The account whose change sets the rule is about: the account that started them.
    pub account: String,
    /// A queue's ARN, or the name of a queue in the same account. The queue exists from the start.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub queue: Option<String>,
    /// A topic's ARN, or the name of a topic in the same account. The topic exists from the start.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub topic: Option<String>,
    /// Only events of these types: `Change Set Succeeded`, `Change Set Failed`, `Change Set
    /// Cancelled`, `Product Request Created`, `Product Request Approved`, `Product Request
    /// Declined`, `Product Request Cancelled`, `Product Request Expired`. All if empty.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub detail_types: Vec<String>,
}

impl ChangeEventTarget {
    /// All types of event of the catalog.
    pub const DETAIL_TYPES: [&str; 8] = [
        "Change Set Succeeded",
        "Change Set Failed",
        "Change Set Cancelled",
        "Product Request Created",
        "Product Request Approved",
        "Product Request Declined",
        "Product Request Cancelled",
        "Product Request Expired",
    ];

    /// All events of an account, to a queue.
    #[must_use]
    pub fn to_queue(account: &str, queue: &str) -> Self {
        Self { account: account.into(), queue: Some(queue.into()), ..Self::default() }
    }

    /// All events of an account, to a topic.
    #[must_use]
    pub fn to_topic(account: &str, topic: &str) -> Self {
        Self { account: account.into(), topic: Some(topic.into()), ..Self::default() }
    }

    /// The owner and the name of a queue or topic.
    #[must_use]
    pub fn owner_and_name<'a>(&'a self, target: &'a str) -> (&'a str, &'a str) {
        let mut parts = target.split(':');
        match (parts.next(), parts.nth(3), parts.next()) {
            (Some("arn"), Some(owner), Some(name)) => (owner, name),
            _ => (&self.account, target),
        }
    }

    /// Whether it wants events of this type.
    #[must_use]
    pub fn wants(&self, detail_type: &str) -> bool {
        self.detail_types.is_empty() || self.detail_types.iter().any(|wanted| wanted == detail_type)
    }
}
