//! A checker for the part of JSON Schema (2020-12) that the tools' output schemas use.
//!
//! A keyword that it does not know fails the test, so that nothing passes unchecked.

use serde_json::Value;

/// Panics where `value` does not conform to `schema`.
#[track_caller]
pub(crate) fn assert_valid(schema: &Value, value: &Value) {
    let mut errors = Vec::new();
    check(schema, schema, value, "$", &mut errors);
    assert!(errors.is_empty(), "{errors:#?}\nin {value}");
}

fn check(root: &Value, schema: &Value, value: &Value, at: &str, errors: &mut Vec<String>) {
    let rules = match schema {
        Value::Bool(true) => return,
        Value::Object(rules) => rules,
        other => return errors.push(format!("{at}: no schema: {other}")),
    };
    for (keyword, rule) in rules {
        match keyword.as_str() {
            "$schema" | "$defs" | "title" | "description" | "default" | "format" => {}
            "$ref" => {
                let pointer = rule.as_str().unwrap().strip_prefix('#').unwrap();
                check(root, root.pointer(pointer).unwrap(), value, at, errors);
            }
            "type" => {
                let allowed = rule.as_array().map_or_else(|| vec![rule], |types| types.iter().collect());
                if !allowed.iter().any(|name| has_type(value, name.as_str().unwrap())) {
                    errors.push(format!("{at}: {value} is not {rule}"));
                }
            }
            "minimum" => {
                if value.as_f64().is_some_and(|number| number < rule.as_f64().unwrap()) {
                    errors.push(format!("{at}: {value} is less than {rule}"));
                }
            }
            "required" => {
                for name in rule.as_array().unwrap() {
                    if value.get(name.as_str().unwrap()).is_none() {
                        errors.push(format!("{at}: {name} is absent"));
                    }
                }
            }
            "properties" => {
                for (name, rule) in rule.as_object().unwrap() {
                    if let Some(value) = value.get(name) {
                        check(root, rule, value, &format!("{at}.{name}"), errors);
                    }
                }
                // The schemas allow more, but an undescribed property is one that was forgotten.
                for name in value.as_object().into_iter().flat_map(|object| object.keys()) {
                    if rule.get(name).is_none() && schema.get("additionalProperties").is_none() {
                        errors.push(format!("{at}: {name} is not described"));
                    }
                }
            }
            "additionalProperties" => {
                let known = |name: &str| schema["properties"].get(name).is_some();
                let others = value.as_object().into_iter().flatten().filter(|(name, _)| !known(name));
                for (name, value) in others {
                    check(root, rule, value, &format!("{at}.{name}"), errors);
                }
            }
            "items" => {
                for (index, item) in value.as_array().into_iter().flatten().enumerate() {
                    check(root, rule, item, &format!("{at}[{index}]"), errors);
                }
            }
            other => errors.push(format!("{at}: the checker does not know the keyword {other}")),
        }
    }
}

fn has_type(value: &Value, name: &str) -> bool {
    match name {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        _ => false,
    }
}

#[test]
fn the_checker_sees_each_kind_of_mistake() {
    use serde_json::json;
    let schema = json!({
        "$defs": { "row": { "type": "array", "items": { "type": ["integer", "null"], "minimum": 0 } } },
        "type": "object",
        "required": ["rows"],
        "properties": { "rows": { "$ref": "#/$defs/row" } },
    });
    let errors = |schema: &Value, value: &Value| {
        let mut errors = Vec::new();
        check(schema, schema, value, "$", &mut errors);
        errors.len()
    };
    assert_eq!(errors(&schema, &json!({ "rows": [1, null] })), 0);
    for wrong in [
        json!({}),
        json!([]),
        json!({ "rows": 1 }),
        json!({ "rows": ["x"] }),
        json!({ "rows": [-1] }),
        json!({ "rows": [], "more": 1 }),
    ] {
        assert_ne!(errors(&schema, &wrong), 0, "{wrong}");
    }
    assert_ne!(errors(&json!({ "oneOf": [] }), &json!(1)), 0);
}
