//! Turns a cell of the engine's Arrow output into a [`Value`], within a budget of bytes.

use std::fmt::Write as _;

use ::duckdb::arrow::array::{Array, AsArray, StructArray, UnionArray};
use ::duckdb::arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type,
    Int64Type, IntervalMonthDayNanoType, IntervalUnit, Time64MicrosecondType, Time64NanosecondType, TimeUnit,
    TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType,
    UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use ::duckdb::core::LogicalTypeId;

use super::temporal;
use super::types::SqlType;
use crate::backend::value::{MAX_BLOB_BYTES, Value};

/// Bytes that a row may still take; what does not fit is cut and marked in its place.
#[derive(Debug)]
pub(super) struct Budget {
    left: usize,
    /// Whether something did not fit.
    pub(super) cut: bool,
}

impl Budget {
    pub(super) fn new(bytes: usize) -> Self {
        Self { left: bytes, cut: false }
    }

    pub(super) fn left(&self) -> usize {
        self.left
    }

    fn charge(&mut self, bytes: usize) {
        self.cut |= bytes > self.left;
        self.left = self.left.saturating_sub(bytes);
    }

    fn text(&mut self, text: &str) -> Value {
        if text.len() <= self.left {
            self.left -= text.len();
            return Value::Text(text.to_owned());
        }
        let end = text.floor_char_boundary(self.left);
        self.cut = true;
        self.left = 0;
        Value::Text(format!("{}… [cut: {} bytes in all]", &text[..end], text.len()))
    }
}

/// The value of `array` at `row`, read as a `kind`.
pub(super) fn value(kind: &SqlType, array: &dyn Array, row: usize, budget: &mut Budget) -> Value {
    // A separator, at least.
    budget.charge(1);
    if array.is_null(row) {
        return Value::Null;
    }
    let value = match kind.id {
        LogicalTypeId::Hugeint | LogicalTypeId::UHugeint | LogicalTypeId::Uuid | LogicalTypeId::TimeTZ => {
            fixed_binary(kind.id, array, row)
        }
        LogicalTypeId::Bit => bytes(array, row).map(|bits| budget.text(&bit_string(bits))),
        LogicalTypeId::Bignum => bytes(array, row).map(bignum),
        LogicalTypeId::Boolean => boolean(array, row),
        _ => None,
    };
    let value =
        value.or_else(|| nested(kind, array, row, budget)).or_else(|| plain(kind, array, row, budget));
    let value = value.unwrap_or_else(|| Value::Text(format!("<{kind}>")));
    match &value {
        Value::Integer(_) | Value::Float(_) => budget.charge(8),
        Value::Decimal(text) => budget.charge(text.len()),
        Value::Blob { hex, .. } => budget.charge(hex.len()),
        _ => {}
    }
    value
}

fn plain(kind: &SqlType, array: &dyn Array, row: usize, budget: &mut Budget) -> Option<Value> {
    let integer = |value: i128| Some(Value::Integer(value));
    match array.data_type() {
        DataType::Utf8 => Some(budget.text(array.as_string_opt::<i32>()?.value(row))),
        DataType::LargeUtf8 => Some(budget.text(array.as_string_opt::<i64>()?.value(row))),
        DataType::Utf8View => Some(budget.text(array.as_string_view_opt()?.value(row))),
        DataType::Int8 => integer(array.as_primitive_opt::<Int8Type>()?.value(row).into()),
        DataType::Int16 => integer(array.as_primitive_opt::<Int16Type>()?.value(row).into()),
        DataType::Int32 => integer(array.as_primitive_opt::<Int32Type>()?.value(row).into()),
        DataType::Int64 => integer(array.as_primitive_opt::<Int64Type>()?.value(row).into()),
        DataType::UInt8 => integer(array.as_primitive_opt::<UInt8Type>()?.value(row).into()),
        DataType::UInt16 => integer(array.as_primitive_opt::<UInt16Type>()?.value(row).into()),
        DataType::UInt32 => integer(array.as_primitive_opt::<UInt32Type>()?.value(row).into()),
        DataType::UInt64 => integer(array.as_primitive_opt::<UInt64Type>()?.value(row).into()),
        DataType::Float32 => Some(single(array.as_primitive_opt::<Float32Type>()?.value(row))),
        DataType::Float64 => Some(Value::Float(array.as_primitive_opt::<Float64Type>()?.value(row))),
        DataType::Decimal128(_, scale) => {
            Some(decimal(array.as_primitive_opt::<Decimal128Type>()?.value(row), *scale))
        }
        DataType::Date32 => {
            Some(budget.text(&temporal::date(array.as_primitive_opt::<Date32Type>()?.value(row))))
        }
        DataType::Time64(unit) => {
            let count = match unit {
                TimeUnit::Nanosecond => array.as_primitive_opt::<Time64NanosecondType>()?.value(row),
                _ => array.as_primitive_opt::<Time64MicrosecondType>()?.value(row),
            };
            Some(budget.text(&temporal::time(count, per_second(*unit))))
        }
        DataType::Timestamp(unit, zone) => {
            let count = match unit {
                TimeUnit::Second => array.as_primitive_opt::<TimestampSecondType>()?.value(row),
                TimeUnit::Millisecond => array.as_primitive_opt::<TimestampMillisecondType>()?.value(row),
                TimeUnit::Microsecond => array.as_primitive_opt::<TimestampMicrosecondType>()?.value(row),
                TimeUnit::Nanosecond => array.as_primitive_opt::<TimestampNanosecondType>()?.value(row),
            };
            let instant = zone.is_some() || kind.id == LogicalTypeId::TimestampTZ;
            Some(budget.text(&temporal::timestamp(count, per_second(*unit), instant)))
        }
        DataType::Interval(IntervalUnit::MonthDayNano) => {
            let interval = array.as_primitive_opt::<IntervalMonthDayNanoType>()?.value(row);
            Some(budget.text(&temporal::interval(interval.months, interval.days, interval.nanoseconds)))
        }
        DataType::Dictionary(key, _) => {
            let values = array.as_any_dictionary_opt()?.values();
            let key = match key.as_ref() {
                DataType::UInt8 => array.as_dictionary_opt::<UInt8Type>()?.key(row),
                DataType::UInt16 => array.as_dictionary_opt::<UInt16Type>()?.key(row),
                _ => array.as_dictionary_opt::<UInt32Type>()?.key(row),
            };
            plain(kind, values.as_ref(), key?, budget)
        }
        DataType::Null => Some(Value::Null),
        _ => bytes(array, row).map(Value::blob),
    }
}

fn nested(kind: &SqlType, array: &dyn Array, row: usize, budget: &mut Budget) -> Option<Value> {
    match array.data_type() {
        DataType::List(_) => {
            Some(list(kind.child(0)?, array.as_list_opt::<i32>()?.value(row).as_ref(), budget))
        }
        DataType::LargeList(_) => {
            Some(list(kind.child(0)?, array.as_list_opt::<i64>()?.value(row).as_ref(), budget))
        }
        DataType::FixedSizeList(..) => {
            Some(list(kind.child(0)?, array.as_fixed_size_list_opt()?.value(row).as_ref(), budget))
        }
        DataType::Struct(_) => {
            let array: &StructArray = array.as_struct_opt()?;
            let mut fields = Vec::with_capacity(kind.children.len());
            for ((name, kind), column) in kind.children.iter().zip(array.columns()) {
                budget.charge(name.len());
                fields.push((name.clone(), value(kind, column.as_ref(), row, budget)));
            }
            Some(Value::Struct(fields))
        }
        DataType::Map(..) => {
            let (key_kind, value_kind) = (kind.child(0)?, kind.child(1)?);
            let entries = array.as_map_opt()?.value(row);
            let mut out = Vec::new();
            for entry in 0..entries.len() {
                if budget.cut {
                    break;
                }
                let key = value(key_kind, entries.column(0).as_ref(), entry, budget);
                out.push((key, value(value_kind, entries.column(1).as_ref(), entry, budget)));
            }
            Some(Value::Map(out))
        }
        DataType::Union(..) => {
            let array = array.as_any().downcast_ref::<UnionArray>()?;
            let member = usize::try_from(array.type_id(row)).ok()?;
            Some(value(kind.child(member)?, array.value(row).as_ref(), 0, budget))
        }
        _ => None,
    }
}

fn list(kind: &SqlType, items: &dyn Array, budget: &mut Budget) -> Value {
    let mut out = Vec::new();
    for row in 0..items.len() {
        if budget.cut {
            out.push(Value::Text(format!("… [cut: {} items in all]", items.len())));
            break;
        }
        out.push(value(kind, items, row, budget));
    }
    Value::List(out)
}

/// Types that the engine hands over as their own bytes.
fn fixed_binary(id: LogicalTypeId, array: &dyn Array, row: usize) -> Option<Value> {
    let bytes = array.as_fixed_size_binary_opt()?.value(row);
    match id {
        LogicalTypeId::Hugeint => Some(Value::Integer(i128::from_le_bytes(bytes.try_into().ok()?))),
        LogicalTypeId::UHugeint => {
            let value = u128::from_le_bytes(bytes.try_into().ok()?);
            Some(i128::try_from(value).map_or_else(|_| Value::Decimal(value.to_string()), Value::Integer))
        }
        LogicalTypeId::Uuid => {
            let hex = format!("{:032x}", u128::from_be_bytes(bytes.try_into().ok()?));
            let parts = [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]];
            Some(Value::Text(parts.join("-")))
        }
        LogicalTypeId::TimeTZ => {
            Some(Value::Text(temporal::time_with_zone(u64::from_le_bytes(bytes.try_into().ok()?))))
        }
        _ => None,
    }
}

fn boolean(array: &dyn Array, row: usize) -> Option<Value> {
    let eight_bits = || Some(array.as_primitive_opt::<Int8Type>()?.value(row) != 0);
    array.as_boolean_opt().map(|array| array.value(row)).or_else(eight_bits).map(Value::Boolean)
}

fn bytes(array: &dyn Array, row: usize) -> Option<&[u8]> {
    match array.data_type() {
        DataType::Binary => Some(array.as_binary_opt::<i32>()?.value(row)),
        DataType::LargeBinary => Some(array.as_binary_opt::<i64>()?.value(row)),
        DataType::BinaryView => Some(array.as_binary_view_opt()?.value(row)),
        DataType::FixedSizeBinary(_) => Some(array.as_fixed_size_binary_opt()?.value(row)),
        _ => None,
    }
}

/// The shortest text that a 32-bit float has, as a 64-bit one.
fn single(value: f32) -> Value {
    Value::Float(if value.is_finite() {
        value.to_string().parse().unwrap_or(f64::from(value))
    } else {
        value.into()
    })
}

fn decimal(value: i128, scale: i8) -> Value {
    let Some(scale) = usize::try_from(scale).ok().filter(|scale| *scale > 0) else {
        return Value::Decimal(value.to_string());
    };
    let digits = format!("{:0width$}", value.unsigned_abs(), width = scale + 1);
    let (whole, fraction) = digits.split_at(digits.len() - scale);
    let sign = if value < 0 { "-" } else { "" };
    Value::Decimal(format!("{sign}{whole}.{fraction}"))
}

/// A bit string as the engine stores it: a byte that counts the padding, then the bits after that padding.
fn bit_string(stored: &[u8]) -> String {
    let (padding, bits) =
        stored.split_first().map_or((0, stored), |(padding, bits)| (usize::from(*padding), bits));
    let kept = &bits[..bits.len().min(MAX_BLOB_BYTES)];
    let digits = kept
        .iter()
        .flat_map(|byte| (0..8).rev().map(move |bit| if byte >> bit & 1 == 1 { '1' } else { '0' }));
    let mut out: String = digits.skip(padding).collect();
    if kept.len() < bits.len() {
        out.push('…');
    }
    out
}

/// An integer of any length as the engine stores it: three bytes of length with the sign above, then its bytes, most
/// significant first; all of them inverted when it is negative.
fn bignum(stored: &[u8]) -> Value {
    let negative = stored.first().is_some_and(|first| first & 0x80 == 0);
    let magnitude = stored.get(3..).unwrap_or_default();
    if magnitude.len() > MAX_BLOB_BYTES {
        return Value::Text(format!("<BIGNUM of {} bytes>", magnitude.len()));
    }
    // Nine decimal digits a piece, least significant first.
    let mut pieces = vec![0u64];
    for byte in magnitude {
        let mut carry = u64::from(if negative { !byte } else { *byte });
        for piece in &mut pieces {
            let sum = *piece * 256 + carry;
            *piece = sum % 1_000_000_000;
            carry = sum / 1_000_000_000;
        }
        if carry > 0 {
            pieces.push(carry);
        }
    }
    let mut digits = pieces.pop().unwrap_or(0).to_string();
    for piece in pieces.iter().rev() {
        let _ = write!(digits, "{piece:09}");
    }
    Value::Decimal(if negative && digits != "0" { format!("-{digits}") } else { digits })
}

fn per_second(unit: TimeUnit) -> i64 {
    match unit {
        TimeUnit::Second => 1,
        TimeUnit::Millisecond => 1_000,
        TimeUnit::Microsecond => 1_000_000,
        TimeUnit::Nanosecond => 1_000_000_000,
    }
}
