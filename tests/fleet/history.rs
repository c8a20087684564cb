//! The life of a fleet: hours in which everything fails and people do what they do, and then an end
//! that must be reached.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use pmp_runtime::Clock;
use tokio::task::JoinSet;
use tokio::time::{sleep, sleep_until};

use crate::fleet::{Mode, Shape};
use crate::line::Line;
use crate::people;
use crate::process::{self, INTERVAL};
use crate::rare::Rare;
use crate::world::{Shared, Who, World};

/// The hub announces its newest snapshot each [`INTERVAL`]; within this many of them all must be
/// well. A message that was tried in vain is hidden for eight minutes at most, a process is dead
/// for less than one.
const ANNOUNCEMENTS: u32 = 12;
/// How often it is looked whether all is well.
const LOOKS: u32 = 10;
/// Calls of one process of a spoke in that time, idle ones included: a spoke that looks at its
/// queue and its lease makes some 10 a minute.
const CALLS: u64 = 2_500;

/// A fleet that has lived.
pub(crate) struct Lived {
    pub(crate) world: Shared,
    pub(crate) outcome: Result<(), String>,
}

/// Lets the fleet of a seed live, in a runtime of its own: its time begins anew, so a seed means
/// the same wherever it runs.
pub(crate) fn live(seed: u64, mode: Mode) -> Lived {
    // The SDK draws its jitter and its ids from the generator of the thread.
    fastrand::seed(seed);
    // One thread for filters: they end in the order in which they began.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .max_blocking_threads(1)
        .build()
        .unwrap();
    runtime.block_on(async {
        let world = Arc::new(Mutex::new(World::new(Shape::of(seed, mode))));
        let mut outcome = lead(&world).await;
        let world_ = world.clone();
        let world = world.lock().unwrap();
        if let Some(violation) = world.judge.violations().first() {
            outcome = Err(violation.clone());
        }
        drop(world);
        Lived { world: world_, outcome }
    })
}

async fn lead(world: &Shared) -> Result<(), String> {
    let mut processes = JoinSet::new();
    {
        let mut world_ = world.lock().unwrap();
        let shape = world_.shape.clone();
        for (happens, state) in [
            (shape.hubs > 1, Rare::TwoHubs),
            (shape.members.len() > 5, Rare::Large),
            (!shape.poison.is_empty(), Rare::Poisoned),
        ] {
            if happens {
                world_.reach(state);
            }
        }
        (0..shape.hubs).for_each(|which| _ = processes.spawn(process::hub(world.clone(), which)));
        for (place, member) in shape.members.iter().enumerate() {
            (0..member.spokes).for_each(|which| _ = processes.spawn(process::spoke(world.clone(), place, which)));
        }
    }
    processes.spawn(tend(world.clone()));
    // Cancel-safe: with the history, the fleet ends. None of the processes ends by itself.
    tokio::select! {
        biased;
        Some(ended) = processes.join_next() => Err(format!("a process broke down: {ended:?}")),
        outcome = history(world) => outcome,
    }
}

/// Ends change sets when they are due.
async fn tend(world: Shared) {
    loop {
        let (started, next) = {
            let mut world = world.lock().unwrap();
            world.advance();
            let next = world.cloud.catalog.next_end().map(|at| world.day.instant(at));
            (world.cloud.started.clone(), next)
        };
        // Nothing runs between the look and this, so nothing is missed.
        tokio::select! {
            biased;
            () = started.notified() => {}
            () = async {
                match next {
                    Some(next) => sleep_until(next + Duration::from_millis(1)).await,
                    None => std::future::pending().await,
                }
            } => {}
        }
    }
}

async fn history(world: &Shared) -> Result<(), String> {
    let operator = Line::born(world, Who::Operator);
    let events = world.lock().unwrap().shape.events;
    for _ in 0..events {
        let pause = world.lock().unwrap().faults.rng.u64(1..25);
        sleep(Duration::from_secs(pause)).await;
        people::something(world, &operator).await;
        broken(world)?;
    }
    sleep(Duration::from_secs(20)).await;
    heal(world, &operator).await;
    for _ in 0..ANNOUNCEMENTS * LOOKS {
        broken(world)?;
        if unfinished(world).is_empty() {
            return bounded(world);
        }
        sleep(INTERVAL / LOOKS).await;
    }
    Err(format!("not at the end after {ANNOUNCEMENTS} announcements without faults: {}", unfinished(world).join("; ")))
}

/// No more faults, but for those who stay broken; what was directed is taken back, and the
/// management experience says something for the last time.
async fn heal(world: &Shared, operator: &Line) {
    {
        let mut world = world.lock().unwrap();
        world.note("no more faults");
        world.faults.stop();
        if world.waves.is_some() {
            world.waves = Some("none".to_owned());
            world.judge.bound_failures(None);
            world.reach(Rare::WavesEnded);
        }
        if world.shape.mode == Mode::Liveness {
            let members = world.shape.members.clone();
            for member in members.iter().filter(|member| !member.core) {
                world.faults.broken.extend(member.experiences.iter().map(|(id, _)| id.clone()));
                world.reach(Rare::StaysBroken);
            }
        }
        world.heal_hubs();
    }
    people::let_go(world, operator).await;
    people::recover(world, operator).await;
    people::say_the_last(world).await;
}

fn broken(world: &Shared) -> Result<(), String> {
    world.lock().unwrap().judge.violations().first().map_or(Ok(()), |violation| Err(violation.clone()))
}

fn unfinished(world: &Shared) -> Vec<String> {
    let world = world.lock().unwrap();
    let core = world.shape.members.iter().filter(|member| member.core).map(|member| &member.organization);
    world.judge.unfinished(core)
}

fn bounded(world: &Shared) -> Result<(), String> {
    let world = world.lock().unwrap();
    for (place, calls) in &world.calls_in_peace {
        let member = &world.shape.members[*place];
        let most = CALLS * member.spokes as u64;
        if member.core && *calls > most {
            return Err(format!("{} made {calls} calls, and {most} are enough", member.organization));
        }
    }
    Ok(())
}

impl World {
    /// Hubs that live have to be started again to see another setting.
    fn heal_hubs(&mut self) {
        let now = self.day.now();
        self.note(format!("the hubs are started again at {now}"));
        self.hubs.clone().iter().for_each(|hub| self.kill(hub, "to be started again"));
    }
}
