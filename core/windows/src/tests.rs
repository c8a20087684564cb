//! What windows say, by examples and for any words.

use jiff::{SignedDuration, Timestamp};
use pmp_protocol::Coded as _;
use proptest::prelude::*;

use super::*;

fn windows(text: &str) -> Windows {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// `open until …` or `closed until …`, in UTC and as clocks show it.
fn told(text: &str, now: &str) -> String {
    let (open, until) = match windows(text).answer(at(now)) {
        Answer::Open { until } => ("open", until),
        Answer::Closed { until, .. } => ("closed", until),
    };
    until.map_or(open.to_owned(), |until| format!("{open} until {} = {}", until.at, until))
}

#[test]
fn a_window_over_midnight_belongs_to_the_day_on_which_it_begins() {
    let nights = "Mon-Fri 22:00-04:00 Europe/Berlin";
    let monday = "Mon 2026-11-30 22:00 Europe/Berlin";
    // 2026-11-30 is a Monday. Clocks in Berlin are an hour ahead of UTC then.
    assert_eq!(told(nights, "2026-11-30T18:00:00Z"), format!("closed until 2026-11-30T21:00:00Z = {monday}"));
    assert_eq!(told(nights, "2026-11-30T02:00:00Z"), format!("closed until 2026-11-30T21:00:00Z = {monday}"));
    let tuesday = "Tue 2026-12-01 04:00 Europe/Berlin";
    assert_eq!(told(nights, "2026-11-30T21:00:00Z"), format!("open until 2026-12-01T03:00:00Z = {tuesday}"));
    // Friday's ends on Saturday, and there is none on Saturday evening.
    assert!(told(nights, "2026-12-05T02:59:59Z").starts_with("open until 2026-12-05T03:00:00Z"));
    assert!(told(nights, "2026-12-05T03:00:00Z").starts_with("closed until 2026-12-07T21:00:00Z"));
}

#[test]
fn a_window_may_go_from_one_day_to_another() {
    let weekend = "Sat 00:00 - Mon 05:00 Europe/Berlin";
    assert_eq!(windows(weekend).to_string(), "Sat 00:00-Mon 05:00 Europe/Berlin");
    assert!(told(weekend, "2026-12-05T12:00:00Z").starts_with("open until 2026-12-07T04:00:00Z"));
    assert!(told(weekend, "2026-12-04T22:59:59Z").starts_with("closed until 2026-12-04T23:00:00Z"));
    // All week but for an hour.
    let nearly = "Mon 05:00-Mon 04:00 UTC";
    assert!(told(nearly, "2026-12-02T00:00:00Z").starts_with("open until 2026-12-07T04:00:00Z"));
    assert!(told(nearly, "2026-12-07T04:30:00Z").starts_with("closed until 2026-12-07T05:00:00Z"));
}

#[test]
fn windows_that_meet_are_one_and_what_never_closes_has_no_end() {
    let both = "Mon-Fri 22:00-04:00 UTC; Tue-Sat 04:00-05:00 UTC";
    assert!(told(both, "2026-11-30T23:00:00Z").starts_with("open until 2026-12-01T05:00:00Z"));
    assert_eq!(told("daily 00:00-24:00 UTC", "2026-11-30T23:00:00Z"), "open");
    assert_eq!(told("always", "2026-11-30T23:00:00Z"), "open");
    // Across zones, the one that closes last is told.
    let zones = "Mon 08:00-12:00 America/New_York; Mon 08:00-16:00 Europe/Berlin";
    assert_eq!(
        told(zones, "2026-11-30T14:00:00Z"),
        "open until 2026-11-30T17:00:00Z = Mon 2026-11-30 12:00 America/New_York"
    );
}

#[test]
fn a_time_that_clocks_skip_is_as_long_after_the_jump() {
    // On 2026-03-29 clocks in Berlin jump from 02:00 to 03:00, which is 01:00 in UTC.
    let begins = "Sun 02:30-04:00 Europe/Berlin";
    assert_eq!(
        told(begins, "2026-03-29T00:00:00Z"),
        "closed until 2026-03-29T01:30:00Z = Sun 2026-03-29 03:30 Europe/Berlin"
    );
    assert!(
        told("Sun 01:30-02:30 Europe/Berlin", "2026-03-29T01:29:59Z").starts_with("open until 2026-03-29T01:30:00Z")
    );
    // It would end at 03:15, before it begins at 03:30: not on that day, but a week later.
    assert!(told("Sun 02:30-03:15 Europe/Berlin", "2026-03-29T00:00:00Z").contains("2026-04-05T00:30:00Z"));
}

#[test]
fn a_time_that_clocks_show_twice_is_the_first() {
    // On 2026-10-25 clocks in Berlin go back from 03:00 to 02:00, which is 01:00 in UTC.
    assert!(told("Sun 02:30-04:00 Europe/Berlin", "2026-10-25T00:00:00Z").contains("2026-10-25T00:30:00Z"));
    assert!(told("Sun 00:00-02:30 Europe/Berlin", "2026-10-25T00:29:59Z").contains("2026-10-25T00:30:00Z"));
    assert!(told("Sun 00:00-02:30 Europe/Berlin", "2026-10-25T00:30:00Z").starts_with("closed"));
}

#[test]
fn words_that_are_no_windows_say_what_is_wrong() {
    let wrong = |text: &str| text.parse::<Windows>().unwrap_err().to_string();
    assert_eq!(
        wrong("Mon-Fri 22:00-04:00 Europe/Berln"),
        "`Mon-Fri 22:00-04:00 Europe/Berln`: there is no time zone `Europe/Berln`; did you mean `Europe/Berlin`?"
    );
    assert!(wrong("Mon 22:00-04:00 Berlin").ends_with("did you mean `Europe/Berlin`?"));
    assert!(wrong("Mon 22:00-04:00 Factory").contains("there is no time zone `Factory`"));
    assert!(wrong("Mon 22:00-04:00 +01:00").contains("there is no time zone `+01:00`"));
    assert_eq!(
        wrong("Mon-Fri 22:00-04:00"),
        "`Mon-Fri 22:00-04:00` names no time zone; end it with one, such as `Europe/Berlin` or `UTC`"
    );
    assert!(wrong("Mon-Fry 22:00-04:00 UTC").contains("`Fry` is no day; days are Mon"));
    assert!(wrong("Mon 24:00-25:00 UTC").contains("`24:00` is no time of the day"));
    assert!(wrong("Mon 22:00-25:00 UTC").contains("`25:00` is no time of the day"));
    assert!(wrong("Mon 9:00-17:00 UTC").contains("`9:00` is no time of the day"));
    assert!(wrong("Mon 22:00-22:00 UTC").ends_with("ends when it begins; a whole day is 00:00-24:00"));
    assert_eq!(
        wrong("0 22 * * 1 UTC"),
        "`0 22 * * 1 UTC` is no window; one is days, times and a time zone, such as `Mon-Fri 22:00-04:00 Europe/Berlin`"
    );
    assert!(wrong("always; Mon 22:00-23:00 UTC").contains("`always` stands alone"));
    assert_eq!(wrong(" ; "), "it is empty; `always` stands for no windows");
    assert!(wrong(&"Mon 22:00-23:00 UTC;".repeat(21)).contains("more than 20 windows"));
    assert!(wrong(&"x".repeat(1_001)).contains("more than 1000 bytes"));
}

#[test]
fn each_mistake_in_words_has_its_code() {
    let many = "Mon 22:00-23:00 UTC;".repeat(21);
    for (words, code) in [
        (" ; ", "E1501"),
        (&many, "E1502"),
        ("always; Mon 22:00-23:00 UTC", "E1503"),
        ("0 22 * * 1 UTC", "E1504"),
        ("Mon-Fri 22:00-04:00", "E1505"),
        ("Mon 22:00-04:00 Berlin", "E1506"),
        ("Mon-Fry 22:00-04:00 UTC", "E1507"),
        ("Mon 9:00-17:00 UTC", "E1508"),
        ("Mon 22:00-22:00 UTC", "E1509"),
    ] {
        assert_eq!(words.parse::<Windows>().unwrap_err().code().to_string(), code, "{words}");
    }
}

#[test]
fn words_are_taken_as_people_write_them() {
    for (written, read) in [
        ("always", "always"),
        ("monday - friday 22:00 - 04:00 europe/berlin", "Mon-Fri 22:00-04:00 Europe/Berlin"),
        ("Mon, Wed,Thu 01:00-02:00 utc;", "Mon,Wed,Thu 01:00-02:00 UTC"),
        ("Fri-Mon 00:00-24:00 Etc/GMT-14", "Mon,Fri-Sun 00:00-24:00 Etc/GMT-14"),
        ("daily 00:00-06:00 America/Port-au-Prince", "daily 00:00-06:00 America/Port-au-Prince"),
    ] {
        assert_eq!(windows(written).to_string(), read);
    }
}

#[test]
fn together_they_are_open_where_all_of_them_are() {
    let (one, other) = (windows("daily 22:00-04:00 UTC"), windows("daily 00:00-06:00 UTC"));
    let said = |now: &str| together(&[&one, &other], at(now));
    let until = |answer: Answer| match answer {
        Answer::Open { until } | Answer::Closed { until, .. } => until.map(|until| until.at.to_string()),
    };
    let (answer, place) = said("2026-11-30T23:00:00Z");
    assert_eq!((answer.is_open(), place), (false, 1));
    assert_eq!(until(answer).unwrap(), "2026-12-01T00:00:00Z");
    let (answer, place) = said("2026-12-01T01:00:00Z");
    assert_eq!((answer.is_open(), place), (true, 0));
    assert_eq!(until(answer).unwrap(), "2026-12-01T04:00:00Z");
    // Windows that never meet never open.
    let day = windows("daily 08:00-16:00 UTC");
    let (answer, _) = together(&[&one, &day], at("2026-12-01T05:00:00Z"));
    assert_eq!(answer, Answer::Closed { since: at("2026-12-01T04:00:00Z"), until: None });
    assert_eq!(together(&[], at("2026-12-01T05:00:00Z")).0, Answer::Open { until: None });
}

#[test]
fn windows_that_meet_in_one_season_alone_are_found() {
    // Berlin's 03:00 is 02:00 in UTC in winter, and 01:00 in summer.
    let (berlin, utc) = (windows("daily 03:00-03:30 Europe/Berlin"), windows("daily 02:00-02:30 UTC"));
    let (answer, _) = together(&[&berlin, &utc], at("2026-06-01T00:00:00Z"));
    let Answer::Closed { until: Some(until), .. } = answer else { panic!("{answer:?}") };
    // On that day clocks in Berlin go back, an hour before.
    assert_eq!(until.at, at("2026-10-25T02:00:00Z"));
}

fn any_day() -> impl Strategy<Value = String> {
    let day = || (0_usize..7).prop_map(|place| span::short(place).to_owned());
    let list = prop::collection::vec(day(), 1..4).prop_map(|days| days.join(","));
    prop_oneof![day(), list, (day(), day()).prop_map(|(a, b)| format!("{a}-{b}")), Just("daily".to_owned())]
}

fn any_window() -> impl Strategy<Value = String> {
    let zones: Vec<_> = zones().collect();
    let zone = prop::sample::select(zones);
    let time = || (0_u16..24, 0_u16..60).prop_map(|(hour, minute)| format!("{hour:02}:{minute:02}"));
    let day = || (0_usize..7).prop_map(span::short);
    let simple = (any_day(), time(), time(), zone.clone())
        .prop_map(|(days, from, to, zone)| format!("{days} {from}-{to} {zone}"));
    let across = (day(), time(), day(), time(), zone)
        .prop_map(|(first, from, last, to, zone)| format!("{first} {from}-{last} {to} {zone}"));
    prop_oneof![simple, across]
}

fn any_windows() -> impl Strategy<Value = Windows> {
    let many = prop::collection::vec(any_window(), 1..4).prop_map(|windows| windows.join(";"));
    many.prop_filter_map("ends when it begins", |text| text.parse().ok())
}

fn any_moment() -> impl Strategy<Value = Timestamp> {
    // From 2026 to the end of 2036.
    (1_767_225_600_i64..2_114_380_800).prop_map(|second| Timestamp::from_second(second).unwrap())
}

/// The next moment of an answer; `None` where it has none.
fn until(answer: &Answer) -> Option<Timestamp> {
    match answer {
        Answer::Open { until } | Answer::Closed { until, .. } => until.as_ref().map(|until| until.at),
    }
}

proptest! {
    #[test]
    fn what_is_printed_is_read_as_the_same(windows in any_windows()) {
        prop_assert_eq!(windows.to_string().parse::<Windows>().unwrap(), windows);
    }

    #[test]
    fn no_words_make_it_panic(text in "[ -~]{0,40}") {
        let _ = text.parse::<Windows>();
    }

    #[test]
    fn an_answer_holds_until_its_end_and_not_longer(windows in any_windows(), now in any_moment(), part in 0.0..1.0_f64) {
        let answer = windows.answer(now);
        if let Some(end) = until(&answer) {
            prop_assert!(end > now);
            let seconds = end.duration_since(now).as_secs_f64() * part;
            let between = now + SignedDuration::from_secs_f64(seconds);
            prop_assert_eq!(windows.answer(between).is_open(), answer.is_open());
            prop_assert_eq!(until(&windows.answer(between)), Some(end));
            prop_assert_eq!(windows.answer(end).is_open(), !answer.is_open());
        }
        if let Answer::Closed { since, .. } = answer {
            let before = since - SignedDuration::from_nanos(1);
            prop_assert!(since <= now && windows.answer(before).is_open(), "{since} {now}");
        }
    }

    #[test]
    fn together_is_the_same_as_each_by_itself(one in any_windows(), other in any_windows(), now in any_moment()) {
        let both = one.answer(now).is_open() && other.answer(now).is_open();
        let (answer, _) = together(&[&one, &other], now);
        prop_assert_eq!(answer.is_open(), both);
        if let Some(end) = until(&answer) {
            let at_end = one.answer(end).is_open() && other.answer(end).is_open();
            prop_assert_eq!(at_end, !both);
            let just_before = end - SignedDuration::from_nanos(1);
            prop_assert_eq!(one.answer(just_before).is_open() && other.answer(just_before).is_open(), both);
        }
    }
}
