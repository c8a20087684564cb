//! STS: sessions of the role by which a spoke reaches the ledger. They end by themselves, and the
//! hub's operators may revoke them.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::{Answer, Request};

const LASTS: SignedDuration = SignedDuration::from_hours(1);

/// All sessions that AWS takes: by access key, when they end.
#[derive(Debug, Default)]
pub(crate) struct Sessions {
    ends: BTreeMap<String, Timestamp>,
    count: u64,
}

impl Sessions {
    /// Hands out a session.
    pub(crate) fn assume(&mut self, request: &Request, now: Timestamp) -> Answer {
        assert_eq!(request.operation, "AssumeRole", "the fleet's STS is asked for something else");
        self.count += 1;
        let (key, ends) = (format!("ASIA{:016}", self.count), now + LASTS);
        self.ends.insert(key.clone(), ends);
        Answer::of(format!(
            "<AssumeRoleResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><AssumeRoleResult><Credentials>\
             <AccessKeyId>{key}</AccessKeyId><SecretAccessKey>secret</SecretAccessKey><SessionToken>token</SessionToken>\
             <Expiration>{}</Expiration></Credentials><AssumedRoleUser><AssumedRoleId>AROA:spoke</AssumedRoleId><Arn>arn:\
             aws:sts::111111111111:assumed-role/spoke/spoke</Arn></AssumedRoleUser></AssumeRoleResult><ResponseMetadata>\
             <RequestId>request</RequestId></ResponseMetadata></AssumeRoleResponse>",
            ends.strftime("%Y-%m-%dT%H:%M:%SZ")
        ))
    }

    /// Whether AWS takes this key: that of an account, or of a session that has not ended.
    pub(crate) fn takes(&self, key: &str, now: Timestamp) -> bool {
        !key.starts_with("ASIA") || self.ends.get(key).is_some_and(|ends| *ends > now)
    }

    /// Ends all sessions now.
    pub(crate) fn revoke(&mut self) {
        self.ends.clear();
    }
}
