//! What is sent: notifications by cause, bounded, and in the form of a chat.

use jiff::SignedDuration;
use pmp_protocol::testing::{experience, management, now, organization, version};
use pmp_protocol::{Digest, ExperienceId};
use serde_json::Value;

use crate::notify::chatbot::custom_notification;
use crate::notify::notification::{Notification, notifications};
use crate::notify::state::{State, Subject};
use crate::notify::transition::Transition;

fn transition(organization_id: &str, member: Option<&str>, to: State, cause: &str) -> Transition {
    let member_experience: Option<ExperienceId> = member.map(experience);
    Transition {
        id: Digest::of(format!("{organization_id} {member:?} {}", to.as_str()).as_bytes()),
        subject: Subject { organization: Some(organization(organization_id)), member_experience },
        from: if to == State::Well { State::Failed } else { State::Well },
        to,
        version: Some(version(42)),
        since: Some(now() - SignedDuration::from_hours(1)),
        cause: cause.to_owned(),
    }
}

fn told(transitions: &[Transition]) -> Vec<Notification> {
    notifications(&management(), transitions, now())
}

#[test]
fn one_change_is_one_sentence_with_the_command_that_shows_more() {
    for (to, member, sentence, next) in [
        (
            State::Failed,
            Some("exp-a"),
            "Member experience exp-a of o-alpha00000 failed: the filter trapped.",
            "pmp-hub status --org o-alpha00000",
        ),
        (
            State::Well,
            Some("exp-a"),
            "Member experience exp-a of o-alpha00000 recovered (told as failed before): the filter trapped.",
            "pmp-hub status --org o-alpha00000",
        ),
        (
            State::Held,
            Some("exp-a"),
            "Member experience exp-a of o-alpha00000 is held by a guard rail: the filter trapped.",
            "pmp-hub exceptions --org o-alpha00000",
        ),
        (
            State::Silent,
            None,
            "Organization o-alpha00000 is silent: the filter trapped.",
            "pmp-hub status --org o-alpha00000",
        ),
    ] {
        let told = told(&[transition("o-alpha00000", member, to, "the filter trapped")]);
        assert_eq!((told[0].summary.as_str(), told[0].next.as_str()), (sentence, next));
        assert_eq!((told.len(), told[0].kind), (1, to.kind()));
    }
}

#[test]
fn that_an_edit_is_left_is_told_once() {
    let cause = "left as somebody else set them: 1 product, by account 222222222222 in change set cs-1";
    let one = told(&[transition("o-alpha00000", Some("exp-a"), State::Drifted, cause)]);
    let rest = "changed by others, and is left so: 1 product, by account 222222222222 in change set cs-1.";
    assert_eq!(one[0].summary, format!("Member experience exp-a of o-alpha00000 was {rest}"));
    let two = ["exp-a", "exp-b"].map(|id| transition("o-alpha00000", Some(id), State::Drifted, cause));
    assert_eq!(two.len(), 2);
    let summary = &told(&two)[0].summary;
    assert!(summary.contains("were changed by others, and are left so: 1 product, by"), "{summary}");
}

#[test]
fn a_version_that_was_stopped_is_told_with_its_number_and_of_no_organization() {
    let of_waves = |to, cause: &str| Transition {
        subject: Subject::WAVES,
        from: if to == State::Well { State::WaveHalted } else { State::Well },
        ..transition("o-alpha00000", None, to, cause)
    };
    let halted = told(&[
        of_waves(State::WaveHalted, "snapshot 42 is halted in wave `canary` (1 of 3): a vendor called"),
        transition("o-alpha00000", Some("exp-a"), State::Failed, "no"),
    ]);
    assert_eq!((halted.len(), halted[0].kind, halted[0].version), (2, "wave-halted", Some(version(42))));
    assert_eq!((halted[0].organizations, halted[0].transitions.len(), halted[0].left_out), (0, 0, 0));
    let sentence = "The waves are stopped: snapshot 42 is halted in wave `canary` (1 of 3): a vendor called.";
    assert_eq!((halted[0].summary.as_str(), halted[0].next.as_str()), (sentence, "pmp-hub status"));
    assert_eq!(halted[1].version, None);
    let chat = custom_notification(&serde_json::to_string(&halted[0]).unwrap()).unwrap();
    assert!(chat.contains("pmp-sync: wave-halted") && chat.contains("The waves are stopped"), "{chat}");
    let over = told(&[of_waves(State::Well, "snapshot 43 is in wave `canary` (1 of 3)")]);
    let sentence = "The waves recovered (told as wave-halted before): snapshot 43 is in wave `canary` (1 of 3).";
    assert_eq!(over[0].summary, sentence);
}

#[test]
fn a_bad_day_is_told_by_its_causes() {
    let ids: Vec<String> = (0..1_000).map(|n| format!("o-member{n:06}")).collect();
    let members = ["exp-a", "exp-b", "exp-c", "exp-d", "exp-e"];
    let all = |to, cause: &dyn Fn(usize) -> String| -> Vec<Transition> {
        let of = |(n, id): (usize, &String)| {
            members.iter().map(|member| transition(id, Some(member), to, &cause(n))).collect::<Vec<_>>()
        };
        ids.iter().enumerate().flat_map(of).collect()
    };
    let silent = told(&all(State::Silent, &|n| format!("silent for {}h", n % 7 + 3)));
    let [silent] = silent.as_slice() else { panic!("{} notifications for one cause", silent.len()) };
    let sentence = "5000 member experiences of 1000 organizations are silent: silent for 3h–9h.";
    assert_eq!(silent.summary, sentence);
    assert_eq!((silent.organizations, silent.experiences), (1_000, 5_000));
    assert_eq!((silent.transitions.len(), silent.left_out), (50, 4_950));
    assert_eq!(silent.next, "pmp-hub status --state stale,never");

    // Each has words of its own, as long as they may be, in characters that JSON makes longer.
    let word = |n: usize| {
        let letters: String = n.to_string().chars().map(|digit| (b'a' + digit as u8 - b'0') as char).collect();
        format!("{letters} {}", "\"".repeat(290))
    };
    let mut bad = all(State::Failed, &word);
    bad.extend(all(State::Well, &|_| String::new()));
    bad.extend(all(State::Held, &word));
    let told = told(&bad);
    assert!(told.len() <= 13, "{} notifications", told.len());
    assert_eq!(told.iter().map(|it| it.experiences).sum::<usize>(), 15_000, "each in one of them");
    assert_eq!(told[0].kind, "held", "the most urgent first");
    let others: Vec<_> = told.iter().filter(|it| it.kind == "failed").map(|it| it.other_causes).collect();
    assert_eq!(others, [0, 0, 0, 0, 0, 994]);
    let largest = told.iter().map(|it| serde_json::to_string(it).unwrap().len()).max().unwrap();
    assert!(largest < 100_000, "{largest} bytes, and SNS takes 262,144");
}

#[test]
fn the_id_is_of_what_changed_and_not_of_who_noticed_it() {
    let pair = [
        transition("o-alpha00000", Some("exp-a"), State::Failed, "no"),
        transition("o-beta000000", Some("exp-a"), State::Failed, "no"),
    ];
    let turned = [pair[1].clone(), pair[0].clone()];
    let later = notifications(&management(), &turned, now() + SignedDuration::from_secs(3));
    assert_eq!(told(&pair)[0].id, later[0].id);
    assert_ne!(told(&pair[..1])[0].id, told(&pair)[0].id);
}

#[test]
fn a_chat_gets_its_own_form_and_nothing_in_it_acts() {
    let hostile = "<!channel> *see* [this](https://example.com) @here `rm`";
    let told = told(&[
        transition("o-alpha00000", Some("exp-a"), State::Failed, hostile),
        transition("o-alpha00000", None, State::Failed, hostile),
    ]);
    let body = serde_json::to_string(&told[0]).unwrap();
    let message: Value = serde_json::from_str(&custom_notification(&body).unwrap()).unwrap();
    assert_eq!((&message["version"], &message["source"]), (&"1.0".into(), &"custom".into()));
    assert_eq!(message["id"], told[0].id.to_string());
    assert_eq!(message["content"]["textType"], "client-markdown");
    assert_eq!(message["content"]["title"], "pmp-sync: failed");
    assert_eq!(message["content"]["nextSteps"][0], "Run `pmp-hub status --org o-alpha00000`");
    assert_eq!(message["metadata"]["threadId"], "pmp-sync exp-management failed");
    let description = message["content"]["description"].as_str().unwrap();
    assert!(description.contains("\n• o-alpha00000 exp-a\n• o-alpha00000 as a whole"), "{description}");
    for acting in ["<!channel>", "@here", "](", "*see*"] {
        assert!(!description.contains(acting), "{acting} in {description}");
    }
    // A kind of a newer release, with fields that this one does not know.
    let newer =
        r#"{"schema_version":1,"id":"i","experience":"exp-1","kind":"on-fire","summary":"S.","next":"n","wave":2}"#;
    assert!(custom_notification(newer).unwrap().contains("pmp-sync: on-fire"));
    assert!(custom_notification("{}").is_err());
}
