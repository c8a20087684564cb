//! The hot paths: what a hub or a spoke does with each product of a snapshot.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use pmp_catalog::PolicyId;
use pmp_catalog::testing::documents;
use pmp_filter_host::{Context, FilterHost, Limits, Product, Status};
use pmp_plan::{Desired, GuardRails, Observed, plan};
use pmp_protocol::{
    Content, Digest, ExperienceId, Note, OrganizationId, ProductId, ResourceRequests, Sealed, SnapshotVersion, Verdicts,
};
use serde_json::json;

use crate::guests::Guest;

pub(crate) const NAMES: [&str; 6] = ["details", "seal", "digest", "open", "plan", "filter"];
/// Of so many products, one has a note, and one is rejected.
const EVERY: usize = 20;

/// Runs a path twice. The second time is counted.
pub(crate) fn run(name: &str, products: usize, filter: Option<&Path>) {
    let content = content(products);
    match name {
        "details" => {
            let (id, details) = (PolicyId::new("policy-1").unwrap(), details(&content));
            twice(&mut || drop(documents::policy(&id, &details).unwrap()));
        }
        "seal" => twice(&mut || drop(Sealed::new(&content).unwrap())),
        "digest" => {
            let canonical = serde_json::to_vec(&content).unwrap();
            twice(&mut || assert_ne!(Digest::of(&canonical), Digest::of(b"")));
        }
        "open" => {
            let sealed = Sealed::new(&content).unwrap();
            twice(&mut || drop(sealed.open(content.experience()).unwrap()));
        }
        "plan" => {
            // Nearly in step, as an experience is at the end of a sync.
            let (mut approved, rejected) = (content.approved().clone(), content.rejected().clone());
            let taken: Vec<_> = approved.iter().step_by(products / 10 + 1).cloned().collect();
            taken.iter().for_each(|id| assert!(approved.remove(id)));
            twice(&mut || {
                let none = Verdicts::new();
                let desired = Desired::new(&content, &none);
                let observed = Observed { approved: &approved, rejected: &rejected };
                let plan = plan(&desired, observed, SnapshotVersion::FIRST, GuardRails::default(), None).unwrap();
                assert_eq!(plan.allow().len(), taken.len());
            });
        }
        "filter" => cross(&content, filter.expect("the path `filter` takes `--filter`")),
        other => panic!("there is no path {other}"),
    }
}

fn twice(path: &mut dyn FnMut()) {
    path();
    counted_by_callgrind(path);
}

/// Callgrind counts while this runs: its name is on the command line there.
#[inline(never)]
fn counted_by_callgrind(path: &mut dyn FnMut()) {
    path();
}

/// A filter that keeps everything, as machine code.
pub(crate) fn compiled_filter() -> Vec<u8> {
    host().precompile(&Guest::default().component()).unwrap()
}

fn host() -> FilterHost {
    FilterHost::new(Limits::default()).unwrap()
}

/// Lets a filter that keeps everything see all products: what it takes to cross into WebAssembly
/// and back.
fn cross(content: &Content, compiled: &Path) {
    let compiled = std::fs::read(compiled).unwrap();
    let filter = host().load_pinned(&compiled, &Digest::of(&compiled)).unwrap().configure("{}").unwrap();
    let organization = OrganizationId::new("o-member0000").unwrap();
    let context = Context {
        snapshot_version: SnapshotVersion::FIRST,
        organization: &organization,
        management_experience: content.experience(),
        experience: content.experience(),
        experience_name: "Production",
        labels: &[],
        evaluated_at: jiff::Timestamp::UNIX_EPOCH,
    };
    let products: Vec<_> = content.approved().iter().map(|id| Product::new(id, Status::Approved)).collect();
    twice(&mut || assert_eq!(filter.evaluate(&context, &products).unwrap().verdicts, Verdicts::new()));
}

fn content(products: usize) -> Content {
    let (rejected, approved): (Vec<_>, Vec<_>) = (0..products).map(|n| (n % EVERY == 1, id(n))).partition(|it| it.0);
    let ids = |list: Vec<(bool, ProductId)>| list.into_iter().map(|(_, id)| id).collect::<BTreeSet<_>>();
    let (approved, rejected) = (ids(approved), ids(rejected));
    let noted = approved.iter().step_by(EVERY).cloned();
    let notes: BTreeMap<_, _> = noted.map(|id| (id, Note::new("genai, eu only").unwrap())).collect();
    let management = ExperienceId::new("exp-management").unwrap();
    Content::new(management, approved, rejected, notes, ResourceRequests::Allow).unwrap()
}

/// An id as AWS's own: `prod-` and thirteen letters and digits. They are random (splitmix64), and
/// the same each time.
fn id(n: usize) -> ProductId {
    let mut bits = (n as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    bits ^= bits >> 31;
    let mut id = String::from("prod-");
    for _ in 0..13 {
        id.extend(char::from_digit((bits % 36) as u32, 36));
        bits /= 36;
    }
    ProductId::new(&id).unwrap()
}

/// The details of a policy that says this, as the embedded AWS writes it: one resource for each
/// product.
fn details(content: &Content) -> String {
    let resource = |id: &ProductId| match content.note(id) {
        Some(note) => json!({"Type": "Product", "Ids": [id.as_str()], "Notes": note.as_str()}),
        None => json!({"Type": "Product", "Ids": [id.as_str()]}),
    };
    let statement = |effect: &str, ids: &BTreeSet<ProductId>| json!({"Effect": effect, "Resources": ids.iter().map(resource).collect::<Vec<_>>()});
    let statements = [statement("Allow", content.approved()), statement("Deny", content.rejected())];
    json!({"Name": "Policy", "Statements": statements, "Configuration": {"PolicyResourceRequests": "Allow"}})
        .to_string()
}
