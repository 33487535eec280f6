//! The SQL type of a result's column, as a tree: what it is called, and how its values are to be read.

use std::fmt;

use ::duckdb::core::{LogicalTypeHandle, LogicalTypeId};

/// A type with the types inside it.
#[derive(Debug, Clone)]
pub(super) struct SqlType {
    pub(super) id: LogicalTypeId,
    /// A name that the type goes by in place of its own, such as `JSON`.
    alias: Option<String>,
    /// Precision and scale of a decimal.
    decimal: (u8, u8),
    /// Element, key and value, fields or members; named for structs and unions.
    pub(super) children: Vec<(String, SqlType)>,
}

impl SqlType {
    pub(super) fn read(handle: &LogicalTypeHandle) -> Self {
        let id = handle.id();
        let named = matches!(id, LogicalTypeId::Struct | LogicalTypeId::Union);
        let decimal = match id {
            LogicalTypeId::Decimal => (handle.decimal_width(), handle.decimal_scale()),
            _ => (0, 0),
        };
        let child = |index| {
            let name = if named { handle.child_name(index) } else { String::new() };
            (name, Self::read(&handle.child(index)))
        };
        Self {
            id,
            alias: handle.get_alias(),
            decimal,
            children: (0..handle.num_children()).map(child).collect(),
        }
    }

    pub(super) fn child(&self, index: usize) -> Option<&Self> {
        self.children.get(index).map(|(_, child)| child)
    }
}

impl fmt::Display for SqlType {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(alias) = &self.alias {
            return out.write_str(alias);
        }
        match (self.id, self.children.as_slice()) {
            (LogicalTypeId::Decimal, _) => write!(out, "DECIMAL({},{})", self.decimal.0, self.decimal.1),
            (LogicalTypeId::List | LogicalTypeId::Array, [(_, element)]) => write!(out, "{element}[]"),
            (LogicalTypeId::Map, [(_, key), (_, value)]) => write!(out, "MAP({key}, {value})"),
            (LogicalTypeId::Struct | LogicalTypeId::Union, fields) => {
                out.write_str(if self.id == LogicalTypeId::Struct { "STRUCT(" } else { "UNION(" })?;
                for (index, (name, kind)) in fields.iter().enumerate() {
                    let separator = if index == 0 { "" } else { ", " };
                    write!(out, "{separator}{name} {kind}")?;
                }
                out.write_str(")")
            }
            (id, _) => out.write_str(name(id)),
        }
    }
}

fn name(id: LogicalTypeId) -> &'static str {
    match id {
        LogicalTypeId::Boolean => "BOOLEAN",
        LogicalTypeId::Tinyint => "TINYINT",
        LogicalTypeId::Smallint => "SMALLINT",
        LogicalTypeId::Integer | LogicalTypeId::IntegerLiteral => "INTEGER",
        LogicalTypeId::Bigint => "BIGINT",
        LogicalTypeId::UTinyint => "UTINYINT",
        LogicalTypeId::USmallint => "USMALLINT",
        LogicalTypeId::UInteger => "UINTEGER",
        LogicalTypeId::UBigint => "UBIGINT",
        LogicalTypeId::Hugeint => "HUGEINT",
        LogicalTypeId::UHugeint => "UHUGEINT",
        LogicalTypeId::Bignum => "BIGNUM",
        LogicalTypeId::Float => "FLOAT",
        LogicalTypeId::Double => "DOUBLE",
        LogicalTypeId::Varchar | LogicalTypeId::StringLiteral => "VARCHAR",
        LogicalTypeId::Blob => "BLOB",
        LogicalTypeId::Bit => "BIT",
        LogicalTypeId::Uuid => "UUID",
        LogicalTypeId::Enum => "ENUM",
        LogicalTypeId::Date => "DATE",
        LogicalTypeId::Time => "TIME",
        LogicalTypeId::TimeNs => "TIME_NS",
        LogicalTypeId::TimeTZ => "TIME WITH TIME ZONE",
        LogicalTypeId::Timestamp => "TIMESTAMP",
        LogicalTypeId::TimestampS => "TIMESTAMP_S",
        LogicalTypeId::TimestampMs => "TIMESTAMP_MS",
        LogicalTypeId::TimestampNs => "TIMESTAMP_NS",
        LogicalTypeId::TimestampTZ => "TIMESTAMP WITH TIME ZONE",
        LogicalTypeId::Interval => "INTERVAL",
        LogicalTypeId::Geometry => "GEOMETRY",
        LogicalTypeId::Variant => "VARIANT",
        LogicalTypeId::SqlNull => "NULL",
        _ => "UNKNOWN",
    }
}
