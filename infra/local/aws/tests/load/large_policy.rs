//! Twenty thousand products in one policy: readers see each revision whole, and DescribeEntity is
//! quick.

use std::collections::BTreeSet;
use std::time::Duration;

use aws_sdk_marketplacecatalog::types::ChangeStatus;
use pmp_local_aws::world::{CatalogLimits, ChangeSetTiming, Experience, Organization, ProcurementPolicy};
use pmp_local_aws::{Server, World};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::watch;

use crate::latency::Latencies;
use crate::rig::{CATALOG, LIMIT, MANAGEMENT, client, lists, procurement, revision, serve};

const PRODUCTS: usize = 20_000;
const POLICY: &str = "procpolicy-large";
const EXPERIENCE: &str = "exp-large";
const CHANGE_SETS: u64 = 20;
const READERS: usize = 4;
/// What DescribeEntity may take for a policy of this size.
const TARGET: Duration = Duration::from_millis(50);

fn product(number: usize) -> String {
    format!("prod-{number:013}")
}

fn world() -> World {
    let policy = ProcurementPolicy::new(POLICY).approving((0..PRODUCTS).map(product));
    let organization = Organization::new("o-load000000", "Load", MANAGEMENT)
        .with_experience(Experience::new(EXPERIENCE, "Large").with_policy(policy));
    World {
        change_sets: ChangeSetTiming::always(Duration::from_millis(20)),
        catalog: CatalogLimits::without_throttling(),
        organizations: vec![organization],
        ..World::default()
    }
}

/// What change set `n` (from 0) allows, and what it denies.
fn changes(n: u64) -> (Vec<String>, Vec<String>) {
    let n = usize::try_from(n).unwrap();
    let ids = |from: usize| (from..from + 50).map(product).collect();
    (ids(PRODUCTS + 50 * n), ids(50 * n))
}

/// Whether these are the lists of a revision: revision 1 is the world's, and each change set makes
/// one more. What the change sets allow follows in order on what there was, and what they deny are
/// the first of it.
fn are_of(revision: u64, (approved, rejected): &(Vec<String>, Vec<String>)) -> bool {
    let denied = 50 * usize::try_from(revision - 1).unwrap();
    let is = |(id, number): (&String, usize)| id.len() == 18 && id[5..].parse() == Ok(number);
    approved.len() == PRODUCTS
        && rejected.len() == denied
        && approved.iter().zip(denied..).all(is)
        && rejected.iter().zip(0..).all(is)
}

async fn describe(catalog: &aws_sdk_marketplacecatalog::Client) -> (u64, (Vec<String>, Vec<String>)) {
    let answer = catalog.describe_entity().catalog(CATALOG).entity_id(POLICY).send().await.unwrap();
    (revision(answer.entity_identifier()), lists(answer.details_document().unwrap()))
}

/// Reads until the changes are over; answers how many revisions it saw. A revision never comes
/// after a newer one, and its lists are those of that revision: no change set is ever seen half
/// applied.
async fn read(catalog: aws_sdk_marketplacecatalog::Client, mut over: watch::Receiver<bool>) -> usize {
    let mut seen = BTreeSet::new();
    loop {
        let last = *over.borrow_and_update();
        let (revision, lists) = describe(&catalog).await;
        assert!(seen.last().is_none_or(|newest| *newest <= revision), "revision {revision} after {seen:?}");
        assert!(are_of(revision, &lists), "the lists of revision {revision}");
        seen.insert(revision);
        if last {
            assert_eq!(revision, CHANGE_SETS + 1);
            return seen.len();
        }
    }
}

async fn change(server: &Server) {
    let catalog = aws_sdk_marketplacecatalog::Client::new(&client(server, MANAGEMENT));
    for n in 0..CHANGE_SETS {
        let (allowed, denied) = changes(n);
        let target = format!("{EXPERIENCE}@{}", n + 1);
        let request = catalog.start_change_set().catalog(CATALOG);
        let request = request.change_set(procurement("AllowProductProcurement", &target, &allowed));
        let request = request.change_set(procurement("DenyProductProcurement", &target, &denied));
        let id = request.send().await.unwrap().change_set_id.unwrap();
        loop {
            tokio::time::sleep(Duration::from_millis(30)).await;
            let asked = catalog.describe_change_set().catalog(CATALOG).change_set_id(&id).send().await.unwrap();
            match asked.status() {
                Some(ChangeStatus::Succeeded) => break,
                Some(ChangeStatus::Preparing | ChangeStatus::Applying) => {}
                other => panic!("change set {id} is {other:?}"),
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn readers_of_twenty_thousand_products_see_each_revision_whole() {
    tokio::time::timeout(LIMIT, run()).await.expect("it ends in time");
}

async fn run() {
    let server = serve(world()).await;
    let (over, is_over) = watch::channel(false);
    let readers: Vec<_> = (0..READERS)
        .map(|_| {
            let catalog = aws_sdk_marketplacecatalog::Client::new(&client(&server, MANAGEMENT));
            tokio::spawn(read(catalog, is_over.clone()))
        })
        .collect();
    change(&server).await;
    over.send(true).unwrap();
    for reader in readers {
        assert!(reader.await.unwrap() > 1, "it has read while things changed");
    }
    measure(&server).await;
    server.shutdown().await;
}

/// The time from the request to the last byte of the answer, without what a client then makes of
/// it.
async fn measure(server: &Server) {
    let latencies = Latencies::of("DescribeEntity, 20,000 products");
    for _ in 0..30 {
        let body = latencies.measure(raw_describe(server)).await;
        assert!(body.len() > PRODUCTS * product(0).len(), "the whole policy");
    }
    latencies.print();
    let half = latencies.quantile(0.5);
    assert!(half < TARGET, "half of the answers took longer than {half:?}, the target is {TARGET:?}");
}

async fn raw_describe(server: &Server) -> Vec<u8> {
    let address = server.endpoint().strip_prefix("http://").unwrap().to_owned();
    let mut stream = TcpStream::connect(&address).await.unwrap();
    let request = format!(
        "GET /DescribeEntity?catalog={CATALOG}&entityId={POLICY} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\
         Authorization: AWS4-HMAC-SHA256 Credential={MANAGEMENT}/20260101/us-east-1/aws-marketplace/aws4_request, \
         SignedHeaders=host, Signature=0\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    assert!(answer.starts_with(b"HTTP/1.1 200 "), "{}", String::from_utf8_lossy(&answer[..200]));
    answer
}
