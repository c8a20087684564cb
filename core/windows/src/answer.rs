//! Whether windows are open at a moment, and until when.

use jiff::{SignedDuration, Timestamp};
use pmp_protocol::Moment;

use crate::Windows;
use crate::span::{Span, joined};

/// How many days are looked back and ahead. A window lasts a week at the most, and opens each week;
/// where clocks jump over it, in the week after that.
const DAYS: i64 = 17;
/// What is open for longer than this is told to be open, without an end.
const LONG: SignedDuration = SignedDuration::from_hours(14 * 24);
/// How far ahead windows are looked for that are open together. Zones with different rules may
/// agree in one season alone, so it is more than a year.
const TOGETHER: i64 = 400;

/// What windows say at a moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// Changes may be made.
    Open {
        /// Then the windows close. `None` where that is more than two weeks away, or never.
        until: Option<Moment>,
    },
    /// No change may be started.
    Closed {
        /// Since when they are closed.
        since: Timestamp,
        /// Then they open. `None` where they never do.
        until: Option<Moment>,
    },
}

impl Answer {
    /// Whether changes may be made.
    #[must_use]
    pub fn is_open(&self) -> bool {
        matches!(self, Self::Open { .. })
    }
}

impl Windows {
    /// When these windows are open, from some days before `now` to so many days after it. Those
    /// that meet are one.
    fn open(&self, now: Timestamp, days: i64) -> Vec<Span<'_>> {
        joined(self.windows.iter().flat_map(|window| window.spans(now, DAYS, days)).collect())
    }

    /// What these windows say at `now`.
    #[must_use]
    pub fn answer(&self, now: Timestamp) -> Answer {
        if self.is_always() {
            return Answer::Open { until: None };
        }
        let spans = self.open(now, DAYS);
        let ended = |span: &&Span<'_>| span.end <= now;
        if let Some(open) = spans.iter().find(|span| span.begin <= now && now < span.end) {
            let soon = open.end.duration_since(now) <= LONG;
            return Answer::Open { until: soon.then(|| open.closed_in.moment(open.end)) };
        }
        let opens = spans.iter().find(|span| now < span.begin);
        let since = spans.iter().rev().find(ended).map_or(now, |span| span.end);
        Answer::Closed { since, until: opens.map(|span| span.opened_in.moment(span.begin)) }
    }
}

/// What several windows say together at `now`: changes may be made where all of them are open. With
/// the answer comes the place in `all` of the windows that open or close then; of an answer without
/// a time, the first that says so.
///
/// An example: `daily 22:00-04:00` and `daily 00:00-06:00` are open together from 00:00 to 04:00.
/// At 23:00 they are closed until 00:00, and it is the second that opens then.
#[must_use]
pub fn together(all: &[&Windows], now: Timestamp) -> (Answer, usize) {
    let answers: Vec<_> = all.iter().map(|windows| windows.answer(now)).collect();
    let closed = answers.iter().enumerate().find_map(|(place, answer)| match answer {
        Answer::Closed { since, .. } => Some((place, *since)),
        Answer::Open { .. } => None,
    });
    let Some((first, since)) = closed else { return closing_first(answers) };
    let spans: Vec<Vec<Span<'_>>> = all.iter().map(|windows| windows.open(now, TOGETHER)).collect();
    // Which span of each windows was looked at last: time goes on, and never back.
    let mut looked = vec![0; spans.len()];
    let (mut opens, mut at): (Option<(&Span<'_>, usize)>, _) = (None, now);
    loop {
        let waits = all.iter().enumerate().filter(|(_, windows)| !windows.is_always()).find_map(|(place, _)| {
            let ended = spans[place][looked[place]..].iter().take_while(|span| span.end <= at).count();
            looked[place] += ended;
            match spans[place].get(looked[place]) {
                Some(span) if span.begin <= at => None,
                next => Some((place, next)),
            }
        });
        match waits {
            // All are open: the windows that were waited for last open then.
            None => {
                let until = opens.map(|(span, place)| (span.opened_in.moment(span.begin), place));
                let (until, place) = until.map_or((None, first), |(until, place)| (Some(until), place));
                return (Answer::Closed { since, until }, place);
            }
            Some((place, Some(next))) => (at, opens) = (next.begin, Some((next, place))),
            Some((_, None)) => return (Answer::Closed { since, until: None }, first),
        }
    }
}

/// Of answers that are all open, the one that ends first.
fn closing_first(answers: Vec<Answer>) -> (Answer, usize) {
    let ends = answers.into_iter().enumerate().filter_map(|(place, answer)| match answer {
        Answer::Open { until } => Some((until?, place)),
        Answer::Closed { .. } => None,
    });
    let first = ends.min_by_key(|(until, _)| until.at);
    first.map_or((Answer::Open { until: None }, 0), |(until, place)| (Answer::Open { until: Some(until) }, place))
}
