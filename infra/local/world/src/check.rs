//! Validation: finds every problem of a world, each with the path of the field.

use std::collections::BTreeSet;

use super::{
    ChangeEventTarget, ControlPolicy, Distribution, Experience, ListedProduct, Lognormal, Organization, Problem,
    ProcurementPolicy, Role, World, WorldError,
};

impl World {
    /// Checks that the world is possible.
    ///
    /// # Errors
    /// [`WorldError::Invalid`] with all problems, not only the first.
    pub fn validate(&self) -> Result<(), WorldError> {
        let mut check = Check::default();
        check.timing(self);
        for (index, organization) in self.organizations.iter().enumerate() {
            check.organization(&format!("organizations[{index}]"), organization);
        }
        check.roles(self);
        check.access_keys(self);
        check.products(self);
        check.targets(self);
        check.faults(self);
        if check.problems.is_empty() { Ok(()) } else { Err(WorldError::Invalid(check.problems)) }
    }
}

#[derive(Default)]
struct Check<'w> {
    problems: Vec<Problem>,
    accounts: BTreeSet<&'w str>,
    entities: BTreeSet<&'w str>,
    organizations: BTreeSet<&'w str>,
}

impl<'w> Check<'w> {
    fn refuse(&mut self, place: &str, problem: impl Into<String>) {
        self.problems.push(Problem { place: place.into(), problem: problem.into() });
    }

    fn timing(&mut self, world: &World) {
        if world.change_sets.min > world.change_sets.max {
            self.refuse("change_sets", "`min` is longer than `max`");
        }
        if let Distribution::Lognormal(Lognormal { median, sigma }) = world.change_sets.distribution
            && (median.is_zero() || !(sigma.is_finite() && sigma >= 0.0))
        {
            self.refuse("change_sets.distribution", "`median` must be longer than nothing, and `sigma` 0 or more");
        }
        if matches!(world.catalog.assumptions.archived_admin_status.as_str(), "" | "Editable") {
            let place = "catalog.assumptions.archived_admin_status";
            self.refuse(place, "is what an experience has that can be changed");
        }
        let code = &world.catalog.assumptions.unknown_products;
        if !(1..=72).contains(&code.len()) || !code.bytes().all(|b| b.is_ascii_uppercase() || b == b'_') {
            self.refuse(
                "catalog.assumptions.unknown_products",
                format!("`{code}` is no code such as ENTITY_NOT_FOUND"),
            );
        }
        if world.region.is_empty() || !world.region.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') {
            self.refuse("region", format!("`{}` is not a region such as us-east-1", world.region));
        }
    }

    fn organization(&mut self, place: &str, organization: &'w Organization) {
        if !is_organization_id(&organization.id) {
            let rule = "is not an organization id (`o-` and 10 to 32 lower-case letters or digits)";
            self.refuse(&format!("{place}.id"), format!("`{}` {rule}", organization.id));
        }
        if !self.organizations.insert(&organization.id) {
            self.refuse(&format!("{place}.id"), format!("`{}` appears twice", organization.id));
        }
        self.account_of(&format!("{place}.management_account"), &organization.management_account);
        for (index, account) in organization.member_accounts.iter().enumerate() {
            self.account_of(&format!("{place}.member_accounts[{index}]"), account);
        }
        for (index, account) in organization.delegated_administrators.iter().enumerate() {
            if !organization.member_accounts.contains(account) {
                let place = format!("{place}.delegated_administrators[{index}]");
                self.refuse(&place, format!("`{account}` is not a member account of this organization"));
            }
        }
        for (index, experience) in organization.experiences.iter().enumerate() {
            self.experience(&format!("{place}.experiences[{index}]"), experience);
        }
        for (index, policy) in organization.service_control_policies.iter().enumerate() {
            let place = format!("{place}.service_control_policies[{index}]");
            self.control_policy(&place, organization, policy, policy.problems_as_service());
        }
        for (index, policy) in organization.resource_control_policies.iter().enumerate() {
            let place = format!("{place}.resource_control_policies[{index}]");
            self.control_policy(&place, organization, policy, policy.problems_as_resource());
        }
    }

    fn control_policy(&mut self, place: &str, of: &Organization, policy: &ControlPolicy, problems: Vec<String>) {
        if policy.name.is_empty() {
            self.refuse(&format!("{place}.name"), "is empty");
        }
        for (index, account) in policy.accounts.iter().enumerate() {
            if !of.member_accounts.contains(account) {
                let problem =
                    format!("`{account}` is not a member account of this organization, and no other is bound");
                self.refuse(&format!("{place}.accounts[{index}]"), problem);
            }
        }
        self.iam_policy(&format!("{place}.policy"), policy.policy.as_str());
        for problem in problems {
            self.refuse(&format!("{place}.policy"), problem);
        }
    }

    fn account_of(&mut self, place: &str, account: &'w str) {
        self.account(place, account);
        if !self.accounts.insert(account) {
            self.refuse(place, format!("`{account}` is already in an organization"));
        }
    }

    fn account(&mut self, place: &str, account: &str) {
        if !is_account(account) {
            self.refuse(place, format!("`{account}` is not an account id (12 digits)"));
        }
    }

    fn experience(&mut self, place: &str, experience: &'w Experience) {
        self.entity(&format!("{place}.id"), &experience.id, &["exp-"]);
        if experience.name.is_empty() {
            self.refuse(&format!("{place}.name"), "is empty");
        }
        if let Some(policy) = &experience.policy {
            self.policy(&format!("{place}.policy"), policy);
        }
    }

    fn entity(&mut self, place: &str, id: &'w str, prefixes: &[&str]) {
        let rest = prefixes.iter().find_map(|prefix| id.strip_prefix(prefix)).unwrap_or_default();
        let allowed = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
        if rest.is_empty() || rest.len() > 60 || !rest.bytes().all(allowed) {
            let rule = format!("`{}` and 1 to 60 letters, digits or hyphens", prefixes.join("` or `"));
            self.refuse(place, format!("`{id}` is not an entity id ({rule})"));
        }
        if !self.entities.insert(id) {
            self.refuse(place, format!("`{id}` appears twice"));
        }
    }

    fn policy(&mut self, place: &str, policy: &'w ProcurementPolicy) {
        self.entity(&format!("{place}.id"), &policy.id, &["policy-", "procpolicy-"]);
        let mut seen = BTreeSet::new();
        let lists = [("approved", &policy.approved), ("rejected", &policy.rejected)];
        for (list, products) in lists {
            for (index, product) in products.iter().enumerate() {
                let place = format!("{place}.{list}[{index}]");
                self.listed(&place, product);
                if !seen.insert(product.id.as_str()) {
                    self.refuse(&place, format!("`{}` is listed twice", product.id));
                }
            }
        }
    }

    fn listed(&mut self, place: &str, product: &ListedProduct) {
        if !is_product_id(&product.id) {
            let rule = "is not a product id (1 to 50 visible ASCII characters)";
            self.refuse(place, format!("`{}` {rule}", product.id));
        }
        if product.notes.as_ref().is_some_and(|notes| !(1..=50).contains(&notes.chars().count())) {
            self.refuse(place, "its notes are not 1 to 50 characters long");
        }
    }

    fn roles(&mut self, world: &World) {
        let mut seen = BTreeSet::new();
        for (index, role) in world.roles.iter().enumerate() {
            let place = format!("roles[{index}]");
            self.account(&format!("{place}.account"), &role.account);
            if !is_iam_name(&role.name) {
                self.refuse(&format!("{place}.name"), format!("`{}` is not a role name", role.name));
            }
            if !seen.insert(role.arn()) {
                self.refuse(&place, format!("`{}` appears twice", role.arn()));
            }
            self.iam_policy(&format!("{place}.trust"), role.trust.as_str());
            for (index, policy) in role.permissions.iter().enumerate() {
                self.iam_policy(&format!("{place}.permissions[{index}]"), policy.as_str());
            }
        }
    }

    fn access_keys(&mut self, world: &World) {
        let roles: BTreeSet<_> = world.roles.iter().map(Role::arn).collect();
        let mut seen = BTreeSet::new();
        for (index, key) in world.access_keys.iter().enumerate() {
            let place = format!("access_keys[{index}]");
            let allowed = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit();
            if !(16..=128).contains(&key.id.len()) || !key.id.bytes().all(allowed) {
                let rule = "is not the id of an access key (16 to 128 upper-case letters or digits)";
                self.refuse(&format!("{place}.id"), format!("`{}` {rule}", key.id));
            }
            if !seen.insert(key.id.as_str()) {
                self.refuse(&format!("{place}.id"), format!("`{}` appears twice", key.id));
            }
            self.account(&format!("{place}.account"), &key.account);
            if key.user.is_some() && key.role.is_some() {
                self.refuse(&place, "belongs to a user or to a role, not to both");
            }
            if key.user.as_deref().is_some_and(|user| !is_iam_name(user)) {
                self.refuse(&format!("{place}.user"), "is not the name of a user");
            }
            if let Some(role) = &key.role
                && !roles.contains(&format!("arn:aws:iam::{}:role/{role}", key.account))
            {
                self.refuse(&format!("{place}.role"), format!("there is no role `{role}` in account {}", key.account));
            }
        }
    }

    fn iam_policy(&mut self, place: &str, text: &str) {
        if let Err(error) = awsim_iam_policy::parse(text) {
            self.refuse(place, format!("is not an IAM policy: {error}"));
        }
    }

    fn products(&mut self, world: &World) {
        let mut seen = BTreeSet::new();
        for (index, product) in world.products.iter().enumerate() {
            let place = format!("products[{index}].id");
            if !is_product_id(&product.id) {
                self.refuse(&place, format!("`{}` is not a product id", product.id));
            }
            if !seen.insert(product.id.as_str()) {
                self.refuse(&place, format!("`{}` appears twice", product.id));
            }
        }
        for id in world.poison_products.iter().filter(|id| !is_product_id(id)) {
            self.refuse("poison_products", format!("`{id}` is not a product id"));
        }
    }

    fn faults(&mut self, world: &World) {
        for (index, rule) in world.faults.iter().enumerate() {
            for (field, problem) in rule.problems() {
                self.refuse(&format!("faults[{index}].{field}"), problem);
            }
        }
    }

    fn targets(&mut self, world: &World) {
        for (index, target) in world.change_event_targets.iter().enumerate() {
            let place = format!("change_event_targets[{index}]");
            self.account(&format!("{place}.account"), &target.account);
            match (&target.queue, &target.topic) {
                (Some(queue), None) => self.event_target(&format!("{place}.queue"), target, queue, 80, "a queue"),
                (None, Some(topic)) => self.event_target(&format!("{place}.topic"), target, topic, 256, "a topic"),
                _ => self.refuse(&place, "needs either `queue` or `topic`"),
            }
            for unknown in
                target.detail_types.iter().filter(|kind| !ChangeEventTarget::DETAIL_TYPES.contains(&kind.as_str()))
            {
                let known = ChangeEventTarget::DETAIL_TYPES.join("`, `");
                self.refuse(&format!("{place}.detail_types"), format!("`{unknown}` is none of `{known}`"));
            }
        }
    }

    fn event_target(&mut self, place: &str, rule: &ChangeEventTarget, target: &str, longest: usize, what: &str) {
        let (owner, name) = rule.owner_and_name(target);
        let allowed = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
        if !is_account(owner) || name.is_empty() || name.len() > longest || !name.bytes().all(allowed) {
            self.refuse(place, format!("`{target}` is neither the ARN of {what} (not a FIFO one) nor its name"));
        }
    }
}

/// Whether `text` is an account id: 12 digits.
pub fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit())
}

/// Whether `name` can be the name of an IAM user or role.
fn is_iam_name(name: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"_+=,.@-".contains(&b);
    (1..=64).contains(&name.len()) && name.bytes().all(allowed)
}

fn is_organization_id(id: &str) -> bool {
    id.strip_prefix("o-").is_some_and(|rest| {
        (10..=32).contains(&rest.len()) && rest.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
    })
}

/// Whether `id` can be a product's id: 1 to 50 visible ASCII characters, the pattern of the
/// catalog's service model.
pub fn is_product_id(id: &str) -> bool {
    (1..=50).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_graphic())
}

#[cfg(test)]
mod tests {
    use super::super::{AccessKey, ChangeEventTarget, ChangeSetTiming};
    use super::*;

    fn problems(world: &World) -> Vec<String> {
        match world.validate() {
            Ok(()) => Vec::new(),
            Err(WorldError::Invalid(problems)) => problems.iter().map(ToString::to_string).collect(),
            Err(other) => vec![other.to_string()],
        }
    }

    #[test]
    fn every_problem_is_reported_with_its_place() {
        let organization = Organization::new("o-SHORT", "Wrong", "12345").with_experience(
            Experience::new("experience-1", "").with_policy(
                ProcurementPolicy::new("policy-1").approving(["prod-a", "two words"]).rejecting(["prod-a"]),
            ),
        );
        let world = World {
            organizations: vec![organization],
            roles: vec![Role::new("111111111111", "reader", "{}")],
            access_keys: vec![
                AccessKey::new("short", "1"),
                AccessKey::new("AKIAEXAMPLE00001", "111111111111").of_user("a b").of_role("writer"),
            ],
            change_sets: ChangeSetTiming::between(std::time::Duration::from_secs(2), std::time::Duration::ZERO),
            change_event_targets: vec![
                ChangeEventTarget { detail_types: vec!["Any".into()], ..ChangeEventTarget::to_queue("1", "a b") },
                ChangeEventTarget::default(),
            ],
            ..World::default()
        };
        let found = problems(&world).join("\n");
        for place in [
            "change_sets:",
            "organizations[0].id:",
            "organizations[0].management_account:",
            "organizations[0].experiences[0].id:",
            "organizations[0].experiences[0].name:",
            "organizations[0].experiences[0].policy.approved[1]:",
            "organizations[0].experiences[0].policy.rejected[0]: `prod-a` is listed twice",
            "roles[0].trust:",
            "access_keys[0].id:",
            "access_keys[0].account:",
            "access_keys[1]: belongs to a user or to a role",
            "access_keys[1].user:",
            "access_keys[1].role: there is no role `writer` in account 111111111111",
            "change_event_targets[0].account:",
            "change_event_targets[0].queue:",
            "change_event_targets[0].detail_types: `Any`",
            "change_event_targets[1]: needs either",
        ] {
            assert!(found.contains(place), "{place} is missing from\n{found}");
        }
    }

    #[test]
    fn an_account_is_in_one_organization_only() {
        let world = World {
            organizations: vec![
                Organization::new("o-aaaaaaaaaa", "A", "111111111111").with_delegated_administrator("222222222222"),
                Organization::new("o-bbbbbbbbbb", "B", "222222222222"),
            ],
            ..World::default()
        };
        assert_eq!(
            problems(&world),
            ["organizations[1].management_account: `222222222222` is already in an organization"]
        );
    }
}
