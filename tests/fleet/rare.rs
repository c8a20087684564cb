//! What seldom happens, and must have happened: seeds that never came upon a state say nothing
//! about it. Each state is noted where it occurs, and a run whose seeds do not reach all of them
//! fails. The counts are printed.

use std::collections::BTreeMap;

use pmp_protocol::ReceiptStatus;

/// States, each with the sentence that is printed.
macro_rules! rare {
    ($($state:ident: $sentence:literal,)*) => {
        /// A state that some seed must reach.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub(crate) enum Rare {
            $(#[doc = $sentence] $state,)*
        }

        /// All states, in the order of the report.
        const ALL: &[(Rare, &str)] = &[$((Rare::$state, $sentence),)*];
    };
}

rare! {
    HubDiedBeforeStore: "a hub died before a version was stored, or something was directed",
    HubDiedAfterStore: "a hub died after that, and never heard of it",
    HubDiedAfterPublish: "a hub died after it had announced a version, and before that was marked",
    StoreLost: "the answer to a transaction of a hub was lost",
    StoreOutrun: "a transaction of a hub was refused: another hub was first",
    PublishLost: "the answer to an announcement was lost",
    MessageLost: "a message was lost",
    MessageTwice: "a message came twice",
    MessageLate: "a message came minutes late",
    ReceivedAgain: "a message was received again",
    SetAside: "a spoke moved a message to the dead letters, with the reason",
    ForgedReceived: "a message was received that no hub had sent",
    DiedAfterStart: "a spoke died after its change set was started, and never heard its id",
    DiedWhileItRan: "a spoke died while a change set of its ran",
    EndedUnseen: "a change set succeeded whose process had died",
    DiedAfterReceipt: "a spoke died after it had written into the ledger, and never heard of it",
    DiedBeforeDelete: "a spoke died before it deleted the messages of its work",
    ToldWhileItRan: "a spoke was told to stop while a change set of its ran",
    StartLost: "the answer to a start was lost",
    TokenRepeated: "a request token came again, and named the same change set",
    StartInUse: "a start met somebody else's change set",
    OwnFailed: "a change set of a spoke failed",
    SeveralExperiences: "one change set changed several experiences",
    Full: "a change set held as many products as it may",
    WriteLost: "the answer to a write into the ledger was lost",
    DeleteLost: "the answer to a deletion of messages was lost",
    LeaseRefused: "a lease was refused: it was another's",
    StaleRead: "a read of the ledger that need not be consistent was an old one",
    SessionRefused: "a session was refused that had ended, or was revoked",
    SkewedReceipt: "a machine whose clock was wrong wrote a receipt",
    TwoSpokes: "an organization had two spokes",
    TwoHubs: "a fleet had two hubs",
    Large: "a fleet had more than five organizations",
    HeardPause: "a spoke read that it is paused",
    HeardPin: "a spoke read that it is pinned",
    StartedOlder: "a change set of an older version than the newest was started",
    FleetPinned: "the whole fleet was pinned to an older version",
    TurnCame: "the turn of an organization came",
    WavesEnded: "waves were ended while versions had been on their way",
    Restored: "the table of snapshots went back to an earlier moment",
    Recovered: "an operator let the hub go on after that",
    Revoked: "all sessions were revoked",
    ForgedReceipt: "a receipt was forged",
    ForeignEdit: "somebody else edited a member experience",
    Poisoned: "the catalog refused some products",
    StaysBroken: "an organization stayed broken while all others came to the end",
    SaidInSync: "a receipt said in-sync",
    SaidApplying: "a receipt said applying",
    SaidPartial: "a receipt said partial",
    SaidHeld: "a receipt said held",
    SaidFailed: "a receipt said failed",
}

impl Rare {
    pub(crate) fn of_status(status: ReceiptStatus) -> Self {
        match status {
            // No experience of a fleet is unmanaged.
            ReceiptStatus::InSync | ReceiptStatus::Skipped => Self::SaidInSync,
            ReceiptStatus::Applying => Self::SaidApplying,
            ReceiptStatus::Partial => Self::SaidPartial,
            ReceiptStatus::Held => Self::SaidHeld,
            ReceiptStatus::Failed => Self::SaidFailed,
        }
    }
}

/// How often each state was reached.
#[derive(Debug, Default)]
pub(crate) struct Reached(BTreeMap<Rare, u64>);

impl Reached {
    pub(crate) fn reach(&mut self, state: Rare) {
        *self.0.entry(state).or_default() += 1;
    }

    /// Adds what another fleet reached.
    pub(crate) fn add(&mut self, other: &Self) {
        for (state, times) in &other.0 {
            *self.0.entry(*state).or_default() += times;
        }
    }

    /// A line for each state, and those that were never reached.
    pub(crate) fn report(&self) -> (String, Vec<&'static str>) {
        let times = |state: &Rare| self.0.get(state).copied().unwrap_or_default();
        let lines = ALL.iter().map(|(state, sentence)| format!("{:8}  {sentence}\n", times(state)));
        let never = ALL.iter().filter(|(state, _)| times(state) == 0).map(|(_, sentence)| *sentence);
        (lines.collect(), never.collect())
    }
}

#[test]
fn a_state_that_was_never_reached_is_named() {
    let mut reached = Reached::default();
    ALL.iter().skip(1).for_each(|(state, _)| reached.reach(*state));
    let mut twice = Reached::default();
    twice.add(&reached);
    twice.add(&reached);
    let (report, never) = twice.report();
    assert_eq!(never, ["a hub died before a version was stored, or something was directed"]);
    assert!(report.starts_with("       0  a hub died before"), "{report}");
}
