//! A keyring that answers in time or not at all, however long the one behind it takes.
//!
//! A keyring may hang, and may ask its user something that nobody is there to see. The question is asked on a thread of its
//! own. When the time is up the caller goes on without an answer; the question stays, no other is asked meanwhile, and
//! whoever asks the same later gets its answer. So there is at most one such thread.

use std::sync::mpsc::{self, Receiver, RecvTimeoutError, TryRecvError};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use super::{Key, KeyId, Keyring, KeyringError};

/// A keyring with a limit of time.
#[derive(Debug)]
pub(super) struct Bounded {
    keyring: Arc<dyn Keyring>,
    patience: Duration,
    open: Mutex<Option<Open>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Question {
    Find(KeyId),
    Keep(KeyId),
}

/// A question without an answer.
#[derive(Debug)]
struct Open {
    question: Question,
    answer: Receiver<Answer>,
}

/// The key that was found, or kept.
type Answer = Result<Key, KeyringError>;

impl Bounded {
    pub(super) fn new(keyring: impl Keyring + 'static) -> Self {
        Self { keyring: Arc::new(keyring), patience: PATIENCE, open: Mutex::new(None) }
    }

    fn ask(&self, question: Question, work: impl FnOnce(&dyn Keyring) -> Answer + Send + 'static) -> Answer {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(earlier) = open.take() {
            match earlier.answer.try_recv() {
                Ok(answer) if earlier.question == question => return answer,
                Ok(_) | Err(TryRecvError::Disconnected) => {}
                Err(TryRecvError::Empty) => {
                    *open = Some(earlier);
                    return Err(self.silent());
                }
            }
        }
        let (sender, answer) = mpsc::channel();
        let keyring = self.keyring.clone();
        let asked = thread::Builder::new().name("keyring".to_owned()).spawn(move || {
            // Nobody may be waiting any more.
            let _ = sender.send(work(&*keyring));
        });
        asked.map_err(|error| KeyringError::Unreachable(error.to_string()))?;
        match answer.recv_timeout(self.patience) {
            Ok(answer) => answer,
            Err(RecvTimeoutError::Timeout) => {
                *open = Some(Open { question, answer });
                Err(self.silent())
            }
            Err(RecvTimeoutError::Disconnected) => {
                Err(KeyringError::Unreachable("it ended without an answer".to_owned()))
            }
        }
    }

    fn silent(&self) -> KeyringError {
        KeyringError::Silent { seconds: self.patience.as_secs() }
    }
}

impl Keyring for Bounded {
    fn find(&self, id: &KeyId) -> Result<Key, KeyringError> {
        let id = id.clone();
        self.ask(Question::Find(id.clone()), move |keyring| keyring.find(&id))
    }

    fn keep(&self, key: &Key) -> Result<(), KeyringError> {
        let key = key.clone();
        let kept = self.ask(Question::Keep(key.id().clone()), move |keyring| {
            keyring.keep(&key)?;
            Ok(key)
        });
        kept.map(drop)
    }
}

/// Long enough for a keyring that is started by being asked, short enough for a client that waits for a tool's answer.
const PATIENCE: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use super::super::fake::Fake;
    use super::*;

    fn bounded(keyring: &Fake) -> Bounded {
        Bounded { patience: Duration::from_millis(20), ..Bounded::new(keyring.clone()) }
    }

    /// The answer, however busy the machine is.
    fn in_the_end(keyring: &Bounded, id: &KeyId) -> Answer {
        loop {
            match keyring.find(id) {
                Err(KeyringError::Silent { .. }) => thread::yield_now(),
                answer => return answer,
            }
        }
    }

    #[test]
    fn a_keyring_that_answers_is_passed_on() {
        let fake = Fake::default();
        let keyring = Bounded::new(fake.clone());
        let key = Key::generate().unwrap();
        assert_eq!(keyring.find(key.id()).unwrap_err(), KeyringError::NoKey);
        keyring.keep(&key).unwrap();
        assert_eq!(keyring.find(key.id()).unwrap().id(), key.id());
        fake.fail(Some(KeyringError::Locked));
        assert_eq!(keyring.find(key.id()).unwrap_err(), KeyringError::Locked);
    }

    #[test]
    fn a_keyring_that_hangs_is_left_waiting_and_asked_once() {
        let fake = Fake::default();
        let keyring = bounded(&fake);
        let (key, other) = (Key::generate().unwrap(), Key::generate().unwrap());
        fake.keep(&key).unwrap();
        let before = fake.asked();
        let held = fake.hang();
        for id in [key.id(), key.id(), other.id()] {
            assert!(matches!(keyring.find(id), Err(KeyringError::Silent { .. })));
        }
        drop(held);
        // The answer that came late is the next one's.
        assert_eq!(in_the_end(&keyring, key.id()).unwrap().id(), key.id());
        assert_eq!(fake.asked(), before + 1);
        assert_eq!(in_the_end(&keyring, other.id()).unwrap_err(), KeyringError::NoKey);
    }

    #[test]
    fn a_keyring_that_panics_costs_its_answer_alone() {
        #[derive(Debug)]
        struct Broken;
        impl Keyring for Broken {
            fn find(&self, _: &KeyId) -> Result<Key, KeyringError> {
                panic!("a bug in a keyring")
            }
            fn keep(&self, _: &Key) -> Result<(), KeyringError> {
                Ok(())
            }
        }
        let keyring = Bounded::new(Broken);
        let key = Key::generate().unwrap();
        assert!(matches!(keyring.find(key.id()), Err(KeyringError::Unreachable(_))));
        keyring.keep(&key).unwrap();
    }
}
