//! Our answers and requests against Google's published shapes.

use std::sync::LazyLock;

use serde_json::Value;

use crate::tests::schema;

/// Refuses what does not obey the component `name`.
pub fn check(name: &str, value: &Value) {
    static SPEC: LazyLock<Option<Value>> = LazyLock::new(|| schema::spec("gemini-native.json"));
    let Some(spec) = SPEC.as_ref() else { return };
    let violations = schema::violations(spec, name, value);
    assert!(violations.is_empty(), "not a {name}: {violations:?} in {value:#}");
}
