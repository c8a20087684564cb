//! One window, and the spans of time that it is open.

use std::fmt;

use jiff::civil::{Date, DateTime, Weekday};
use jiff::{Timestamp, ToSpan};

use crate::zone::Zone;

/// Minutes of a day. As an end, this many are midnight at the end of the day.
pub(crate) const DAY: u16 = 24 * 60;
/// The days in the order of a week.
pub(crate) const WEEK: [Weekday; 7] = [
    Weekday::Monday,
    Weekday::Tuesday,
    Weekday::Wednesday,
    Weekday::Thursday,
    Weekday::Friday,
    Weekday::Saturday,
    Weekday::Sunday,
];

/// The days of a window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Days {
    /// On each of these days it begins, by their place in the week. It ends on the same day, or on
    /// the next one.
    On([bool; 7]),
    /// Once a week, from one day to another, by their places in the week.
    Across(usize, usize),
}

/// One window: days, and the minutes of the day at which it begins and ends, in a time zone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Window {
    pub(crate) days: Days,
    pub(crate) from: u16,
    pub(crate) to: u16,
    pub(crate) zone: Zone,
}

/// A time without a gap in which windows are open: from `begin`, up to and without `end`.
#[derive(Debug, Clone)]
pub(crate) struct Span<'a> {
    pub(crate) begin: Timestamp,
    pub(crate) end: Timestamp,
    /// The zone of the window that opens it.
    pub(crate) opened_in: &'a Zone,
    /// The zone of the window that closes it.
    pub(crate) closed_in: &'a Zone,
}

/// Where a day stands in the week, from Monday.
fn place(day: Weekday) -> usize {
    day.to_monday_zero_offset().unsigned_abs().into()
}

/// What clocks show so many minutes after the beginning of a day, if none of them is skipped.
fn civil(day: Date, minutes: u16) -> Option<DateTime> {
    let minute = i8::try_from(minutes % 60).ok()?;
    let hour = i8::try_from(minutes % DAY / 60).ok()?;
    let day = if minutes < DAY { day } else { day.tomorrow().ok()? };
    Some(day.at(hour, minute, 0, 0))
}

impl Window {
    /// The span of the window that begins on this day; `None` where none does, and where clocks
    /// jump over all of it.
    fn on(&self, day: Date) -> Option<Span<'_>> {
        let later = match &self.days {
            Days::On(days) => days[place(day.weekday())].then_some(usize::from(self.to <= self.from))?,
            Days::Across(first, last) => {
                let days = (last + 7 - first) % 7;
                let around = if days == 0 && self.to <= self.from { 7 } else { days };
                (place(day.weekday()) == *first).then_some(around)?
            }
        };
        let last = day.checked_add(i64::try_from(later).ok()?.days()).ok()?;
        let begin = self.zone.at(civil(day, self.from)?)?;
        let end = self.zone.at(civil(last, self.to)?)?;
        (begin < end).then_some(Span { begin, end, opened_in: &self.zone, closed_in: &self.zone })
    }

    /// The spans that begin within so many days before and after the day of `now` in the zone.
    pub(crate) fn spans(&self, now: Timestamp, before: i64, after: i64) -> impl Iterator<Item = Span<'_>> {
        let today = self.zone.civil(now).date();
        (-before..=after).filter_map(move |days| self.on(today.checked_add(days.days()).ok()?))
    }
}

/// Puts spans together that meet or overlap, in the order of time.
pub(crate) fn joined(mut spans: Vec<Span<'_>>) -> Vec<Span<'_>> {
    spans.sort_by_key(|span| (span.begin, span.end));
    let mut joined: Vec<Span<'_>> = Vec::new();
    for span in spans {
        match joined.last_mut() {
            Some(last) if span.begin <= last.end => {
                if span.end > last.end {
                    (last.end, last.closed_in) = (span.end, span.closed_in);
                }
            }
            _ => joined.push(span),
        }
    }
    joined
}

/// The short name of a day, by its place in the week.
pub(crate) fn short(place: usize) -> &'static str {
    ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"][place]
}

struct Clock(u16);

impl fmt::Display for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}", self.0 / 60, self.0 % 60)
    }
}

/// Days in words: `daily`, `Mon-Fri`, `Mon,Wed`.
fn words(days: &[bool; 7]) -> String {
    if days.iter().all(|on| *on) {
        return "daily".to_owned();
    }
    let mut words: Vec<String> = Vec::new();
    let mut place = 0;
    while place < 7 {
        let run = days[place..].iter().take_while(|on| **on).count();
        match run {
            0 => {}
            1 | 2 => words.extend((place..place + run).map(|place| short(place).to_owned())),
            _ => words.push(format!("{}-{}", short(place), short(place + run - 1))),
        }
        place += run.max(1);
    }
    words.join(",")
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (from, to, zone) = (Clock(self.from), Clock(self.to), &self.zone);
        match &self.days {
            Days::On(days) => write!(f, "{} {from}-{to} {zone}", words(days)),
            Days::Across(first, last) => write!(f, "{} {from}-{} {to} {zone}", short(*first), short(*last)),
        }
    }
}
