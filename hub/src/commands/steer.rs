//! `pin`, `unpin`, `pause` and `resume`: what operators direct, for the fleet or for single
//! organizations.

use aws_config::SdkConfig;
use clap::Args;
use futures::StreamExt;
use jiff::Timestamp;
use pmp_audit::Event;
use pmp_ledger::{
    DynamoReceipts, DynamoReports, DynamoSnapshots, Extent, LedgerError, ReceiptStore, Reports, Said, SnapshotStore,
};
use pmp_protocol::{
    Because, Direction, DirectionChange, LAYOUT_OF_DIRECTIONS, LONGEST_PAUSE, MAX_REASON, OrganizationId, Pause,
    SnapshotVersion,
};
use pmp_terminal::{Exit, Failure, Output, Until, parse_reason, progress, to_the_second};
use pmp_waves::WaveName;
use serde_json::json;

use super::announce::announce;
use super::look::meant;
use super::not_kept;
use super::publish::{audit, audit_failed, sentence};
use super::{Keep, caller, would_not_unsign};
use crate::compose;
use crate::config::{ConfigArgs, SteerConfig};
use crate::error::{HubError, sdk};
use crate::publish::{Hub, Published, Trigger};
use crate::rollout::state::OnTheWay;
use crate::signing::Signing;
use crate::status::fleet::Fleet;
use crate::steer::Helm;

/// Organizations that one entry of the audit names. Each takes some 40 bytes of at most 400 KB.
const IN_ONE_ENTRY: usize = 1_000;
/// How many organizations are looked at at once.
const AT_ONCE: usize = 16;
/// The most organizations that are named where a command could not direct them.
const MAX_NAMED: usize = 10;

/// Why, which stands in the ledger, in `status` and in `history`.
#[derive(Debug, Args)]
struct ReasonArgs {
    /// Why, in a sentence: `status`, `history` and the members' receipts tell it
    #[arg(long, value_name = "TEXT", value_parser = reason)]
    reason: String,
    /// Only write it down, and leave it to the hub's next run to reach the spokes
    #[arg(long)]
    no_announce: bool,
}

#[derive(Debug, Args)]
pub(crate) struct PinArgs {
    /// The snapshot to whose content the fleet goes back
    #[arg(value_name = "VERSION")]
    version: SnapshotVersion,
    /// Only for these organizations, separated by commas; without it, for the whole fleet
    #[arg(long = "org", value_name = "ORG,…", value_delimiter = ',')]
    organizations: Vec<OrganizationId>,
    /// Only for those that are in this wave now
    #[arg(long, value_name = "NAME", conflicts_with = "organizations")]
    wave: Option<WaveName>,
    #[command(flatten)]
    why: ReasonArgs,
    #[command(flatten)]
    keep: Keep,
}

#[derive(Debug, Args)]
pub(crate) struct UnpinArgs {
    /// Only for these organizations, separated by commas; without it, for the whole fleet
    #[arg(long = "org", value_name = "ORG,…", value_delimiter = ',')]
    organizations: Vec<OrganizationId>,
    /// Only for those that are in this wave now
    #[arg(long, value_name = "NAME", conflicts_with = "organizations")]
    wave: Option<WaveName>,
    #[command(flatten)]
    why: ReasonArgs,
    #[command(flatten)]
    keep: Keep,
}

#[derive(Debug, Args)]
#[group(id = "whom", required = true, multiple = false, args = ["organizations", "wave", "all"])]
pub(crate) struct PauseArgs {
    /// For these organizations, separated by commas
    #[arg(long = "org", value_name = "ORG,…", value_delimiter = ',')]
    organizations: Vec<OrganizationId>,
    /// For those that are in this wave now
    #[arg(long, value_name = "NAME")]
    wave: Option<WaveName>,
    /// For all organizations of the fleet
    #[arg(long)]
    all: bool,
    /// When it ends by itself: a time from now (2h, 3d) or a moment (2026-11-24T12:00:00Z), at most
    /// 30 days from now
    #[arg(long, value_name = "TIME")]
    until: Until,
    #[command(flatten)]
    why: ReasonArgs,
}

#[derive(Debug, Args)]
#[group(id = "whom", required = true, multiple = false, args = ["organizations", "wave", "all"])]
pub(crate) struct ResumeArgs {
    /// For these organizations, separated by commas
    #[arg(long = "org", value_name = "ORG,…", value_delimiter = ',')]
    organizations: Vec<OrganizationId>,
    /// For those that are in this wave now
    #[arg(long, value_name = "NAME")]
    wave: Option<WaveName>,
    /// End the pause of the whole fleet. An organization that was paused by name stays paused
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    why: ReasonArgs,
}

/// For whom a command directs something.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Whom {
    /// For all organizations together, by the direction of the fleet.
    Fleet,
    /// For these, each by its own direction. At least one. With the wave that they are in, where
    /// they were named by it.
    These(Vec<OrganizationId>, Option<WaveName>),
}

/// What a command does with those whom it is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// It pins or pauses them.
    Hold,
    /// It takes back what was directed: for everybody for whom something is, so that nothing stays
    /// that nobody can take back.
    Release,
}

/// The moment at which a pause ends, to the second; why it is none that a pause may last to, and
/// what to do then.
fn end_of_pause(until: Until, now: Timestamp) -> Result<Timestamp, (String, &'static str)> {
    let (exactly, at) = (until.at(now), to_the_second(until.at(now)));
    if exactly <= now {
        let over = format!("`--until` is no end of a pause: {at} is over");
        return Err((over, "give a time from now, such as `--until 2h`"));
    }
    if exactly.duration_since(now) > LONGEST_PAUSE {
        let days = LONGEST_PAUSE.as_hours() / 24;
        let longer = format!("a pause lasts {days} days at most, and `--until` is {at}");
        return Err((longer, "use a pin for longer: `pmp-hub pin`"));
    }
    Ok(at)
}

pub(super) fn reason(text: &str) -> Result<String, String> {
    parse_reason(text, MAX_REASON)
}

pub(crate) async fn pin(config: &ConfigArgs, args: &PinArgs, output: Output) -> Result<Exit, Failure> {
    let publishes = args.organizations.is_empty() && args.wave.is_none() && !args.why.no_announce;
    let desk = Desk::open(config, publishes).await?;
    let whom = desk.whom(&args.organizations, args.wave.as_ref(), Way::Hold).await?;
    let version = args.version;
    let snapshot = desk.fetch(version).await?;
    let change = DirectionChange::Pin(version, snapshot);
    let outcome = desk.direct(&whom, &change, &args.why).await?;
    // A hub that pruned in between did not know of the pin.
    if let Err(failure) = desk.fetch(version).await {
        let taken_back =
            "the hub deleted that snapshot just now: take it back with `pmp-hub unpin`, and pin a newer one";
        return Err(failure.hint(taken_back.to_owned()));
    }
    let told = |Changed { changed, .. }: &Changed, whose: &str| {
        if *changed {
            format!("Pinned {whose} to snapshot {version}.")
        } else {
            format!("Snapshot {version} is what {whose} is pinned to already.")
        }
    };
    desk.finish(outcome, &args.why, Some(&args.keep), told, output).await
}

pub(crate) async fn unpin(config: &ConfigArgs, args: &UnpinArgs, output: Output) -> Result<Exit, Failure> {
    let publishes = args.organizations.is_empty() && args.wave.is_none() && !args.why.no_announce;
    let desk = Desk::open(config, publishes).await?;
    let whom = desk.whom(&args.organizations, args.wave.as_ref(), Way::Release).await?;
    let outcome = desk.direct(&whom, &DirectionChange::Unpin, &args.why).await?;
    let told = |Changed { changed, .. }: &Changed, whose: &str| {
        if *changed {
            format!("Unpinned {whose}: what the management experience says is followed again.")
        } else {
            format!("Nothing is pinned for {whose}.")
        }
    };
    desk.finish(outcome, &args.why, Some(&args.keep), told, output).await
}

pub(crate) async fn pause(config: &ConfigArgs, args: &PauseArgs, output: Output) -> Result<Exit, Failure> {
    let until = end_of_pause(args.until, compose::clock().now());
    let until = until.map_err(|(problem, hint)| Failure::new("E4063", problem).hint(hint.to_owned()))?;
    let desk = Desk::open(config, false).await?;
    let whom = desk.whom(&args.organizations, args.wave.as_ref(), Way::Hold).await?;
    let outcome = desk.direct(&whom, &DirectionChange::Pause(until), &args.why).await?;
    let told = |Changed { replaced, .. }: &Changed, whose: &str| {
        let replaced = replaced.as_ref();
        let replaced =
            replaced.map(|pause| format!(" instead of {} (set by {}: {})", pause.ends(), pause.by, pause.reason));
        format!("Paused {whose} until {until}{}.", replaced.unwrap_or_default())
    };
    desk.finish(outcome, &args.why, None, told, output).await
}

pub(crate) async fn resume(config: &ConfigArgs, args: &ResumeArgs, output: Output) -> Result<Exit, Failure> {
    let desk = Desk::open(config, false).await?;
    let whom = desk.whom(&args.organizations, args.wave.as_ref(), Way::Release).await?;
    let outcome = desk.direct(&whom, &DirectionChange::Resume, &args.why).await?;
    let told = |Changed { changed, .. }: &Changed, whose: &str| {
        if *changed { format!("Resumed {whose}.") } else { format!("Nothing is paused for {whose}.") }
    };
    desk.finish(outcome, &args.why, None, told, output).await
}

/// What all of these commands work with.
struct Desk {
    config: SteerConfig,
    sdk: SdkConfig,
    receipts: DynamoReceipts,
    snapshots: DynamoSnapshots,
    signing: Option<Signing>,
}

/// What a person asks for, as the audit tells it; none for what no command asks for.
fn event(these: &[OrganizationId], wave: Option<&WaveName>, change: &DirectionChange, reason: &str) -> Option<Event> {
    let (organizations, wave, reason) = (these.to_vec(), wave.map(ToString::to_string), reason.to_owned());
    Some(match *change {
        DirectionChange::Pin(version, content) => Event::Pin { organizations, wave, version, content, reason },
        DirectionChange::Unpin => Event::Unpin { organizations, wave, reason },
        DirectionChange::Pause(until) => Event::Pause { organizations, wave, until, reason },
        DirectionChange::Resume => Event::Resume { organizations, wave, reason },
        // The hub writes these by itself: an entry about its settings or about waves tells them.
        DirectionChange::MaxHold(_)
        | DirectionChange::Turn(..)
        | DirectionChange::EndWaves
        | DirectionChange::Windows(_)
        | DirectionChange::Halt(..)
        | DirectionChange::GoOn(_) => return None,
    })
}

/// A direction as it is now, and whether the command changed it.
struct Changed {
    direction: Direction,
    changed: bool,
    /// The pause that held, and in whose place another one came.
    replaced: Option<Pause>,
}

impl Changed {
    /// Whose direction it is, for a person.
    fn whose(&self) -> String {
        crate::steer::whose(self.direction.organization.as_ref()).replace('`', "")
    }
}

/// What came of a command, and why it was not done for all.
struct Outcome {
    directed: Vec<Changed>,
    failure: Option<Failure>,
}

/// Each organization; the fleet, which has no id, where none is given.
fn one_by_one(organizations: &[OrganizationId]) -> Vec<Option<&OrganizationId>> {
    if organizations.is_empty() { vec![None] } else { organizations.iter().map(Some).collect() }
}

/// Whom a command did not direct, for a person.
fn not_done_of(organizations: &[&OrganizationId]) -> String {
    let named: Vec<_> = organizations.iter().take(MAX_NAMED).map(|id| id.as_str()).collect();
    let more = organizations.len().saturating_sub(MAX_NAMED);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("not done for {}{more}", named.join(", "))
}

fn ledger(error: LedgerError) -> Failure {
    HubError::Ledger(error).into()
}

impl Desk {
    async fn open(config: &ConfigArgs, publishes: bool) -> Result<Self, Failure> {
        let config = config.for_steer(publishes)?;
        let sdk = sdk().await?;
        let receipts = DynamoReceipts::new(&sdk, config.timestamps.clone());
        let snapshots = DynamoSnapshots::new(&sdk, config.snapshots.clone());
        let signing = config.signing.as_ref();
        let signing = signing.map(|signing| Signing::new(signing.key.signer(&sdk), signing.lifetime));
        Ok(Self { config, sdk, receipts, snapshots, signing })
    }

    /// The digest of a version that the ledger keeps, whole and verified.
    async fn fetch(&self, version: SnapshotVersion) -> Result<pmp_protocol::Digest, Failure> {
        match self.snapshots.fetch(&self.config.experience, version).await {
            Ok(snapshot) => Ok(snapshot.digest()),
            Err(error) => Err(not_kept::told(&self.snapshots, &self.config.experience, version, error).await),
        }
    }

    /// The organizations that are named, or that are in `wave` now; the fleet, where neither is
    /// given.
    ///
    /// # Errors
    /// Where one is not on the roster, unless what is directed for it is to be taken back; where
    /// there is no such wave, and where nobody is in it: that never means the fleet.
    async fn whom(&self, organizations: &[OrganizationId], wave: Option<&WaveName>, way: Way) -> Result<Whom, Failure> {
        let (experience, fleet) = (&self.config.experience, self.fleet());
        if let Some(wave) = wave {
            let waves = OnTheWay::look(fleet.rollouts.as_ref(), experience).await.map_err(ledger)?;
            let place = waves.place_of(wave).map_err(HubError::from)?;
            let followers = fleet.followers(experience).await.map_err(ledger)?;
            let found: Vec<_> =
                followers.into_keys().filter(|id| place.waves.wave_of(id) == Some(place.position)).collect();
            if found.is_empty() {
                let error = format!("no organization is in wave `{wave}`");
                return Err(
                    Failure::new("E4064", error).hint("`pmp-hub status --all` shows the wave of each".to_owned())
                );
            }
            return Ok(Whom::These(found, Some(wave.clone())));
        }
        if organizations.is_empty() {
            return Ok(Whom::Fleet);
        }
        match fleet.roster(experience).await.map_err(ledger)? {
            Some(roster) => {
                for unknown in organizations.iter().filter(|id| !roster.contains_key(*id)) {
                    if way == Way::Release && self.is_directed(unknown).await? {
                        continue;
                    }
                    let error = format!("`{unknown}` is not on the roster");
                    return Err(Failure::new("E4065", error)
                        .hint(meant(unknown.as_str(), roster.keys().map(OrganizationId::as_str)))
                        .hint("`pmp-hub members` lists those that are admitted".to_owned()));
                }
            }
            None if way == Way::Hold => self.tell_unheard(&fleet, organizations).await?,
            None => {}
        }
        Ok(Whom::These(organizations.to_vec(), None))
    }

    /// Whether something is directed for an organization, or lies where that would.
    async fn is_directed(&self, organization: &OrganizationId) -> Result<bool, Failure> {
        let said = self.receipts.direction(&self.config.experience, Some(organization)).await.map_err(ledger)?;
        Ok(!matches!(said, Said::Nothing))
    }

    /// Warns of organizations of which nothing was ever heard, where nobody was admitted yet: an id
    /// may be mistyped, and may be of one whose spoke comes later.
    async fn tell_unheard(&self, fleet: &Fleet, organizations: &[OrganizationId]) -> Result<(), Failure> {
        let experience = &self.config.experience;
        let mut unheard = Vec::new();
        for organization in organizations {
            let report = fleet.reports.report(organization, experience, Extent::Usual).await.map_err(ledger)?;
            if report.is_empty() {
                unheard.push(organization);
            }
        }
        if unheard.is_empty() {
            return Ok(());
        }
        // A search of the whole table, for whoever mistyped an id. Without it nothing is suggested.
        let known = fleet.followers(experience).await.unwrap_or_default();
        for organization in unheard {
            let meant = meant(organization.as_str(), known.keys().map(OrganizationId::as_str));
            let meant = meant.map_or_else(String::new, |meant| format!("{meant} "));
            progress::note(&format!(
                "hint: nothing was ever heard of `{organization}`, and nobody is admitted yet, so that a mistyped id is not \
                 refused. {meant}To take it back: `pmp-hub resume --org {organization}` or `pmp-hub unpin --org {organization}`"
            ));
        }
        Ok(())
    }

    /// Changes what is directed, and writes down before that what is asked for. One that cannot be
    /// directed keeps none of the others from it.
    ///
    /// # Errors
    /// Where an older direction was put back for one of them, where it cannot be written down, and
    /// where nobody could be directed.
    async fn direct(&self, whom: &Whom, change: &DirectionChange, why: &ReasonArgs) -> Result<Outcome, Failure> {
        would_not_unsign(&self.snapshots, &self.config).await?;
        let SteerConfig { experience, timestamps, .. } = &self.config;
        let by = caller(&self.sdk).await?;
        let because = Because { by, at: compose::clock().now(), reason: why.reason.clone() };
        let auditor = compose::auditor(&self.sdk, timestamps, experience);
        let (named, wave): (&[OrganizationId], _) = match whom {
            Whom::Fleet => (&[], None),
            Whom::These(organizations, wave) => (organizations, wave.as_ref()),
        };
        let mut directed = Vec::new();
        // All of them, before the first is directed: what was put back is noticed before that.
        let open = self.open_of(named, change, &because, &mut directed).await?;
        let mut failures = Vec::new();
        for (number, part) in open.chunks(IN_ONE_ENTRY).enumerate() {
            let organizations: Vec<OrganizationId> = part.iter().copied().flatten().cloned().collect();
            let asked = match event(&organizations, wave, change, &why.reason) {
                Some(event) if directed.iter().any(|it: &Changed| it.changed) => {
                    match auditor.asked_further(event).await {
                        Ok(asked) => Some(asked),
                        Err(failure) => {
                            failures.push((open[number * IN_ONE_ENTRY..].to_vec(), failure));
                            break;
                        }
                    }
                }
                Some(event) => Some(auditor.asked(event).await?),
                None => None,
            };
            let Some((not_done, failure)) = self.change(part, change, &because, &mut directed).await else { continue };
            let all = not_done.len() == part.len();
            let whom = if all { Vec::new() } else { not_done.iter().copied().flatten().cloned().collect() };
            let failure = match asked {
                Some(asked) => asked.failed(failure, whom).await,
                None => failure,
            };
            failures.push((not_done, failure));
        }
        // In the order in which they were named.
        let place = |it: &Changed| named.iter().position(|id| Some(id) == it.direction.organization.as_ref());
        directed.sort_by_key(place);
        let not_done: Vec<_> = failures.iter().flat_map(|(whom, _)| whom.iter().copied().flatten()).collect();
        let (done, whom) = (directed.len(), not_done_of(&not_done));
        match failures.into_iter().next() {
            None => Ok(Outcome { directed, failure: None }),
            // Nobody is directed: there is nothing else to tell.
            Some((_, failure)) if done == 0 => Err(failure),
            Some((_, failure)) => {
                let hint = format!("{whom}; all others are done, and the same again tries these once more");
                Ok(Outcome { directed, failure: Some(failure.hint(hint)) })
            }
        }
    }

    /// Those of the organizations, or of the fleet where none is given, that are not as the change
    /// asks for already. One that cannot be read is among them: the change fails, and says why.
    ///
    /// # Errors
    /// Where an older direction was put back for one of them.
    async fn open_of<'a>(
        &self,
        organizations: &'a [OrganizationId],
        change: &DirectionChange,
        because: &Because,
        directed: &mut Vec<Changed>,
    ) -> Result<Vec<Option<&'a OrganizationId>>, HubError> {
        let fleet = self.fleet();
        let helm = self.helm(&fleet);
        let look = async |organization| (organization, helm.as_asked(organization, change, because).await);
        let looked = futures::stream::iter(one_by_one(organizations)).map(look).buffered(AT_ONCE);
        let mut open = Vec::new();
        for (organization, asked) in looked.collect::<Vec<_>>().await {
            match asked {
                Ok(Some(direction)) => directed.push(Changed { direction, changed: false, replaced: None }),
                Err(error @ HubError::PutBack { .. }) => return Err(error),
                Ok(None) | Err(_) => open.push(organization),
            }
        }
        Ok(open)
    }

    fn fleet(&self) -> Fleet {
        let SteerConfig { snapshots, timestamps, members, .. } = &self.config;
        Fleet::new(&self.sdk, snapshots, timestamps, members.clone())
    }

    fn helm<'a>(&'a self, fleet: &'a Fleet) -> Helm<'a> {
        let (signing, experience) = (self.signing.as_ref(), &self.config.experience);
        Helm { receipts: &self.receipts, signing, experience, fleet: Some(fleet) }
    }

    /// Changes what is directed in these places. Those in which it failed, with the first reason;
    /// none where it was done in all of them.
    async fn change<'a>(
        &self,
        places: &[Option<&'a OrganizationId>],
        change: &DirectionChange,
        because: &Because,
        directed: &mut Vec<Changed>,
    ) -> Option<(Vec<Option<&'a OrganizationId>>, Failure)> {
        let fleet = self.fleet();
        let helm = self.helm(&fleet);
        let (mut not_done, mut first) = (Vec::new(), None);
        for organization in places.iter().copied() {
            let before = self.before(organization, change).await;
            let (direction, changed) = match helm.change(organization, change, because).await {
                Ok(changed) => changed,
                Err(error) => {
                    not_done.push(organization);
                    first.get_or_insert_with(|| Failure::from(error));
                    continue;
                }
            };
            // Another one's change that came in between is not this one's to tell.
            let replaced = before.filter(|before| changed && before.generation + 1 == direction.generation);
            let replaced = replaced.and_then(|before| before.paused(because.at).cloned());
            directed.push(Changed { direction, changed, replaced });
        }
        first.map(|failure| (not_done, failure))
    }

    /// What was directed before a pause. What cannot be read is told by the change itself.
    async fn before(&self, organization: Option<&OrganizationId>, change: &DirectionChange) -> Option<Direction> {
        if !matches!(change, DirectionChange::Pause(_)) {
            return None;
        }
        self.receipts.direction(&self.config.experience, organization).await.ok()?.direction().cloned()
    }

    /// Lets the spokes know, prints what was done, and fails where it was not done for all.
    async fn finish(
        self,
        Outcome { directed, failure }: Outcome,
        why: &ReasonArgs,
        keep: Option<&Keep>,
        told: impl Fn(&Changed, &str) -> String,
        output: Output,
    ) -> Result<Exit, Failure> {
        let of_organizations = directed.iter().any(|it| it.direction.organization.is_some());
        let any = directed.iter().any(|it| it.changed);
        self.too_old(&directed).await?;
        let mut document = json!({
            "directions": directed.iter().map(|it| &it.direction).collect::<Vec<_>>(), "changed": any,
        });
        let mut lines: Vec<String> = directed.iter().map(|it| told(it, &it.whose())).collect();
        let replaced = |it: &Changed| {
            let pause = it.replaced.as_ref()?;
            Some(json!({"member": it.direction.organization, "pause": pause}))
        };
        document["replaced"] = json!(directed.iter().filter_map(replaced).collect::<Vec<_>>());
        let reached = if !any || why.no_announce {
            None
        } else if let (Some(keep), false) = (keep, of_organizations) {
            let published = self.publish(keep).await?;
            lines.extend(published.as_ref().map(|published| sentence(published, false)));
            document["published"] = json!(published);
            published.map(|_| ())
        } else {
            let announced = self.announce().await?;
            document["announced"] = json!(announced);
            announced.map(|_| ())
        };
        if any && (of_organizations || keep.is_none()) {
            lines.push(match reached {
                Some(()) => "Announced it: the spokes take it up within seconds.".to_owned(),
                None => "The spokes take it up with the next announcement.".to_owned(),
            });
        } else if any && reached.is_none() {
            lines.push("The hub publishes it with its next run.".to_owned());
        }
        if output.is_table() {
            output.lines(lines)?
        } else {
            output.document(&document)?
        }
        failure.map_or(Ok(Exit::Ok), Err)
    }

    /// Publishes what the fleet is directed to. None where this person may not: then the hub does.
    async fn publish(&self, keep: &Keep) -> Result<Option<Published>, Failure> {
        let publish = self.config.publish()?;
        let hub = compose::hub(&self.sdk, &publish, keep.keep_versions);
        match hub.publish(Trigger::Operator).await {
            Ok(published) => {
                audit(&self.sdk, &self.config.timestamps, &hub, Some(&published)).await?;
                Ok(Some(published))
            }
            Err(error) => self.unpublished(&hub, error).await,
        }
    }

    /// What is told where it could not be published, or not whole.
    async fn unpublished(&self, hub: &Hub, error: HubError) -> Result<Option<Published>, Failure> {
        audit_failed(&self.sdk, &self.config.timestamps, hub, &error).await;
        match error {
            error if error.published().is_none() && error.is_access_denied() => {
                // Who may pin need not be one who may publish.
                progress::note(&format!(
                    "hint: you may not publish ({}); to have the hub do so now, invoke its function: `aws lambda invoke \
                     --function-name PREFIX-hub --cli-binary-format raw-in-base64-out --payload '{{}}' /dev/stdout`",
                    Failure::from(error).one_line()
                ));
                Ok(None)
            }
            error => {
                Err(Failure::from(error).hint("it is written down: the hub publishes it with its next run".to_owned()))
            }
        }
    }

    /// Announces the newest snapshot again, where there is a topic: the spokes look, and find what
    /// is directed.
    async fn announce(&self) -> Result<Option<Published>, Failure> {
        let Some(topic) = self.config.topic.clone() else { return Ok(None) };
        let Some(head) = self.snapshots.head(&self.config.experience).await.map_err(ledger)? else { return Ok(None) };
        announce(&self.sdk, self.config.status(), topic, &head).await.map(Some)
    }

    /// Tells of the spokes that are too old to obey.
    async fn too_old(&self, directed: &[Changed]) -> Result<(), Failure> {
        let reports = DynamoReports::new(&self.sdk, self.config.timestamps.clone());
        for organization in directed.iter().filter_map(|it| it.direction.organization.as_ref()) {
            let report = reports.report(organization, &self.config.experience, Extent::Usual).await.map_err(ledger)?;
            let old = |layout: Option<u32>| layout.is_none_or(|layout| layout < LAYOUT_OF_DIRECTIONS);
            if report.organization.signs().iter().any(|seen| old(seen.ledger)) {
                progress::note(&format!(
                    "hint: a spoke of {organization} is of an earlier release, or its role of an earlier template, and obeys \
                     neither pins nor pauses: update it"
                ));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_ends_within_thirty_days_from_now() {
        let now: Timestamp = "2026-11-24T12:00:00Z".parse().unwrap();
        let at = |text: &str| end_of_pause(text.parse().unwrap(), now).map(|at| at.to_string()).map_err(|it| it.0);
        assert_eq!(at("2h").unwrap(), "2026-11-24T14:00:00Z");
        assert_eq!(at("30d").unwrap(), "2026-12-24T12:00:00Z");
        assert_eq!(at("2026-11-25T06:00:00+01:00").unwrap(), "2026-11-25T05:00:00Z");
        let over = "`--until` is no end of a pause: 2026-11-24T12:00:00Z is over";
        assert_eq!(at("2026-11-24T12:00:00Z").unwrap_err(), over);
        let longer = end_of_pause("31d".parse().unwrap(), "2026-11-24T12:00:00.789201468Z".parse().unwrap());
        let told = "a pause lasts 30 days at most, and `--until` is 2026-12-25T12:00:00Z";
        assert_eq!(longer.unwrap_err(), (told.to_owned(), "use a pin for longer: `pmp-hub pin`"));
        for text in ["", "soon", "tomorrow", "0s"] {
            assert!(text.parse::<Until>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_reason_is_a_sentence() {
        assert_eq!(reason("  an audit ").unwrap(), "an audit");
        assert!(reason("  ").is_err() && reason(&"x".repeat(MAX_REASON + 1)).is_err());
    }
}
