//! The page of a thousand organizations in Chromium: what it weighs, how soon it is seen, and
//! whether everybody can use it. What was measured is printed.
//!
//! With `PMP_SCREENSHOTS=docs/images` the pictures in the docs are made anew.

// What is measured is printed, for the step `browser` of CI.
#![allow(clippy::print_stdout)]

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use pmp_test_browser::{Axe, Browser, Found, LEAST_RULES, small_targets, until};
use pmp_tests::{ALPHA, ALPHA_PROD, MANAGEMENT, Scene};
use serde_json::Value;

use super::fleet::{EXPERIENCES, fleet};
use super::{Served, in_step};
use crate::hostile_members::{of_the_hub, text};

const ORGANIZATIONS: usize = 1_000;
/// Of so many, axe looks at every element of every part, opened: its time grows by more than their
/// number. Everything that the fleet has of trouble is among them.
const LOOKED_AT: usize = 40;
const MOST_PACKED: usize = 300_000;
const MOST_FIRST_PAINT: f64 = 1_000.0;
const DESKTOP: (u32, u32) = (1100, 760);
const PHONE: (u32, u32) = (390, 844);
const TAB: char = '\u{e004}';
const ENTER: char = '\u{e007}';

/// The page of a fleet as a file.
struct Report {
    _folder: tempfile::TempDir,
    path: PathBuf,
}

impl Report {
    async fn of(scene: &Scene) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("fleet.html");
        let finished = scene.hub.run(&["report", "--html", path.to_str().unwrap()]).await;
        assert_eq!(finished.code, 0, "{finished:?}");
        Self { path, _folder: folder }
    }

    fn address(&self) -> String {
        format!("file://{}", self.path.display())
    }
}

/// How large it is as gzip packs it, which every server and every mail program can.
fn packed(path: &Path) -> usize {
    let mut gzip = Command::new("gzip").arg("-9").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let (mut input, page) = (gzip.stdin.take().unwrap(), std::fs::read(path).unwrap());
    let writer = std::thread::spawn(move || input.write_all(&page).unwrap());
    let packed = gzip.wait_with_output().unwrap().stdout.len();
    writer.join().unwrap();
    packed
}

/// When something was seen first, in milliseconds after the page was asked for.
fn first_paint(browser: &Browser) -> f64 {
    let script = "return performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? null";
    until("the first paint", || browser.evaluate(script), |time| time.is_number()).as_f64().unwrap()
}

fn open_all(browser: &Browser) {
    browser.evaluate("document.querySelectorAll('details').forEach((details) => { details.open = true })");
}

fn picture(browser: &Browser, name: &str) {
    if let Some(folder) = std::env::var_os("PMP_SCREENSHOTS") {
        // Tests run in the package's folder; the path is meant from the workspace's.
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(folder).join(name);
        std::fs::write(path, browser.screenshot()).unwrap();
    }
}

/// How the page is shown: a medium, and what its reader prefers. Paper is white in any case.
const SHOWN: [(&str, &str); 4] = [("screen", "light"), ("screen", "dark"), ("print", "light"), ("print", "dark")];

/// Nothing is wrong for anybody with what of the page is open.
fn look_closely(browser: &Browser, axe: &Axe, what: &str, shown: &[(&str, &str)]) {
    for (medium, scheme) in shown.iter().copied() {
        browser.emulate(medium, scheme);
        let Found { passed, violations, unsure } = axe.look(browser);
        println!(
            "axe, {what}, {medium}, prefers {scheme}: {} violations, {} contrasts incomplete, {passed} rules passed",
            violations.len(),
            unsure.len()
        );
        assert_eq!((violations, unsure), (Vec::new(), Vec::new()), "{what}, {medium}, {scheme}");
        assert!(passed >= LEAST_RULES, "{what}: only {passed} rules had anything to look at");
    }
    browser.emulate("screen", "light");
}

/// Goes through the page by the keyboard alone, from the first stop to the last.
fn walk(browser: &Browser) {
    // What the script says of where the focus is: a number in the order of the page, and whether it
    // is seen.
    let here = "const it = document.activeElement;
        if (it === document.body) return null;
        const all = [...document.querySelectorAll('a, summary, input, select, [tabindex]')];
        const style = getComputedStyle(it); const box = it.getBoundingClientRect();
        return { at: all.indexOf(it), seen: style.outlineStyle !== 'none' && box.width > 0 && box.height > 0 && box.bottom > 0
            && box.top < innerHeight, what: it.outerHTML.slice(0, 80) }";
    let (mut stops, mut last) = (0, -1);
    loop {
        browser.press(&[TAB]);
        let found = browser.evaluate(here);
        if found.is_null() {
            break;
        }
        let at = found["at"].as_i64().unwrap();
        assert!(at > last, "the order is that of the page: {found}");
        assert_eq!(found["seen"], true, "where the focus is can be seen: {found}");
        (stops, last) = (stops + 1, at);
        assert!(stops < 5_000, "it comes to an end");
    }
    println!("keyboard: {stops} stops from the first to the last, each seen, in the order of the page");
}

/// From the top to one organization in detail, by the keyboard alone.
fn find_by_keyboard(browser: &Browser, address: &str) {
    browser.open("about:blank");
    browser.open(address);
    browser.press(&[TAB, ENTER, TAB, ENTER, TAB, ENTER]);
    let found = until(
        "an organization in detail",
        || {
            browser.evaluate("const it = document.querySelector(':target'); return it && [it.id, it.getBoundingClientRect().top, it.checkVisibility()]")
        },
        Value::is_array,
    );
    let top = found[1].as_f64().unwrap();
    assert!(found[0].as_str().unwrap().starts_with("o-") && found[2] == true, "{found}");
    assert!((0.0..f64::from(DESKTOP.1)).contains(&top), "it is on the screen: {found}");
    println!("keyboard: from the top to {} in detail in six keys", found[0]);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Chromium and makes a fleet; the step `browser` of CI runs it"]
async fn everybody_can_use_the_page_of_a_thousand_organizations() {
    let (Some(browser), Some(without_scripts)) = (Browser::start(true), Browser::start(false)) else { return };
    let Some(axe) = Axe::fetch() else { return };
    let scene = fleet(ORGANIZATIONS).await;
    let report = Report::of(&scene).await;
    let (whole, packed) = (std::fs::metadata(&report.path).unwrap().len(), packed(&report.path));
    println!("{ORGANIZATIONS} organizations × {EXPERIENCES} experiences: {whole} bytes, {packed} packed");
    assert!(packed <= MOST_PACKED, "{packed} bytes packed");

    // The browser's own first page asks for its parts.
    browser.open("about:blank");
    browser.requests();
    browser.console();
    browser.resize(DESKTOP.0, DESKTOP.1);
    let mut paints = Vec::new();
    for _ in 0..3 {
        browser.open("about:blank");
        browser.open(&report.address());
        paints.push(first_paint(&browser));
    }
    println!("first paint: {paints:.0?} ms");
    assert!(paints.iter().any(|paint| *paint <= MOST_FIRST_PAINT), "{paints:?}");
    let asked = browser.requests();
    assert!(
        asked.iter().all(|url| url.starts_with("file://") || url.starts_with("data:") || url.starts_with("about:")),
        "{asked:?}"
    );
    for scheme in ["light", "dark"] {
        browser.emulate("screen", scheme);
        picture(&browser, &format!("fleet-{scheme}.png"));
    }
    browser.emulate("screen", "light");
    picture_of(&browser, "#heat", "fleet-heat-map.png");
    picture_of(&browser, "#versions", "fleet-versions.png");

    browser.open("about:blank");
    browser.open(&report.address());
    walk(&browser);
    find_by_keyboard(&browser, &report.address());
    picture(&browser, "fleet-organization.png");
    search(&browser);

    on_a_phone(&browser, &report);
    browser.emulate("print", "light");
    browser.resize(794, 900);
    browser.open(&report.address());
    picture(&browser, "fleet-print.png");
    browser.resize(DESKTOP.0, DESKTOP.1);
    without_a_script(&without_scripts, &report);
    assert_eq!(browser.console(), Vec::<String>::new(), "the console is silent");
    println!("console: 0 messages; requests to others: 0");

    if std::env::var_os("PMP_AXE_ON_ALL").is_some() {
        browser.open(&report.address());
        open_all(&browser);
        look_closely(&browser, &axe, "all of a thousand organizations, everything open", &SHOWN);
    } else {
        browser.open(&report.address());
        look_closely(&browser, &axe, "a thousand organizations as the page opens", &SHOWN);
    }
}

/// A picture of one part, as high as it has to be to show what it is.
fn picture_of(browser: &Browser, part: &str, name: &str) {
    browser.resize(1000, 560);
    browser.evaluate(&format!("document.querySelector('{part}').scrollIntoView()"));
    picture(browser, name);
    browser.resize(DESKTOP.0, DESKTOP.1);
}

/// What stands there, in one step: between two, the page may have become another one.
fn read(browser: &Browser, selector: &str) -> String {
    let text = browser.evaluate(&format!("return document.querySelector('{selector}').textContent"));
    text.as_str().unwrap_or_default().to_owned()
}

/// The search narrows the page to what is looked for.
fn search(browser: &Browser) {
    let shown = "return [...document.querySelectorAll('.org')].filter((one) => one.checkVisibility()).map((one) => one.querySelector('summary').textContent)";
    browser.keys("#search input", ALPHA_PROD);
    let found = until("the search", || browser.evaluate(shown), |found| found.as_array().unwrap().len() == 1);
    assert!(found[0].as_str().unwrap().starts_with(ALPHA), "{found}");
    assert_eq!(browser.text("#found"), "1 organization");
}

fn on_a_phone(browser: &Browser, report: &Report) {
    browser.resize(PHONE.0, PHONE.1);
    browser.open(&report.address());
    picture(browser, "fleet-phone.png");
    open_all(browser);
    let scroll = browser.evaluate("return document.documentElement.scrollWidth").as_u64().unwrap();
    assert!(scroll <= u64::from(PHONE.0), "nothing is scrolled sideways but tables: {scroll} of {}", PHONE.0);
    assert_eq!(small_targets(browser, 24), Vec::<Value>::new(), "on a phone");
    // A date or an age that is broken over lines is read by nobody.
    let broken = "return [...document.querySelectorAll('td.whole, td.number')].filter(cell => {
        const text = document.createRange();
        text.selectNodeContents(cell);
        return new Set([...text.getClientRects()].map(line => Math.round(line.top))).size > 1;
    }).length";
    assert_eq!(browser.evaluate(broken), 0, "cells whose text is broken over lines");
    println!("phone: {scroll} of {} pixels wide with everything open, no target below 24 pixels", PHONE.0);
}

/// Without a script, a link opens what is closed, and there is no search that does nothing.
fn without_a_script(browser: &Browser, report: &Report) {
    browser.resize(DESKTOP.0, DESKTOP.1);
    browser.open(&report.address());
    assert_eq!(browser.evaluate("return document.querySelector('#search').checkVisibility()"), false);
    browser.evaluate("document.querySelector('.heat a').scrollIntoView()");
    browser.click(".heat a");
    let seen = "const it = document.querySelector(':target'); return Boolean(it) && it.checkVisibility()";
    until("the link to open the organization", || browser.evaluate(seen), |seen| *seen == true);
    println!("without a script: links open what is closed");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Chromium and makes a fleet; the step `browser` of CI runs it"]
async fn axe_finds_nothing_with_everything_open() {
    let Some(browser) = Browser::start(true) else { return };
    let Some(axe) = Axe::fetch() else { return };
    let report = Report::of(&fleet(LOOKED_AT).await).await;
    for (what, (width, height), shown) in [("desktop", DESKTOP, &SHOWN[..]), ("phone", PHONE, &SHOWN[..2])] {
        browser.resize(width, height);
        browser.open(&report.address());
        open_all(&browser);
        look_closely(&browser, &axe, &format!("{LOOKED_AT} organizations, everything open, {what}"), shown);
    }
    assert_eq!(browser.console(), Vec::<String>::new(), "the console is silent");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Chromium; the step `browser` of CI runs it"]
async fn the_served_page_is_new_by_itself_and_what_is_open_stays_open() {
    let Some(browser) = Browser::start(true) else { return };
    let scene = in_step().await;
    let served = Served::start(&scene.hub).await;
    browser.resize(DESKTOP.0, DESKTOP.1);
    browser.open(&format!("http://127.0.0.1:{}/#{ALPHA}", served.port));
    assert_eq!(read(&browser, ".verdict"), "Nothing needs a person.");
    let seen = format!("return document.getElementById('{ALPHA}').checkVisibility()");
    assert_eq!(browser.evaluate(&seen), true, "the link opens it");
    browser.evaluate("window.stayed = true");

    let call = of_the_hub(&scene).update_item().table_name("SyncTimestamps").key("organization", text(ALPHA));
    let call = call.key("item", text(format!("{MANAGEMENT}#{ALPHA_PROD}"))).update_expression("SET #status = :status");
    let call = call.expression_attribute_names("#status", "status");
    call.expression_attribute_values(":status", text("failed")).send().await.unwrap();
    until("the news", || read(&browser, ".verdict"), |text| text.contains("need a person"));
    assert_eq!(browser.evaluate(&seen), true, "what was open stays open");
    assert_eq!(browser.evaluate("return window.stayed"), true, "the page was never loaded again");
    assert_eq!(browser.console(), Vec::<String>::new());

    // The program ends, and the page says so.
    assert_eq!(served.agent.stop().await.0, 0);
    let told = || read(&browser, "#live");
    until("that nobody answers", told, |text| text.contains("does not answer any more"));
    println!("served: new by itself, what is open stays open, and the end of the program is told");
}
