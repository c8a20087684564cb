//! What seldom happens, and must have happened: seeds that never came upon a state say nothing
//! about it. Each state is noted where it occurs, whatever led to it, and a history whose seeds do
//! not reach all that belongs to it fails. The counts are printed.

use std::collections::BTreeMap;

use pmp_ledger::Taken;
use pmp_protocol::{DirectionChange, Receipt, ReceiptStatus, SnapshotVersion};
use pmp_runtime::Clock;
use pmp_spoke::Received;

use crate::catalog::{Change, Outcome, Refused};
use crate::faults::{ERRORS, Fault, Operation};
use crate::world::World;

/// Products of one kind that a change set may hold.
const FULL: usize = 50;
/// Calls of one kind that are throttled one after the other, to be called a burst.
const BURST: u32 = 5;

/// Lists of states, by the history whose seeds must reach them, each with the sentence that is
/// printed.
macro_rules! rare {
    ($($list:ident { $($state:ident: $sentence:literal,)* })*) => {
        /// A state that some seed must reach.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub(crate) enum Rare {
            $($(#[doc = $sentence] $state,)*)*
        }

        $(
            /// What the seeds of this history must reach.
            pub(crate) const $list: &[(Rare, &str)] = &[$((Rare::$state, $sentence),)*];
        )*
    };
}

rare! {
    BY_CHANCE {
        DiedBeforeStart: "a process died before its change set was started",
        DiedAfterStart: "a process died after its change set was started, and never heard its id",
        DiedWhileItRan: "a process died while a change set ran",
        DiedWithLease: "a process died and left its lease behind",
        DiedBeforeReceipt: "a process died before its receipt was written",
        DiedAfterReceipt: "a process died after its receipt was written",
        DiedBeforeDelete: "a process died before the message of its work was deleted",
        DiedTwiceInARow: "two processes in a row died",
        FoundOwnRunning: "a process found a running change set of one before it",
        EndedUnseen: "a change set succeeded that no living process knew of",
        ToldBeforeItRead: "a process was told to stop before it had read a snapshot",
        ToldWhileItRan: "a process was told to stop while a change set ran",
        StoppedWhileItRan: "a process stopped in order while a change set ran on",
        StartInUse: "a start was refused: in use",
        StartThrottled: "a start was refused: throttled",
        StartQuota: "a start was refused: too many open change sets",
        StartTooMany: "a start was refused: too many values",
        StartNotNewest: "a start was refused: not the newest revision, though it was",
        StartInvalid: "a start was refused: something is wrong with it",
        StartDenied: "a start was refused: not authorized",
        StartNotFound: "a start was refused: not found",
        StartServerError: "a start was refused: server error",
        StartBadGateway: "a start was refused: bad gateway",
        LookDenied: "a look at a running change set was refused: not authorized",
        ReadThrottled: "a read of experiences or policies was throttled",
        Burst: "five calls of one kind, one after the other, were throttled",
        StartLost: "the answer to a start was lost",
        TokenRepeated: "a request token came again, and named the same change set",
        HeldByAnother: "a start met somebody else's change set",
        Stale: "a start met a newer revision than it had read",
        ForeignBetween: "somebody changed an experience between its reading and the start",
        TwoAtOnce: "two change sets of one spoke ran at once",
        SeveralExperiences: "one change set changed several experiences",
        Full: "a change set held as many products as it may",
        OnlyDenies: "a change set only denied",
        AllowsAndDenies: "a change set allowed and denied",
        ServerFault: "a change set ended with a server fault",
        ClientError: "a change set ended because of a product that the catalog does not take",
        Cancelled: "a change set was cancelled at the console",
        LedgerDownAtRead: "the ledger did not answer as a snapshot was read",
        LedgerDownAtReceipt: "the ledger did not answer as a receipt was written",
        LedgerDownAtLease: "the ledger did not answer about the lease",
        ReceiptLost: "the answer to a receipt was lost",
        LeaseRefused: "a lease was refused: it was another's",
        LeaseTakenOver: "a lease was taken over from a process that had died",
        LeaseLost: "a renewal heard that the lease was another's",
        LeaseAnswerLost: "the answer to a call about the lease was lost",
        ReceivedAgain: "a message was received again",
        OlderAfterNewer: "an announcement came after a newer version had been read",
        TwoInABatch: "two messages came in one batch",
        ByReference: "an announcement came without its content",
        DeleteLost: "the answer to a deletion of messages was lost",
        SaidInSync: "a receipt said in-sync",
        SaidApplying: "a receipt said applying",
        SaidPartial: "a receipt said partial",
        SaidHeld: "a receipt said held",
        SaidFailed: "a receipt said failed",
        NamedDeferred: "a receipt named products that the catalog does not take",
    }
    HOSTILE {
        WentBack: "a process read a head that had gone back",
        OtherContent: "a process read a content that was not the hub's",
        ForgedReplaced: "a forged receipt was replaced",
        SetAside: "a message was set aside with its reason",
        ForgedDigest: "a forged message named the head's digest",
        ForgedAhead: "a forged message named a version ahead of the head",
        SaidSkipped: "a receipt said skipped",
        ReceiptNotNewer: "a receipt did not replace the stored one",
    }
    STEERED {
        HeardPause: "a process read that it is paused",
        HeardPin: "a process read that it is pinned to an older version",
        PausedWhileItRan: "a pause began while a change set ran",
        PinnedWhileItRan: "a pin came while a change set ran",
        StartedOlder: "a change set of a pinned, older version was started",
        PauseEnded: "a change set was started after a pause had ended by itself",
    }
}

/// What a refused start comes to, in the order of [`ERRORS`].
const REFUSED_STARTS: [Rare; ERRORS.len()] = [
    Rare::StartInUse,
    Rare::StartThrottled,
    Rare::StartQuota,
    Rare::StartTooMany,
    Rare::StartNotNewest,
    Rare::StartInvalid,
    Rare::StartDenied,
    Rare::StartNotFound,
    Rare::StartServerError,
    Rare::StartBadGateway,
];

/// How often each state was reached.
#[derive(Debug, Default)]
pub(crate) struct Reached {
    times: BTreeMap<Rare, u64>,
    throttled_in_a_row: BTreeMap<Operation, u32>,
    last_process_died: bool,
}

impl Reached {
    fn reach(&mut self, state: Rare) {
        *self.times.entry(state).or_default() += 1;
    }

    /// Adds what another world reached.
    pub(crate) fn add(&mut self, other: &Self) {
        for (state, times) in &other.times {
            *self.times.entry(*state).or_default() += times;
        }
    }

    /// A line for each state of `list`, and those that were never reached.
    pub(crate) fn report(&self, list: &[(Rare, &'static str)]) -> (String, Vec<&'static str>) {
        let times = |state: &Rare| self.times.get(state).copied().unwrap_or_default();
        let lines = list.iter().map(|(state, sentence)| format!("{:8}  {sentence}\n", times(state)));
        let never = list.iter().filter(|(state, _)| times(state) == 0).map(|(_, sentence)| *sentence);
        (lines.collect(), never.collect())
    }
}

/// Where the states are noted: called by the ports and by the world, as things happen.
impl World {
    pub(crate) fn own_runs(&self) -> bool {
        self.all_own.iter().any(|id| self.catalog.change_sets[id.as_str()].outcome.is_none())
    }

    /// A call, and what is to go wrong with it.
    pub(crate) fn called(&mut self, operation: Operation, fault: Option<Fault>) {
        let down = operation.is_ledger() && self.ledger_is_down();
        let in_a_row = self.reached.throttled_in_a_row.entry(operation).or_default();
        *in_a_row = if fault == Some(Fault::Refused(1)) { *in_a_row + 1 } else { 0 };
        let burst = *in_a_row == BURST;
        let state = match (operation, fault) {
            _ if burst => Some(Rare::Burst),
            (Operation::ReadSnapshot, _) if down => Some(Rare::LedgerDownAtRead),
            (Operation::PutReceipt, _) if down => Some(Rare::LedgerDownAtReceipt),
            (Operation::Lease, _) if down => Some(Rare::LedgerDownAtLease),
            (Operation::StartChangeSet, Some(Fault::CrashBefore)) => Some(Rare::DiedBeforeStart),
            (Operation::StartChangeSet, Some(Fault::Refused(n))) => Some(REFUSED_STARTS[n % ERRORS.len()]),
            (Operation::DescribeChangeSet, Some(Fault::Refused(6))) => Some(Rare::LookDenied),
            (
                Operation::ListExperiences | Operation::DescribeExperiences | Operation::DescribePolicies,
                Some(Fault::Refused(1)),
            ) => Some(Rare::ReadThrottled),
            (Operation::PutReceipt, Some(Fault::CrashBefore)) => Some(Rare::DiedBeforeReceipt),
            (Operation::PutReceipt, Some(Fault::CrashAfter)) => Some(Rare::DiedAfterReceipt),
            (Operation::PutReceipt, Some(Fault::Lost)) => Some(Rare::ReceiptLost),
            (Operation::Lease, Some(Fault::Lost)) => Some(Rare::LeaseAnswerLost),
            (Operation::Delete, Some(Fault::CrashBefore)) => Some(Rare::DiedBeforeDelete),
            (Operation::Delete, Some(Fault::Lost)) => Some(Rare::DeleteLost),
            (Operation::Bury, None) => Some(Rare::SetAside),
            _ => None,
        };
        state.into_iter().for_each(|state| self.reached.reach(state));
    }

    /// The living process dies.
    pub(crate) fn died(&mut self) {
        if self.own_runs() {
            self.reached.reach(Rare::DiedWhileItRan);
        }
        if self.lease().is_some_and(|lease| lease.expires_at_ms > 0 && !lease.holder_id.starts_with("thief-")) {
            self.reached.reach(Rare::DiedWithLease);
        }
        if std::mem::replace(&mut self.reached.last_process_died, true) {
            self.reached.reach(Rare::DiedTwiceInARow);
        }
    }

    /// The living process is told to stop.
    pub(crate) fn was_told(&mut self) {
        if self.acted_on.is_none() {
            self.reached.reach(Rare::ToldBeforeItRead);
        }
        if self.own_runs() {
            self.reached.reach(Rare::ToldWhileItRan);
        }
    }

    /// The living process has stopped in order.
    pub(crate) fn ended(&mut self) {
        self.reached.last_process_died = false;
        if self.own_runs() {
            self.reached.reach(Rare::StoppedWhileItRan);
        }
    }

    /// The catalog has answered to a start. `repeated`: its token had been used before.
    pub(crate) fn answered_start(
        &mut self,
        changes: &[Change],
        answer: &Result<String, Refused>,
        repeated: bool,
        fault: Option<Fault>,
    ) {
        let mut reach = |state| self.reached.reach(state);
        match answer {
            Err(Refused::Locked(holder)) if !self.all_own.contains(holder) => reach(Rare::HeldByAnother),
            Err(Refused::Stale(_)) if fault == Some(Fault::Foreign) => reach(Rare::ForeignBetween),
            Err(Refused::Stale(_)) => reach(Rare::Stale),
            Ok(_) if fault == Some(Fault::CrashAfter) => reach(Rare::DiedAfterStart),
            Ok(_) if fault == Some(Fault::Lost) => reach(Rare::StartLost),
            Ok(_) if repeated => reach(Rare::TokenRepeated),
            Ok(_) | Err(_) => {}
        }
        if answer.is_ok() && !repeated {
            self.started_new(changes);
        }
    }

    fn started_new(&mut self, changes: &[Change]) {
        let open = self.all_own.iter().filter(|id| self.catalog.change_sets[id.as_str()].outcome.is_none()).count();
        let allows = changes.iter().any(|change| !change.allow.is_empty());
        let denies = changes.iter().any(|change| !change.deny.is_empty());
        let full = changes.iter().any(|change| change.allow.len() == FULL || change.deny.len() == FULL);
        let newest = self.newest().map(pmp_protocol::Snapshot::version);
        let heard = self.heard.as_ref();
        let pinned = heard.and_then(|heard| heard.pin.as_ref()).map(|pin| pin.version);
        let now = self.clock.now();
        let states = [
            (open > 1, Rare::TwoAtOnce),
            (changes.len() > 1, Rare::SeveralExperiences),
            (full, Rare::Full),
            (denies && !allows, Rare::OnlyDenies),
            (denies && allows, Rare::AllowsAndDenies),
            (pinned.is_some() && pinned < newest, Rare::StartedOlder),
            (heard.is_some_and(|heard| heard.pause.is_some() && heard.paused(now).is_none()), Rare::PauseEnded),
        ];
        states.into_iter().filter(|(so, _)| *so).for_each(|(_, state)| self.reached.reach(state));
    }

    /// A change set has ended.
    pub(crate) fn has_ended(&mut self, id: &str, outcome: &Outcome) {
        let own = self.all_own.contains(id);
        match outcome {
            Outcome::Succeeded if own && !self.known_open.contains(id) => self.reached.reach(Rare::EndedUnseen),
            Outcome::ServerFault if own => self.reached.reach(Rare::ServerFault),
            Outcome::ClientError(_) if own => self.reached.reach(Rare::ClientError),
            Outcome::Cancelled if own => self.reached.reach(Rare::Cancelled),
            _ => {}
        }
    }

    /// The living process has heard of the change set that holds an experience.
    pub(crate) fn found_open(&mut self, id: &str) {
        if self.all_own.contains(id) && !self.known_open.contains(id) {
            self.reached.reach(Rare::FoundOwnRunning);
        }
    }

    /// A receipt was written, or not; `over_forged`: over one that nobody bears out.
    pub(crate) fn wrote(&mut self, receipt: &Receipt, replaced: bool, over_forged: bool) {
        if !replaced {
            return self.reached.reach(Rare::ReceiptNotNewer);
        }
        if over_forged {
            self.reached.reach(Rare::ForgedReplaced);
        }
        if !receipt.deferred.is_empty() {
            self.reached.reach(Rare::NamedDeferred);
        }
        self.reached.reach(match receipt.status {
            ReceiptStatus::InSync => Rare::SaidInSync,
            ReceiptStatus::Applying => Rare::SaidApplying,
            ReceiptStatus::Partial => Rare::SaidPartial,
            ReceiptStatus::Held => Rare::SaidHeld,
            ReceiptStatus::Failed => Rare::SaidFailed,
            ReceiptStatus::Skipped => Rare::SaidSkipped,
        });
    }

    /// The lease was asked for. `of_another`: it was still some other process's.
    pub(crate) fn answered_take(&mut self, taken: &Taken, of_another: bool) {
        match taken {
            Taken::Yes if of_another => self.reached.reach(Rare::LeaseTakenOver),
            Taken::Yes => {}
            Taken::HeldBy(_) => self.reached.reach(Rare::LeaseRefused),
        }
    }

    /// A renewal heard that the lease is another's.
    pub(crate) fn lost_its_lease(&mut self) {
        self.reached.reach(Rare::LeaseLost);
    }

    /// Messages were received, and with them announcements of these versions.
    pub(crate) fn received(&mut self, messages: &[Received], versions: &[SnapshotVersion]) {
        if messages.iter().any(|message| message.times > 1) {
            self.reached.reach(Rare::ReceivedAgain);
        }
        if messages.len() > 1 {
            self.reached.reach(Rare::TwoInABatch);
        }
        if versions.iter().any(|version| self.acted_on.is_some_and(|read| read > *version)) {
            self.reached.reach(Rare::OlderAfterNewer);
        }
    }

    /// The hub announces a version.
    pub(crate) fn announced(&mut self, inline: bool) {
        if !inline {
            self.reached.reach(Rare::ByReference);
        }
    }

    /// Somebody forged a message that names this version, and the head's digest or its own.
    pub(crate) fn forged(&mut self, version: SnapshotVersion, heads_digest: bool) {
        if heads_digest {
            self.reached.reach(Rare::ForgedDigest);
        }
        if self.in_force().is_some_and(|head| head.version() < version) {
            self.reached.reach(Rare::ForgedAhead);
        }
    }

    /// The living process has read the head.
    pub(crate) fn read_head(&mut self) {
        if self.is_restored() {
            self.reached.reach(Rare::WentBack);
        }
    }

    /// The living process has read a content that lies where the hub's belongs.
    pub(crate) fn read_other_content(&mut self) {
        self.reached.reach(Rare::OtherContent);
    }

    /// The living process has read what operators direct.
    pub(crate) fn read_direction(&mut self) {
        let Some(heard) = &self.heard else { return };
        let pinned = heard.pin.as_ref().map(|pin| pin.version);
        let older = pinned.is_some() && pinned < self.newest().map(pmp_protocol::Snapshot::version);
        let paused = heard.paused(self.clock.now()).is_some();
        if older {
            self.reached.reach(Rare::HeardPin);
        }
        if paused {
            self.reached.reach(Rare::HeardPause);
        }
    }

    /// Operators are about to direct something.
    pub(crate) fn directs(&mut self, change: &DirectionChange) {
        if !self.own_runs() {
            return;
        }
        match change {
            DirectionChange::Pause(_) => self.reached.reach(Rare::PausedWhileItRan),
            DirectionChange::Pin(..) => self.reached.reach(Rare::PinnedWhileItRan),
            _ => {}
        }
    }
}

#[test]
fn a_state_that_was_never_reached_is_named() {
    let mut reached = Reached::default();
    HOSTILE.iter().skip(1).for_each(|(state, _)| reached.reach(*state));
    let mut twice = Reached::default();
    twice.add(&reached);
    twice.add(&reached);
    let (report, never) = twice.report(HOSTILE);
    assert_eq!(never, ["a process read a head that had gone back"]);
    assert!(report.starts_with("       0  a process read a head that had gone back\n       2  "), "{report}");
}
