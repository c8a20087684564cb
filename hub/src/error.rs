//! Why the hub could not do what it was asked. Each error names the step that failed, and
//! its [`Hint`] what the operator can do (rule 8 of the design).

use aws_config::SdkConfig;
use pmp_aws::ApiError;
use pmp_catalog::{CatalogError, ErrorClass};
use pmp_ledger::LedgerError;
use pmp_protocol::{ContentError, ExperienceId, Hint, OrganizationId, SealError, SnapshotVersion, alike_word};
use pmp_terminal::Failure;
use pmp_waves::NotPromoted;

use crate::config::{EVENTS, TOPIC, WAVES};
use crate::published::Published;
use crate::rollout::state::NoPlace;
use crate::signing::SigningError;
use crate::status::fleet::Restored;

/// A step that failed, with the ids it was about.
#[derive(Debug, thiserror::Error)]
pub enum HubError {
    /// The management experience, or its policy, could not be read. Nothing was stored or
    /// published.
    #[error("cannot read the management experience `{experience}`")]
    Read {
        /// The management experience, as the settings name it.
        experience: ExperienceId,
        /// What the catalog said.
        #[source]
        source: CatalogError,
    },
    /// Without a policy every product is allowed: there is no list to keep others in step with.
    #[error("the management experience `{0}` has no procurement policy")]
    NoPolicy(ExperienceId),
    /// The lists that were read contradict each other.
    #[error("the management experience `{experience}` contradicts itself")]
    Content {
        /// The management experience that was read.
        experience: ExperienceId,
        /// The product, or the limit, at which the lists fail.
        #[source]
        source: ContentError,
    },
    /// The content could not be packed.
    #[error("cannot pack the content of `{experience}`")]
    Seal {
        /// The management experience that was read.
        experience: ExperienceId,
        /// Why the content cannot be written or compressed.
        #[source]
        source: SealError,
    },
    /// The snapshot could not be signed, so it is neither stored nor published.
    #[error("cannot sign the snapshot")]
    Sign(#[from] SigningError),
    /// The newest snapshot is signed, and this hub has no key.
    #[error(
        "the newest snapshot is signed, and this hub has no key: spokes that trust keys would refuse what it publishes"
    )]
    Unsigned,
    /// The key could not be asked for its public part.
    #[error("cannot read the public key")]
    PublicKey(#[source] SigningError),
    /// A table could not be read or written. What was stored before stays.
    #[error("cannot use the ledger")]
    Ledger(#[from] LedgerError),
    /// Another hub took the next version, several times in a row.
    #[error("another hub stored a snapshot of `{experience}` first, {attempts} times in a row")]
    Outrun {
        /// The management experience whose versions both hubs take.
        experience: ExperienceId,
        /// How often this hub tried.
        attempts: u32,
    },
    /// The snapshot is stored but not announced; the next run announces it.
    #[error("cannot publish to the topic")]
    Topic(#[source] ApiError),
    /// STS would not tell who this is.
    #[error("cannot find out who this is")]
    Caller(#[source] ApiError),
    /// The queue of change events failed.
    #[error("cannot read the queue of change events")]
    Events(#[source] ApiError),
    /// The table of snapshots was restored to an earlier moment. Nothing was stored or published.
    #[error("{0}; nothing is published over it")]
    Restored(Restored),
    /// An item that should be a direction cannot be understood. Nothing was stored or published.
    #[error("what is directed for {whose} cannot be read: {problem}")]
    DirectionUnreadable {
        /// The fleet, or the organization.
        whose: String,
        /// What is wrong with it.
        problem: String,
    },
    /// A direction that this hub's key did not sign. Nothing was stored or published.
    #[error("what is directed for {whose} is not this hub's word: {problem}")]
    NotOurs {
        /// The fleet, or the organization.
        whose: String,
        /// Why its signature is not believed.
        problem: String,
    },
    /// Somebody put an older direction back. Nothing was stored or published.
    #[error(
        "what is directed for {whose} is older than what was directed: the table has generation {found}, and `{by}` trusted \
         {trusted}{}",
        if *former { ", which a former key of this hub signed" } else { "" }
    )]
    PutBack {
        /// The fleet, or the organization.
        whose: String,
        /// How often it was changed, by the table; 0 where there is none.
        found: u64,
        /// How often it was changed, by what a spoke trusted.
        trusted: u64,
        /// The organization whose spoke trusted that.
        by: OrganizationId,
        /// Whether a former key of the hub signed it.
        former: bool,
    },
    /// A snapshot that this hub's key did not sign. It goes no further through the waves.
    #[error("snapshot {version} of the ledger is not signed by this hub's key: {problem}")]
    HeadNotOurs {
        /// The version that the head names.
        version: SnapshotVersion,
        /// Why its signature is not believed.
        problem: String,
    },
    /// A newer release stored the content, with something that this one does not know.
    #[error("snapshot {version} was stored by a newer release, and this one cannot publish its content again whole")]
    NewerContent {
        /// The version whose content it is.
        version: SnapshotVersion,
    },
    /// What is directed is longer, signed, than a spoke reads.
    #[error("what is directed for {whose} has {bytes} bytes when it is signed, and spokes read {most}")]
    DirectionTooLong {
        /// The fleet, or the organization.
        whose: String,
        /// How many bytes the signed statement has.
        bytes: usize,
        /// The most that a spoke reads.
        most: usize,
    },
    /// Someone else changed a direction at the same time. Nothing was written.
    #[error("what is directed for {whose} was changed by someone else at the same time")]
    DirectionTaken {
        /// The fleet, or the organization.
        whose: String,
    },
    /// The change windows could not be written. Nothing was stored or published.
    #[error(
        "the members cannot be told their change windows, and nothing is published that they could apply outside of them"
    )]
    Windows {
        /// Why they could not be written.
        #[source]
        source: Box<HubError>,
    },
    /// The state of waves cannot be understood. Nothing was stored or published.
    #[error("the state of waves cannot be read: {problem}")]
    RolloutUnreadable {
        /// What is wrong with it.
        problem: String,
    },
    /// Another hub, or a person, changed the state of waves at the same time.
    #[error("the state of waves was changed by someone else at the same time")]
    RolloutTaken,
    /// The ledger could not hold the state of these waves, once the turn of everybody has come.
    #[error(
        "waves that name so many organizations do not fit: for the {organizations} that follow, their state would take {bytes} \
         bytes packed, and the ledger holds at most {limit}"
    )]
    WavesTooLarge {
        /// How many organizations follow.
        organizations: usize,
        /// Size of the packed state, in bytes.
        bytes: usize,
        /// The most bytes that the ledger holds.
        limit: usize,
    },
    /// There are no waves to promote or halt anything in.
    #[error("there are no waves: the newest snapshot is for everybody")]
    NoWaves,
    /// The waves have other names.
    #[error("there is no wave `{name}`")]
    NoSuchWave {
        /// The name that was given.
        name: String,
        /// The names of the waves, in their order.
        names: Vec<String>,
    },
    /// Another version is on its way.
    #[error("{}", not_on_its_way(*version, *exists, *on_its_way))]
    NotOnItsWay {
        /// The version that was named.
        version: SnapshotVersion,
        /// Whether the ledger ever had it.
        exists: bool,
        /// The version that is on its way; none where none is.
        on_its_way: Option<SnapshotVersion>,
    },
    /// The hub has stored another version meanwhile.
    #[error("snapshot {on_its_way} is on its way through the waves, and is not the newest of the ledger")]
    NotTheNewest {
        /// The version that the state of waves is about.
        on_its_way: SnapshotVersion,
    },
    /// A version may not go on.
    #[error(transparent)]
    NotPromoted(#[from] NotPromoted),
    /// The snapshot is published, and a step after that failed: somebody could not be directed to
    /// it, or the waves could not go on.
    #[error("snapshot {} is published, and a step after that failed", published.version)]
    Unfinished {
        /// What was published before that.
        published: Box<Published>,
        /// The step that failed after that.
        #[source]
        source: Box<HubError>,
    },
    /// Told to stop, before anything was published.
    #[error("{0}, before the snapshot was published")]
    Stopped(String),
    /// The topic's policy is not one that can be extended.
    #[error("the topic's policy cannot be read: {0}")]
    TopicPolicy(String),
}

impl From<NoPlace> for HubError {
    fn from(problem: NoPlace) -> Self {
        match problem {
            NoPlace::NoWaves => Self::NoWaves,
            NoPlace::NoSuchWave { name, names } => Self::NoSuchWave { name, names },
            NoPlace::Unreadable(problem) => Self::RolloutUnreadable { problem },
        }
    }
}

impl HubError {
    /// Whether AWS refused a call for want of a permission.
    pub(crate) fn is_access_denied(&self) -> bool {
        match self {
            Self::Read { source, .. } => source.class() == ErrorClass::AccessDenied,
            Self::Ledger(source) => source.api().is_some_and(ApiError::is_access_denied),
            Self::Topic(error) => error.is_access_denied(),
            Self::Unfinished { source, .. } => source.is_access_denied(),
            _ => false,
        }
    }

    /// The error of the step that failed last, after a snapshot was published.
    pub(crate) fn unfinished(published: Published, source: Self) -> Self {
        Self::Unfinished { published: Box::new(published), source: Box::new(source) }
    }

    /// What was published before a step failed.
    pub(crate) fn published(&self) -> Option<&Published> {
        match self {
            Self::Unfinished { published, .. } => Some(published),
            _ => None,
        }
    }

    /// The step that failed, whatever was done before it.
    pub(crate) fn step(&self) -> &Self {
        match self {
            Self::Unfinished { source, .. } => source.step(),
            _ => self,
        }
    }
}

pmp_protocol::codes!(HubError {
    Read { source } => source,
    NoPolicy => "E4010",
    Content { source } => source,
    Seal { source } => source,
    Sign(source) => source,
    Unsigned => "E4011",
    PublicKey(source) => source,
    Ledger(source) => source,
    Outrun => "E4012",
    Topic(source) => source,
    Caller(source) => source,
    Events(source) => source,
    Restored => "E4013",
    DirectionUnreadable => "E4014",
    NotOurs => "E4015",
    NewerContent => "E4016",
    DirectionTooLong => "E4017",
    DirectionTaken => "E4018",
    Windows { source } => source,
    RolloutUnreadable => "E4019",
    RolloutTaken => "E4020",
    WavesTooLarge => "E4090",
    NoWaves => "E4021",
    NoSuchWave => "E4022",
    NotOnItsWay => "E4024",
    NotTheNewest => "E4025",
    NotPromoted(source) => source,
    Unfinished { source } => source,
    Stopped => "E4026",
    TopicPolicy => "E4027",
    HeadNotOurs => "E4076",
    PutBack => "E4077",
});

impl Hint for HubError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Read { source, .. } => source.hint(),
            Self::NoPolicy(_) => Some("create a procurement policy for it, or name another experience".to_owned()),
            Self::Sign(source) | Self::PublicKey(source) => source.hint(),
            Self::Unsigned => Some(
                "set PMP_SIGNING_KEY; to stop signing for good, set it to `none`, and have members take PMP_TRUSTED_KEYS away first"
                    .to_owned(),
            ),
            Self::Ledger(source) => source.hint(),
            Self::Outrun { .. } => Some("stop the other hub, or let it be the only one".to_owned()),
            Self::Topic(error) if error.code().is_some_and(|code| code.starts_with("NotFound")) => {
                Some(format!("check {TOPIC}: region, account and name; a template makes the topic, or `pmp-hub init`"))
            }
            Self::Events(error) if error.code().is_some_and(is_no_queue) => {
                Some(format!("check {EVENTS}: URL, account and region"))
            }
            Self::Topic(error) | Self::Events(error) | Self::Caller(error) => error.hint(),
            Self::Restored(_) => Some(
                "`pmp-hub recover` stores what the management experience says now under a new number, and publishes it"
                    .to_owned(),
            ),
            Self::Stopped(_) => Some(
                "the next run goes on from what is stored; give the function more time if this comes again".to_owned(),
            ),
            Self::DirectionUnreadable { .. } => Some(
                "a newer release wrote it, or somebody by hand: look at the item `direction#…` in the table of receipts; nothing \
                 is published meanwhile, because nobody knows what is pinned"
                    .to_owned(),
            ),
            Self::NotOurs { .. } => Some(
                "look at it with `pmp-hub directions`; if it is meant, sign it with the key of now: `pmp-hub directions --sign`"
                    .to_owned(),
            ),
            Self::PutBack { former: true, .. } => Some(
                "find out who writes into the table; `pmp-hub directions --sign --former` shows what the spoke trusted, and restores \
                 it, if that key was this hub's; if it was stolen, `explain E4077` says how to have the hub forget it"
                    .to_owned(),
            ),
            Self::PutBack { .. } => Some(
                "find out who writes into the table; `pmp-hub directions --sign` shows what the spoke trusted, and restores it".to_owned(),
            ),
            Self::HeadNotOurs { .. } => {
                Some("`pmp-hub publish` signs the newest snapshot with the key of now; ask again after that".to_owned())
            }
            Self::NewerContent { .. } => Some("update this hub, or publish with the newer one".to_owned()),
            Self::DirectionTooLong { .. } => {
                Some("give shorter reasons: those of the pin, the pause and this change count together".to_owned())
            }
            Self::DirectionTaken { .. } => Some("look at it with `pmp-hub directions`, and ask again".to_owned()),
            Self::Content { source, .. } => source.hint(),
            Self::Seal { source, .. } => source.hint(),
            Self::RolloutUnreadable { .. } => Some(
                "a newer release wrote it, or somebody by hand: look at the item `rollout#…` in the partition `hub#directed` of the \
                 table of receipts; nobody takes a newer version meanwhile"
                    .to_owned(),
            ),
            Self::RolloutTaken => Some("look at `pmp-hub status`, and ask again; the hub's next run goes on".to_owned()),
            Self::WavesTooLarge { .. } => Some(format!(
                "name fewer organizations in {WAVES}: a wave with a `share` names none, and holds the same ones each time; no \
                 wave was entered, and everybody stays where they are"
            )),
            Self::NoWaves => Some(format!("waves begin with the hub's next run after {WAVES} is set")),
            Self::Windows { source } | Self::Unfinished { source, .. } => source.hint(),
            Self::NoSuchWave { name, names } => {
                let meant = alike_word(name, names.iter().map(String::as_str));
                let meant = meant.map(|meant| format!("; did you mean `{meant}`?"));
                Some(format!("the waves are {}{}", names.join(", "), meant.unwrap_or_default()))
            }
            Self::NotOnItsWay { .. } => Some("`pmp-hub status` says what is on its way".to_owned()),
            Self::NotTheNewest { .. } => Some("let the hub run once: `pmp-hub publish`, and ask again".to_owned()),
            Self::NotPromoted(_) => None,
            Self::TopicPolicy(_) => None,
        }
    }
}

/// What is wrong with a version that was named, and is not the one on its way.
fn not_on_its_way(version: SnapshotVersion, exists: bool, on_its_way: Option<SnapshotVersion>) -> String {
    match (exists, on_its_way) {
        (true, Some(other)) => format!("snapshot {version} is not on its way through the waves: {other} is"),
        (true, None) => format!("snapshot {version} is not on its way through the waves: nothing is"),
        (false, Some(other)) => format!("there is no snapshot {version}; {other} is on its way"),
        (false, None) => format!("there is no snapshot {version}; nothing is on its way"),
    }
}

/// Whether SQS says that there is no such queue, by either of its names for that.
fn is_no_queue(code: &str) -> bool {
    code.contains("NonExistentQueue") || code.contains("QueueDoesNotExist")
}

/// The SDK's configuration of this program.
pub(crate) async fn sdk() -> Result<SdkConfig, Failure> {
    Ok(pmp_aws::load("pmp-hub").await?)
}

#[cfg(test)]
mod tests {
    use pmp_aws::Outcome;
    use pmp_ledger::TableName;
    use pmp_protocol::{Counts, Digest, ProductId};

    use super::*;

    fn published() -> Published {
        Published {
            experience: ExperienceId::new("exp-1").unwrap(),
            version: SnapshotVersion::FIRST,
            digest: Digest::of(b"now"),
            counts: Counts { approved: 2, rejected: 1 },
            outcome: crate::published::Outcome::Stored,
            pinned: None,
            taken_back: None,
            sent: None,
            stepped: false,
        }
    }

    #[test]
    fn every_error_passes_on_the_hint_of_what_it_wraps() {
        let api = || ApiError::of("dynamodb:Query", Outcome::NoAnswer("timed out".into()));
        let signing = || SigningError::Kms { key: "arn".to_owned(), source: api() };
        let table: TableName = "Snapshots".parse().unwrap();
        let experience = ExperienceId::new("exp-1").unwrap();
        let hint = api().hint();
        assert!(hint.is_some());
        for error in [
            HubError::Read { experience: experience.clone(), source: CatalogError::Api(api()) },
            HubError::Sign(signing()),
            HubError::unfinished(published(), HubError::Sign(signing())),
            HubError::PublicKey(signing()),
            HubError::Ledger(LedgerError::Api { table, error: api() }),
            HubError::Topic(api()),
            HubError::Caller(api()),
            HubError::Events(api()),
        ] {
            assert_eq!(error.hint(), hint, "{error}");
            assert_eq!(Failure::from(error).hints(), hint.as_slice());
        }
        let content = || ContentError::StrayNote(ProductId::new("prod-1").unwrap());
        for error in [
            HubError::Content { experience: experience.clone(), source: content() },
            HubError::Seal { experience, source: SealError::Content(content()) },
        ] {
            assert_eq!(error.hint(), content().hint(), "{error}");
        }
    }
}
