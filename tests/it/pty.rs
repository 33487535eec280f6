//! A program on a terminal of its own, with the test in the place of the person.

use std::io::{Read as _, Write};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use m4_tests::binaries;
use m4_tests::cli::run;
use m4_tests::sandbox::Sandbox;
use portable_pty::{Child, CommandBuilder, ExitStatus, MasterPty, PtySize, SlavePty, native_pty_system};

/// A program that runs on a terminal. Killed when dropped.
pub(crate) struct Person {
    child: Box<dyn Child + Send + Sync>,
    keyboard: Box<dyn Write + Send>,
    screen: Arc<Mutex<Vec<u8>>>,
    read_to: usize,
    master: Box<dyn MasterPty + Send>,
    // The terminal, with its modes, stays while somebody holds it.
    _slave: Box<dyn SlavePty + Send>,
    sandbox: Sandbox,
}

impl Person {
    /// Starts `m4` with these arguments.
    pub(crate) fn start(sandbox: &Sandbox, args: &[&str]) -> Self {
        let size = PtySize { rows: 60, cols: 240, pixel_width: 0, pixel_height: 0 };
        let pair = native_pty_system().openpty(size).unwrap();
        let mut command = CommandBuilder::new(binaries::find("m4").unwrap());
        command.env_clear();
        for (name, value) in sandbox.variables() {
            command.env(name, value);
        }
        command.env("TERM", "xterm-256color");
        command.args(args);
        command.cwd(sandbox.root());
        let child = pair.slave.spawn_command(command).unwrap();
        let mut reader = pair.master.try_clone_reader().unwrap();
        let screen = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&screen);
        std::thread::spawn(move || {
            let mut part = [0; 4096];
            while let Ok(length @ 1..) = reader.read(&mut part) {
                kept.lock().unwrap().extend_from_slice(&part[..length]);
            }
        });
        let keyboard = pair.master.take_writer().unwrap();
        let (master, slave) = (pair.master, pair.slave);
        Self { child, keyboard, screen, read_to: 0, master, _slave: slave, sandbox: sandbox.clone() }
    }

    /// Waits until this appears after what was seen before.
    #[track_caller]
    pub(crate) fn sees(&mut self, text: &str) -> &mut Self {
        let end = Instant::now() + PATIENCE;
        loop {
            let screen = plain(&self.screen.lock().unwrap());
            if let Some(place) = screen.get(self.read_to..).and_then(|new| new.find(text)) {
                self.read_to += place + text.len();
                return self;
            }
            assert!(Instant::now() < end, "{text:?} never came after {} of\n{screen}", self.read_to);
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Types this; Enter is `\r`.
    pub(crate) fn types(&mut self, text: &str) -> &mut Self {
        self.keyboard.write_all(text.as_bytes()).unwrap();
        self.keyboard.flush().unwrap();
        self
    }

    /// Everything that was on the screen, without what steers it.
    pub(crate) fn screen(&self) -> String {
        plain(&self.screen.lock().unwrap())
    }

    /// The process id.
    pub(crate) fn id(&self) -> u32 {
        self.child.process_id().unwrap()
    }

    /// Waits for the end.
    #[track_caller]
    pub(crate) fn ends(&mut self) -> ExitStatus {
        let end = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(Instant::now() < end, "it does not end\n{}", self.screen());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Whether what is typed is shown and read by lines, as a shell expects it.
    pub(crate) fn terminal_is_as_usual(&self) -> bool {
        let terminal: PathBuf = self.master.tty_name().unwrap();
        let flag = if cfg!(target_os = "linux") { "-F" } else { "-f" };
        let modes = run("stty", &self.sandbox, [flag, terminal.to_str().unwrap(), "-a"]).unwrap();
        assert_eq!(modes.code, Some(0), "{}", modes.stderr);
        let on = |mode: &str| modes.stdout.split_whitespace().any(|word| word == mode);
        on("echo") && on("icanon") && on("isig")
    }
}

impl Drop for Person {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The text without the sequences that move the cursor and set colours (ECMA-48 §5.4).
fn plain(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let (mut plain, mut rest) = (String::new(), text.as_ref());
    while let Some((before, after)) = rest.split_once('\u{1b}') {
        plain.push_str(before);
        rest = match after.strip_prefix('[') {
            Some(sequence) => match sequence.find(|c: char| ('@'..='~').contains(&c)) {
                Some(last) => &sequence[last + 1..],
                None => "",
            },
            None => after.get(1..).unwrap_or_default(),
        };
    }
    plain + rest
}

/// Generous: the machine may be busy.
const PATIENCE: Duration = Duration::from_secs(60);
