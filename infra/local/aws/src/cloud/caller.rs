//! The caller of a request, and the facts of the call.

use std::time::Duration;

use awsim_core::RequestContext;
use awsim_sts::AssumedRoleSession;

use crate::world::AccessKey;

/// The principal that makes a call.
pub(crate) enum Caller {
    /// The account's own key: a principal with every permission in its account.
    Account(String),
    /// An IAM user, who also has every permission in the account.
    User {
        /// The account of the user.
        account: String,
        /// The name of the user.
        name: String,
    },
    /// A session of a role, with the permissions of the role's policies.
    Session(Box<AssumedRoleSession>),
}

impl Caller {
    /// The principal of an access key of the world.
    pub(super) fn of_key(key: &AccessKey) -> Self {
        let account = key.account.clone();
        match (&key.user, &key.role) {
            (_, Some(role)) => Self::Session(Box::new(standing_session(key, role))),
            (Some(user), None) => Self::User { account, name: user.clone() },
            (None, None) => Self::Account(account),
        }
    }

    /// The account that the call is made in.
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

    /// The ARN that policies name. For a session, it is the ARN of the role.
    pub(crate) fn principal_arn(&self) -> String {
        match self {
            Self::Account(_) | Self::User { .. } => self.arn(),
            Self::Session(session) => session.role_arn.clone(),
        }
    }
}

/// The session of an access key that acts as a role without `AssumeRole`.
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

/// A call with everything that services need to know about it.
pub(crate) struct Call {
    pub(crate) caller: Caller,
    /// The region that the request was signed for.
    pub(crate) region: String,
    pub(crate) request_id: String,
    /// The `host:port` by which the client reached this server. Queue URLs must lead back there.
    pub(crate) authority: String,
    /// Whether a fault makes the change set that the call starts end with `SERVER_FAULT`.
    pub(crate) server_fault: bool,
    /// How old a fault makes the state that the call describes.
    pub(crate) stale: Duration,
}

impl Call {
    /// The call in the form of awsim's services, on the resources of `account`.
    pub(super) fn context(&self, service: &str, account: &str) -> RequestContext {
        let mut context = RequestContext::new_with_account(service, &self.region, account);
        context.request_id.clone_from(&self.request_id);
        let (authority, is_secure) = reached(&self.authority, &self.region);
        context.endpoint_authority = Some(authority.to_owned());
        context.is_secure = is_secure;
        context
    }
}

/// The authority and the scheme of queue URLs, so that they lead back to where the client called.
/// awsim puts `sqs.REGION.` before a host name, so a name that begins with it, such as AWS's own,
/// is passed on without it. AWS's own names are called by TLS, which a proxy in front of this
/// server has ended.
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
