//! Lives of a spoke in a simulated world: started, killed, stopped, started again, until all is
//! done.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use pmp_protocol::{AccountId, OrganizationId};
use pmp_spoke::{Identity, Spoke};
use tokio::time::{Instant, sleep};

use crate::chance::meanwhile;
use crate::ports::Ports;
use crate::world::{World, management};

/// After a death the next process starts this much later.
const REBIRTH: Duration = Duration::from_secs(1);
/// What takes longer in the world's own time does not come to an end.
const PATIENCE: Duration = Duration::from_secs(8 * 3600);

/// A world that is shared with the processes in it.
pub(crate) type Shared = Arc<Mutex<World>>;

/// Lets spokes live, one after the other, until `done` says that nothing is left for them.
pub(crate) async fn live(shared: &Shared, done: impl AsyncFn(&Shared)) -> Result<(), String> {
    let began = Instant::now();
    // One for all lives: the world goes on while a process is dead.
    let mut done = std::pin::pin!(done(shared));
    loop {
        let ports = Ports::new(shared.clone());
        let told_to_stop = ports.world().reborn();
        if let Some(after) = told_to_stop {
            ports.stop_after(after);
        }
        ports.world().note("a process starts");
        let spoke = spoke(&ports);
        tokio::select! {
            biased;
            () = ports.dead.cancelled() => {
                meanwhile(&mut shared.lock().unwrap());
                sleep(REBIRTH).await;
            }
            () = pmp_spoke::run_agent(&spoke, &ports, &ports.told_to_stop) => ports.world().stopped(),
            () = &mut done => {
                // What it left running must not come back into the next one's world.
                ports.dead.cancel();
                return Ok(());
            }
            () = sleep(PATIENCE) => return Err(format!("no end after {PATIENCE:?}")),
        }
        ports.dead.cancel();
        if began.elapsed() > PATIENCE {
            return Err(format!("no end after {PATIENCE:?}"));
        }
    }
}

fn spoke(ports: &Ports) -> Spoke {
    let identity = Identity {
        organization: OrganizationId::new("o-simulated0").unwrap(),
        account: AccountId::new("222222222222").unwrap(),
        region: "us-east-1".to_owned(),
        caller: "arn:aws:iam::222222222222:role/spoke".to_owned(),
    };
    let (clock, chance, windows) = {
        let world = ports.world();
        (world.clock.clone(), world.chance.clone(), world.windows.clone())
    };
    let ports = Arc::new(ports.clone());
    let settings = ports.world().filter_settings();
    // The invariants are about one plan at a time.
    let spoke = Spoke::new(ports.clone(), ports.clone(), ports.clone(), ports, identity, management())
        .with_guard_window(Duration::ZERO)
        .with_clock(clock)
        .with_chance(chance);
    let spoke = match windows {
        Some(windows) => spoke.with_change_windows(windows),
        None => spoke,
    };
    match settings {
        Some(settings) => spoke.with_built_in_filter("exclude-ids", &settings).unwrap(),
        None => spoke,
    }
}

/// Comes back once no message is left.
pub(crate) async fn queue_is_empty(shared: &Shared) {
    loop {
        sleep(Duration::from_secs(1)).await;
        if shared.lock().unwrap().queue.is_empty() {
            return;
        }
    }
}

/// No more faults: the hub announces its newest snapshot on schedule, and the spokes must reach the
/// end within `announcements` of them.
pub(crate) async fn settle(shared: &Shared, announcements: u32) -> Result<(), String> {
    let mut left = Vec::new();
    shared.lock().unwrap().faults.stop();
    for _ in 0..announcements {
        {
            let mut world = shared.lock().unwrap();
            let newest = world.newest().map(|newest| newest.version());
            world.note("no more faults; the hub announces again");
            if let Some(newest) = newest {
                world.announce(newest, Duration::ZERO, true);
            }
        }
        live(shared, queue_is_empty).await?;
        left = shared.lock().unwrap().unfinished();
        if left.is_empty() {
            return Ok(());
        }
        sleep(Duration::from_secs(3600)).await;
        shared.lock().unwrap().settle();
    }
    Err(format!("not at the end after {announcements} announcements without faults: {}", left.join("; ")))
}

/// Panics with the case and the log if an invariant was violated or the end was not reached.
pub(crate) fn verdict(case: &str, shared: &Shared, outcome: Result<(), String>) {
    let world = shared.lock().unwrap();
    if let Some(problem) = world.violations.first().cloned().or(outcome.err()) {
        panic!("{}\n\n{case}: {problem}", world.log.join("\n"));
    }
}
