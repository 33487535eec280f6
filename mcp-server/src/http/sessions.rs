//! Sessions of clients of the revisions before 2026-07-28, and whose they are.
//!
//! The MCP library makes and serves sessions but does not know callers. A session belongs to the issuer and subject that
//! opened it: for everybody else it does not exist. Knowing an id proves nothing; every request is authenticated.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rmcp::transport::streamable_http_server::SessionManager as _;
use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;

use super::flight::Owner;

/// The open sessions.
#[derive(Debug)]
pub(super) struct Sessions {
    manager: Arc<LocalSessionManager>,
    open: Mutex<HashMap<Arc<str>, Session>>,
}

#[derive(Debug)]
struct Session {
    owner: Owner,
    used: Instant,
}

impl Sessions {
    pub(super) fn new() -> Self {
        let mut manager = LocalSessionManager::default();
        manager.session_config.keep_alive = Some(IDLE);
        Self { manager: Arc::new(manager), open: Mutex::default() }
    }

    /// The library's side of them.
    pub(super) fn manager(&self) -> Arc<LocalSessionManager> {
        self.manager.clone()
    }

    /// Whether `id` is a session of `owner`. Counts as a use of it.
    pub(super) async fn belongs(&self, id: &str, owner: &Owner) -> bool {
        let id: Arc<str> = id.into();
        let known = {
            let mut open = self.lock();
            let session = open.get_mut(&id).filter(|session| session.owner == *owner);
            session.map(|session| session.used = Instant::now()).is_some()
        };
        if !known {
            return false;
        }
        // The library ends sessions by itself, when they idle.
        let lives = self.manager.has_session(&id).await.unwrap_or(false);
        if !lives {
            self.lock().remove(&id);
        }
        lives
    }

    /// Notes that `owner` opened `id`, and closes what the owner, or the server, then has too many of: the session that
    /// was not used for longest.
    pub(super) async fn opened(&self, id: &str, owner: Owner) {
        let excess = {
            let mut open = self.lock();
            open.insert(id.into(), Session { owner: owner.clone(), used: Instant::now() });
            let own = open.values().filter(|session| session.owner == owner).count();
            let excess = if own > MOST_PER_OWNER && owner != Owner::Anyone {
                oldest(&open, |session| session.owner == owner)
            } else if open.len() > MOST {
                oldest(&open, |_| true)
            } else {
                None
            };
            excess.inspect(|id| {
                open.remove(id);
            })
        };
        if let Some(id) = excess {
            tracing::debug!(target: "m4::http", "closed the session that was not used for longest");
            let _ = self.manager.close_session(&id).await;
        }
    }

    /// Forgets a session that its owner ended.
    pub(super) fn closed(&self, id: &str) {
        self.lock().remove(id);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<Arc<str>, Session>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn oldest(open: &HashMap<Arc<str>, Session>, of: impl Fn(&Session) -> bool) -> Option<Arc<str>> {
    let candidates = open.iter().filter(|(_, session)| of(session));
    candidates.min_by_key(|(_, session)| session.used).map(|(id, _)| id.clone())
}

/// A working day: clients of those revisions do not all open a new session when theirs is gone.
const IDLE: Duration = Duration::from_hours(8);

/// Sessions one subject may have: a dozen windows of a dozen programs, not a leak.
const MOST_PER_OWNER: usize = 64;

/// Sessions in all. An idle one is a task and a few kilobytes.
const MOST: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    fn subject(name: &str) -> Owner {
        Owner::Subject("https://issuer.example".into(), name.into())
    }

    async fn open(sessions: &Sessions, owner: &Owner) -> String {
        let (id, _transport) = sessions.manager().create_session().await.unwrap();
        sessions.opened(&id, owner.clone()).await;
        id.to_string()
    }

    #[tokio::test]
    async fn s23_a_session_exists_for_the_one_who_opened_it_and_for_nobody_else() {
        let sessions = Sessions::new();
        let id = open(&sessions, &subject("ann")).await;
        assert!(sessions.belongs(&id, &subject("ann")).await);
        assert!(!sessions.belongs(&id, &subject("bob")).await);
        assert!(!sessions.belongs(&id, &Owner::Anyone).await);
        assert!(!sessions.belongs(&id, &Owner::Subject("https://other.example".into(), "ann".into())).await);
        assert!(!sessions.belongs("made-up", &subject("ann")).await);
        sessions.closed(&id);
        assert!(!sessions.belongs(&id, &subject("ann")).await);
    }

    #[tokio::test]
    async fn a_session_that_the_library_ended_is_gone() {
        let sessions = Sessions::new();
        let id = open(&sessions, &subject("ann")).await;
        let key: Arc<str> = id.as_str().into();
        sessions.manager().close_session(&key).await.unwrap();
        assert!(!sessions.belongs(&id, &subject("ann")).await);
        assert!(sessions.lock().is_empty());
    }

    #[tokio::test]
    async fn one_subject_cannot_take_the_room_of_all() {
        let sessions = Sessions::new();
        let bobs = open(&sessions, &subject("bob")).await;
        let first = open(&sessions, &subject("ann")).await;
        for _ in 0..MOST_PER_OWNER {
            open(&sessions, &subject("ann")).await;
        }
        assert!(!sessions.belongs(&first, &subject("ann")).await);
        assert!(sessions.belongs(&bobs, &subject("bob")).await);
        assert_eq!(sessions.lock().len(), MOST_PER_OWNER + 1);
    }
}
