//! Values and types: what comes out is what the engine holds.

use super::*;

#[tokio::test]
async fn every_type_of_the_engine_converts_exactly() {
    let fixture = Fixture::hospital();
    let sql = "SELECT * EXCLUDE (variant) FROM test_all_types()";
    let sql =
        if unchecked(&fixture, sql, limits()).await.is_ok() { sql } else { "SELECT * FROM test_all_types()" };
    let result = unchecked(&fixture, sql, limits()).await.unwrap();
    assert_eq!(result.rows.len(), 3);
    assert!(result.columns.len() > 50, "{}", result.columns.len());
    for (index, column) in result.columns.iter().enumerate() {
        assert!(!column.type_name.contains("UNKNOWN"), "{column:?}");
        assert_eq!(result.rows[2][index], Value::Null, "{column:?}");
        for row in &result.rows {
            assert!(!row[index].to_string().starts_with('<'), "{column:?}: {:?}", row[index]);
        }
        println!(
            "{} {}: {} … {}",
            column.name, column.type_name, result.rows[0][index], result.rows[1][index]
        );
    }
}

/// What the engine itself makes of a value as text is the reference.
#[tokio::test]
async fn values_agree_with_the_engines_own_text() {
    let fixture = Fixture::hospital();
    for expression in [
        "(-170141183460469231731687303715884105728)::HUGEINT",
        "340282366920938463463374607431768211455::UHUGEINT",
        "[340282366920938463463374607431768211455::UHUGEINT][1]",
        "18446744073709551615::UBIGINT",
        "12345678901234567890.123456789::DECIMAL(38,9)",
        "(-0.05)::DECIMAL(3,2)",
        "7::DECIMAL(18,0)",
        "'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::UUID",
        "'0010101'::BIT",
        "'-123456789012345678901234567890123456789012345678901234567890'::BIGNUM",
        "'99999999999999999999999999999999999999999999'::BIGNUM",
        "0::BIGNUM",
        "(-1)::BIGNUM",
        "'12:34:56+05:30'::TIMETZ",
        "'07:08:09.000001'::TIME",
        "true",
        "'x'::ENUM ('x', 'y')",
        "DATE '2180-05-06'",
        "0.1::FLOAT",
        "1.5e300",
    ] {
        let sql = format!("SELECT {expression}, ({expression})::VARCHAR");
        let row = unchecked(&fixture, &sql, limits()).await.unwrap().rows.remove(0);
        let expected = row[1].to_string().replace("e+", "e");
        assert_eq!(row[0].to_string(), expected, "{expression}");
    }
}

#[tokio::test]
async fn nested_and_temporal_values_have_the_documented_json() {
    let sql = "SELECT NULL, '', [1, NULL], {'a': 'x', 'b': [true]}, MAP {'k': 1}, MAP {1: 'v'}, TIMESTAMP '2180-01-01 08:00:00.5',
               TIMESTAMPTZ '2180-01-01 08:00:00+00', INTERVAL '14 months 3 days 1.5 seconds', 'ab'::BLOB, 'NaN'::DOUBLE,
               9007199254740993, union_value(n := 5), [1, 2]::INTEGER[2], '{\"j\": 1}'::JSON, 'infinity'::DATE";
    let row = query(&Fixture::hospital(), sql).await.unwrap().rows.remove(0);
    let row: Vec<_> = row.iter().map(Value::to_json).collect();
    assert_eq!(
        json!(row),
        json!([
            null, "", [1, null], { "a": "x", "b": [true] }, { "k": 1 }, [{ "key": 1, "value": "v" }],
            "2180-01-01T08:00:00.5", "2180-01-01T08:00:00Z", "P14M3DT1.5S", "0x6162", "NaN", "9007199254740993", 5, [1, 2],
            "{\"j\": 1}", "infinity"
        ])
    );
}

#[tokio::test]
async fn types_are_named_as_sql_names_them() {
    let sql = "SELECT 1::DECIMAL(10,2), [1], {'a': [DATE '2180-01-01']}, MAP {'k': 1}, '1'::JSON, now()";
    let result = query(&Fixture::hospital(), sql).await.unwrap();
    let names: Vec<_> = result.columns.iter().map(|column| column.type_name.as_str()).collect();
    let expected = [
        "DECIMAL(10,2)",
        "INTEGER[]",
        "STRUCT(a DATE[])",
        "MAP(VARCHAR, INTEGER)",
        "JSON",
        "TIMESTAMP WITH TIME ZONE",
    ];
    assert_eq!(names, expected);
}
