//! Who makes a call, and the call's own facts.

use std::time::Duration;

use awsim_core::RequestContext;
use awsim_sts::AssumedRoleSession;

use crate::world::AccessKey;

/// Who makes a call.
pub(crate) enum Caller {
    /// An account's own key. It stands for a principal with every permission in its account.
    Account(String),
    /// A user, who has every permission in the account, too.
    User {
        /// The account.
        account: String,
        /// The name.
        name: String,
    },
    /// A session of a role: it may do what the role's policies allow.
    Session(Box<AssumedRoleSession>),
}

impl Caller {
    /// Who signs with a key of the world.
    pub(super) fn of_key(key: &AccessKey) -> Self {
        let account = key.account.clone();
        match (&key.user, &key.role) {
            (_, Some(role)) => Self::Session(Box::new(standing_session(key, role))),
            (Some(user), None) => Self::User { account, name: user.clone() },
            (None, None) => Self::Account(account),
        }
    }

    /// The account the call is made in.
    pub(crate) fn account(&self) -> &str {
        match self {
            Self::Account(account) | Self::User { account, .. } => account,
            Self::Session(session) => &session.account_id,
        }
    }

    /// The ARN that `GetCallerIdentity` answers.
    pub(crate) fn arn(&self) -> String {
        match self {
            Self::Account(account) => format!("arn:aws:iam::{account}:root"),
            Self::User { account, name } => format!("arn:aws:iam::{account}:user/{name}"),
            Self::Session(session) => {
                let (account, role, name) = (&session.account_id, &session.role_name, &session.session_name);
                format!("arn:aws:sts::{account}:assumed-role/{role}/{name}")
            }
        }
    }

    /// The ARN that policies know: for a session, its role's.
    pub(crate) fn principal_arn(&self) -> String {
        match self {
            Self::Account(_) | Self::User { .. } => self.arn(),
            Self::Session(session) => session.role_arn.clone(),
        }
    }
}

/// The session of a key that acts as a role without having assumed it.
fn standing_session(key: &AccessKey, role: &str) -> AssumedRoleSession {
    AssumedRoleSession {
        access_key: key.id.clone(),
        role_arn: format!("arn:aws:iam::{}:role/{role}", key.account),
        role_name: role.to_owned(),
        session_name: key.id.clone(),
        account_id: key.account.clone(),
        assumed_role_id: format!("AROA{}:{}", role.to_uppercase(), key.id),
        expiry: None,
        inline_session_policy: None,
        session_policy_arns: Vec::new(),
        session_tags: Vec::new(),
        transitive_tag_keys: Vec::new(),
    }
}

/// One call.
pub(crate) struct Call {
    pub(crate) caller: Caller,
    /// The region that the request was signed for.
    pub(crate) region: String,
    pub(crate) request_id: String,
    /// `host:port` as the client reached us: queue URLs must lead back there.
    pub(crate) authority: String,
    /// Whether the change set that the call starts is made to end with `SERVER_FAULT`.
    pub(crate) server_fault: bool,
    /// How old what the call describes is made to be.
    pub(crate) stale: Duration,
}

impl Call {
    /// The same call as awsim's services take it, on the resources of `account`.
    pub(super) fn context(&self, service: &str, account: &str) -> RequestContext {
        let mut context = RequestContext::new_with_account(service, &self.region, account);
        context.request_id.clone_from(&self.request_id);
        let (authority, is_secure) = reached(&self.authority, &self.region);
        context.endpoint_authority = Some(authority.to_owned());
        context.is_secure = is_secure;
        context
    }
}

/// The authority and the kind of address that queue URLs are made from, to lead back to where the client called. awsim puts
/// `sqs.REGION.` before a name; one that has it already, such as AWS's own, is given without. AWS's own names are called by TLS,
/// which somebody before us has ended.
fn reached<'a>(authority: &'a str, region: &str) -> (&'a str, bool) {
    let host = authority.split(':').next().unwrap_or(authority).to_ascii_lowercase();
    let is_secure = [".amazonaws.com", ".amazonaws.com.cn", ".api.aws"].iter().any(|domain| host.ends_with(domain));
    let rest = [format!("sqs.{region}."), format!("sqs-fips.{region}.")].into_iter().find_map(|prefix| {
        let named = authority.get(..prefix.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(&prefix));
        named.then(|| &authority[prefix.len()..])
    });
    (rest.unwrap_or(authority), is_secure)
}

#[cfg(test)]
mod tests {
    use super::reached;

    #[test]
    fn a_queues_url_leads_back_to_the_name_that_was_called() {
        for (called, authority, is_secure) in [
            ("127.0.0.1:4566", "127.0.0.1:4566", false),
            ("localhost:4566", "localhost:4566", false),
            ("sqs.us-east-1.localhost:4566", "localhost:4566", false),
            ("sqs.us-east-1.amazonaws.com", "amazonaws.com", true),
            ("SQS.us-east-1.amazonaws.com:443", "amazonaws.com:443", true),
            ("sqs-fips.us-east-1.amazonaws.com", "amazonaws.com", true),
            ("sns.us-east-1.amazonaws.com", "sns.us-east-1.amazonaws.com", true),
            ("sqs.us-east-1.amazonaws.com.evil.example", "amazonaws.com.evil.example", false),
        ] {
            assert_eq!(reached(called, "us-east-1"), (authority, is_secure), "{called}");
        }
    }
}
