//! The page of the fleet: as a file, as it is served, and in a real browser.

#[cfg(target_os = "linux")]
mod browser;
#[cfg(target_os = "linux")]
mod fleet;

use std::path::Path;
use std::time::Duration;

use pmp_local_aws::world::{Fault, FaultRule};
use pmp_protocol::PlainText;
use pmp_tests::{ALPHA, ALPHA_PROD, Agent, MANAGEMENT, Program, Scene, Tap, within, world};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::hostile_members::{of_the_hub, text};

/// Closes what it stands in, asks for a file elsewhere, runs, and turns text around.
const HOSTILE: &str =
    "</script></style><script>alert(1)</script><img src=//evil.example onerror=alert(2)>\"'&\u{202e}x\u{1b}[2K";

/// The page that `report --html` writes.
async fn written(hub: &Program) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("fleet.html");
    let finished = hub.run(&["report", "--html", path.to_str().unwrap()]).await;
    assert_eq!((finished.code, finished.stdout.as_str()), (0, ""), "{finished:?}");
    assert!(finished.stderr.starts_with("Wrote "), "{finished:?}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing stays beside it");
    std::fs::read_to_string(path).unwrap()
}

/// Alpha in step with two snapshots, behind a filter that leaves a product out.
async fn in_step() -> Scene {
    let scene = Scene::start(world(&["prod-a", "prod-b"], &["prod-x"])).await;
    let filtered = scene.spoke_with_filter(Path::new("exclude-ids"), r#"{"ids":["prod-b"],"reason":"not here"}"#);
    scene.hub.json(&["publish"]).await;
    scene.hub_account.approve(MANAGEMENT, &["prod-c"]).await;
    scene.hub.json(&["publish"]).await;
    assert_eq!(filtered.run(&["sync"]).await.code, 0);
    scene
}

#[tokio::test]
async fn a_report_is_one_page_that_says_what_the_commands_say() {
    let scene = in_step().await;
    let html = written(&scene.hub).await;
    for part in [
        "Nothing needs a person.",
        MANAGEMENT,
        ALPHA,
        ALPHA_PROD,
        "Snapshot 2, compared with 1: 1 approved",
        "prod-c",
        "exclude-ids",
        "1 product filtered: not here",
        "the experience is disabled",
        "Content-Security-Policy",
    ] {
        assert!(html.contains(part), "{part}\n{html}");
    }
    // Nothing is asked of anybody: not one address of another place.
    for part in ["http://", "https://", "src=", "url(", "@import"] {
        assert!(!html.contains(part), "{part}");
    }
    // The same file again, over the old one; and errors as everywhere.
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("fleet.html");
    std::fs::write(&path, "old").unwrap();
    assert_eq!(scene.hub.run(&["report", "--html", path.to_str().unwrap()]).await.code, 0);
    assert!(std::fs::read_to_string(&path).unwrap().starts_with("<!DOCTYPE html>"));
    let nowhere = scene.hub.run(&["report", "--html", "/nowhere/at/all.html"]).await;
    assert_eq!(
        (nowhere.code, nowhere.stderr.contains("cannot write `/nowhere/at/all.html`")),
        (1, true),
        "{nowhere:?}"
    );
    assert!(nowhere.stderr.contains("code: E1751"), "{nowhere:?}");
    let both = scene.hub.run(&["report", "--html", "x", "--csv"]).await;
    assert_eq!((both.code, both.stderr.contains("cannot be used with")), (1, true), "{both:?}");
    let mistyped = scene.hub.with(&[("PMP_EXPERIENCE_ID", "exp-managment")]).run(&["report", "--html", "x"]).await;
    assert_eq!((mistyped.code, mistyped.stderr.contains("did you mean `exp-management`?")), (1, true), "{mistyped:?}");
}

#[tokio::test]
async fn text_from_outside_is_text_on_the_page() {
    let scene = in_step().await;
    let call = of_the_hub(&scene).update_item().table_name("SyncTimestamps").key("organization", text(ALPHA));
    let call = call.key("item", text(format!("{MANAGEMENT}#{ALPHA_PROD}")));
    let call = call.update_expression("SET #error = :error, #status = :status, spoke_version = :error");
    let call = call.expression_attribute_names("#error", "error").expression_attribute_names("#status", "status");
    let long = format!("{HOSTILE}{}", "y".repeat(100_000));
    let call =
        call.expression_attribute_values(":error", text(long)).expression_attribute_values(":status", text("failed"));
    call.send().await.unwrap();
    let html = written(&scene.hub).await;
    assert!(html.contains("&lt;/script&gt;&lt;/style&gt;&lt;script&gt;alert(1)"), "{html}");
    assert_eq!((html.matches("<script").count(), html.matches("<img").count()), (1, 0));
    for line in html.lines() {
        assert_eq!(PlainText::bounded(line, usize::MAX).as_str(), line);
    }
    assert!(!html.contains(&"y".repeat(1_000)), "a member takes no room from others");
}

/// The page that `serve` shows, as a client that is no browser asks for it.
struct Served {
    agent: Agent,
    port: u16,
}

impl Served {
    async fn start(hub: &Program) -> Self {
        let agent = hub.start(&["serve", "--port", "0", "--every", "5s"]);
        let line = within(Duration::from_secs(30), "its address", async || {
            let printed = agent.printed();
            if printed.contains("Ctrl-C") { Ok(printed) } else { Err(agent.log()) }
        });
        let line = line.await;
        let port = line.split("127.0.0.1:").nth(1).and_then(|rest| rest.split('/').next()).unwrap();
        Self { port: port.parse().unwrap(), agent }
    }

    /// The answer to a request with these lines.
    async fn ask(&self, lines: &[&str]) -> String {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).await.unwrap();
        let request = format!("{}\r\nConnection: close\r\n\r\n", lines.join("\r\n"));
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }

    async fn get(&self) -> String {
        self.ask(&["GET / HTTP/1.1", &format!("Host: 127.0.0.1:{}", self.port)]).await
    }
}

fn status(answer: &str) -> &str {
    answer.split(' ').nth(1).unwrap_or_default()
}

#[tokio::test]
async fn it_is_served_to_this_machine_and_to_no_other_page() {
    let scene = in_step().await;
    let served = Served::start(&scene.hub).await;
    let own = format!("Host: localhost:{}", served.port);
    let answer = served.get().await;
    assert_eq!(status(&answer), "200", "{answer}");
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let head = head.to_lowercase();
    for header in [
        "cache-control: no-store",
        "x-content-type-options: nosniff",
        "x-frame-options: deny",
        "default-src 'none'",
        "frame-ancestors 'none'",
    ] {
        assert!(head.contains(header), "{header}\n{head}");
    }
    assert!(!head.contains("unsafe") && body.contains("Nothing needs a person."), "{head}");
    assert!(body.contains("http-equiv=\"refresh\""), "without a script it reloads by itself");

    let asked = async |lines: &[&str]| status(&served.ask(lines).await).to_owned();
    let known = format!("If-None-Match: {}", tag(&answer));
    assert_eq!(asked(&["GET / HTTP/1.1", &own, &known]).await, "304");
    assert_eq!(asked(&["HEAD / HTTP/1.1", &own]).await, "200");
    assert_eq!(asked(&["GET / HTTP/1.1", "Host: evil.example"]).await, "421");
    assert_eq!(asked(&["GET / HTTP/1.1", &own, "Origin: http://evil.example"]).await, "403");
    assert_eq!(asked(&["GET / HTTP/1.1", &own, "Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: no-cors"]).await, "403");
    assert_eq!(asked(&["POST / HTTP/1.1", &own, "Content-Length: 0"]).await, "405");
    assert_eq!(asked(&["GET /etc/passwd HTTP/1.1", &own]).await, "404");
    let still = served.ask(&["GET /?reload=no HTTP/1.1", &own]).await;
    assert!(status(&still) == "200" && !still.contains("http-equiv=\"refresh\""), "{still}");

    served.agent.signal("INT").await;
    let (code, log) = served.agent.ended().await;
    assert_eq!(code, 0, "{log}");
}

/// The name of the page's state, as the answer's head has it.
fn tag(answer: &str) -> &str {
    let found = answer.lines().find_map(|line| line.strip_prefix("etag: "));
    found.unwrap_or_else(|| panic!("{answer}"))
}

#[tokio::test]
async fn a_page_of_an_earlier_process_is_not_taken_for_that_of_now() {
    let scene = in_step().await;
    let first = Served::start(&scene.hub).await;
    let known = format!("If-None-Match: {}", tag(&first.get().await));
    first.agent.signal("INT").await;
    assert_eq!(first.agent.ended().await.0, 0);
    let second = Served::start(&scene.hub).await;
    let own = format!("Host: localhost:{}", second.port);
    assert_eq!(status(&second.ask(&["GET / HTTP/1.1", &own, &known]).await), "200");
    assert_eq!(status(&second.ask(&["GET / HTTP/1.1", &own, "If-None-Match: \"1\""]).await), "200");
}

/// More than the server takes at the same time. Each asks, reads nothing, and stays.
#[tokio::test]
async fn connections_that_ask_and_do_not_read_keep_nobody_waiting() {
    let scene = in_step().await;
    let served = Served::start(&scene.hub).await;
    let request = format!("GET / HTTP/1.1\r\nHost: localhost:{}\r\n\r\n", served.port);
    let mut held = Vec::new();
    for _ in 0..70 {
        let mut stream = TcpStream::connect(("127.0.0.1", served.port)).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        held.push(stream);
    }
    let answered = tokio::time::timeout(Duration::from_secs(10), served.get()).await;
    assert_eq!(answered.as_deref().map(status), Ok("200"));
}

#[tokio::test]
async fn the_ledger_is_read_seldom_and_what_was_seen_stays() {
    let scene = in_step().await;
    let tap = Tap::open(&scene.endpoint()).await;
    let served = Served::start(&scene.hub.with(&[("AWS_ENDPOINT_URL_DYNAMODB", tap.endpoint())])).await;
    let before = tap.calls().len();
    for _ in 0..20 {
        assert_eq!(status(&served.get().await), "200");
    }
    assert_eq!(tap.calls().len(), before, "twenty requests, and no read");
    // Somebody looks again later, and sees what has changed.
    let call = of_the_hub(&scene).update_item().table_name("SyncTimestamps").key("organization", text(ALPHA));
    let call = call.key("item", text(format!("{MANAGEMENT}#{ALPHA_PROD}"))).update_expression("SET #status = :status");
    let call =
        call.expression_attribute_names("#status", "status").expression_attribute_values(":status", text("failed"));
    call.send().await.unwrap();
    let now = async |part: &str| {
        within(Duration::from_secs(60), part, async || {
            let answer = served.get().await;
            if answer.contains(part) { Ok(answer) } else { Err(answer) }
        })
        .await
    };
    now("1 experience of 1 organization need a person").await;
    // The ledger is gone: what was seen stays, and the page says how old it is.
    let fault = Fault::AccessDenied { message: None };
    scene.add_fault(&FaultRule { service: Some("dynamodb".to_owned()), ..FaultRule::new(fault) }).await;
    let answer = now("The ledger could not be read at").await;
    assert!(answer.contains(" old</strong>") && answer.contains(ALPHA_PROD), "{answer}");
    scene.clear_faults().await;
    within(Duration::from_secs(60), "the ledger again", async || {
        let answer = served.get().await;
        if answer.contains("could not be read") { Err(answer) } else { Ok(()) }
    })
    .await;
    assert_eq!(served.agent.stop().await.0, 0);
}

#[tokio::test]
async fn wrong_settings_and_a_taken_port_are_told_before_there_is_a_page() {
    let scene = in_step().await;
    let served = Served::start(&scene.hub).await;
    let taken = scene.hub.run(&["serve", "--port", &served.port.to_string()]).await;
    assert_eq!((taken.code, taken.stderr.contains("`--port 0` takes any free one")), (1, true), "{taken:?}");
    let mistyped = scene.hub.with(&[("PMP_EXPERIENCE_ID", "exp-managment")]).run(&["serve", "--port", "0"]).await;
    assert_eq!((mistyped.code, mistyped.stderr.contains("did you mean")), (1, true), "{mistyped:?}");
    let hasty = scene.hub.run(&["serve", "--every", "1s"]).await;
    assert_eq!((hasty.code, hasty.stderr.contains("at least 5s")), (1, true), "{hasty:?}");
}
