//! How a query says that its rows are ordered, as far as that is by columns of its result.

use serde_json::Value;

/// One element of the outermost `ORDER BY`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderKey {
    /// Which column.
    pub column: ColumnRef,
    /// Which way.
    pub direction: Direction,
}

/// A column of the result, as `ORDER BY` names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ColumnRef {
    /// By name, without what qualifies it.
    Name(String),
    /// By its place, counted from 1.
    Place(usize),
}

/// Which way rows are ordered. Nulls come last either way, as they do unless a query says otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Small values first.
    Ascending,
    /// Large values first.
    Descending,
}

/// The order of a query's node; `None` where it has none, or one by something that is no plain column.
pub(super) fn keys(node: &Value) -> Option<Vec<OrderKey>> {
    let modifiers = node.get("modifiers")?.as_array()?;
    let order = modifiers
        .iter()
        .find(|modifier| modifier.get("type").is_some_and(|kind| kind == "ORDER_MODIFIER"))?;
    order.get("orders")?.as_array()?.iter().map(key).collect()
}

fn key(order: &Value) -> Option<OrderKey> {
    let direction = match order.get("type")?.as_str()? {
        "ORDER_DEFAULT" | "ASCENDING" => Direction::Ascending,
        "DESCENDING" => Direction::Descending,
        _ => return None,
    };
    if !matches!(order.get("null_order").and_then(Value::as_str), None | Some("ORDER_DEFAULT" | "NULLS LAST"))
    {
        return None;
    }
    let expression = order.get("expression")?;
    let column = match expression.get("class")?.as_str()? {
        "COLUMN_REF" => {
            ColumnRef::Name(expression.get("column_names")?.as_array()?.last()?.as_str()?.to_owned())
        }
        "CONSTANT" => {
            let place = expression.get("value")?.get("value")?.as_u64()?;
            ColumnRef::Place(usize::try_from(place).ok()?)
        }
        _ => return None,
    };
    Some(OrderKey { column, direction })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::check;

    fn order(sql: &str) -> Vec<(String, bool)> {
        let shown = |key: &OrderKey| {
            let column = match &key.column {
                ColumnRef::Name(name) => name.clone(),
                ColumnRef::Place(place) => place.to_string(),
            };
            (column, key.direction == Direction::Ascending)
        };
        check(sql).unwrap().order().iter().map(shown).collect()
    }

    #[test]
    fn columns_by_name_and_place_are_read_from_the_outermost_query() {
        assert_eq!(
            order("SELECT a, b FROM t ORDER BY t.a, 2 DESC LIMIT 3"),
            [("a".to_owned(), true), ("2".to_owned(), false)]
        );
        assert_eq!(order("SELECT 1 UNION SELECT 2 ORDER BY 1 ASC NULLS LAST"), [("1".to_owned(), true)]);
        assert_eq!(order("WITH x AS (SELECT a FROM t ORDER BY a) FROM x"), []);
    }

    #[test]
    fn an_order_that_columns_alone_do_not_make_is_none() {
        for sql in [
            "SELECT a FROM t",
            "SELECT a FROM t ORDER BY lower(a)",
            "SELECT a FROM t ORDER BY ALL",
            "SELECT a FROM t ORDER BY a, b + 1",
            "SELECT a FROM t ORDER BY a NULLS FIRST",
            "EXPLAIN SELECT a FROM t ORDER BY a",
            "PIVOT t ON a ORDER BY b",
        ] {
            assert_eq!(order(sql), [], "{sql}");
        }
    }
}
