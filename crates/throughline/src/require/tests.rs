use super::*;

#[test]
fn every_mistake_of_a_configuration_has_a_message() {
    for class in [
        "",
        "two words",
        "say \"hi\"",
        "back\\slash",
        "loa2\r\nx: y",
        "é",
    ] {
        let message = RequireLayer::builder()
            .class(class)
            .build()
            .unwrap_err()
            .to_string();
        assert_eq!(
            message,
            format!(
                "authentication context class `{class}` is unusable, expected visible ascii \
                 without `\"` and `\\`"
            )
        );
    }
    for scope in ["a\"b", "payments.*.create", "a\\b", "é"] {
        let built = RequireLayer::builder().scope(scope).build();
        let message = built.map(drop).unwrap_err().to_string();
        assert!(
            message.starts_with(&format!("scope `{scope}`: ")),
            "{message}"
        );
        assert!(
            !message.ends_with('.') && !message.contains('\n'),
            "{message}"
        );
    }
}

#[test]
fn a_scope_that_demands_nothing_is_refused() {
    let built = RequireLayer::builder().scope("").build();
    let message = built.unwrap_err().to_string();
    assert_eq!(message, "scope is empty, expected a scope token");
}

#[test]
fn all_mistakes_are_named_at_once() {
    let built = RequireLayer::builder().class("").class("two words").build();
    let message = built.unwrap_err().to_string();
    assert_eq!(message.matches("is unusable").count(), 2, "{message}");
}
