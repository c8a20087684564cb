//! The commands that are measured, each in a world of its own.

use std::path::Path;
use std::time::Duration;

use pmp_local_aws::world::{ChangeSetTiming, Experience, Organization, ProcurementPolicy};
use pmp_local_aws::{Options, Server};
use pmp_tests::{EXTERNAL_ID, Measured, Program, World, member_role_for};
use serde_json::Value;

use crate::guests::Guest;

const HUB: &str = "111111111111";
const MEMBER: &str = "222222222222";
const ORGANIZATION: &str = "o-member0000";
/// Products that an experience lacks, and that it has too many, where there is something to do.
const DELTA: usize = 10;
/// Writes to every page up to 1,000 of the 1,024 that a filter may have, and keeps everything.
const GREEDY: &str = "
    (loop $more
      (if (i32.lt_u (memory.size) (i32.const 1000)) (then
        (memory.fill
          (i32.mul (memory.grow (i32.const 1)) (i32.const 65536)) (i32.const 0) (i32.const 65536))
        (br $more))))
    (call $keep (local.get $n))";

/// A command to be measured.
#[derive(Debug, Clone)]
pub(crate) struct Pass {
    pub(crate) name: &'static str,
    /// How many member experiences there are.
    pub(crate) experiences: usize,
    /// How many products each of them has.
    pub(crate) products: usize,
    pub(crate) measured: What,
    /// The most that it may take in a debug build, in MiB.
    pub(crate) bound: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum What {
    /// The hub's first `publish`.
    Publish,
    /// The `publish` after it, which finds nothing new.
    PublishAgain,
    /// The spoke's first `sync`, which writes the receipts.
    Sync {
        /// So many products are to be allowed in each experience, and as many to be denied.
        delta: usize,
        /// Whether a filter takes nearly all memory that it may.
        greedy: bool,
    },
    /// The `sync` after that, which finds everything as it was left.
    SyncAgain,
}

pub(crate) fn all() -> Vec<Pass> {
    let pass = |name, (experiences, products), measured, bound| Pass { name, experiences, products, measured, bound };
    let sync = |delta, greedy| What::Sync { delta, greedy };
    vec![
        pass("publish", (1, 150_000), What::Publish, 80),
        pass("publish again", (1, 150_000), What::PublishAgain, 84),
        pass("in step", (1, 50_000), What::SyncAgain, 64),
        pass("nothing to do", (100, 20_000), sync(0, false), 68),
        pass("something to do", (100, 20_000), sync(DELTA, false), 130),
        // Two filters may run at once, and take 64 MiB each on top.
        pass("a greedy filter", (100, 20_000), sync(0, true), 250),
    ]
}

impl Pass {
    /// Runs it by the programs of this build, or of the one in `folder`. Also returns what is not
    /// as it should be.
    pub(crate) async fn run(&self, more: &[(&str, &str)], folder: Option<&Path>) -> (Measured, Option<String>) {
        let server = Server::start(self.world(), Options::default()).await.unwrap();
        let filters = tempfile::tempdir().unwrap();
        let of = |program: Program| folder.map_or_else(|| program.clone(), |folder| program.of(folder));
        let hub = of(program("pmp-hub", HUB, &server.endpoint()));
        let topic = hub.json(&["init", "--allow-account", MEMBER]).await["topic_arn"].as_str().unwrap().to_owned();
        let hub = hub.with(&[("PMP_TOPIC_ARN", &topic)]);
        if self.measured == What::Publish {
            return self.published(&hub, "stored").await;
        }
        hub.json(&["publish"]).await;
        if self.measured == What::PublishAgain {
            return self.published(&hub, "announced").await;
        }
        let table = |name: &str| format!("arn:aws:dynamodb:us-east-1:{HUB}:table/{name}");
        let mut spoke = of(program("pmp-spoke", MEMBER, &server.endpoint())).with(&[
            ("PMP_SNAPSHOTS_TABLE", &table("Snapshots")),
            ("PMP_TIMESTAMPS_TABLE", &table("SyncTimestamps")),
            ("PMP_HUB_ROLE_ARN", &format!("arn:aws:iam::{HUB}:role/member-{ORGANIZATION}")),
            ("PMP_HUB_EXTERNAL_ID", EXTERNAL_ID),
        ]);
        if matches!(self.measured, What::Sync { greedy: true, .. }) {
            let filter = filters.path().join("greedy.wasm");
            std::fs::write(&filter, Guest { evaluate: GREEDY, ..Guest::default() }.component()).unwrap();
            spoke = spoke.with(&[("PMP_FILTER", filter.to_str().unwrap())]);
        }
        let spoke = spoke.with(more);
        if self.measured == What::SyncAgain {
            spoke.json(&["sync"]).await;
        }
        let measured = spoke.run_measured(&["sync", "-o", "json"]).await;
        let receipts: Value = serde_json::from_str(&measured.finished.stdout).unwrap_or_default();
        let receipts = receipts["receipts"].as_array().into_iter().flatten();
        let in_sync = receipts.filter(|one| one["status"] == "in-sync").count();
        let well = measured.finished.code == 0 && in_sync == self.experiences;
        (measured, (!well).then(|| format!("{in_sync} in sync")))
    }

    async fn published(&self, hub: &Program, outcome: &str) -> (Measured, Option<String>) {
        let measured = hub.run_measured(&["publish", "-o", "json"]).await;
        let said: Value = serde_json::from_str(&measured.finished.stdout).unwrap_or_default();
        let said = &said["published"];
        let well = said["outcome"] == outcome && said["counts"]["approved"] == self.products;
        (measured, (!well).then(|| format!("published {said}")))
    }

    /// The management experience, and member experiences that have all of its products but the last
    /// few, and a few others, where something is to be done.
    fn world(&self) -> World {
        let delta = if let What::Sync { delta, .. } = self.measured { delta } else { 0 };
        // As AWS's own: `prod-` and thirteen letters and digits.
        let id = |n: usize| format!("prod-{}", &pmp_tests::longest_id(n)[..13]);
        let ids: Vec<_> = (0..self.products + delta).map(id).collect();
        let experience = |name: &str, products: &[String]| {
            let policy =
                ProcurementPolicy::new(&format!("policy-{name}")).approving(products.iter().map(String::as_str));
            Experience::new(&format!("exp-{name}"), name).with_policy(policy)
        };
        let management = experience("management", &ids[delta..]);
        let mut member = Organization::new(ORGANIZATION, "Member", MEMBER);
        for n in 0..self.experiences {
            member = member.with_experience(experience(&format!("member-{n:03}"), &ids[..self.products]));
        }
        World {
            change_sets: ChangeSetTiming::always(Duration::from_millis(100)),
            organizations: vec![Organization::new("o-hub0000000", "Hub", HUB).with_experience(management), member],
            roles: vec![member_role_for(HUB, MEMBER, ORGANIZATION)],
            ..World::default()
        }
    }
}

fn program(name: &'static str, account: &str, endpoint: &str) -> Program {
    Program::new(
        name,
        &[
            ("AWS_ACCESS_KEY_ID", account),
            ("AWS_SECRET_ACCESS_KEY", "secret"),
            ("AWS_EC2_METADATA_DISABLED", "true"),
            ("AWS_ENDPOINT_URL", endpoint),
            ("PMP_EXPERIENCE_ID", "exp-management"),
            ("PMP_SNAPSHOTS_TABLE", "Snapshots"),
            ("PMP_TIMESTAMPS_TABLE", "SyncTimestamps"),
        ],
    )
}
