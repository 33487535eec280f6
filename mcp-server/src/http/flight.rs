//! Calls in progress: how many at once, in all and per subject.

use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use auth_core::verify::Principal;
use http_body::{Body, Frame, SizeHint};

/// Whose calls and sessions these are.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Owner {
    /// Everybody, where callers are not authenticated.
    Anyone,
    /// A subject of an issuer.
    Subject(Arc<str>, Arc<str>),
}

impl From<Option<&Arc<Principal>>> for Owner {
    fn from(principal: Option<&Arc<Principal>>) -> Self {
        principal.map_or(Self::Anyone, |principal| {
            Self::Subject(principal.issuer().clone(), principal.subject().clone())
        })
    }
}

/// Counts what is in progress.
#[derive(Debug)]
pub(super) struct Flight {
    most: usize,
    most_per_subject: usize,
    now: Mutex<HashMap<Owner, usize>>,
    total: std::sync::atomic::AtomicUsize,
}

impl Flight {
    /// Lets `most` calls be in progress, and `most_per_subject` of each subject.
    pub(super) fn new(most: usize, most_per_subject: usize) -> Arc<Self> {
        Arc::new(Self { most, most_per_subject, now: Mutex::default(), total: 0.into() })
    }

    /// Counts one more call of `owner` until the permit is dropped.
    ///
    /// Callers that are not told apart share the limit in all, not that of one subject.
    pub(super) fn enter(self: &Arc<Self>, owner: &Owner) -> Result<Permit, Crowded> {
        use std::sync::atomic::Ordering::Relaxed;
        let mut now = self.now.lock().unwrap_or_else(PoisonError::into_inner);
        if self.total.load(Relaxed) >= self.most {
            return Err(Crowded::Server);
        }
        let own = now.get(owner).copied().unwrap_or_default();
        if own >= self.most_per_subject && *owner != Owner::Anyone {
            return Err(Crowded::Subject { most: self.most_per_subject });
        }
        now.insert(owner.clone(), own + 1);
        self.total.fetch_add(1, Relaxed);
        Ok(Permit { flight: self.clone(), owner: owner.clone() })
    }

    /// How many calls are in progress.
    pub(super) fn total(&self) -> usize {
        self.total.load(std::sync::atomic::Ordering::Relaxed)
    }
}

/// One call in progress.
#[derive(Debug)]
pub(super) struct Permit {
    flight: Arc<Flight>,
    owner: Owner,
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut now = self.flight.now.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(own) = now.get_mut(&self.owner) {
            *own -= 1;
            if *own == 0 {
                now.remove(&self.owner);
            }
        }
        self.flight.total.fetch_sub(1, std::sync::atomic::Ordering::Relaxed);
    }
}

/// No room for another call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Crowded {
    /// The server has its hands full.
    #[error("The server is at its limit of calls in progress")]
    Server,
    /// This subject has as many calls in progress as it may.
    #[error("You have {most} calls in progress, which is the limit")]
    Subject {
        /// The limit.
        most: usize,
    },
}

/// A response's body that counts as in progress until it was sent, and ends at the latest when `ends` does.
pub(super) struct Held<B> {
    body: B,
    _permit: Permit,
    ends: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
}

impl<B> Held<B> {
    pub(super) fn new(body: B, permit: Permit) -> Self {
        Self { body, _permit: permit, ends: None }
    }

    /// Ends the body when `ends` comes, for streams that would never end by themselves.
    pub(super) fn until(self, ends: impl Future<Output = ()> + Send + 'static) -> Self {
        Self { ends: Some(Box::pin(ends)), ..self }
    }
}

impl<B: Body + Unpin> Body for Held<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        if self.ends.as_mut().is_some_and(|ends| ends.as_mut().poll(context).is_ready()) {
            self.ends = None;
            return Poll::Ready(None);
        }
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::{BodyExt as _, Full, StreamBody};

    use super::*;

    fn subject(name: &str) -> Owner {
        Owner::Subject("https://issuer.example".into(), name.into())
    }

    #[test]
    fn a_subject_has_its_own_limit_and_all_share_the_servers() {
        let flight = Flight::new(3, 2);
        let first = flight.enter(&subject("ann")).unwrap();
        let _second = flight.enter(&subject("ann")).unwrap();
        assert_eq!(flight.enter(&subject("ann")).unwrap_err(), Crowded::Subject { most: 2 });
        let _third = flight.enter(&subject("bob")).unwrap();
        assert_eq!(flight.enter(&subject("cy")).unwrap_err(), Crowded::Server);
        drop(first);
        assert_eq!(flight.total(), 2);
        flight.enter(&subject("ann")).unwrap();
    }

    #[test]
    fn one_name_at_two_issuers_is_two_subjects() {
        let flight = Flight::new(10, 1);
        let _ann = flight.enter(&subject("ann")).unwrap();
        flight.enter(&Owner::Subject("https://other.example".into(), "ann".into())).unwrap();
    }

    #[test]
    fn callers_that_are_not_told_apart_do_not_share_one_subjects_limit() {
        let flight = Flight::new(3, 1);
        let _permits: Vec<Permit> = (0..3).map(|_| flight.enter(&Owner::Anyone).unwrap()).collect();
        assert_eq!(flight.enter(&Owner::Anyone).unwrap_err(), Crowded::Server);
    }

    #[test]
    fn nothing_is_remembered_of_subjects_without_calls() {
        let flight = Flight::new(3, 1);
        for name in ["ann", "bob", "cy"] {
            drop(flight.enter(&subject(name)).unwrap());
        }
        assert!(flight.now.lock().unwrap().is_empty());
    }

    #[tokio::test]
    async fn a_call_is_in_progress_until_its_answer_was_sent() {
        let flight = Flight::new(1, 1);
        let held =
            Held::new(Full::new(bytes::Bytes::from_static(b"x")), flight.enter(&Owner::Anyone).unwrap());
        assert_eq!(flight.total(), 1);
        held.collect().await.unwrap();
        assert_eq!(flight.total(), 0);
    }

    #[tokio::test]
    async fn a_stream_without_end_ends_when_it_is_told_to() {
        let endless = StreamBody::new(futures_util::stream::pending::<
            Result<Frame<bytes::Bytes>, std::convert::Infallible>,
        >());
        let permit = Flight::new(1, 1).enter(&Owner::Anyone).unwrap();
        let held = Held::new(endless, permit).until(std::future::ready(()));
        assert!(held.collect().await.unwrap().to_bytes().is_empty());
    }
}
