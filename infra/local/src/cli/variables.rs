//! The environment variables by which a client acts as an account of a world.

use pmp_local_aws::Deployed;
use pmp_protocol::{alike, alike_word};
use pmp_terminal::{Failure, export};
use pmp_world::{Organization, World, is_account};
use serde::{Serialize, Serializer};

/// The account that a client acts as.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Identity {
    /// The access key: an account's number, or a key of the world.
    pub(super) access_key: String,
    /// A name for people, such as `cumulus, delegated administrator`.
    pub(super) name: String,
}

/// The variables to paste.
#[derive(Debug, Serialize)]
pub(super) struct Variables {
    #[serde(rename = "AWS_ENDPOINT_URL")]
    endpoint: String,
    #[serde(rename = "AWS_REGION")]
    region: String,
    /// The variable that boto3 and version 1 of the AWS CLI read instead of `AWS_REGION`.
    #[serde(rename = "AWS_DEFAULT_REGION")]
    default_region: String,
    #[serde(rename = "AWS_ACCESS_KEY_ID")]
    access_key: String,
    #[serde(rename = "AWS_SECRET_ACCESS_KEY")]
    secret: &'static str,
    /// The organization of the account, for a spoke whose build does not ask AWS Organizations.
    /// `None` for an account without an organization.
    #[serde(rename = "PMP_ORG_ID", skip_serializing_if = "Option::is_none")]
    organization: Option<String>,
    /// What of a hub and of spokes is deployed: variables, with `None` for what this account does
    /// not have.
    #[serde(flatten, serialize_with = "those_that_are_set")]
    deployed: Vec<(&'static str, Option<String>)>,
}

/// The variables of what is deployed. Whoever was another account before must not keep that one's
/// role and queues.
pub(super) const OF_DEPLOYED: [&str; 8] = [
    "PMP_EXPERIENCE_ID",
    "PMP_SNAPSHOTS_TABLE",
    "PMP_TIMESTAMPS_TABLE",
    "PMP_TOPIC_ARN",
    "PMP_HUB_ROLE_ARN",
    "PMP_HUB_EXTERNAL_ID",
    "PMP_QUEUE_URL",
    "PMP_EVENTS_QUEUE_URL",
];

fn those_that_are_set<S: Serializer>(
    variables: &[(&'static str, Option<String>)],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_map(variables.iter().filter_map(|(name, value)| Some((name, value.as_ref()?))))
}

impl Variables {
    pub(super) fn new(endpoint: &str, world: &World, identity: &Identity, deployed: Deployed) -> Self {
        let (account, region) = (account_of(world, &identity.access_key).to_owned(), world.region.clone());
        Self {
            deployed: of_deployed(deployed, |queue| format!("{endpoint}/{account}/{queue}")),
            endpoint: endpoint.to_owned(),
            default_region: region.clone(),
            region,
            access_key: identity.access_key.clone(),
            secret: "local",
            organization: organization_of(world, &identity.access_key),
        }
    }

    /// The variables in the syntax of a shell, one per line.
    pub(super) fn lines(&self) -> Vec<String> {
        let line = |name: &str, value: Option<&str>| match value {
            Some(value) => export(name, value).unwrap_or_else(|| format!("unset {name}")),
            // The value of the account that the shell was before must not stay.
            None => format!("unset {name}"),
        };
        let own = [
            ("AWS_ENDPOINT_URL", Some(self.endpoint.as_str())),
            ("AWS_REGION", Some(&self.region)),
            ("AWS_DEFAULT_REGION", Some(&self.default_region)),
            ("AWS_ACCESS_KEY_ID", Some(&self.access_key)),
            ("AWS_SECRET_ACCESS_KEY", Some(self.secret)),
            ("PMP_ORG_ID", self.organization.as_deref()),
        ];
        let deployed = self.deployed.iter().map(|(name, value)| (*name, value.as_deref()));
        own.into_iter().chain(deployed).map(|(name, value)| line(name, value)).collect()
    }
}

/// The variables of what is deployed. Those of what is not are there as well: the shell may have
/// been another account before.
fn of_deployed(deployed: Deployed, url: impl Fn(String) -> String) -> Vec<(&'static str, Option<String>)> {
    let Deployed {
        experience,
        snapshots_table,
        timestamps_table,
        topic,
        hub_role,
        hub_external_id,
        queue,
        events_queue,
    } = deployed;
    let (queue, events_queue) = (queue.map(&url), events_queue.map(&url));
    let values = [experience, snapshots_table, timestamps_table, topic, hub_role, hub_external_id, queue, events_queue];
    OF_DEPLOYED.into_iter().zip(values).collect()
}

/// The account that an access key belongs to.
pub(super) fn account_of<'a>(world: &'a World, access_key: &'a str) -> &'a str {
    let key = world.access_keys.iter().find(|key| key.id == access_key);
    key.map_or(access_key, |key| &key.account)
}

/// The organization of an account, or of the account that an access key belongs to.
fn organization_of(world: &World, access_key: &str) -> Option<String> {
    let account = account_of(world, access_key);
    let is_in = |o: &&Organization| o.management_account == account || o.member_accounts.iter().any(|a| a == account);
    world.organizations.iter().find(is_in).map(|o| o.id.clone())
}

/// All accounts and keys of a world: management accounts first, because they are used most.
pub(super) fn identities(world: &World) -> Vec<Identity> {
    let identity = |access_key: &String, name: String| Identity { access_key: access_key.clone(), name };
    let management = world.organizations.iter().map(|o| identity(&o.management_account, o.name.clone()));
    let members = world.organizations.iter().flat_map(|o| {
        o.member_accounts.iter().map(move |account| {
            let delegated = o.delegated_administrators.contains(account);
            let what = if delegated { "delegated administrator" } else { "member account" };
            identity(account, format!("{}, {what}", o.name))
        })
    });
    let keys = world.access_keys.iter().map(|key| {
        let who = key.role.as_ref().or(key.user.as_ref()).map_or_else(String::new, |name| format!("{name} of "));
        identity(&key.id, format!("{who}{}", key.account))
    });
    management.chain(members).chain(keys).collect()
}

/// The identity that `who` names: an account, an organization by its id or name, or an access key.
/// Without it, the first organization.
pub(super) fn identity(world: &World, who: Option<&str>) -> Result<Identity, Failure> {
    let everyone = identities(world);
    let Some(who) = who else {
        let anyone = Identity { access_key: "111111111111".into(), name: "an account in no organization".into() };
        return Ok(everyone.into_iter().next().unwrap_or(anyone));
    };
    let organization = world.organizations.iter().find(|o| o.id == who || o.name.eq_ignore_ascii_case(who));
    let key = organization.map_or(who, |organization| &organization.management_account);
    if let Some(found) = everyone.iter().find(|identity| identity.access_key == key) {
        return Ok(found.clone());
    }
    if is_account(who) {
        return Ok(Identity { access_key: who.to_owned(), name: "an account in no organization".into() });
    }
    let known = everyone.iter().map(|identity| format!("{} ({})", identity.access_key, identity.name));
    let failure = format!("`{who}` is no account, organization or access key of this world");
    let ids = world.organizations.iter().map(|organization| organization.id.as_str());
    let ids = ids.chain(everyone.iter().map(|identity| identity.access_key.as_str()));
    let names = world.organizations.iter().map(|organization| organization.name.as_str());
    let meant = alike(who, ids).into_iter().next().or_else(|| alike_word(who, names));
    let meant = meant.map(|meant| format!("did you mean `{meant}`?"));
    let hint = format!("there are {}", known.collect::<Vec<_>>().join(", "));
    Err(Failure::new("E3044", failure).hint(meant).hint(hint))
}

#[cfg(test)]
mod tests {
    use super::*;
    use pmp_world::AccessKey;

    #[test]
    fn an_identity_is_found_by_account_organization_name_and_key() {
        let world = World {
            organizations: vec![
                Organization::new("o-aaaaaaaaaa", "Hub", "111111111111"),
                Organization::new("o-bbbbbbbbbb", "Member", "222222222222")
                    .with_delegated_administrator("222222222223"),
            ],
            access_keys: vec![AccessKey::new("AKIAEXAMPLE00001", "222222222222").of_user("ada")],
            ..World::default()
        };
        let found = |who| identity(&world, who).map(|identity| identity.access_key).ok();
        assert_eq!(found(None).as_deref(), Some("111111111111"));
        for (who, key) in [
            ("o-bbbbbbbbbb", "222222222222"),
            ("member", "222222222222"),
            ("222222222223", "222222222223"),
            ("AKIAEXAMPLE00001", "AKIAEXAMPLE00001"),
            ("999999999999", "999999999999"),
        ] {
            assert_eq!(found(Some(who)).as_deref(), Some(key));
        }
        assert_eq!(identity(&world, Some("nobody")).unwrap_err().code().to_string(), "E3044");
        for (who, organization) in [
            ("AKIAEXAMPLE00001", Some("o-bbbbbbbbbb")),
            ("222222222223", Some("o-bbbbbbbbbb")),
            ("111111111111", Some("o-aaaaaaaaaa")),
            ("999999999999", None),
        ] {
            assert_eq!(organization_of(&world, who).as_deref(), organization, "{who}");
        }
    }
}
