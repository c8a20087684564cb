//! The page in a real browser, while the demo runs: the real hub and spokes carry what a click
//! changes.
//!
//! Needs Chromium and its driver; without them the tests say that they were skipped, or fail where
//! `PMP_REQUIRE_BROWSER` is set. With `PMP_SCREENSHOT=docs/images/pmp-local.png` the picture in the
//! docs is made anew.

// The driver's processes are a group, and what they leave is seen as on Linux.
#![cfg(target_os = "linux")]
// `allow-unwrap-in-tests` covers the test functions, not what they share.
#![allow(clippy::unwrap_used, clippy::print_stderr)]

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use pmp_test_browser::{Axe, Browser, Found, LEAST_RULES, small_targets, until};
use serde_json::Value;
use tempfile::TempDir;

/// The demo, left running. It is ended as a person ends it.
struct Demo {
    child: Child,
    address: String,
    _folder: TempDir,
}

impl Demo {
    fn start(latency: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_pmp-local"));
        command.args(["demo", "--keep", "--products", "60", "--latency", latency]).env("TMPDIR", folder.path());
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
        let heading = "It runs until Ctrl-C. Approve and reject with a click, and watch it travel";
        assert!(lines.any(|line| line == heading), "the demo did not get as far as `{heading}`");
        let address = lines.next().unwrap();
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, address, _folder: folder }
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        let id = rustix::process::Pid::from_child(&self.child);
        let _told = rustix::process::kill_process(id, rustix::process::Signal::INT);
        let _reaped = self.child.wait();
    }
}

fn skipped() {
    eprintln!("SKIPPED: no chromium and chromedriver here (apt-get install chromium chromium-driver)");
}

/// What a product's row says, a word for each column: the management experience first.
fn cells(browser: &Browser, product: &str) -> Vec<String> {
    let script = format!("return [...document.querySelectorAll('#product-{product} .cell')].map((cell) => cell.title)");
    let titles = browser.evaluate(&script);
    titles.as_array().unwrap().iter().map(|title| title.as_str().unwrap().to_owned()).collect()
}

fn all_are(word: &str) -> impl Fn(&Vec<String>) -> bool {
    move |cells| cells.len() > 2 && cells.iter().all(|cell| cell == word)
}

/// A product on the page that is on no list of the management experience.
fn newcomer(browser: &Browser) -> String {
    let script = "return [...document.querySelectorAll('tr[id^=product-]')]
        .find((row) => row.querySelector('.cell').title === 'on no list').id.slice('product-'.length)";
    browser.evaluate(script).as_str().unwrap().to_owned()
}

/// Takes the picture of the docs, if it was asked for.
fn picture(browser: &Browser) {
    if let Some(path) = std::env::var_os("PMP_SCREENSHOT") {
        // Tests run in the package's folder; the path is meant from the workspace's.
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path);
        std::fs::write(path, browser.screenshot()).unwrap();
    }
}

#[test]
fn a_click_is_seen_travelling_without_a_reload() {
    let Some(browser) = Browser::start(true) else { return skipped() };
    // Slow enough to be seen on its way by a page that looks twice a second.
    let demo = Demo::start("1500ms");
    browser.resize(1280, 1180);
    // The browser's own first page asks for its parts.
    browser.open("about:blank");
    browser.requests();
    browser.open(&demo.address);
    let heads = "return [...document.querySelectorAll('.organization h3')].map((head) => head.textContent)";
    let heads = until("four organizations", || browser.evaluate(heads), |heads| heads.as_array().unwrap().len() == 4);
    assert!(heads[0].as_str().unwrap().ends_with("hub"), "the one that publishes comes first: {heads}");
    until("the script to say that it is live", || browser.text("#live"), |text| text == "live");
    browser.evaluate("window.stayed = true");
    // What the demo itself has changed is no longer new.
    until("quiet", || browser.evaluate("return document.querySelectorAll('.fresh').length"), |fresh| *fresh == 0);

    let product = newcomer(&browser);
    let row = format!("tr[id='product-{product}']");
    browser.click(&format!("{row} button.approve"));
    until("a word on what was started", || browser.text("#notice"), |text| text.contains("approves"));
    until(
        "the change set to run",
        || browser.text("#change-sets + div"),
        |text| text.contains("preparing") || text.contains("applying"),
    );
    let arriving =
        |cells: &Vec<String>| cells[0] == "approved" && cells[1..].iter().any(|cell| cell == "being approved");
    until("it to arrive in the hub's column and leave for the others", || cells(&browser, &product), arriving);
    picture(&browser);
    until("it to arrive everywhere", || cells(&browser, &product), all_are("approved"));
    until(
        "the receipts",
        || browser.text(".timeline"),
        |text| text.contains("receipt: ") && text.contains("published version"),
    );
    until("the change set to end", || browser.text("#change-sets + div"), |text| text.contains("succeeded"));

    // With the keyboard this time; the button was not there when the page was opened.
    browser.keys(&format!("{row} button.reject"), "\u{e007}");
    until(
        "the question",
        || browser.text("#notice"),
        |text| text.starts_with("Reject ") && text.contains("Yes, reject it"),
    );
    let focused = "return document.activeElement.textContent";
    until("the focus on the answer", || browser.evaluate(focused), |text| *text == "Yes, reject it");
    assert!(cells(&browser, &product)[0] == "approved", "nothing has happened yet");
    browser.keys("#notice button.reject", "\u{e007}");
    until("it to be rejected everywhere", || cells(&browser, &product), all_are("rejected"));
    assert_eq!(browser.evaluate("return window.stayed"), Value::Bool(true), "the page was never loaded again");

    assert_eq!(browser.console(), Vec::<String>::new(), "the console is silent");
    let requests = browser.requests();
    assert!(requests.iter().any(|request| request.ends_with("/products")), "the clicks were seen: {requests:?}");
    let elsewhere: Vec<_> = requests.iter().filter(|request| !request.starts_with(&demo.address)).collect();
    assert!(elsewhere.iter().all(|request| request.starts_with("data:")), "nothing is asked of others: {elsewhere:?}");
}

#[test]
fn it_works_without_a_script_and_on_a_narrow_screen() {
    let Some(browser) = Browser::start(false) else { return skipped() };
    let demo = Demo::start("200ms");
    browser.resize(400, 900);
    browser.open(&demo.address);
    assert_eq!(browser.text("#live"), "Reload to see what changed");
    let width = browser.evaluate("return document.documentElement.scrollWidth");
    assert!(width.as_u64().unwrap() <= 400, "nothing but tables is scrolled sideways: {width}");
    let unlabelled = browser.evaluate(
        "return [...document.querySelectorAll('input:not([type=hidden]), select')].filter((field) => !field.labels.length).length",
    );
    assert_eq!(unlabelled, 0, "every field has a label");

    browser.keys(".by-hand input[name=product]", "prod-typed-by-hand");
    browser.click(".by-hand button.approve");
    assert!(browser.text("#notice").contains("approves prod-typed-by-hand"));
    let address = format!("{}?q=prod-typed-by-hand", demo.address);
    let look = || {
        browser.open(&address);
        cells(&browser, "prod-typed-by-hand")
    };
    until("it to arrive everywhere, looking again and again", look, all_are("approved"));
    assert_eq!(browser.console(), Vec::<String>::new());
}

/// The width of a phone.
const PHONE: u32 = 390;

/// A product that is approved in the management experience.
fn approved(browser: &Browser) -> String {
    let script = "return [...document.querySelectorAll('tr[id^=product-]')]
        .find((row) => row.querySelector('.cell').title === 'approved').id.slice('product-'.length)";
    browser.evaluate(script).as_str().unwrap().to_owned()
}

#[test]
fn nothing_keeps_anybody_from_using_it() {
    let Some(browser) = Browser::start(true) else { return skipped() };
    let Some(axe) = Axe::fetch() else {
        eprintln!("SKIPPED: axe-core could not be fetched (apt-get install nodejs npm)");
        return;
    };
    // The demo's world has a disabled and an archived experience, a filter and much that happened.
    let demo = Demo::start("200ms");
    for scheme in ["light", "dark"] {
        browser.prefer(scheme);
        for (width, height) in [(1280, 900), (PHONE, 844)] {
            browser.resize(width, height);
            browser.open(&demo.address);
            until("the script to say that it is live", || browser.text("#live"), |text| text == "live");
            let off = browser.evaluate("return document.querySelectorAll('.experience.off').length");
            assert!(off.as_u64().unwrap() >= 1, "an experience that is out of force is on the page");
            let product = approved(&browser);
            let look = |what: &str| {
                let Found { passed, violations, .. } = axe.look(&browser);
                assert_eq!(violations, Vec::<String>::new(), "{what}, {scheme}, {width} pixels wide");
                assert!(passed >= LEAST_RULES, "{what}: only {passed} rules had anything to look at");
            };
            look("the page");
            browser.click(&format!("tr[id='product-{product}'] button.reject"));
            until("the question", || browser.text("#notice"), |text| text.contains("Yes, reject it"));
            look("the question");
        }
    }
}

#[test]
fn a_thumb_can_use_it_and_a_rejection_is_asked_back() {
    let Some(browser) = Browser::start(true) else { return skipped() };
    let demo = Demo::start("200ms");
    for width in [PHONE, 1280] {
        browser.resize(width, 844);
        browser.open(&demo.address);
        let scroll = browser.evaluate("return document.documentElement.scrollWidth").as_u64().unwrap();
        assert!(scroll <= u64::from(width), "nothing is scrolled sideways but tables: {scroll} of {width}");
        assert_eq!(small_targets(&browser, 24), Vec::<Value>::new(), "{width} pixels wide");
    }
    browser.resize(PHONE, 844);
    browser.open(&demo.address);
    let product = approved(&browser);
    let reject = format!("tr[id='product-{product}'] button.reject");
    // Seen without moving the table: what is at the right edge is not behind it.
    let right = browser.evaluate(&format!(
        "const button = document.querySelector(\"{reject}\"); button.scrollIntoView({{ block: 'center' }});
         const box = button.getBoundingClientRect();
         return document.elementFromPoint(box.left + box.width / 2, box.top + box.height / 2) === button && box.right"
    ));
    assert!(right.as_f64().is_some_and(|right| right <= f64::from(PHONE)), "the button is not to be seen: {right}");

    browser.click(&reject);
    until("the question", || browser.text("#notice"), |text| text.contains("Reject ") && text.contains("Nobody there"));
    browser.click("#notice .button");
    until("the page again", || browser.text("#notice"), String::is_empty);
    assert_eq!(cells(&browser, &product)[0], "approved", "`No` leaves it as it is");

    browser.click(&reject);
    until("the question", || browser.text("#notice"), |text| text.contains("Yes, reject it"));
    browser.click("#notice button.reject");
    until("a word on what was started", || browser.text("#notice"), |text| text.contains("rejects"));
    until("it to be rejected", || cells(&browser, &product), |cells| cells[0] == "rejected");
    assert_eq!(browser.console(), Vec::<String>::new());
}
