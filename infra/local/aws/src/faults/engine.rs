//! The decision: from the rules, a call or a message, the time and the dice to what happens.
//!
//! Each rule has its own dice, and draws the same number of values for every call or message that
//! it could apply to. So a rule depends neither on other rules nor on how long calls take, and the
//! same seed gives the same sequence again.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::call::CallFacts;
use super::refusal::{Refusal, refusal};
use crate::world::{Dice, Fault, FaultRule, STALE_READS};

/// What the rules do to a call.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct CallEffect {
    /// How long the call waits before anything else happens.
    pub(crate) latency: Duration,
    /// How far the clock jumps.
    pub(crate) jump: SignedDuration,
    pub(crate) outcome: FaultEffect,
    /// How old the described state is.
    pub(crate) stale: Duration,
    /// Whether the change set that the call starts ends with `SERVER_FAULT`.
    pub(crate) server_fault: bool,
    /// The numbers of the rules that fired.
    pub(crate) fired: Vec<u64>,
}

/// Whether a call is handled, and whether it is answered.
#[derive(Debug, Default, PartialEq)]
pub(crate) enum FaultEffect {
    /// The call is handled and answered.
    #[default]
    Answer,
    /// The call is not handled, and gets this error.
    Refuse(Refusal),
    /// The call is not handled, and its connection is dropped.
    LoseRequest,
    /// The call is handled, and its connection is dropped before the answer.
    LoseAnswer,
}

/// What the rules do to a message on its way into a queue.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct MessageEffect {
    pub(crate) lost: bool,
    /// How many copies of the message are added.
    pub(crate) copies: u32,
    pub(crate) delay: Duration,
    pub(crate) overtakes: bool,
    /// The numbers of the rules that fired.
    pub(crate) fired: Vec<u64>,
}

/// A rule in force.
#[derive(Serialize)]
pub(crate) struct Armed {
    /// The rule's number: 1, 2, 3 … in the order in which rules were added.
    pub(crate) id: u64,
    pub(crate) rule: FaultRule,
    /// The seed of the rule's dice.
    pub(crate) seed: u64,
    /// When the rule was added, by the emulator's clock.
    pub(crate) added: Timestamp,
    /// How many calls or messages matched the rule within its time.
    pub(crate) seen: u64,
    /// How often the rule fired.
    pub(crate) fired: u64,
    #[serde(skip)]
    dice: Dice,
}

/// The rules in force.
pub(crate) struct Faults {
    seed: u64,
    added: u64,
    rules: Vec<Armed>,
}

impl Faults {
    /// The rules of a world, from `now` on.
    pub(crate) fn new(seed: u64, rules: &[FaultRule], now: Timestamp) -> Self {
        let mut faults = Self { seed, added: 0, rules: Vec::new() };
        for rule in rules {
            faults.add(rule.clone(), now);
        }
        faults
    }

    /// Puts a rule in force.
    pub(crate) fn add(&mut self, rule: FaultRule, now: Timestamp) -> &Armed {
        self.added += 1;
        let id = self.added;
        let seed = rule.seed.unwrap_or_else(|| self.seed.wrapping_add(id));
        self.rules.push(Armed { id, rule, seed, added: now, seen: 0, fired: 0, dice: Dice::new(seed) });
        &self.rules[self.rules.len() - 1]
    }

    /// The rules in force, oldest first.
    pub(crate) fn rules(&self) -> &[Armed] {
        &self.rules
    }

    /// Whether any rule makes reads stale. Then past states must be remembered.
    pub(crate) fn make_reads_stale(&self) -> bool {
        self.rules.iter().any(|armed| matches!(armed.rule.fault, Fault::StaleRead { .. }))
    }

    /// Removes a rule. Returns whether there was one with that number.
    pub(crate) fn remove(&mut self, id: u64) -> bool {
        let before = self.rules.len();
        self.rules.retain(|armed| armed.id != id);
        self.rules.len() < before
    }

    /// Removes all rules, and returns how many there were.
    pub(crate) fn clear(&mut self) -> usize {
        std::mem::take(&mut self.rules).len()
    }

    /// Decides on a call. The first rule that refuses or drops the call decides how; latency and
    /// jumps add up.
    pub(crate) fn on_call(&mut self, call: &CallFacts<'_>, now: Timestamp) -> CallEffect {
        let mut effect = CallEffect::default();
        for armed in self.rules.iter_mut().filter(|armed| armed.could_befall(call, now)) {
            // Rolled first: a rule draws for each call that it could apply to, even if an earlier
            // rule has already decided on the call.
            let rolled = armed.roll();
            let outcome = effect_of(&armed.rule.fault, call);
            let taken = outcome != FaultEffect::Answer && effect.outcome != FaultEffect::Answer;
            if !rolled.fires || taken {
                continue;
            }
            match &armed.rule.fault {
                Fault::Latency { .. } => effect.latency += rolled.duration,
                Fault::ClockJump { by } => effect.jump = effect.jump.saturating_add(*by),
                Fault::ServerFault {} => effect.server_fault = true,
                Fault::StaleRead { .. } => effect.stale = effect.stale.max(rolled.duration),
                _ => effect.outcome = outcome,
            }
            armed.fired += 1;
            effect.fired.push(armed.id);
            armed.log(call.service, call.operation, call.account);
        }
        effect
    }

    /// Decides on a message on its way into a queue of that account.
    pub(crate) fn on_message(&mut self, account: &str, queue: &str, now: Timestamp) -> MessageEffect {
        let mut effect = MessageEffect::default();
        for armed in self.rules.iter_mut().filter(|armed| armed.could_befall_message(account, queue, now)) {
            let rolled = armed.roll();
            if !rolled.fires {
                continue;
            }
            match &armed.rule.fault {
                Fault::MessageLost {} => effect.lost = true,
                Fault::MessageDuplicated { copies } => effect.copies += copies,
                Fault::MessageDelayed { .. } => effect.delay += rolled.duration,
                _ => effect.overtakes = true,
            }
            armed.fired += 1;
            effect.fired.push(armed.id);
            armed.log("sqs", queue, account);
        }
        effect
    }
}

struct Rolled {
    fires: bool,
    duration: Duration,
}

impl Armed {
    fn could_befall(&self, call: &CallFacts<'_>, now: Timestamp) -> bool {
        let rule = &self.rule;
        let named = |wanted: &Option<String>, is: &str| wanted.as_deref().is_none_or(|wanted| wanted == is);
        let applies = match rule.fault {
            Fault::Latency { .. } | Fault::ClockJump { .. } => true,
            Fault::ServerFault {} => call.service == "aws-marketplace" && call.operation == "StartChangeSet",
            Fault::StaleRead { .. } => call.service == "aws-marketplace" && STALE_READS.contains(&call.operation),
            // The fault does not apply to a service that has no such error.
            _ => effect_of(&rule.fault, call) != FaultEffect::Answer,
        };
        applies
            && !rule.fault.befalls_messages()
            && named(&rule.service, call.service)
            && named(&rule.operation, call.operation)
            && named(&rule.account, call.account)
            && self.is_open(now)
    }

    fn could_befall_message(&self, account: &str, queue: &str, now: Timestamp) -> bool {
        let rule = &self.rule;
        rule.fault.befalls_messages()
            && rule.account.as_deref().is_none_or(|wanted| wanted == account)
            && rule.queue.as_deref().is_none_or(|wanted| wanted == queue)
            && self.is_open(now)
    }

    /// Whether the rule's time has begun and is not over.
    fn is_open(&self, now: Timestamp) -> bool {
        let begins = self.added.checked_add(self.rule.after.unwrap_or_default()).unwrap_or(Timestamp::MAX);
        let ends = self.rule.lasting.and_then(|lasting| begins.checked_add(lasting).ok()).unwrap_or(Timestamp::MAX);
        // A rule without `after` is open at once, even if the clock was set back since it was
        // added.
        (self.rule.after.is_none() || begins <= now) && now < ends
    }

    fn roll(&mut self) -> Rolled {
        self.seen += 1;
        // Both values are drawn each time, needed or not, so that the sequence stays the same.
        let chance = self.dice.chance(self.rule.probability.unwrap_or(1.0));
        let duration = match self.rule.fault {
            Fault::Latency { min, max } | Fault::StaleRead { min, max } | Fault::MessageDelayed { min, max } => {
                self.dice.between(min, max.unwrap_or(min))
            }
            _ => self.dice.between(Duration::ZERO, Duration::ZERO),
        };
        let fires = chance
            && self.rule.next.is_none_or(|next| self.fired < next)
            && self.rule.every.is_none_or(|every| self.seen.is_multiple_of(every));
        Rolled { fires, duration }
    }

    fn log(&self, service: &str, operation: &str, account: &str) {
        let (rule, seed, seen, kind) = (self.id, self.seed, self.seen, self.rule.fault.kind());
        tracing::warn!(rule, seed, seen, kind, service, operation, account, "fault injected");
    }
}

/// The effect of a fault on a call.
fn effect_of(fault: &Fault, call: &CallFacts<'_>) -> FaultEffect {
    match fault {
        Fault::LostRequest {} => FaultEffect::LoseRequest,
        Fault::LostAnswer {} => FaultEffect::LoseAnswer,
        fault => refusal(fault, call).map_or(FaultEffect::Answer, FaultEffect::Refuse),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::UNIX_EPOCH;
    const START: CallFacts<'static> =
        CallFacts { service: "aws-marketplace", operation: "StartChangeSet", account: "222222222222", caller: "arn" };

    fn throttling() -> FaultRule {
        FaultRule::new(Fault::Throttling { message: None })
    }

    fn faults(rules: &[FaultRule]) -> Faults {
        Faults::new(7, rules, NOW)
    }

    /// Makes `count` calls: `x` for a refused one, `.` for another.
    fn refused(faults: &mut Faults, count: usize) -> String {
        (0..count)
            .map(|_| if matches!(faults.on_call(&START, NOW).outcome, FaultEffect::Refuse(_)) { 'x' } else { '.' })
            .collect()
    }

    #[test]
    fn rules_count_the_calls_that_they_match() {
        let rule = |next, every| FaultRule { next, every, ..throttling() };
        assert_eq!(refused(&mut faults(&[rule(None, None)]), 4), "xxxx");
        assert_eq!(refused(&mut faults(&[rule(Some(2), None)]), 4), "xx..");
        assert_eq!(refused(&mut faults(&[rule(None, Some(3))]), 7), "..x..x.");
        let other = FaultRule { operation: Some("ListEntities".into()), ..throttling() };
        let mut none = faults(&[other, FaultRule { account: Some("111111111111".into()), ..throttling() }]);
        assert_eq!(refused(&mut none, 3), "...");
        assert_eq!(none.rules()[0].seen, 0);
    }

    #[test]
    fn the_same_seed_decides_the_same_sequence_whatever_other_rules_there_are() {
        let likely = FaultRule { probability: Some(0.3), seed: Some(42), ..throttling() };
        let first = refused(&mut faults(std::slice::from_ref(&likely)), 200);
        let fired = first.matches('x').count();
        assert!((40..=80).contains(&fired), "{fired} of 200 at 0.3");
        let latency = FaultRule {
            probability: Some(0.5),
            ..FaultRule::new(Fault::Latency { min: Duration::ZERO, max: Some(Duration::from_secs(1)) })
        };
        assert_eq!(refused(&mut faults(&[latency, likely.clone()]), 200), first);
        assert_ne!(refused(&mut faults(&[FaultRule { seed: Some(43), ..likely.clone() }]), 200), first);
        let unseeded = FaultRule { seed: None, ..likely };
        assert_eq!(refused(&mut faults(std::slice::from_ref(&unseeded)), 200), refused(&mut faults(&[unseeded]), 200));
    }

    #[test]
    fn a_rule_acts_within_its_time() {
        let (after, lasting) = (Some(Duration::from_secs(10)), Some(Duration::from_secs(5)));
        let mut faults = faults(&[FaultRule { after, lasting, ..throttling() }]);
        let at = |second| Timestamp::from_second(second).unwrap();
        let mut fires = |second| faults.on_call(&START, at(second)).outcome != FaultEffect::Answer;
        assert_eq!([9, 10, 14, 15].map(&mut fires), [false, true, true, false]);
    }

    #[test]
    fn latency_adds_up_and_the_first_rule_that_ends_a_call_decides() {
        let second = Duration::from_secs(1);
        let latency = || FaultRule::new(Fault::Latency { min: second, max: None });
        let lost = FaultRule { next: Some(1), ..FaultRule::new(Fault::LostAnswer {}) };
        let mut faults = faults(&[latency(), throttling(), lost, latency()]);
        let effect = faults.on_call(&START, NOW);
        assert_eq!(effect.latency, second * 2);
        assert!(matches!(effect.outcome, FaultEffect::Refuse(_)));
        assert_eq!(effect.fired, [1, 2, 4]);
        assert!(faults.remove(2) && !faults.remove(2));
        assert_eq!(faults.on_call(&START, NOW).outcome, FaultEffect::LoseAnswer, "it was not used up");
    }

    #[test]
    fn reads_of_entities_are_stale_and_nothing_else_is() {
        let stale = |seconds| FaultRule::new(Fault::StaleRead { min: Duration::from_secs(seconds), max: None });
        let mut faults = faults(&[stale(2), stale(5)]);
        assert!(faults.make_reads_stale());
        let read = CallFacts { operation: "DescribeEntity", ..START };
        assert_eq!(faults.on_call(&read, NOW).stale, Duration::from_secs(5));
        assert_eq!(faults.on_call(&START, NOW), CallEffect::default());
    }

    #[test]
    fn messages_meet_the_faults_of_their_queue() {
        let of = |fault, queue: &str| FaultRule { queue: Some(queue.into()), ..FaultRule::new(fault) };
        let rules = [
            of(Fault::MessageDuplicated { copies: 2 }, "a"),
            of(Fault::MessageReordered {}, "a"),
            of(Fault::MessageLost {}, "b"),
        ];
        let mut faults = faults(&rules);
        let of_a = MessageEffect { copies: 2, overtakes: true, fired: vec![1, 2], ..MessageEffect::default() };
        assert_eq!(faults.on_message("111111111111", "a", NOW), of_a);
        assert!(faults.on_message("111111111111", "b", NOW).lost);
        assert_eq!(faults.on_message("111111111111", "c", NOW), MessageEffect::default());
        assert_eq!(faults.on_call(&START, NOW), CallEffect::default());
    }
}
