//! Chromium by its WebDriver: the handful of commands that the tests need, as W3C's
//! standard and ChromeDriver define them. A crate for it would be `thirtyfour` or `fantoccini`; the
//! first changes the features, and so the builds, of half the workspace, and the second brings a
//! licence that the workspace does not take.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

/// A browser with an empty profile. It ends when it is dropped.
#[derive(Debug)]
pub struct Browser {
    driver: Child,
    port: u16,
    session: String,
    _profile: TempDir,
}

/// Where a program is, if it is on the path.
fn found(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.is_file())
}

impl Browser {
    /// Starts one, with scripts or without; nothing where there is no Chromium. Where
    /// `PMP_REQUIRE_BROWSER` is set there must be one.
    #[must_use]
    pub fn start(scripts: bool) -> Option<Self> {
        let (Some(chromium), Some(driver)) = (found("chromium"), found("chromedriver")) else {
            let required = std::env::var_os("PMP_REQUIRE_BROWSER").is_some();
            assert!(!required, "chromium and chromedriver are required: apt-get install chromium chromium-driver");
            return None;
        };
        let profile = tempfile::tempdir().unwrap();
        let mut command = Command::new(driver);
        // A group of its own, so that the browser goes with the driver.
        command.arg("--port=0").stdout(Stdio::piped()).stderr(Stdio::null()).process_group(0);
        let mut driver = command.spawn().unwrap();
        let mut lines = BufReader::new(driver.stdout.take().unwrap()).lines();
        let port = lines.find_map(|line| line.unwrap().strip_suffix('.')?.rsplit_once("on port ")?.1.parse().ok());
        let mut browser = Self { driver, port: port.unwrap(), session: String::new(), _profile: profile };
        // Whatever else the driver says must not fill the pipe.
        std::thread::spawn(move || lines.for_each(drop));
        let data = format!("--user-data-dir={}", browser._profile.path().display());
        let arguments = [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--disable-dev-shm-usage",
            "--force-device-scale-factor=1",
            data.as_str(),
        ];
        let scripting = if scripts { 1 } else { 2 };
        let options = json!({ "binary": chromium, "args": arguments,
            "prefs": { "profile.managed_default_content_settings.javascript": scripting } });
        let wanted = json!({ "capabilities": { "alwaysMatch": { "browserName": "chrome",
            "goog:chromeOptions": options, "goog:loggingPrefs": { "browser": "ALL", "performance": "ALL" } } } });
        let session = browser.request("POST", "/session", &wanted);
        browser.session = format!("/session/{}", session["sessionId"].as_str().unwrap());
        Some(browser)
    }

    fn request(&self, method: &str, path: &str, body: &Value) -> Value {
        let body = if method == "POST" { body.to_string() } else { String::new() };
        let mut connection = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        connection.set_read_timeout(Some(Duration::from_secs(120))).unwrap();
        let head = format!("{method} {path} HTTP/1.1\r\nHost: localhost:{}\r\nConnection: close\r\n", self.port);
        write!(connection, "{head}Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}", body.len())
            .unwrap();
        let mut reader = BufReader::new(connection);
        let mut length = 0;
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).unwrap();
            match line.split_once(':') {
                Some((name, value)) if name.eq_ignore_ascii_case("content-length") => {
                    length = value.trim().parse().unwrap()
                }
                None if line.trim_end().is_empty() => break,
                _ => {}
            }
        }
        let mut answer = vec![0; length];
        reader.read_exact(&mut answer).unwrap();
        let mut answer: Value = serde_json::from_slice(&answer).unwrap();
        let value = answer["value"].take();
        assert!(value["error"].is_null(), "{method} {path}: {} {}", value["error"], value["message"]);
        value
    }

    fn post(&self, path: &str, body: &Value) -> Value {
        self.request("POST", &format!("{}{path}", self.session), body)
    }

    /// Opens an address, and waits for the page to be loaded.
    pub fn open(&self, address: &str) {
        self.post("/url", &json!({ "url": address }));
    }

    /// The size of the viewport, in CSS pixels.
    pub fn resize(&self, width: u32, height: u32) {
        let metrics = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
        self.post("/goog/cdp/execute", &json!({ "cmd": "Emulation.setDeviceMetricsOverride", "params": metrics }));
    }

    /// What a script's `return` gives.
    pub fn evaluate(&self, script: &str) -> Value {
        self.post("/execute/sync", &json!({ "script": script, "args": [] }))
    }

    /// What a script gives to its last argument, a function.
    pub fn evaluate_async(&self, script: &str) -> Value {
        self.post("/timeouts", &json!({ "script": 60_000 }));
        self.post("/execute/async", &json!({ "script": script, "args": [] }))
    }

    /// Prefers `light` or `dark` from now on.
    pub fn prefer(&self, scheme: &str) {
        self.emulate("", scheme);
    }

    /// Shows the page as on a screen that prefers `light` or `dark`, or as it is printed (`print`).
    pub fn emulate(&self, medium: &str, scheme: &str) {
        let features = json!({ "media": medium, "features": [{ "name": "prefers-color-scheme", "value": scheme }] });
        self.post("/goog/cdp/execute", &json!({ "cmd": "Emulation.setEmulatedMedia", "params": features }));
    }

    /// Presses keys where the focus is, one after the other.
    pub fn press(&self, keys: &[char]) {
        let pressed =
            keys.iter().flat_map(|key| ["keyDown", "keyUp"].map(|what| json!({ "type": what, "value": key })));
        let keyboard = json!({ "type": "key", "id": "keyboard", "actions": pressed.collect::<Vec<_>>() });
        self.post("/actions", &json!({ "actions": [keyboard] }));
    }

    fn element(&self, selector: &str) -> String {
        let found = self.post("/element", &json!({ "using": "css selector", "value": selector }));
        found.as_object().unwrap().values().next().unwrap().as_str().unwrap().to_owned()
    }

    /// Clicks as a mouse does: on what is there, if it can be seen.
    pub fn click(&self, selector: &str) {
        self.post(&format!("/element/{}/click", self.element(selector)), &json!({}));
    }

    /// Types as a keyboard does.
    pub fn keys(&self, selector: &str, text: &str) {
        self.post(&format!("/element/{}/value", self.element(selector)), &json!({ "text": text }));
    }

    /// What is to be read there.
    pub fn text(&self, selector: &str) -> String {
        let path = format!("{}/element/{}/text", self.session, self.element(selector));
        self.request("GET", &path, &Value::Null).as_str().unwrap().to_owned()
    }

    /// The picture, as PNG.
    pub fn screenshot(&self) -> Vec<u8> {
        use base64::Engine;
        let picture = self.request("GET", &format!("{}/screenshot", self.session), &Value::Null);
        base64::engine::general_purpose::STANDARD.decode(picture.as_str().unwrap()).unwrap()
    }

    /// What the console has said since it was last asked, by its level.
    pub fn console(&self) -> Vec<String> {
        let entries = self.post("/se/log", &json!({ "type": "browser" }));
        let said =
            |entry: &Value| format!("{}: {}", entry["level"].as_str().unwrap(), entry["message"].as_str().unwrap());
        entries.as_array().unwrap().iter().map(said).collect()
    }

    /// Every address that was asked for since this was last asked.
    pub fn requests(&self) -> Vec<String> {
        let entries = self.post("/se/log", &json!({ "type": "performance" }));
        let messages = entries.as_array().unwrap().iter().map(|entry| entry["message"].as_str().unwrap());
        let messages = messages.map(|message| serde_json::from_str::<Value>(message).unwrap()["message"].take());
        let sent = messages.filter(|message| message["method"] == "Network.requestWillBeSent");
        sent.map(|message| message["params"]["request"]["url"].as_str().unwrap().to_owned()).collect()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let id = rustix::process::Pid::from_child(&self.driver);
        let _ended = rustix::process::kill_process_group(id, rustix::process::Signal::KILL);
        let _reaped = self.driver.wait();
    }
}

/// Looks until it is so; fails with the last look after a minute.
#[expect(clippy::disallowed_methods, reason = "there is no runtime here, and the level has a deadline")]
pub fn until<T: std::fmt::Debug>(what: &str, mut look: impl FnMut() -> T, is_so: impl Fn(&T) -> bool) -> T {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        let seen = look();
        if is_so(&seen) {
            return seen;
        }
        assert!(Instant::now() < deadline, "not within a minute: {what}; seen last: {seen:?}");
        std::thread::sleep(Duration::from_millis(30));
    }
}
