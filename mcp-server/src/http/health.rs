//! Whether the process lives, and whether it could answer. For probes, which bring no token and learn next to nothing.

use http::{Method, StatusCode};
use serde_json::{Map, Value, json};

use super::answer::{self, Response};

/// What a probe asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Probe {
    /// `/health/live`: restart the process if this fails.
    Live,
    /// `/health/ready`: send it no calls while this fails.
    Ready,
}

/// One thing that has to work, by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Check {
    /// Its name: `keys`, `backend`.
    pub name: &'static str,
    /// Whether it works.
    pub passed: bool,
}

impl Probe {
    /// The probe at a path, if there is one.
    pub(super) fn at(path: &str) -> Option<Self> {
        match path {
            "/health/live" => Some(Self::Live),
            "/health/ready" => Some(Self::Ready),
            _ => None,
        }
    }
}

/// The answer: 200 where everything works, else 503.
pub(super) fn report(method: &Method, checks: &[Check]) -> Response {
    if !matches!(*method, Method::GET | Method::HEAD) {
        return answer::method_not_allowed("GET, HEAD");
    }
    let passed = checks.iter().all(|check| check.passed);
    let outcomes: Map<String, Value> = checks
        .iter()
        .map(|check| (check.name.to_owned(), json!(if check.passed { "ok" } else { "failed" })))
        .collect();
    let status = if passed { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    answer::json(status, &json!({ "status": if passed { "ok" } else { "failed" }, "checks": outcomes }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_failed_check_makes_the_server_unready() {
        let check = |name, passed| Check { name, passed };
        let status = |checks: &[Check]| report(&Method::GET, checks).status();
        assert_eq!(status(&[]), StatusCode::OK);
        assert_eq!(status(&[check("keys", true), check("backend", true)]), StatusCode::OK);
        assert_eq!(status(&[check("keys", true), check("backend", false)]), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(report(&Method::POST, &[]).status(), StatusCode::METHOD_NOT_ALLOWED);
    }

    #[test]
    fn probes_are_at_two_paths() {
        assert_eq!(Probe::at("/health/live"), Some(Probe::Live));
        assert_eq!(Probe::at("/health/ready"), Some(Probe::Ready));
        assert_eq!(Probe::at("/health"), None);
    }
}
