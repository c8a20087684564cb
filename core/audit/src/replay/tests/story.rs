//! Courses of events that a hub and its operators can have taken, each from a seed.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use pmp_protocol::{Digest, ExperienceId, OrganizationId, ReceiptStatus, SnapshotVersion};

use crate::testing::written_at;
use crate::{Event, HubSettings, Publishing, SeenOutcome, ToldOutcome, WaveStep, Whom};

pub(super) const WAVES: [&str; 3] = ["canary", "quarter", "all"];

pub(super) fn version(number: u64) -> SnapshotVersion {
    SnapshotVersion::new(number).unwrap()
}

pub(super) fn content(number: u64) -> Digest {
    Digest::of(number.to_string().as_bytes())
}

pub(super) fn organization(number: u64) -> OrganizationId {
    OrganizationId::new(&format!("o-{number:010}")).unwrap()
}

pub(super) fn experience(number: u64) -> ExperienceId {
    ExperienceId::new(&format!("exp-{number}")).unwrap()
}

fn reason() -> String {
    "an audit".to_owned()
}

fn published(version: SnapshotVersion, content: Digest, outcome: Publishing) -> Event {
    let (approved, rejected) = (usize::from(content.bytes()[0]), usize::from(content.bytes()[1]));
    Event::Publish { version, content, approved, rejected, outcome, trigger: "schedule".to_owned(), pinned: None }
}

pub(super) fn stored(version: SnapshotVersion, content: Digest) -> Event {
    published(version, content, Publishing::Stored)
}

pub(super) fn pin(organizations: Vec<OrganizationId>, version: SnapshotVersion, content: Digest) -> Event {
    Event::Pin { organizations, wave: None, version, content, reason: reason() }
}

pub(super) fn outcome(member: u64, version: SnapshotVersion) -> SeenOutcome {
    SeenOutcome {
        organization: organization(member),
        member_experience: experience(member),
        status: ReceiptStatus::InSync,
        version,
        applied: Some(version),
        received_at: written_at(1),
        outcomes: 2,
        error: None,
        between: vec![ToldOutcome { at: written_at(1), status: ReceiptStatus::Partial, version, error: None }],
    }
}

pub(super) fn receipts(changed: &[SeenOutcome]) -> Event {
    let mut statuses = BTreeMap::from([("in-sync".to_owned(), changed.len())]);
    // Those that do not match the ledger are counted beside them.
    statuses.insert("disputed".to_owned(), 1);
    let state = Digest::of(format!("{changed:?}").as_bytes());
    Event::Receipts { receipts: changed.len(), statuses, state, changed: changed.to_vec(), more: 0 }
}

/// A sequence of numbers that looks like chance, the same for each seed (Knuth's MMIX).
struct Sequence(u64);

impl Sequence {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }
}

/// A course of events, and what stands in the ledger by then.
pub(super) struct Story {
    pub(super) events: Vec<Event>,
    contents: Vec<Digest>,
    chance: Sequence,
}

impl Story {
    /// A course of events that has each kind of entry at least once, in an order by chance.
    pub(super) fn of(seed: u64) -> Self {
        let mut story = Self { events: Vec::new(), contents: Vec::new(), chance: Sequence(seed) };
        let settings = HubSettings {
            waves: WAVES.map(ToOwned::to_owned).to_vec(),
            waves_digest: Some(content(0)),
            admitted: (0..9).map(organization).collect(),
            ..HubSettings::default()
        };
        story.publish();
        story.events.push(Event::Settings(settings.clone()));
        let chapters: [fn(&mut Self); 9] = [
            Self::through_the_waves,
            Self::stopped_and_promoted,
            Self::rolled_back,
            Self::pinned,
            Self::paused,
            Self::confirmed,
            Self::failed,
            Self::members_come_and_go,
            Self::restored,
        ];
        let mut left = chapters.to_vec();
        while !left.is_empty() {
            let next = story.chance.below(left.len() as u64);
            left.swap_remove(usize::try_from(next).unwrap())(&mut story);
            story.publish();
            if story.chance.below(2) == 0 {
                let more = usize::try_from(story.chance.below(9)).unwrap();
                chapters[more](&mut story);
            }
        }
        story.events.push(Event::Settings(HubSettings {
            admitted: Vec::new(),
            no_longer_admitted: vec![organization(8)],
            ..settings
        }));
        // Versions of which nothing but their own entries tells.
        story.publish();
        story.publish();
        story
    }

    /// Number of the entry that comes next.
    fn number(&self) -> u64 {
        self.events.len() as u64 + 1
    }

    fn newest(&self) -> SnapshotVersion {
        version(self.contents.len() as u64)
    }

    fn publish_as(&mut self, content: Digest) {
        self.contents.push(content);
        let event = match self.chance.below(4) {
            0 => Event::Found { version: self.newest(), content },
            1 => published(self.newest(), content, Publishing::Recovered),
            _ => stored(self.newest(), content),
        };
        self.events.push(event);
        if self.chance.below(3) == 0 {
            self.events.push(published(self.newest(), content, Publishing::Announced));
        }
    }

    fn publish(&mut self) {
        self.publish_as(content(self.contents.len() as u64 + 1));
    }

    /// A snapshot that was stored before, with its content.
    fn any(&mut self) -> (SnapshotVersion, Digest) {
        let at = self.chance.below(self.contents.len() as u64);
        (version(at + 1), self.contents[usize::try_from(at).unwrap()])
    }

    fn someone(&mut self) -> Vec<OrganizationId> {
        match self.chance.below(3) {
            0 => Vec::new(),
            _ => vec![organization(self.chance.below(8))],
        }
    }

    fn waves(&mut self, steps: Vec<WaveStep>) {
        let version = self.newest();
        self.events.push(Event::Waves { version, steps });
    }

    fn seen(&mut self) {
        let version = self.newest();
        let changed: Vec<_> = (0..=self.chance.below(5)).map(|member| outcome(member, version)).collect();
        self.events.push(receipts(&changed));
    }

    fn through_the_waves(&mut self) {
        self.publish();
        for wave in WAVES {
            self.waves(vec![enter(wave, false)]);
            self.seen();
        }
        self.waves(vec![WaveStep::ForEverybody]);
    }

    fn stopped_and_promoted(&mut self) {
        self.publish();
        self.waves(vec![enter("canary", false), enter("quarter", false), WaveStep::Stop { reason: reason() }]);
        let version = self.newest();
        self.events.push(Event::Promote { version, reason: reason() });
        let by_name = self.chance.below(2) == 0;
        self.waves(vec![enter("all", by_name), WaveStep::ForEverybody]);
    }

    fn rolled_back(&mut self) {
        let (back_to, content) = self.any();
        self.publish();
        let version = self.newest();
        self.events.push(Event::Halt { version, reason: reason() });
        self.waves(vec![enter("canary", false), WaveStep::RollBack { to: back_to, reason: reason() }]);
        self.publish_as(content);
    }

    fn pinned(&mut self) {
        let (held, content) = self.any();
        let organizations = self.someone();
        let whole_fleet = organizations.is_empty();
        self.events.push(pin(organizations.clone(), held, content));
        if whole_fleet {
            self.contents.push(content);
            let mut event = stored(self.newest(), content);
            if let Event::Publish { pinned, .. } = &mut event {
                *pinned = Some(held);
            }
            self.events.push(event);
        }
        self.seen();
        self.events.push(Event::Unpin { organizations, wave: None, reason: reason() });
    }

    fn paused(&mut self) {
        let organizations = self.someone();
        let until = written_at(self.number()) + SignedDuration::from_hours(2);
        let wave = Some("canary".to_owned());
        self.events.push(Event::Pause { organizations: organizations.clone(), wave, until, reason: reason() });
        self.events.push(Event::Resume { organizations, wave: None, reason: reason() });
    }

    fn confirmed(&mut self) {
        let (version, content) = self.any();
        let member_experience = (self.chance.below(2) == 0).then(|| experience(3));
        let whom = vec![Whom { organization: organization(3), member_experience }];
        self.events.push(Event::Confirm { whom: whom.clone(), version, content });
        self.events.push(Event::Unconfirm { whom, version });
    }

    fn failed(&mut self) {
        let (held, content) = self.any();
        self.events.push(pin(vec![organization(4), organization(5)], held, content));
        let entry = self.number() - 1;
        let not_done = if self.chance.below(2) == 0 { vec![organization(5)] } else { Vec::new() };
        self.events.push(Event::Failed { entry, error: "throttled".to_owned(), not_done });
    }

    fn members_come_and_go(&mut self) {
        let guest = organization(100 + self.chance.below(9));
        self.events.push(Event::Admit { organizations: vec![guest.clone()], large: false });
        self.events.push(Event::Sign { organizations: vec![guest.clone()], fleet: true });
        self.events.push(Event::Forget { organization: guest });
    }

    fn restored(&mut self) {
        let (latest, highest) = (self.any().0, self.newest());
        self.events.push(Event::Recover { latest: Some(latest), highest: Some(highest) });
    }
}

pub(super) fn enter(wave: &str, promoted: bool) -> WaveStep {
    WaveStep::Enter { wave: wave.to_owned(), promoted_by: promoted.then(|| "ada".to_owned()) }
}
