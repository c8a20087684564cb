//! The catalog's settings from the world: limits, timing and organizations. They never change at
//! run time.

use std::collections::{BTreeMap, BTreeSet};

use pmp_world::World;
use pmp_world::{Assumptions, CatalogLimits, ChangeSetTiming};

#[derive(Debug, Default)]
pub(super) struct Settings {
    pub(super) region: String,
    pub(super) timing: ChangeSetTiming,
    pub(super) limits: CatalogLimits,
    pub(super) poison: BTreeSet<String>,
    /// Accounts that manage a private marketplace, and the management account that owns it.
    pub(super) managers: BTreeMap<String, String>,
    /// The members of each organization, by its management account.
    organizations: BTreeMap<String, Members>,
}

#[derive(Debug)]
struct Members {
    organization: String,
    accounts: BTreeSet<String>,
}

impl Settings {
    pub(super) fn of(world: &World) -> Self {
        let mut settings = Self {
            region: world.region.clone(),
            timing: world.change_sets,
            limits: world.catalog.clone(),
            poison: world.poison_products.clone(),
            ..Self::default()
        };
        for organization in &world.organizations {
            let owner = &organization.management_account;
            for account in std::iter::once(owner).chain(&organization.delegated_administrators) {
                settings.managers.insert(account.clone(), owner.clone());
            }
            let administrators = &organization.delegated_administrators;
            let accounts = std::iter::once(owner).chain(&organization.member_accounts).chain(administrators);
            let accounts = accounts.cloned().collect();
            let members = Members { organization: organization.id.clone(), accounts };
            settings.organizations.insert(owner.clone(), members);
        }
        settings
    }

    /// How the catalog behaves where AWS's documentation says nothing.
    pub(super) fn assumptions(&self) -> &Assumptions {
        &self.limits.assumptions
    }

    /// The management account of the organization that an account is in.
    pub(super) fn owner_of(&self, account: &str) -> Option<&str> {
        let has = |members: &Members| members.accounts.contains(account);
        self.organizations.iter().find(|(_, members)| has(members)).map(|(owner, _)| owner.as_str())
    }

    /// The principals that stand for an account in an audience: the account itself, and its
    /// organization. The catalog knows no organizational units.
    pub(super) fn principals_of<'a>(&'a self, account: &'a str) -> impl Iterator<Item = &'a str> {
        let organization = self.owner_of(account).and_then(|owner| self.organizations.get(owner));
        std::iter::once(account).chain(organization.map(|members| members.organization.as_str()))
    }

    /// The accounts that manage the private marketplace of that management account.
    pub(super) fn managers_of<'a>(&'a self, owner: &'a str) -> impl Iterator<Item = &'a str> {
        self.managers.iter().filter(move |(_, managed)| *managed == owner).map(|(account, _)| account.as_str())
    }

    /// Whether a principal is in the organization of that management account. The catalog knows no
    /// organizational units, so it assumes that each unit is.
    pub(super) fn has_principal(&self, owner: &str, principal: &str) -> bool {
        self.organizations.get(owner).is_some_and(|members| {
            principal.starts_with("ou-") || principal == members.organization || members.accounts.contains(principal)
        })
    }
}
