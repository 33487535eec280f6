//! The usual answer to every question, for those who do not want to be asked.

use auth_core::secret::Secret;

use super::{Ask, Unanswered};

/// Takes what is usual.
pub struct Usual;

impl Ask for Usual {
    fn choose(&mut self, _: &str, _: &[String], usual: usize) -> Result<usize, Unanswered> {
        Ok(usual)
    }

    fn text(&mut self, question: &str, usual: Option<&str>) -> Result<String, Unanswered> {
        usual.map(str::to_owned).ok_or_else(|| Unanswered::NoUsual(question.to_owned()))
    }

    fn confirm(&mut self, _: &str, usual: bool) -> Result<bool, Unanswered> {
        Ok(usual)
    }

    fn secret(&mut self, question: &str) -> Result<Secret, Unanswered> {
        Err(Unanswered::NoUsual(question.to_owned()))
    }

    fn may_think_again(&self) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_made_up_where_nothing_is_usual() {
        assert_eq!(Usual.choose("Which?", &["a".into(), "b".into()], 1).unwrap(), 1);
        assert_eq!(Usual.text("Audience", Some("m4-api")).unwrap(), "m4-api");
        assert!(!Usual.confirm("Sure?", false).unwrap());
        assert!(
            matches!(Usual.text("Issuer", None), Err(Unanswered::NoUsual(question)) if question == "Issuer")
        );
        assert!(Usual.secret("Password").is_err());
    }
}
