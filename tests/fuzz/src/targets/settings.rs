//! Settings: as flags and variables, as waves, as the hub's table of experiences, and as the
//! configuration file.

use std::fmt::{Debug, Display};
use std::str::FromStr;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
#[cfg(feature = "aws")]
use pmp_aws::{QueueUrl, TopicArn};
#[cfg(feature = "aws")]
use pmp_catalog::RateLimits;
#[cfg(feature = "aws")]
use pmp_ledger::TableName;
use pmp_protocol::{AccountId, Digest, ExperienceId, OrganizationId, ProductId, SnapshotVersion};
use pmp_terminal::{Contexts, Span, Switch, Until, WholeNumber, parse_duration, parse_reason};
use pmp_waves::{Format, Rollout, Waves};

use super::utf8;
use crate::memory::within;
use crate::refusal::{is_sentence, is_told};

/// One text for every kind of setting.
pub(super) fn settings(bytes: &[u8]) {
    let Some(text) = utf8(bytes) else { return };
    let most = 64 * 1024 + 64 * bytes.len();
    within(most, || {
        comes_back::<AccountId>(text);
        comes_back::<Digest>(text);
        comes_back::<ExperienceId>(text);
        comes_back::<OrganizationId>(text);
        comes_back::<ProductId>(text);
        comes_back::<SnapshotVersion>(text);
        #[cfg(feature = "aws")]
        of_aws(text);
        is_refused(text.parse::<Span>());
        is_refused(text.parse::<Switch>());
        is_refused(text.parse::<WholeNumber<2, { u64::MAX }>>());
        if let Some(number) = is_refused(text.parse::<WholeNumber<1, 65_535>>()) {
            assert!((1..=65_535).contains(&number.get()));
        }
        if let Some(until) = is_refused(text.parse::<Until>()) {
            let _ = (until.at(Timestamp::MIN), until.at(Timestamp::UNIX_EPOCH), until.at(Timestamp::MAX));
        }
        if let Some(reason) = is_refused(parse_reason(text, 300)) {
            assert!((1..=300).contains(&reason.chars().count()) && reason.trim() == reason);
        }
        if let Some(duration) = is_refused(parse_duration(text)) {
            assert!(duration > Duration::ZERO);
            let written = SignedDuration::try_from(duration).expect("it was one");
            assert_eq!(parse_duration(&format!("{written:#}")), Ok(duration), "{written:#}");
            assert_eq!(parse_duration(&written.to_string()), Ok(duration), "{written}");
        }
    });
}

#[cfg(feature = "aws")]
fn of_aws(text: &str) {
    comes_back::<QueueUrl>(text);
    comes_back::<TableName>(text);
    comes_back::<TopicArn>(text);
    is_refused(text.parse::<RateLimits>());
}

fn is_refused<T, E: Display>(read: Result<T, E>) -> Option<T> {
    read.inspect_err(|problem| is_sentence(&problem.to_string())).ok()
}

/// What was read is written, and read again, and is the same.
fn comes_back<T: FromStr<Err: Display> + Display + Debug + PartialEq>(text: &str) {
    if let Some(value) = is_refused(text.parse::<T>()) {
        let written = value.to_string();
        assert_eq!(written.parse().ok().as_ref(), Some(&value), "{written}");
    }
}

/// Waves, as text in TOML or JSON.
pub(super) fn waves(bytes: &[u8]) {
    let Some(text) = utf8(bytes) else { return };
    let format = if text.trim().starts_with('{') { Format::Json } else { Format::Toml };
    let waves = match within(256 * 1024 + 512 * bytes.len(), || Waves::parse(text, format)) {
        Ok(waves) => waves,
        Err(error) => {
            is_sentence(&error.to_string());
            assert!((1..=text.lines().count() + 1).contains(&error.line), "line {} of {text:?}", error.line);
            return;
        }
    };
    assert_eq!(Waves::parse_kept(text, format).as_ref(), Ok(&waves), "what is taken can be kept");
    assert!(!waves.waves().is_empty() && !waves.silent_after().is_zero());
    for id in ["o-alpha00000", "o-0000000000", "o-zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz"] {
        let organization = OrganizationId::new(id).expect("an id");
        assert!(waves.wave_of(&organization).is_some(), "nobody is left out");
    }
    // Another way to write the same.
    if format == Format::Toml {
        let table: toml::Table = toml::from_str(text).expect("it was TOML");
        let json = serde_json::to_string(&table).expect("waves have no keys but texts");
        assert_eq!(Waves::parse(&json, Format::Json).as_ref(), Ok(&waves), "{json}");
    }
    let begun = Rollout::begin(SnapshotVersion::FIRST, None, &waves);
    comes_back_as_json(&begun);
}

/// The state of waves, as the ledger has it.
pub(super) fn rollout(bytes: &[u8]) {
    let read = within(64 * 1024 + 256 * bytes.len(), || serde_json::from_slice::<Rollout>(bytes));
    let Ok(rollout) = read else { return };
    comes_back_as_json(&rollout);
    assert!(rollout.current().is_none_or(|wave| wave < rollout.waves.len()));
    for organization in rollout.directed.keys() {
        assert_eq!(rollout.directed(organization), rollout.directed.get(organization).copied());
    }
    if let Some(restored) = rollout.restored(SnapshotVersion::FIRST) {
        comes_back_as_json(&restored);
    }
    let halted = rollout.halted("arn:aws:iam::111111111111:user/ada", "why", Timestamp::UNIX_EPOCH);
    assert!(halted.stopped.is_some() || halted.done);
    comes_back_as_json(&halted);
}

fn comes_back_as_json(rollout: &Rollout) {
    let written = serde_json::to_string(rollout).expect("it is JSON");
    assert_eq!(serde_json::from_str::<Rollout>(&written).expect("what was written is read"), *rollout);
}

/// The management experiences of a hub. A text that names a file is left out: it would be read.
#[cfg(feature = "hub")]
pub(super) fn experiences(bytes: &[u8]) {
    let Some(text) = utf8(bytes).filter(|text| !text.contains(['@', '\\'])) else { return };
    let read = within(256 * 1024 + 1024 * bytes.len(), || pmp_hub::testing::experiences(text));
    if let Some(experiences) = is_refused(read) {
        assert!((1..=20).contains(&experiences.len()));
        let each: std::collections::BTreeSet<_> = experiences.iter().collect();
        assert_eq!(each.len(), experiences.len(), "none is named twice");
        let plain = experiences.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
        assert_eq!(pmp_hub::testing::experiences(&plain), Ok(experiences));
    }
    if let Ok(event) = serde_json::from_str(text) {
        assert!(!pmp_hub::testing::event(&event).is_empty());
    }
}

/// The configuration file, as both programs read it.
pub(super) fn configuration(bytes: &[u8]) {
    let Some(text) = utf8(bytes) else { return };
    let read = |program: &str| within(128 * 1024 + 256 * bytes.len(), || Contexts::parse(text, program));
    let (hub, spoke) = (read("pmp-hub"), read("pmp-spoke"));
    let (Ok(hub), Ok(spoke)) = (&hub, &spoke) else {
        // A table of the other program is checked, too.
        assert_eq!(hub.is_ok(), spoke.is_ok());
        [hub.err(), spoke.err()].iter().flatten().for_each(|error| is_told(error));
        return;
    };
    assert!(hub.names().eq(spoke.names()) && hub.usual() == spoke.usual());
    for name in hub.names().map(str::to_owned).chain(["no such context".to_owned()]) {
        match hub.choose(Some(&name)) {
            Ok(Some(context)) => {
                assert_eq!(context.name, name);
                let secret = |name: &str| name.contains("SECRET") || name.ends_with("_TOKEN");
                assert!(!context.variables.keys().any(|variable| secret(variable)), "{:?}", context.variables.keys());
                assert!(context.beside(|_| true).is_empty());
                assert_eq!(context.beside(|_| false).len(), context.variables.len());
            }
            Ok(None) => assert_eq!(name, "none"),
            Err(error) => is_told(&error),
        }
    }
    if let Err(error) = hub.choose(None) {
        is_told(&error);
    }
}
