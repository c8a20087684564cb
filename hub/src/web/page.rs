//! The page as a whole: its head, the line that says when it was seen, and the order of its parts.

use std::sync::LazyLock;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use pmp_protocol::{Digest, age, plain_document};

use crate::web::fragments::{moment, said};
use crate::web::read::Seen;
use crate::web::{attention, changes, filters, fleet, glance, heat, organizations, versions};

const STYLE: &str = include_str!("assets/page.css");
const SCRIPT: &str = include_str!("assets/page.js");

/// What a browser may do for the page: run its one script and style, which it knows by their
/// digests, and ask nobody for anything.
static POLICY: LazyLock<String> = LazyLock::new(|| {
    let hash = |text: &str| STANDARD.encode(Digest::of(text.as_bytes()).bytes());
    format!(
        "default-src 'none'; style-src 'sha256-{}'; script-src 'sha256-{}'; img-src data:; base-uri 'none'; form-action 'none'",
        hash(STYLE),
        hash(SCRIPT)
    )
});

/// The same for the page that `serve` answers with: it may also ask for itself again.
pub(super) static SERVED_POLICY: LazyLock<String> =
    LazyLock::new(|| format!("{}; connect-src 'self'; frame-ancestors 'none'", *POLICY));

/// How the page is shown.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Shown<'a> {
    /// A file: it stays as it is.
    File,
    /// By `serve`: it is new whenever the ledger was read again.
    Live(Live<'a>),
}

/// What a page that is served says of itself.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Live<'a> {
    /// How often the ledger is read at most.
    pub(crate) every: Duration,
    /// The moment of the answer, by the hub's clock.
    pub(crate) now: Timestamp,
    /// Why the ledger could not be read since, and when that was tried last.
    pub(crate) trouble: Option<(&'a str, Timestamp)>,
    /// Whether a browser without scripts loads it again by itself.
    pub(crate) reloads: bool,
    /// The name of this state of the page: the script asks for another one.
    pub(crate) tag: &'a str,
}

/// The page. The same input gives the same page.
pub(crate) fn render(seen: &Seen, shown: Shown<'_>) -> String {
    let title = format!("Private Marketplace fleet of {}", seen.experience);
    let all = fleet::organizations(seen);
    let body = html! {
        a .skip href="#attention" { "Skip to what needs a person" }
        header {
            h1 { "Private Marketplace fleet" }
            p .quiet { "Management experience " code { (seen.experience) } }
            nav aria-label="Parts of the page" {
                ul {
                    @for (id, name) in PARTS { li { a href={ "#" (id) } { (name) } } }
                }
            }
        }
        main {
            div #seen data-part="seen" { (when(seen, shown)) }
            (glance::part(seen, &all))
            (attention::part(seen, &all))
            (versions::part(seen))
            (changes::part(seen))
            (heat::part(&all))
            (filters::part(seen))
            (organizations::part(seen, &all))
        }
        footer {
            p {
                "Made by " code { "pmp-hub" } " " (env!("CARGO_PKG_VERSION"))
                " from what the member organizations report, as far as the ledger bears it out. Ages count from the moment at the top, and times are UTC."
            }
        }
    };
    document(&title, &body, shown)
}

/// Name and address of each part, in the order of the page.
const PARTS: [(&str, &str); 8] = [
    ("glance", "At a glance"),
    ("attention", "Needs a person"),
    ("versions", "Versions and lag"),
    ("changes", "What changed"),
    ("heat", "Heat map"),
    ("filters", "Filters"),
    ("exceptions", "Exceptions"),
    ("organizations", "Organizations"),
];

fn document(title: &str, body: &Markup, shown: Shown<'_>) -> String {
    let live = match shown {
        Shown::File => None,
        Shown::Live(live) => Some(live),
    };
    let page = html! {
        (DOCTYPE)
        html lang="en" data-tag=[live.map(|live| live.tag)] data-every=[live.map(|live| live.every.as_secs())] {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                @if let Some(live) = live {
                    @if live.reloads {
                        noscript { meta http-equiv="refresh" content=(live.every.as_secs()); }
                    }
                } @else {
                    meta http-equiv="Content-Security-Policy" content=(*POLICY);
                }
                meta name="referrer" content="no-referrer";
                title { (title) }
                link rel="icon" href="data:,";
                style { (PreEscaped(STYLE)) }
            }
            body {
                (body)
                script { (PreEscaped(SCRIPT)) }
            }
        }
    };
    plain_document(&page.into_string())
}

/// When it was seen, how old that is, and what went wrong since.
fn when(seen: &Seen, shown: Shown<'_>) -> Markup {
    html! {
        p {
            "As the hub saw it at " strong { (moment(seen.at)) }
            @if let Shown::Live(live) = shown { ", " (age(seen.at, live.now)) " ago" }
            "."
        }
        @if let Shown::Live(live) = shown {
            @if let Some((problem, at)) = live.trouble {
                p .notice.bad role="alert" {
                    "The ledger could not be read at " (moment(at)) ": " (said(problem)) ". What you see is "
                    strong { (age(seen.at, live.now)) " old" } "."
                }
            }
            p .quiet #live role="status" {
                "The ledger is read again at most every " (live.every.as_secs()) " s."
                @if live.reloads { " " noscript { a href="/?reload=no" { "Stop reloading by itself" } } }
                @else { " " noscript { a href="/" { "Reload by itself" } } }
            }
        }
    }
}
