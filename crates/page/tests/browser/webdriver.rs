//! A small client of the WebDriver protocol (W3C), enough for a page from disk: plain HTTP to chromedriver.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// How long an answer, or a condition on the page, may take: a loaded machine starts a browser slowly.
const TIMEOUT: Duration = Duration::from_secs(120);

/// A headless browser with one page.
pub(crate) struct Browser {
    driver: Child,
    port: u16,
    session: String,
    _profile: tempfile::TempDir,
}

/// Chromedriver and the browser it is to start; `None` where one of them is not installed.
pub(crate) fn installed() -> Option<(PathBuf, PathBuf)> {
    let find = |names: &[&str]| {
        let path = std::env::var_os("PATH")?;
        let folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
        names.iter().flat_map(|name| folders.iter().map(move |f| f.join(name))).find(|p| p.is_file())
    };
    Some((find(&["chromedriver"])?, find(&["chromium", "chromium-browser", "google-chrome"])?))
}

impl Browser {
    /// Starts the browser.
    pub(crate) fn start((driver, browser): &(PathBuf, PathBuf)) -> Self {
        let mut child = Command::new(driver)
            .arg("--port=0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .stdin(Stdio::null())
            .spawn()
            .expect("chromedriver starts");
        let mut lines = BufReader::new(child.stdout.take().expect("its output")).lines();
        let port = loop {
            let line = lines.next().expect("chromedriver says its port").expect("text");
            if let Some(port) = line.rsplit("on port ").next().filter(|_| line.contains("started successfully")) {
                break port.trim_end_matches('.').parse().expect("a port");
            }
        };
        // What it says later must not fill the pipe.
        std::thread::spawn(move || lines.for_each(drop));
        let profile = tempfile::tempdir().expect("a folder");
        let data = format!("--user-data-dir={}", profile.path().display());
        let arguments =
            ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars", &data];
        let capabilities = json!({ "capabilities": { "alwaysMatch": {
            "browserName": "chrome",
            "goog:chromeOptions": { "binary": browser, "args": arguments },
            "goog:loggingPrefs": { "browser": "ALL", "performance": "ALL" },
            "timeouts": { "script": 60_000, "pageLoad": 120_000 },
        } } });
        let mut this = Self { driver: child, port, session: String::new(), _profile: profile };
        let answer = this.call("POST", "/session", &capabilities);
        this.session = answer["sessionId"].as_str().expect("a session").to_owned();
        this
    }

    /// One request; the answer's `value`.
    fn call(&self, method: &str, path: &str, body: &Value) -> Value {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).expect("chromedriver listens");
        stream.set_read_timeout(Some(TIMEOUT)).expect("a timeout");
        let body = if method == "POST" { body.to_string() } else { String::new() };
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
            self.port,
            body.len()
        );
        stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body.as_bytes())).expect("sent");
        let mut reader = BufReader::new(stream);
        let mut length = None;
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).expect("an answer in time");
            if line.trim().is_empty() {
                break;
            }
            if let Some(n) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = n.trim().parse().ok();
            }
        }
        let mut bytes = vec![0; length.expect("a length")];
        reader.read_exact(&mut bytes).expect("a whole answer");
        let answer: Value = serde_json::from_slice(&bytes).expect("JSON");
        assert!(answer["value"]["error"].is_null(), "{method} {path}: {}", answer["value"]);
        answer["value"].clone()
    }

    fn post(&self, path: &str, body: &Value) -> Value {
        self.call("POST", &format!("/session/{}{path}", self.session), body)
    }

    /// Opens a file with a fragment, empty or with its `#`; from a blank page, so that it is loaded anew.
    pub(crate) fn open_at(&self, page: &Path, fragment: &str) {
        self.post("/url", &json!({ "url": "about:blank" }));
        self.post("/url", &json!({ "url": format!("file://{}{fragment}", page.display()) }));
    }

    /// Waits until what was asked for is drawn: two frames.
    pub(crate) fn settle(&self) {
        let script = "const done = arguments[0]; requestAnimationFrame(() => requestAnimationFrame(() => done(true)));";
        self.post("/execute/async", &json!({ "script": script, "args": [] }));
    }

    /// What a function body returns on the page.
    pub(crate) fn run(&self, script: &str) -> Value {
        self.post("/execute/sync", &json!({ "script": script, "args": [] }))
    }

    /// As [`Self::run`], a text.
    pub(crate) fn text(&self, script: &str) -> String {
        let value = self.run(script);
        value.as_str().unwrap_or_else(|| panic!("{script} is no text: {value}")).to_owned()
    }

    /// Waits until an expression is true on the page.
    #[track_caller]
    pub(crate) fn wait(&self, expression: &str) {
        let start = Instant::now();
        while self.run(&format!("return Boolean({expression});")) != true {
            assert!(start.elapsed() < TIMEOUT, "never true: {expression}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// A command of the DevTools protocol.
    pub(crate) fn devtools(&self, command: &str, parameters: &Value) {
        self.post("/goog/cdp/execute", &json!({ "cmd": command, "params": parameters }));
    }

    /// Moves the pointer along points of the window, pressed in between where `press`.
    pub(crate) fn pointer(&self, points: &[(f64, f64)], press: bool) {
        let mut actions = Vec::new();
        for (i, &(x, y)) in points.iter().enumerate() {
            actions.push(json!({ "type": "pointerMove", "duration": 30, "x": x.round() as i64, "y": y.round() as i64, "origin": "viewport" }));
            if i == 0 && press {
                actions.push(json!({ "type": "pointerDown", "button": 0 }));
            }
        }
        if press {
            actions.push(json!({ "type": "pointerUp", "button": 0 }));
        }
        let source =
            json!({ "type": "pointer", "id": "mouse", "parameters": { "pointerType": "mouse" }, "actions": actions });
        self.post("/actions", &json!({ "actions": [source] }));
    }

    /// Presses keys, one after another (WebDriver's code points for those without a character).
    pub(crate) fn keys(&self, keys: &[&str]) {
        let press = |k: &&str| [json!({ "type": "keyDown", "value": k }), json!({ "type": "keyUp", "value": k })];
        let actions: Vec<Value> = keys.iter().flat_map(press).collect();
        self.post("/actions", &json!({ "actions": [{ "type": "key", "id": "keyboard", "actions": actions }] }));
    }

    /// New lines of a log: `browser` (the console) or `performance` (DevTools events).
    pub(crate) fn log(&self, kind: &str) -> Vec<Value> {
        self.post("/se/log", &json!({ "type": kind })).as_array().cloned().unwrap_or_default()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        if !std::thread::panicking() && !self.session.is_empty() {
            self.call("DELETE", &format!("/session/{}", self.session), &Value::Null);
        }
        // It ends the browsers that it started.
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}
