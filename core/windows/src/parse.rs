//! Reads windows in words, and says what is wrong with words that are none.

use std::str::FromStr;

use crate::span::{DAY, Days, WEEK, Window, short};
use crate::zone::{Zone, meant};
use crate::{MAX_TEXT, MAX_WINDOWS, Windows};

/// Why words are no change windows.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WindowsError {
    /// There is no window at all.
    #[error("it is empty; `always` stands for no windows")]
    Empty,
    /// There is more than anybody writes by hand.
    #[error("it has more than {MAX_TEXT} bytes, or more than {MAX_WINDOWS} windows")]
    TooLong,
    /// `always` stands beside windows.
    #[error("`always` stands alone: no window can be beside it")]
    AlwaysAndMore,
    /// One window has not the form of one.
    #[error("`{0}` is no window; one is days, times and a time zone, such as `Mon-Fri 22:00-04:00 Europe/Berlin`")]
    Form(String),
    /// The window names no time zone.
    #[error("`{0}` names no time zone; end it with one, such as `Europe/Berlin` or `UTC`")]
    NoZone(String),
    /// The database has no time zone of this name.
    #[error("`{window}`: there is no time zone `{zone}`{}", did_you_mean(.meant))]
    Zone {
        /// The window in which it stands.
        window: String,
        /// The name that was given.
        zone: String,
        /// The zone that may be meant.
        meant: Option<&'static str>,
    },
    /// This is no day of the week.
    #[error("`{window}`: `{day}` is no day; days are Mon, Tue, Wed, Thu, Fri, Sat, Sun and `daily`")]
    Day {
        /// The window in which it stands.
        window: String,
        /// The word that was given.
        day: String,
    },
    /// This is no time of the day.
    #[error("`{window}`: `{time}` is no time of the day; times are 00:00 to 23:59, and 24:00 as an end")]
    Time {
        /// The window in which it stands.
        window: String,
        /// The word that was given.
        time: String,
    },
    /// The window begins and ends at once.
    #[error("`{0}` ends when it begins; a whole day is 00:00-24:00")]
    NoLength(String),
}

fn did_you_mean(meant: &Option<&'static str>) -> String {
    match meant {
        Some(meant) => format!("; did you mean `{meant}`?"),
        None => "; names are those of the IANA database, such as `Europe/Berlin` or `UTC`".to_owned(),
    }
}

pmp_protocol::codes!(WindowsError {
    Empty => "E1501",
    TooLong => "E1502",
    AlwaysAndMore => "E1503",
    Form => "E1504",
    NoZone => "E1505",
    Zone => "E1506",
    Day => "E1507",
    Time => "E1508",
    NoLength => "E1509",
});

pmp_protocol::without_hint!(WindowsError);

impl FromStr for Windows {
    type Err = WindowsError;

    fn from_str(text: &str) -> Result<Self, WindowsError> {
        if text.len() > MAX_TEXT {
            return Err(WindowsError::TooLong);
        }
        let written: Vec<_> = text.split(';').map(str::trim).filter(|window| !window.is_empty()).collect();
        let is_always = |window: &&str| window.eq_ignore_ascii_case("always");
        match written.as_slice() {
            [] => return Err(WindowsError::Empty),
            [only] if is_always(only) => return Ok(Self::ALWAYS),
            many if many.iter().any(is_always) => return Err(WindowsError::AlwaysAndMore),
            many if many.len() > MAX_WINDOWS => return Err(WindowsError::TooLong),
            _ => {}
        }
        let windows = written.into_iter().map(window).collect::<Result<_, _>>()?;
        Ok(Self { windows })
    }
}

/// `Mon-Fri 22:00-04:00 Europe/Berlin`, or `Sat 00:00 - Mon 05:00 Europe/Berlin`.
fn window(text: &str) -> Result<Window, WindowsError> {
    let said = || text.to_owned();
    let (rest, zone) = text.rsplit_once(char::is_whitespace).ok_or_else(|| WindowsError::Form(said()))?;
    if zone.contains(':') && zone.starts_with(|sign: char| sign.is_ascii_digit()) {
        return Err(WindowsError::NoZone(said()));
    }
    let no_zone = || WindowsError::Zone { window: said(), zone: zone.to_owned(), meant: meant(zone) };
    let zone = Zone::named(zone).ok_or_else(no_zone)?;
    // Spaces around a hyphen or a comma say nothing.
    let tight = |text: &str, sign: &str| text.split(sign).map(str::trim).collect::<Vec<_>>().join(sign);
    let rest = tight(&tight(rest, "-"), ",");
    let words: Vec<_> = rest.split_whitespace().collect();
    let (days, from, to) = match words.as_slice() {
        [days, times] => {
            let (from, to) = times.split_once('-').ok_or_else(|| WindowsError::Form(said()))?;
            (on(days, text)?, from, to)
        }
        [first, middle, to] => {
            let (from, last) = middle.split_once('-').ok_or_else(|| WindowsError::Form(said()))?;
            (Days::Across(day(first, text)?, day(last, text)?), from, *to)
        }
        _ => return Err(WindowsError::Form(said())),
    };
    let wrong = |time: &str| WindowsError::Time { window: said(), time: time.to_owned() };
    let from = minutes(from).filter(|from| *from < DAY).ok_or_else(|| wrong(from))?;
    let to = minutes(to).ok_or_else(|| wrong(to))?;
    let one_day = match days {
        Days::On(_) => true,
        Days::Across(first, last) => first == last,
    };
    if from == to && one_day {
        return Err(WindowsError::NoLength(said()));
    }
    Ok(Window { days, from, to, zone })
}

/// `daily`, or days and ranges of days with commas between them. A range may go over Sunday.
fn on(text: &str, window: &str) -> Result<Days, WindowsError> {
    if text.eq_ignore_ascii_case("daily") {
        return Ok(Days::On([true; 7]));
    }
    let mut days = [false; 7];
    for part in text.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last) = (day(first, window)?, day(last, window)?);
        let length = (last + 7 - first) % 7;
        (0..=length).for_each(|after| days[(first + after) % 7] = true);
    }
    Ok(Days::On(days))
}

/// The place of a day in the week: `Mon`, or `Monday`.
fn day(text: &str, window: &str) -> Result<usize, WindowsError> {
    let is_it = |place: &usize| {
        let long = format!("{:?}", WEEK[*place]);
        text.eq_ignore_ascii_case(short(*place)) || text.eq_ignore_ascii_case(&long)
    };
    let found = (0..7).find(is_it);
    found.ok_or_else(|| WindowsError::Day { window: window.to_owned(), day: text.to_owned() })
}

/// The minutes of a time of the day: two digits, a colon, two digits.
fn minutes(text: &str) -> Option<u16> {
    let (hours, minutes) = text.split_once(':')?;
    let number = |digits: &str| {
        let plain = digits.len() == 2 && digits.bytes().all(|sign| sign.is_ascii_digit());
        plain.then(|| digits.parse::<u16>().ok()).flatten()
    };
    let (hours, minutes) = (number(hours)?, number(minutes)?);
    let all = hours * 60 + minutes;
    (minutes < 60 && all <= DAY).then_some(all)
}
