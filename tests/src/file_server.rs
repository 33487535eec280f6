//! A web server with a dataset on it as PhysioNet publishes one: listings, checksums, ranges, logins. It can be told to
//! misbehave, request by request, and remembers what it was asked and how much it sent.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::fmt::Write as _;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// The server. It answers until it is dropped.
pub struct FileServer {
    origin: String,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

/// A way to misbehave, for one request.
#[derive(Debug, Clone)]
pub enum Fault {
    /// Nothing but a status, with these header fields.
    Status(u16, Vec<(&'static str, String)>),
    /// The connection ends after so many bytes of the body.
    Drop(usize),
    /// The connection stays open and silent after so many bytes of the body.
    Hold(usize),
    /// `Content-Length` is so much more (or less) than the truth.
    Lie(i64),
    /// The range that was asked for is not looked at.
    NoRange,
    /// A 206 for another range than the one asked for.
    OtherRange,
    /// `If-Range` is not looked at: what was asked for is sent, of another version.
    OtherVersion,
    /// Another body.
    Body(Vec<u8>),
}

/// What was asked for and what was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// The path below the dataset: `hosp/patients.csv`.
    pub path: String,
    /// The header fields, names in lower case.
    pub fields: BTreeMap<String, String>,
    /// The status that was answered.
    pub status: u16,
    /// Bytes of the body that were sent.
    pub sent: usize,
}

struct Shared {
    files: Mutex<BTreeMap<String, Vec<u8>>>,
    login: Option<String>,
    faults: Mutex<HashMap<String, VecDeque<Fault>>>,
    lasting: Mutex<HashMap<String, Fault>>,
    seen: Mutex<Vec<Seen>>,
    stopped: AtomicBool,
}

impl FileServer {
    /// Serves these files, by their paths, to everybody.
    pub fn start(files: BTreeMap<String, Vec<u8>>) -> Self {
        Self::with_login(files, None)
    }

    /// Serves these files to whoever has this login: user and password.
    pub fn with_login(files: BTreeMap<String, Vec<u8>>, login: Option<(&str, &str)>) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port on 127.0.0.1");
        let origin = format!("http://{}", listener.local_addr().expect("a bound listener has an address"));
        let login =
            login.map(|(user, password)| format!("Basic {}", STANDARD.encode(format!("{user}:{password}"))));
        let shared = Arc::new(Shared {
            files: Mutex::new(files),
            login,
            faults: Mutex::default(),
            lasting: Mutex::default(),
            seen: Mutex::default(),
            stopped: AtomicBool::new(false),
        });
        let serving = Arc::clone(&shared);
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if serving.stopped.load(Ordering::SeqCst) {
                    return;
                }
                let shared = Arc::clone(&serving);
                std::thread::spawn(move || shared.serve(&stream));
            }
        });
        Self { origin, shared, thread: Some(thread) }
    }

    /// Where the dataset's listing is.
    pub fn url(&self) -> String {
        format!("{}{BASE}", self.origin)
    }

    /// Misbehaves at the next request for this path; faults for one path queue up.
    pub fn fault(&self, path: &str, fault: Fault) {
        lock(&self.shared.faults).entry(path.to_owned()).or_default().push_back(fault);
    }

    /// Misbehaves at every request for this path that has no other fault.
    pub fn always(&self, path: &str, fault: Fault) {
        lock(&self.shared.lasting).insert(path.to_owned(), fault);
    }

    /// Behaves again.
    pub fn mend(&self) {
        lock(&self.shared.faults).clear();
        lock(&self.shared.lasting).clear();
    }

    /// Puts a file there, in place of one of the same path.
    pub fn put(&self, path: &str, content: impl Into<Vec<u8>>) {
        lock(&self.shared.files).insert(path.to_owned(), content.into());
    }

    /// A file as it is served.
    pub fn file(&self, path: &str) -> Vec<u8> {
        lock(&self.shared.files)[path].clone()
    }

    /// The paths of all files.
    pub fn paths(&self) -> Vec<String> {
        lock(&self.shared.files).keys().cloned().collect()
    }

    /// Every request so far.
    pub fn seen(&self) -> Vec<Seen> {
        lock(&self.shared.seen).clone()
    }

    /// The requests so far for one path.
    pub fn seen_of(&self, path: &str) -> Vec<Seen> {
        self.seen().into_iter().filter(|seen| seen.path == path).collect()
    }

    /// Forgets the requests so far.
    pub fn forget(&self) {
        lock(&self.shared.seen).clear();
    }
}

impl Drop for FileServer {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.origin.trim_start_matches("http://"));
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// The files below a folder, by their paths.
pub fn read_tree(root: &Path) -> io::Result<BTreeMap<String, Vec<u8>>> {
    let (mut files, mut open) = (BTreeMap::new(), vec![root.to_owned()]);
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(folder)? {
            let path = entry?.path();
            if path.is_dir() {
                open.push(path);
            } else if let Ok(name) = path.strip_prefix(root) {
                files.insert(name.to_string_lossy().replace('\\', "/"), std::fs::read(&path)?);
            }
        }
    }
    Ok(files)
}

/// Three tables in the layout of MIMIC-IV, of invented people; the largest is some hundred kilobytes.
pub fn small_tree() -> BTreeMap<String, Vec<u8>> {
    let mut patients = "subject_id,gender,anchor_age,anchor_year,anchor_year_group,dod\n".to_owned();
    let mut labs = "labevent_id,subject_id,itemid,charttime,value,valuenum,valueuom\n".to_owned();
    for id in 1..=20 {
        let _ = writeln!(patients, "{id},F,{},2150,2014 - 2016,", 20 + id);
    }
    for id in 1..=LABS {
        let _ = writeln!(labs, "{id},{},50912,2150-01-02 03:04:05,{}.5,{0}.5,mg/dL", id % 20 + 1, id % 10);
    }
    let stays = "subject_id,hadm_id,stay_id,first_careunit,last_careunit,intime,outtime,los\n\
        1,2,3,MICU,MICU,2150-01-02 03:04:05,2150-01-04 03:04:05,2\n";
    [("hosp/patients.csv", patients), ("hosp/labevents.csv", labs), ("icu/icustays.csv", stays.to_owned())]
        .into_iter()
        .map(|(path, text)| (path.to_owned(), text.into_bytes()))
        .collect()
}

impl Shared {
    fn serve(&self, stream: &TcpStream) {
        let Some((path, fields)) = request(stream) else { return };
        let Some(path) = path.strip_prefix(BASE).map(str::to_owned) else {
            let _ = answer(stream, 404, &[], b"not here");
            return self.note(&path, fields, 404, 0);
        };
        let fault = lock(&self.faults).get_mut(&path).and_then(VecDeque::pop_front);
        let fault = fault.or_else(|| lock(&self.lasting).get(&path).cloned());
        if let Some(Fault::Status(status, more)) = &fault {
            let _ = answer(stream, *status, more, b"no");
            return self.note(&path, fields, *status, 0);
        }
        if self.login.is_some() && fields.get("authorization") != self.login.as_ref() {
            let _ = answer(stream, 401, &[("www-authenticate", "Basic".to_owned())], b"who are you?");
            return self.note(&path, fields, 401, 0);
        }
        let body = match &fault {
            Some(Fault::Body(body)) => Some(body.clone()),
            _ => self.body(&path),
        };
        match body {
            Some(body) => self.send(stream, &path, fields, &body, fault.as_ref()),
            None => {
                let _ = answer(stream, 404, &[], b"not here");
                self.note(&path, fields, 404, 0);
            }
        }
    }

    /// A file, a listing, or the checksums of all files where no file of that name is there.
    fn body(&self, path: &str) -> Option<Vec<u8>> {
        let files = lock(&self.files);
        if let Some(content) = files.get(path) {
            return Some(content.clone());
        }
        if path == SUMS {
            let line = |(path, content): (&String, &Vec<u8>)| format!("{} {path}\n", sum(content));
            return Some(files.iter().map(line).collect::<String>().into_bytes());
        }
        let below = files.keys().filter_map(|file| file.strip_prefix(path));
        let names: BTreeSet<_> = below
            .map(|rest| rest.split_once('/').map_or(rest.to_owned(), |(folder, _)| format!("{folder}/")))
            .collect();
        let is_folder = path.is_empty() || path.ends_with('/');
        (is_folder && !names.is_empty()).then(|| index(path, &names).into_bytes())
    }

    fn send(
        &self,
        mut stream: &TcpStream,
        path: &str,
        fields: BTreeMap<String, String>,
        body: &[u8],
        fault: Option<&Fault>,
    ) {
        let other = matches!(fault, Some(Fault::OtherVersion));
        let tag = if other { "\"another\"".to_owned() } else { format!("\"{}\"", &sum(body)[..16]) };
        let start = fields
            .get("range")
            .and_then(|range| range.strip_prefix("bytes=")?.strip_suffix('-')?.parse().ok());
        let is_current = other || fields.get("if-range").is_none_or(|condition| *condition == tag);
        let mut start: usize =
            start.filter(|_| is_current && !matches!(fault, Some(Fault::NoRange))).unwrap_or(0);
        let is_partial = start > 0;
        if start >= body.len() && is_partial {
            let _ = answer(stream, 416, &[("content-range", format!("bytes */{}", body.len()))], b"");
            return self.note(path, fields, 416, 0);
        }
        if matches!(fault, Some(Fault::OtherRange)) {
            start = start.saturating_sub(1);
        }
        let rest = &body[start..];
        let status = if is_partial { 206 } else { 200 };
        let announced = match fault {
            Some(Fault::Lie(by)) => rest.len().saturating_add_signed(isize::try_from(*by).unwrap_or(0)),
            _ => rest.len(),
        };
        let mut head = format!(
            "HTTP/1.1 {status} x\r\nconnection: close\r\naccept-ranges: bytes\r\netag: {tag}\r\ncontent-length: {announced}\r\n"
        );
        if is_partial {
            let _ = write!(head, "content-range: bytes {start}-{}/{}\r\n", body.len() - 1, body.len());
        }
        let (Some(Fault::Drop(most) | Fault::Hold(most)), stays_open) =
            (fault, matches!(fault, Some(Fault::Hold(_))))
        else {
            self.note(path, fields, status, rest.len());
            let _ = stream.write_all(format!("{head}\r\n").as_bytes()).and_then(|()| stream.write_all(rest));
            return;
        };
        let rest = &rest[..rest.len().min(*most)];
        self.note(path, fields, status, rest.len());
        let _ = stream.write_all(format!("{head}\r\n").as_bytes()).and_then(|()| stream.write_all(rest));
        if stays_open {
            // Until the client goes away, or the test is over.
            let _ = stream.set_read_timeout(Some(Duration::from_mins(2)));
            let _ = stream.read(&mut [0]);
        }
    }

    fn note(&self, path: &str, fields: BTreeMap<String, String>, status: u16, sent: usize) {
        lock(&self.seen).push(Seen { path: path.to_owned(), fields, status, sent });
    }
}

/// The path and the header fields of a request.
fn request(stream: &TcpStream) -> Option<(String, BTreeMap<String, String>)> {
    let mut lines = BufReader::new(stream).lines();
    let path = lines.next()?.ok()?.split(' ').nth(1)?.to_owned();
    let mut fields = BTreeMap::new();
    for line in lines {
        let line = line.ok()?;
        let Some((name, value)) = line.split_once(':') else { break };
        fields.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    Some((path, fields))
}

fn answer(mut stream: &TcpStream, status: u16, fields: &[(&str, String)], body: &[u8]) -> io::Result<()> {
    let mut head = format!("HTTP/1.1 {status} x\r\nconnection: close\r\ncontent-length: {}\r\n", body.len());
    for (name, value) in fields {
        let _ = write!(head, "{name}: {value}\r\n");
    }
    stream.write_all(format!("{head}\r\n").as_bytes())?;
    stream.write_all(body)
}

/// A folder as web servers list it.
fn index(path: &str, names: &BTreeSet<String>) -> String {
    let mut page = format!(
        "<html><head><title>Index of {BASE}{path}</title></head><body><pre><a href=\"../\">../</a>\n"
    );
    for name in names {
        let _ = writeln!(page, "<a href=\"{name}\">{name}</a>   31-Jan-2023 12:00   1K");
    }
    page + "</pre></body></html>"
}

fn sum(content: &[u8]) -> String {
    digest(&SHA256, content).as_ref().iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Where the dataset is on the server.
const BASE: &str = "/files/demo/2.2/";
/// The checksums' file.
pub const SUMS: &str = "SHA256SUMS.txt";
/// Rows of the largest table of [`small_tree`].
pub const LABS: usize = 5000;
