//! `hold` and `unhold`: the member's own "not now". Nothing is changed in this organization for a
//! while, within the bound that the hub sets.

use clap::Args;
use jiff::{SignedDuration, Timestamp};
use pmp_protocol::{ExperienceId, Hold, MAX_REASON, PlainText, longest_hold};
use pmp_terminal::{Exit, Failure, Output, Until, parse_reason, progress, to_the_second};
use serde_json::json;

use crate::commands::progress::LEDGER;
use crate::compose::{Purpose, sdk_and_spoke};
use crate::config::ConfigArgs;
use crate::error::SpokeError;
use crate::pass::Spoke;
use crate::pass::standing::Standing;
use crate::pass::steer::own_hold;

/// The most that is told of what was wrong with a hold, in bytes.
const MAX_TOLD: usize = 200;

#[derive(Debug, Args)]
pub(crate) struct HoldArgs {
    /// Until when: a time from now (2h, 3d) or a moment (2026-11-24T12:00:00Z). The hub bounds it
    #[arg(long, value_name = "TIME")]
    until: Until,
    /// Why, in a sentence: the hub's `status` and the receipts tell it
    #[arg(long, value_name = "TEXT", value_parser = reason)]
    reason: String,
}

#[derive(Debug, Args)]
pub(crate) struct UnholdArgs {
    /// Why it ends, in a sentence. It stands in the ledger where the reason of the hold stood
    #[arg(long, value_name = "TEXT", value_parser = reason)]
    reason: Option<String>,
}

fn reason(text: &str) -> Result<String, String> {
    parse_reason(text, MAX_REASON)
}

async fn spoke(config: &ConfigArgs, output: Output) -> Result<(Spoke, Standing), Failure> {
    let config = config.for_hold()?;
    let (_, spoke) = sdk_and_spoke(&config, "hold", Purpose::Look, Some(output)).await?;
    let standing = progress::waiting_for(output, LEDGER, spoke.standing_to_hold()).await?;
    Ok((spoke, standing))
}

/// The hold that is written: one that is renewed while it lasts keeps its beginning, so that the
/// hub's bound holds for all of it. Why that cannot be.
fn next(before: Option<&Hold>, wanted: Hold, bound: SignedDuration, now: Timestamp) -> Result<Hold, String> {
    if wanted.until <= now {
        return Err(format!("{} is over", wanted.until));
    }
    let begun = before.filter(|before| before.holds(bound, now) || before.is_cut(bound, now)).map(|before| before.at);
    let at = begun.unwrap_or(now);
    let most = at.checked_add(bound).unwrap_or(Timestamp::MAX);
    if wanted.until > most {
        let since = if begun.is_some() { format!(", since it began at {}", to_the_second(at)) } else { String::new() };
        return Err(format!("the hub lets a member hold for {}h at the most{since}", bound.as_hours()));
    }
    Ok(Hold { at, ..wanted })
}

pub(crate) async fn hold(config: &ConfigArgs, args: &HoldArgs, output: Output) -> Result<Exit, Failure> {
    let (spoke, Standing { steering, .. }) = spoke(config, output).await?;
    let now = spoke.clock.now();
    let bound = longest_hold(steering.fleet.as_ref());
    let wanted = Hold {
        experience: ExperienceId::clone(&spoke.management),
        until: to_the_second(args.until.at(now)),
        by: spoke.identity.caller.clone(),
        at: now,
        reason: args.reason.clone(),
        released_at: None,
    };
    let hold = next(steering.hold.as_ref(), wanted, bound, now).map_err(|problem| {
        let error = format!("`--until` is no end of a hold: {problem}");
        Failure::new("E5020", error).hint("hold for less, or ask the hub's operators: `pmp-hub pause`".to_owned())
    })?;
    let organization = &spoke.identity.organization;
    spoke.receipts.put_hold(organization, &hold).await.map_err(SpokeError::from)?;
    if output.is_table() {
        output.line(&format!("{organization} holds until {}.", hold.until))?;
    } else {
        output.document(&json!({"organization": organization, "hold": hold}))?;
    }
    progress::note("hint: a pass that is running goes on to its end; `pmp-spoke unhold` ends it before its time");
    Ok(Exit::Ok)
}

pub(crate) async fn unhold(config: &ConfigArgs, args: &UnholdArgs, output: Output) -> Result<Exit, Failure> {
    let (spoke, Standing { steering, before, .. }) = spoke(config, output).await?;
    let (organization, now) = (&spoke.identity.organization, spoke.clock.now());
    let bound = longest_hold(steering.fleet.as_ref());
    let held = steering.hold.filter(|hold| hold.holds(bound, now));
    // One that cannot be read stops every pass, whether or not it was to last until now.
    let unreadable = own_hold(&before, &spoke.management).err().map(|problem| Hold {
        experience: ExperienceId::clone(&spoke.management),
        until: now,
        by: spoke.identity.caller.clone(),
        at: now,
        reason: format!("in place of one of which was said: {}", PlainText::bounded(&problem.to_string(), MAX_TOLD)),
        released_at: Some(now),
    });
    let released = held.map(|hold| Hold { released_at: Some(now), ..hold }).or(unreadable);
    let because = |hold: Hold| match &args.reason {
        Some(reason) => Hold { reason: reason.clone(), ..hold },
        None => hold,
    };
    let released = released.map(because);
    if let Some(released) = &released {
        spoke.receipts.put_hold(organization, released).await.map_err(SpokeError::from)?;
    }
    if output.is_table() {
        let told = if released.is_some() {
            format!(
                "{organization} holds no longer. The next pass goes on: `pmp-spoke sync`, or the hub's next announcement."
            )
        } else {
            format!("{organization} does not hold.")
        };
        output.line(&told)?;
    } else {
        output.document(&json!({"organization": organization, "released": released}))?;
    }
    Ok(Exit::Ok)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn hold(until: i64, began: i64) -> Hold {
        Hold {
            experience: ExperienceId::new("exp-management").unwrap(),
            until: at(until),
            by: "arn:mim".to_owned(),
            at: at(began),
            reason: "an audit".to_owned(),
            released_at: None,
        }
    }

    #[test]
    fn a_hold_that_is_renewed_keeps_its_beginning_and_so_its_bound() {
        let bound = SignedDuration::from_secs(1_000);
        let asked = |before: Option<&Hold>, until, now| next(before, hold(until, now), bound, at(now));
        assert_eq!(asked(None, 1_000, 0).unwrap().at, at(0));
        assert!(asked(None, 1_001, 0).unwrap_err().starts_with("the hub lets a member hold for 0h at the most"));
        assert!(asked(None, 5, 5).unwrap_err().ends_with("is over"));
        let first = hold(500, 0);
        assert_eq!(asked(Some(&first), 900, 400).unwrap().at, at(0));
        assert!(asked(Some(&first), 1_100, 400).is_err());
        // One that has ended is another one.
        assert_eq!(asked(Some(&first), 1_400, 600).unwrap().at, at(600));
        let released = Hold { released_at: Some(at(100)), ..first };
        assert_eq!(asked(Some(&released), 1_200, 400).unwrap().at, at(400));
    }
}
