//! The person at this terminal and their browser.

use std::io::{self, BufRead, IsTerminal as _, Read as _};
use std::time::Duration;

use auth_core::oauth::client::authorization::{AuthorizationUrl, RedirectUri};
use auth_core::oauth::client::redirect::MAX_TARGET_BYTES;
use auth_core::oauth::client::server::AuthorizationServer;
use auth_core::oauth::client_auth::ClientAuth;
use auth_core::secret::Secret;
use mcp_server::error::{Explain, codes};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};

use super::browser;
use super::driver::{Callback, User};
use super::loopback::{Arrival, Loopback};
use super::page::Page;
use crate::output::Printer;

/// Asks the person for what a login needs, and waits for their browser.
pub struct Person {
    printer: Printer,
    /// Whether the browser is opened for them.
    opens_browser: bool,
    redirect_uri: RedirectUri,
    listener: Option<Loopback>,
    input: Option<mpsc::Receiver<Secret>>,
    /// The browser that brought the answer and waits for the page.
    waiting: Option<oneshot::Sender<Page>>,
    /// A client whose secret goes to no issuer that only a server names.
    configured: Option<ClientAuth>,
    timeout: Duration,
    deadline: Instant,
}

impl Person {
    /// Waits for `timeout` from now. `configured` is the client that needs leave to be used.
    pub fn new(
        printer: Printer,
        opens_browser: bool,
        redirect_uri: RedirectUri,
        listener: Option<Loopback>,
        configured: Option<ClientAuth>,
        timeout: Duration,
    ) -> Self {
        let deadline = Instant::now() + timeout;
        Self {
            printer,
            opens_browser,
            redirect_uri,
            listener,
            input: None,
            waiting: None,
            configured,
            timeout,
            deadline,
        }
    }

    /// When nobody waits any more.
    pub const fn deadline(&self) -> Instant {
        self.deadline
    }

    /// That it is over.
    pub const fn timed_out(&self) -> PersonError {
        PersonError::TimedOut { seconds: self.timeout.as_secs() }
    }

    /// Shows the page that says how it ended, and stops listening.
    pub async fn finish(mut self, page: Page) {
        if let Some(waiting) = self.waiting.take() {
            // A browser that is gone has read enough.
            let _ = waiting.send(page);
        }
        if let Some(listener) = self.listener.take() {
            listener.close().await;
        }
    }

    /// `opening` ends when it is known whether there is a browser; one that runs in this terminal, when it does.
    async fn heard(
        &mut self,
        callback: &mut Callback<'_>,
        mut opening: Option<JoinHandle<bool>>,
    ) -> Result<(), PersonError> {
        while !callback.is_answered() {
            if self.listener.is_none() && self.input.is_none() && opening.is_none() {
                return Err(PersonError::NoWayBack);
            }
            tokio::select! {
                is_open = opened(&mut opening) => {
                    opening = None;
                    self.told_of_browser(is_open);
                }
                arrival = from_browser(&mut self.listener) => self.came(arrival, callback),
                line = from_input(&mut self.input) => self.pasted(line, callback),
            }
        }
        Ok(())
    }

    fn came(&mut self, arrival: Option<Arrival>, callback: &mut Callback<'_>) {
        let Some(Arrival { target, answer }) = arrival else {
            self.listener = None;
            return;
        };
        let outcome = callback.receive(target.expose());
        if callback.is_answered() {
            self.waiting = Some(answer);
            if let Some(listener) = &mut self.listener {
                listener.answered();
            }
            return;
        }
        let page = match outcome {
            Ok(_) => Page::nothing(),
            Err(error) => {
                tracing::warn!(target: "m4::login", %error, "an answer at the redirect URI does not count");
                Page::stray(&error.to_string(), error.hint())
            }
        };
        let _ = answer.send(page);
    }

    fn pasted(&mut self, line: Option<Secret>, callback: &mut Callback<'_>) {
        let Some(line) = line else {
            self.input = None;
            return;
        };
        match callback.receive_pasted(line.expose()) {
            Ok(true) => {}
            Ok(false) => self.printer.ask(format_args!(
                "That is not where the browser ended. Copy the whole address; it begins with {}",
                self.redirect_uri
            )),
            Err(_) if callback.is_answered() => {}
            Err(error) => self.printer.ask(format_args!("That does not count: {error}; {}", error.hint())),
        }
    }

    fn told_of_browser(&mut self, is_open: bool) {
        if is_open {
            self.printer.note("Your browser was asked to open it. Waiting for it to come back …");
        } else {
            self.printer.note("No browser could be opened on this machine.");
            self.asks_for_paste();
        }
    }

    fn asks_for_paste(&mut self) {
        self.printer.ask(format_args!(
            "Log in there. The browser then ends at an address that begins with {}, and that page may fail to load.\n\
             Paste the whole address here:",
            self.redirect_uri
        ));
        self.input.get_or_insert_with(lines);
    }
}

impl User for Person {
    type Error = PersonError;

    async fn authorize(
        &mut self,
        url: &AuthorizationUrl,
        callback: &mut Callback<'_>,
    ) -> Result<(), PersonError> {
        self.printer.ask(format_args!("To log in, open this address in a browser:\n\n  {}\n", url.as_str()));
        let opening = self.opens_browser.then(|| tokio::spawn(browser::open(url.clone())));
        if opening.is_none() {
            self.asks_for_paste();
        }
        match timeout_at(self.deadline, self.heard(callback, opening)).await {
            Ok(outcome) => outcome,
            Err(_) => Err(self.timed_out()),
        }
    }

    async fn name_client(&mut self, server: &AuthorizationServer) -> Result<ClientAuth, PersonError> {
        let issuer = server.issuer.url().as_str().to_owned();
        if !io::stdin().is_terminal() {
            return Err(match self.configured {
                Some(_) => PersonError::Unconfirmed { issuer },
                None => PersonError::NoClient { issuer },
            });
        }
        let question = match self.configured {
            Some(_) => format!(
                "The server says that {issuer} issues its tokens. Send it the configured client's secret? [y/N]"
            ),
            None => format!(
                "{issuer} gives out no client ids. Register a native client with it, with the redirect URI {}\n\
                 Its client id:",
                self.redirect_uri
            ),
        };
        self.printer.ask(question);
        let input = self.input.get_or_insert_with(lines);
        let Ok(line) = timeout_at(self.deadline, input.recv()).await else { return Err(self.timed_out()) };
        chosen(self.configured.take(), line.as_ref().map_or("", Secret::expose), issuer)
    }
}

/// What the person's line says about the client.
fn chosen(configured: Option<ClientAuth>, line: &str, issuer: String) -> Result<ClientAuth, PersonError> {
    let line = line.trim();
    match configured {
        Some(client) if ["y", "yes"].iter().any(|yes| line.eq_ignore_ascii_case(yes)) => Ok(client),
        Some(_) => Err(PersonError::Unconfirmed { issuer }),
        None if line.is_empty() || line.chars().any(char::is_control) => {
            Err(PersonError::NoClient { issuer })
        }
        None => Ok(ClientAuth::Public { client_id: line.to_owned() }),
    }
}

async fn opened(opening: &mut Option<JoinHandle<bool>>) -> bool {
    match opening {
        Some(opening) => opening.await.unwrap_or(false),
        None => std::future::pending().await,
    }
}

async fn from_browser(listener: &mut Option<Loopback>) -> Option<Arrival> {
    match listener {
        Some(listener) => listener.next().await,
        None => std::future::pending().await,
    }
}

async fn from_input(input: &mut Option<mpsc::Receiver<Secret>>) -> Option<Secret> {
    match input {
        Some(input) => input.recv().await,
        None => std::future::pending().await,
    }
}

/// The lines of standard input. The thread that reads them ends with the process: nothing can interrupt it.
fn lines() -> mpsc::Receiver<Secret> {
    let (sender, receiver) = mpsc::channel(1);
    std::thread::spawn(move || {
        let mut input = io::stdin().lock();
        while let Some(line) = line(&mut input) {
            if sender.blocking_send(line).is_err() {
                break;
            }
        }
    });
    receiver
}

/// The next line, cut where it is longer than any answer.
fn line(input: &mut impl BufRead) -> Option<Secret> {
    let mut bytes = zeroize::Zeroizing::new(Vec::new());
    let read = input.take(MAX_TARGET_BYTES as u64 + 1).read_until(b'\n', &mut bytes).ok()?;
    (read > 0).then(|| Secret::new(String::from_utf8_lossy(&bytes)))
}

/// Why the person's part was not done.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PersonError {
    /// Nobody came back in time.
    #[error("nobody logged in within {seconds} seconds")]
    TimedOut {
        /// How long it was waited.
        seconds: u64,
    },
    /// The browser cannot come back, and nothing more can be pasted.
    #[error("the browser's address was not pasted: standard input has ended")]
    NoWayBack,
    /// The issuer gives out no client ids, and nobody can be asked.
    #[error("{issuer} needs a client id, and none is configured")]
    NoClient {
        /// The issuer.
        issuer: String,
    },
    /// A server named an issuer, and nobody agreed that it gets the configured client's secret.
    #[error(
        "the server names {issuer}, and the configured client's secret goes to no issuer that you did not name"
    )]
    Unconfirmed {
        /// The issuer.
        issuer: String,
    },
}

impl Explain for PersonError {
    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::TimedOut { .. } => {
                "run `m4 login` again; --timeout gives more time, --no-browser and --device need no browser here".to_owned()
            }
            Self::NoWayBack => "run it where you can paste the address, or use --device".to_owned(),
            Self::NoClient { .. } => {
                "register a native client with the issuer and name it with --client-id or M4_LOGIN_CLIENT_ID".to_owned()
            }
            Self::Unconfirmed { issuer } => format!("if it is the right one, add: --issuer {issuer}"),
        })
    }

    fn code(&self) -> &'static str {
        codes::LOGIN_FAILED
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn issuer() -> String {
        "https://i.example".to_owned()
    }

    #[test]
    fn c09_a_person_who_is_asked_names_a_client() {
        let named = chosen(None, " my client \n", issuer()).unwrap();
        assert_eq!((named.client_id(), named.method()), ("my client", "none"));
        for line in ["", " \n", "a\u{1b}[2J"] {
            assert!(matches!(chosen(None, line, issuer()), Err(PersonError::NoClient { .. })), "{line:?}");
        }
    }

    #[test]
    fn c12_a_secret_is_sent_to_an_issuer_a_server_named_only_after_a_yes() {
        let client = || Some(ClientAuth::Basic { client_id: "m4".into(), secret: Secret::new("s3cr3t") });
        assert_eq!(chosen(client(), "Y\n", issuer()).unwrap().method(), "client_secret_basic");
        for line in ["", "n", "no", "m4", "yes please"] {
            let error = chosen(client(), line, issuer()).unwrap_err();
            assert!(error.hint().unwrap().ends_with("--issuer https://i.example"), "{line}");
        }
    }

    #[test]
    fn a_line_is_never_longer_than_an_answer_and_stays_out_of_debug_output() {
        let long = vec![b'x'; 1 << 20];
        let mut input = &long[..];
        let line = line(&mut input).unwrap();
        assert_eq!(line.expose().len(), MAX_TARGET_BYTES + 1);
        assert!(!format!("{line:?}").contains('x'));
    }
}
