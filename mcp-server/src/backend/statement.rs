//! Statements of M4's own: text from this program, values from whoever asks.

/// SQL that M4 itself wrote, with values bound to its placeholders.
///
/// The text is made of pieces that are part of the program, so what a caller sends can only become a value. It does not pass
/// the SQL policy; the engine's locks hold for it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Statement {
    sql: String,
    parameters: Vec<Parameter>,
}

/// A value bound to a placeholder.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[serde(untagged)]
pub enum Parameter {
    /// A whole number.
    Integer(i64),
    /// Text, whatever is in it.
    Text(String),
}

impl Statement {
    /// A statement that begins with this text.
    pub fn new(text: &'static str) -> Self {
        Self { sql: text.to_owned(), parameters: Vec::new() }
    }

    /// Adds text.
    pub fn text(&mut self, text: &'static str) -> &mut Self {
        self.sql.push_str(text);
        self
    }

    /// Adds a placeholder and binds a value to it.
    pub fn value(&mut self, value: impl Into<Parameter>) -> &mut Self {
        self.sql.push('?');
        self.parameters.push(value.into());
        self
    }

    /// The SQL, with a `?` for each value.
    pub fn sql(&self) -> &str {
        &self.sql
    }

    /// The values, in the order of their placeholders.
    pub fn parameters(&self) -> &[Parameter] {
        &self.parameters
    }
}

impl From<i64> for Parameter {
    fn from(value: i64) -> Self {
        Self::Integer(value)
    }
}

impl From<String> for Parameter {
    fn from(value: String) -> Self {
        Self::Text(value)
    }
}

impl From<&str> for Parameter {
    fn from(value: &str) -> Self {
        Self::Text(value.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_bound_never_becomes_text_of_the_statement() {
        let mut statement = Statement::new("SELECT ");
        statement.value("x' OR 1=1 --").text(" AS a, ").value(7).text(" AS b");
        assert_eq!(statement.sql(), "SELECT ? AS a, ? AS b");
        assert_eq!(
            statement.parameters(),
            [Parameter::Text("x' OR 1=1 --".to_owned()), Parameter::Integer(7)]
        );
    }
}
