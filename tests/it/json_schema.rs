//! A checker for the part of JSON Schema (2020-12) that the tools' output schemas and that of `m4 --json` use.
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

/// Checks the value, and that each of its properties is described: the schemas allow more, but a property that is not
/// described is one that was forgotten.
fn check(root: &Value, schema: &Value, value: &Value, at: &str, errors: &mut Vec<String>) {
    keywords(root, schema, value, at, errors);
    if describes(root, schema, None) {
        for name in value.as_object().into_iter().flat_map(|object| object.keys()) {
            if !describes(root, schema, Some(name)) {
                errors.push(format!("{at}: {name} is not described"));
            }
        }
    }
}

/// Whether the schema describes this property, or any.
fn describes(root: &Value, schema: &Value, name: Option<&str>) -> bool {
    let Some(rules) = schema.as_object() else { return false };
    rules.iter().any(|(keyword, rule)| match keyword.as_str() {
        "properties" => name.is_none_or(|name| rule.get(name).is_some()),
        "$ref" => describes(root, target(root, rule), name),
        "allOf" | "anyOf" | "oneOf" => {
            rule.as_array().unwrap().iter().any(|rule| describes(root, rule, name))
        }
        "then" | "else" => describes(root, rule, name),
        "additionalProperties" => rule.is_object(),
        _ => false,
    })
}

fn target<'a>(root: &'a Value, reference: &Value) -> &'a Value {
    let pointer = reference.as_str().unwrap().strip_prefix('#').unwrap();
    root.pointer(pointer).unwrap_or_else(|| panic!("nothing at {pointer}"))
}

fn fits(root: &Value, schema: &Value, value: &Value) -> bool {
    let mut errors = Vec::new();
    keywords(root, schema, value, "", &mut errors);
    errors.is_empty()
}

fn keywords(root: &Value, schema: &Value, value: &Value, at: &str, errors: &mut Vec<String>) {
    let rules = match schema {
        Value::Bool(true) => return,
        Value::Object(rules) => rules,
        other => return errors.push(format!("{at}: no schema: {other}")),
    };
    for (keyword, rule) in rules {
        match keyword.as_str() {
            "$ref" => check(root, target(root, rule), value, at, errors),
            "type" => {
                let allowed = rule.as_array().map_or_else(|| vec![rule], |types| types.iter().collect());
                if !allowed.iter().any(|name| has_type(value, name.as_str().unwrap())) {
                    errors.push(format!("{at}: {value} is not {rule}"));
                }
            }
            "const" if value != rule => errors.push(format!("{at}: {value} is not {rule}")),
            "enum" if !rule.as_array().unwrap().contains(value) => {
                errors.push(format!("{at}: {value} is none of {rule}"));
            }
            "const" | "enum" | "$schema" | "$defs" | "title" | "description" | "default" | "format"
            | "then" | "else" => {}
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
            "allOf" => {
                for rule in rule.as_array().unwrap() {
                    keywords(root, rule, value, at, errors);
                }
            }
            "anyOf" | "oneOf" => {
                let fitting = rule.as_array().unwrap().iter().filter(|rule| fits(root, rule, value)).count();
                if fitting == 0 || (keyword == "oneOf" && fitting > 1) {
                    errors.push(format!("{at}: {value} fits {fitting} of {keyword}"));
                }
            }
            "not" => {
                if fits(root, rule, value) {
                    errors.push(format!("{at}: {value} is what it must not be"));
                }
            }
            "if" => {
                let then = rules.get(if fits(root, rule, value) { "then" } else { "else" });
                if let Some(rule) = then {
                    keywords(root, rule, value, at, errors);
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
    assert_ne!(errors(&json!({ "patternProperties": {} }), &json!(1)), 0);
    let either =
        json!({ "oneOf": [{ "const": 1 }, { "type": "object", "properties": { "a": { "enum": [1, 2] } } }] });
    for (value, right) in [
        (json!(1), true),
        (json!({ "a": 2 }), true),
        (json!(2), false),
        (json!({ "a": 3 }), false),
        (json!({ "b": 1 }), false),
    ] {
        assert_eq!(errors(&either, &value) == 0, right, "{value}");
    }
    let ruled = json!({
        "properties": { "ok": {}, "why": {} },
        "allOf": [{
            "if": { "properties": { "ok": { "const": true } } },
            "then": { "not": { "required": ["why"] } },
            "else": { "required": ["why"] },
        }],
    });
    for (value, right) in [
        (json!({ "ok": true }), true),
        (json!({ "ok": false, "why": 1 }), true),
        (json!({ "ok": true, "why": 1 }), false),
        (json!({ "ok": false }), false),
    ] {
        assert_eq!(errors(&ruled, &value) == 0, right, "{value}");
    }
}
