//! The state of waves as the ledger keeps it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use pmp_ledger::{LedgerError, NewRollout, RolloutStore};
use pmp_protocol::{Digest, ExperienceId, OrganizationId, SnapshotVersion};
use pmp_waves::{Rollout, Stopped, WaveName, Waves};
use serde::{Deserialize, Serialize};

use crate::config::waves::Configured;
use crate::rollout::{RolloutError, read};

/// The form of the state. A hub refuses any other, rather than half understand it.
const SCHEMA: &str = "pmp-sync.rollout/1";
/// The form of what stands in for a state that the ledger has to pack. No release reads that one: a
/// hub that cannot unpack says that it needs a newer release.
const SCHEMA_OF_STAND_IN: &str = "pmp-sync.rollout/2";

/// The state of waves. Any instance of the hub goes on from it, and it knows the waves themselves:
/// so whoever has no `PMP_WAVES` goes by what the hub was configured with last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct State {
    /// The form of this document, always [`SCHEMA`].
    pub(crate) schema: String,
    /// The waves, as `PMP_WAVES` gives them.
    pub(crate) configuration: String,
    /// How far the newest version has come.
    pub(crate) rollout: Rollout,
    /// The digest of that version.
    pub(crate) digest: Digest,
    /// The digest of the last good version; none before there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) good: Option<Digest>,
    /// The content of the version that was taken back. While the management experience says the
    /// same, it is not published again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) refused: Option<Digest>,
    /// Organizations whose turn has come, and whose direction does not say so yet.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub(crate) pending: BTreeSet<OrganizationId>,
    /// Whether waves were switched off.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) ended: bool,
}

impl State {
    /// The state where waves begin: everybody may take `version`.
    pub(crate) fn begin(configuration: &Configured, version: SnapshotVersion, digest: Digest) -> Self {
        Self {
            schema: SCHEMA.to_owned(),
            configuration: configuration.text.clone(),
            rollout: Rollout::everywhere(version, &configuration.waves),
            digest,
            good: Some(digest),
            refused: None,
            pending: BTreeSet::new(),
            ended: false,
        }
    }

    /// Reads a state; in words what is wrong with it.
    pub(crate) fn read(text: &str) -> Result<Self, String> {
        let state: Self = serde_json::from_str(text).map_err(|error| error.to_string())?;
        if state.schema == SCHEMA {
            return Ok(state);
        }
        Err(format!("its form is not {SCHEMA}: it needs a newer release"))
    }

    /// The state as the ledger keeps it.
    pub(crate) fn write(&self) -> NewRollout {
        NewRollout { state: self.json(), stand_in: self.stand_in().json() }
    }

    fn json(&self) -> String {
        // Maps with texts as keys, texts and numbers: JSON has all of them.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// What an earlier release reads in the place of a packed state. It has every field that such a
    /// release asks for, so that its form is what is refused.
    fn stand_in(&self) -> Self {
        let Rollout { version, last_good, .. } = self.rollout;
        Self {
            schema: SCHEMA_OF_STAND_IN.to_owned(),
            configuration: String::new(),
            rollout: Rollout {
                version,
                last_good,
                waves: Vec::new(),
                directed: BTreeMap::new(),
                failed: BTreeSet::new(),
                stopped: None,
                done: false,
            },
            digest: self.digest,
            good: None,
            refused: None,
            pending: BTreeSet::new(),
            ended: false,
        }
    }

    /// The largest that the state can become while a version goes through the waves: the turn of
    /// everybody in `fleet` has come and is not written down, and all of them failed and are not
    /// waited for any more.
    pub(crate) fn at_its_largest(&self, fleet: &BTreeSet<OrganizationId>) -> Self {
        let mut largest = self.clone();
        let rollout = &mut largest.rollout;
        rollout.directed.extend(fleet.iter().map(|id| (id.clone(), rollout.version)));
        rollout.failed.extend(fleet.iter().cloned());
        if let Some(last) = rollout.waves.last_mut() {
            last.left_out.extend(fleet.iter().cloned());
        }
        largest.pending.extend(fleet.iter().cloned());
        largest
    }

    /// Everybody may take `version`, and none is on its way. What was taken back before is not
    /// refused any more: who pins, and unpins, has decided, and it begins with the first wave
    /// again.
    pub(crate) fn everywhere(&self, waves: &Waves, version: SnapshotVersion, digest: Digest) -> Self {
        let rollout = Rollout::everywhere(version, waves);
        Self { rollout, digest, good: Some(digest), refused: None, pending: BTreeSet::new(), ..self.clone() }
    }

    /// A newer version begins with the first wave. None where something goes before it.
    pub(crate) fn superseded(&self, waves: &Waves, version: SnapshotVersion, digest: Digest) -> Option<Self> {
        let rollout = self.rollout.superseded(version, waves)?;
        // Those whose turn for the older version was never told wait for this one.
        Some(Self { rollout, digest, refused: None, pending: BTreeSet::new(), ..self.clone() })
    }

    /// The content of the last good version is `version` by now. None where that was not asked for.
    pub(crate) fn restored(&self, version: SnapshotVersion, digest: Digest) -> Option<Self> {
        let rollout = self.rollout.restored(version)?;
        let refused = Some(self.digest).filter(|failed| *failed != digest);
        let pending = rollout.directed.keys().cloned().collect();
        Some(Self { rollout, digest, refused, pending, ..self.clone() })
    }
}

/// The snapshot that the ledger's head names, and whose content it is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Newest {
    pub(crate) version: SnapshotVersion,
    pub(crate) digest: Digest,
    /// Why it has its content.
    pub(crate) origin: Origin,
}

/// Why a snapshot has its content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    /// The management experience says it.
    Management,
    /// Operators pinned the fleet: it goes past all waves.
    Pinned,
    /// A version was taken back, and this one restores the last good content.
    Restored,
}

/// A state with the generation under which it lies in the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Kept {
    pub(crate) generation: u64,
    pub(crate) state: State,
    pub(crate) waves: Waves,
}

impl Kept {
    /// Whether a version is on its way that may go on by itself.
    pub(crate) fn is_on_its_way(&self) -> bool {
        let waits = matches!(self.state.rollout.stopped, Some(Stopped::Halted { .. } | Stopped::RolledBack { .. }));
        let told = self.state.pending.is_empty() || matches!(self.state.rollout.stopped, Some(Stopped::Halted { .. }));
        !self.state.ended && !(told && (waits || self.state.rollout.done))
    }

    /// Whether the content of the last good version has to be published.
    pub(crate) fn goes_back(&self) -> bool {
        matches!(self.state.rollout.stopped, Some(Stopped::RollingBack { .. }))
    }

    /// The version that was taken back last; none where none was since the last good one.
    pub(crate) fn taken_back(&self) -> Option<SnapshotVersion> {
        match self.state.rollout.stopped {
            Some(Stopped::RolledBack { from, .. }) => Some(from),
            Some(Stopped::Halted { .. } | Stopped::RollingBack { .. }) | None => None,
        }
    }

    /// The version whose content is in force again after one was taken back; none where none was
    /// since the last good one.
    pub(crate) fn content_of(&self) -> Option<SnapshotVersion> {
        match self.state.rollout.stopped {
            Some(Stopped::RolledBack { to, .. }) => Some(to),
            Some(Stopped::Halted { .. } | Stopped::RollingBack { .. }) | None => None,
        }
    }

    /// The version that is on its way, as what the management experience said.
    pub(crate) fn newest(&self) -> Newest {
        Newest { version: self.state.rollout.version, digest: self.state.digest, origin: Origin::Management }
    }
}

/// A wave among all of them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place<'a> {
    pub(crate) waves: &'a Waves,
    /// The wave's position, from 0.
    pub(crate) position: usize,
}

/// Why a wave has no place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum NoPlace {
    /// There are no waves.
    NoWaves,
    /// The waves have other names.
    NoSuchWave {
        /// The name that was given.
        name: String,
        /// The names of the waves, in their order.
        names: Vec<String>,
    },
    /// What lies in the place of the waves' state cannot be understood, in words.
    Unreadable(String),
}

/// What is seen of the state of waves, for whoever shows it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) enum OnTheWay {
    /// There are no waves.
    #[default]
    NoWaves,
    /// The state, as it can be read.
    Kept(Box<Kept>),
    /// Something lies in its place, in words.
    Unreadable(String),
}

impl OnTheWay {
    /// Reads the state. One that cannot be understood is told as such: it keeps nothing else from
    /// being shown.
    pub(crate) async fn look(store: &dyn RolloutStore, experience: &ExperienceId) -> Result<Self, LedgerError> {
        Ok(match read(store, experience).await {
            Ok(Some(kept)) if !kept.state.ended => Self::Kept(Box::new(kept)),
            Ok(_) => Self::NoWaves,
            Err(RolloutError::Ledger(LedgerError::Unreadable { problem, .. }) | RolloutError::Unreadable(problem)) => {
                Self::Unreadable(problem)
            }
            Err(RolloutError::Ledger(error)) => return Err(error),
        })
    }

    /// The position of the wave of this name. One that is mistyped is an error and no empty list
    /// (rule 12 of the design).
    pub(crate) fn place_of(&self, name: &WaveName) -> Result<Place<'_>, NoPlace> {
        let waves = match self {
            Self::Kept(kept) => &kept.waves,
            Self::NoWaves => return Err(NoPlace::NoWaves),
            Self::Unreadable(problem) => return Err(NoPlace::Unreadable(problem.clone())),
        };
        let position = waves.waves().iter().position(|wave| wave.name == *name);
        let names = || waves.waves().iter().map(|wave| wave.name.to_string()).collect();
        let position = position.ok_or_else(|| NoPlace::NoSuchWave { name: name.to_string(), names: names() })?;
        Ok(Place { waves, position })
    }

    /// The state, where there is one that can be read.
    pub(crate) fn kept(&self) -> Option<&Kept> {
        match self {
            Self::Kept(kept) => Some(kept),
            Self::NoWaves | Self::Unreadable(_) => None,
        }
    }
}

impl fmt::Display for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&super::told::progress(&self.state.rollout))
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use pmp_protocol::testing::version;

    use super::*;

    const WAVES: &str = "[[waves]]\nname = \"all\"\nshare = 100\n";

    /// Organizations whose ids have so many random letters: they pack no better than those of life.
    pub(crate) fn fleet(number: usize, letters: usize) -> BTreeSet<OrganizationId> {
        let mut state = 7_u64;
        let mut letter = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            char::from(b"abcdefghijklmnopqrstuvwxyz0123456789"[usize::try_from(state >> 33).unwrap() % 36])
        };
        let mut id =
            || OrganizationId::new(&format!("o-{}", (0..letters).map(|_| letter()).collect::<String>())).unwrap();
        (0..number).map(|_| id()).collect()
    }

    /// Four waves by names, one id a line, and one for all others.
    pub(crate) fn named_waves(fleet: &BTreeSet<OrganizationId>) -> Configured {
        let named: Vec<String> = fleet.iter().map(|id| format!("  \"{id}\",\n")).collect();
        let quarter = named.len().div_ceil(4);
        let wave = |(at, ids): (usize, &[String])| {
            format!("[[waves]]\nname = \"wave-{at}\"\norganizations = [\n{}]\n", ids.concat())
        };
        let waves: String = named.chunks(quarter).enumerate().map(wave).collect();
        Configured::read(&format!("{waves}{WAVES}")).unwrap()
    }

    #[test]
    fn a_state_is_read_as_it_was_written_and_another_form_is_refused() {
        let configured = Configured::read(WAVES).unwrap();
        let state = State::begin(&configured, version(7), Digest::of(b"seven"));
        assert_eq!(State::read(&state.write().state), Ok(state.clone()));
        let newer = state.write().state.replace("rollout/1", "rollout/2");
        assert!(State::read(&newer).unwrap_err().ends_with("it needs a newer release"));
        assert!(State::read("no JSON").is_err());
        // What an earlier release reads in the place of a packed state has all that it asks for.
        let refused = State::read(&state.write().stand_in).unwrap_err();
        assert_eq!(refused, "its form is not pmp-sync.rollout/1: it needs a newer release");
    }

    // Whoever runs it sees the figures that the documents give.
    #[allow(clippy::print_stdout)]
    #[test]
    fn ten_thousand_organizations_with_named_waves_fit_at_their_largest() {
        let fleet = fleet(10_000, 10);
        let state = State::begin(&named_waves(&fleet), version(7), Digest::of(b"seven"));
        let largest = state.at_its_largest(&fleet);
        let written = largest.write();
        assert!(written.state.len() > 500_000, "{} bytes do not fit into an item as they are", written.state.len());
        written.fits().unwrap();
        println!("the largest state of 10,000 organizations has {} bytes", written.state.len());
        println!("packed {}", pmp_protocol::pack(written.state.as_bytes()).unwrap().len());
        assert!(written.stand_in.len() < 1_000, "{}", written.stand_in);
        assert_eq!(State::read(&written.state), Ok(largest));
        // Twice as many, with the longest ids that there may be.
        let fleet = self::fleet(20_000, 32);
        let state = State::begin(&named_waves(&fleet), version(7), Digest::of(b"seven"));
        assert!(state.at_its_largest(&fleet).write().fits().is_err());
    }

    #[test]
    fn what_was_taken_back_is_refused_until_a_newer_version_comes() {
        let configured = Configured::read(&format!("on_failure = \"roll-back\"\n{WAVES}")).unwrap();
        let waves = &configured.waves;
        let of = |text: &str| Digest::of(text.as_bytes());
        let state = State::begin(&configured, version(7), of("good"));
        let mut bad = state.superseded(waves, version(8), of("bad")).unwrap();
        let organization = OrganizationId::new("o-alpha00000").unwrap();
        bad.rollout.directed.insert(organization.clone(), version(8));
        let reason = pmp_waves::Reason::TooManyFailed { failed: 1, max_failures: 0 };
        let step = pmp_waves::Step::RollBack { to: version(7), reason };
        bad.rollout = bad.rollout.after(&step, waves, jiff::Timestamp::UNIX_EPOCH);
        assert_eq!(bad.superseded(waves, version(9), of("other")), None, "going back goes first");
        let back = bad.restored(version(9), of("good")).unwrap();
        assert_eq!((back.refused, back.digest), (Some(of("bad")), of("good")));
        assert_eq!(back.pending, BTreeSet::from([organization]));
        let pinned = back.everywhere(waves, version(10), of("pinned"));
        assert_eq!((pinned.refused, pinned.good), (None, Some(of("pinned"))), "who pins has decided");
        let mended = back.superseded(waves, version(10), of("mended")).unwrap();
        assert_eq!((mended.refused, mended.good), (None, Some(of("good"))));
    }
}
