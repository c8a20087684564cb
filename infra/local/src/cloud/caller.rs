//! Who makes a call, and the call's own facts.

use awsim_core::RequestContext;
use awsim_sts::AssumedRoleSession;

/// Who makes a call.
pub(crate) enum Caller {
    /// An account's own key. It stands for a principal with every permission in its account.
    Account(String),
    /// A session of a role: it may do what the role's policies allow.
    Session(Box<AssumedRoleSession>),
}

impl Caller {
    /// The account the call is made in.
    pub(crate) fn account(&self) -> &str {
        match self {
            Self::Account(account) => account,
            Self::Session(session) => &session.account_id,
        }
    }

    /// The ARN that `GetCallerIdentity` answers.
    pub(crate) fn arn(&self) -> String {
        match self {
            Self::Account(account) => format!("arn:aws:iam::{account}:root"),
            Self::Session(session) => {
                let (account, role, name) = (&session.account_id, &session.role_name, &session.session_name);
                format!("arn:aws:sts::{account}:assumed-role/{role}/{name}")
            }
        }
    }

    /// The ARN that policies know: for a session, its role's.
    pub(crate) fn principal_arn(&self) -> String {
        match self {
            Self::Account(_) => self.arn(),
            Self::Session(session) => session.role_arn.clone(),
        }
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
}

impl Call {
    /// The same call as awsim's services take it, on the resources of `account`.
    pub(super) fn context(&self, service: &str, account: &str) -> RequestContext {
        let mut context = RequestContext::new_with_account(service, &self.region, account);
        context.request_id.clone_from(&self.request_id);
        context.endpoint_authority = Some(self.authority.clone());
        context
    }
}
