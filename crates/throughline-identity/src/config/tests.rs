use std::collections::BTreeSet;

use super::*;

const WORKOS: &str = r#"trust_domain = "prod.acme.internal"
freshness    = { lifetime_only = 3600 }

[[issuer]]
name      = "workforce"
profile   = "workos-authkit"
client_id = "client_01J"
audience  = "none"
tenancy   = { claim = "org_id" }

[ownership]
authentication = "identity team"
rules          = "platform security"
"#;

fn parse(text: &str) -> Result<EdgeConfig, EdgeConfigError> {
    EdgeConfig::parse(text, Path::new("."))
}

/// The line of an error, and its text with the remedy.
fn refused(text: &str) -> (Option<usize>, String) {
    let error = parse(text).unwrap_err();
    (error.line(), error.to_string())
}

#[track_caller]
fn assert_refused(text: &str, line: Option<usize>, words: &[&str]) {
    let (found, error) = refused(text);
    assert_eq!(found, line, "{error}");
    for word in words {
        assert!(error.contains(word), "`{word}` is not in `{error}`");
    }
}

#[test]
fn the_twelve_lines_of_a_beginner_are_enough() {
    let config = parse(WORKOS).unwrap();
    let workforce = config.issuers().by_alias("workforce").unwrap();
    let names: BTreeSet<String> = workforce.names().collect();
    let expected = [
        "https://api.workos.com",
        "https://api.workos.com/",
        "https://api.workos.com/user_management/client_01J",
    ];
    assert_eq!(names, expected.map(String::from).into());
    let kinds: Vec<&str> = workforce.kinds().map(|kind| kind.as_str()).collect();
    assert_eq!(
        kinds,
        ["session"],
        "nobody said that admins may impersonate"
    );
    assert!(config.waits_for_keys());
    config.into_builder().build().unwrap();
}

#[test]
fn entra_and_auth0_take_as_little() {
    let entra = WORKOS.replace(
        "profile   = \"workos-authkit\"\nclient_id = \"client_01J\"\naudience  = \"none\"\ntenancy   = { claim = \"org_id\" }",
        "profile   = \"entra\"\naudience  = \"api://orders\"\ntenancy   = { claim = \"tid\", map = { \"72f988bf\" = \"contoso\" } }",
    );
    let config = parse(&entra).unwrap();
    let names: Vec<String> = config.issuers().iter().flat_map(|it| it.names()).collect();
    assert_eq!(names, ["https://login.microsoftonline.com/{tid}/v2.0"]);

    let auth0 = WORKOS.replace(
        "profile   = \"workos-authkit\"\nclient_id = \"client_01J\"\naudience  = \"none\"",
        "profile   = \"auth0\"\nissuer    = \"https://acme.eu.auth0.com/\"\naudience  = \"https://api.acme.example\"",
    );
    parse(&auth0).unwrap();
}

#[test]
fn a_template_that_lets_anybody_in_is_refused_unless_somebody_says_danger() {
    let open = WORKOS
        .replace("workos-authkit", "entra")
        .replace("\"none\"", "\"api://orders\"")
        .replace(
            "tenancy   = { claim = \"org_id\" }",
            "tenancy   = { claim = \"tid\" }",
        );
    assert_refused(
        &open,
        Some(4),
        &[
            "anybody",
            "list the tenants",
            "`tenancy = { claim = \"tid\", map",
        ],
    );
    let said = open.replace(
        "[ownership]",
        "open_to_every_tenant = \"danger\"\n[ownership]",
    );
    parse(&said).unwrap();
    let half = open.replace("[ownership]", "open_to_every_tenant = \"yes\"\n[ownership]");
    assert_refused(&half, Some(11), &["open_to_every_tenant", "\"danger\""]);
}

#[test]
fn a_fixed_tenant_of_an_issuer_of_everybody_is_refused_with_what_to_write() {
    let of = |profile: &str, tenancy: &str| {
        WORKOS
            .replace("workos-authkit", profile)
            .replace("\"none\"", "\"api://orders\"")
            .replace("{ claim = \"org_id\" }", tenancy)
    };
    for (profile, claim) in [("entra", "tid"), ("google", "hd")] {
        let remedy = format!("write `tenancy = {{ claim = \"{claim}\"");
        for tenancy in [
            "{ tenant = \"acme\" }",
            "{ claim = \"azp\", only = [\"acme\"] }",
            &format!("{{ claim = \"{claim}\" }}"),
        ] {
            assert_refused(&of(profile, tenancy), Some(4), &["anybody", &remedy]);
        }
        let listed = format!("{{ claim = \"{claim}\", only = [\"acme\"] }}");
        parse(&of(profile, &listed)).unwrap();
    }
}

#[test]
fn what_is_left_out_is_not_guessed() {
    let without = |line: &str| WORKOS.replace(line, "");
    let no_audience = without("audience  = \"none\"\n");
    assert_refused(&no_audience, Some(4), &["for whom", "audience = \"none\""]);
    let no_freshness = without("freshness    = { lifetime_only = 3600 }\n");
    assert_refused(&no_freshness, Some(1), &["revocation", "lifetime_only"]);
    let no_client = without("client_id = \"client_01J\"\n");
    assert_refused(&no_client, Some(4), &["iss", "client_id"]);
    let no_domain = without("trust_domain = \"prod.acme.internal\"\n");
    assert_refused(&no_domain, Some(1), &["trust_domain"]);
    let owner = WORKOS.split("[ownership]").next().unwrap();
    assert_refused(owner, None, &["who owns what", "[ownership]"]);
    let nobody = WORKOS.replace("[[issuer]]", "[other]");
    assert_refused(&nobody, Some(4), &["other"]);
}

#[test]
fn a_field_that_nobody_knows_is_refused_at_its_line() {
    for (after, field, line) in [
        ("audience  = \"none\"\n", "audiences = [\"x\"]\n", 9),
        (
            "authentication = \"identity team\"\n",
            "owner = \"x\"\n",
            13,
        ),
        (
            "freshness    = { lifetime_only = 3600 }\n",
            "verify = false\n",
            3,
        ),
    ] {
        let odd = WORKOS.replace(after, &format!("{after}{field}"));
        let name = field.split([' ', '=']).next().unwrap();
        assert_refused(&odd, Some(line), &["unknown field", name]);
    }
}

#[test]
fn what_contradicts_itself_is_refused_at_its_line() {
    let with_tenancy = |tenancy: &str| {
        WORKOS.replace(
            "tenancy   = { claim = \"org_id\" }",
            &format!("tenancy   = {tenancy}"),
        )
    };
    for (tenancy, word) in [
        (
            "{ claim = \"x\", tenant = \"acme\" }",
            "either `tenant` alone",
        ),
        ("{ }", "either `tenant` alone"),
        (
            "{ claim = \"x\", map = {}, only = [] }",
            "exclude each other",
        ),
        ("{ tenant = \"-\" }", "tenant `-`"),
        ("{ claim = \"x\", map = {} }", "nobody can pass"),
        ("{ claim = \"x\", only = [\"\"] }", "tenant ``"),
    ] {
        let (line, error) = refused(&with_tenancy(tenancy));
        assert!(line == Some(9) || line == Some(4), "{error}");
        assert!(error.contains(word), "{error}");
    }
    for tenancy in [
        "{ tenant = \"acme\" }",
        "{ claim = \"x\", only = [\"acme\"] }",
        "{ claim = \"x\", joined_by = \"-\" }",
    ] {
        parse(&with_tenancy(tenancy)).unwrap();
    }
    let odd = WORKOS.replace("workos-authkit", "workos");
    assert_refused(&odd, Some(6), &["no profile `workos`", "workos-authkit"]);
    let odd = WORKOS.replace("\n[ownership]", "kinds = [\"machine\"]\n[ownership]");
    assert_refused(&odd, Some(4), &["no kind `machine`"]);
    let odd = WORKOS.replace("\n[ownership]", "kinds = [\"robot\"]\n[ownership]");
    assert_refused(&odd, Some(10), &["no kind `robot`", "session"]);
    let odd = WORKOS.replace("\n[ownership]", "actor = \"robot\"\n[ownership]");
    assert_refused(&odd, Some(10), &["no actor `robot`", "`agent`"]);
    let twice = WORKOS.replace(
        "audience  = \"none\"\n",
        "audience  = \"none\"\naudience  = \"x\"\n",
    );
    assert_refused(&twice, Some(9), &["duplicate key"]);
    let issuer = WORKOS.split("[ownership]").next().unwrap();
    let (_, table) = issuer.split_once("[[issuer]]").unwrap();
    let issuer = format!("[[issuer]]{table}");
    let other = issuer.replace("\"workforce\"", "\"other\"");
    let both = WORKOS.replace("[ownership]", &format!("{other}[ownership]"));
    assert_refused(
        &both,
        None,
        &["could mean issuer `workforce` and issuer `other`"],
    );
}

#[test]
fn a_rule_that_reads_what_nobody_owns_is_an_error_of_the_start() {
    let read = format!("{WORKOS}read = [\"plan\"]\n");
    assert_refused(&read, Some(11), &["`plan`", "nobody owns"]);
    parse(&format!("{read}attributes.plan = \"billing\"\n")).unwrap();
    let odd = format!("{WORKOS}strangers = \"keep\"\n");
    assert_refused(&odd, Some(14), &["`keep`", "`drop` or `refuse`"]);
}

#[test]
fn witnesses_and_the_edge_are_checked_too() {
    let with = |text: &str| format!("{WORKOS}{text}\n");
    for witness in [
        "[[witness]]\npath = \"tenant\"",
        "[[witness]]\nheader = \"x-tenant-id\"\noptional = true",
        "[[witness]]\nhost_below = \"acme.example\"",
        "[edge]\ncredentials = [\"bearer\", \"cookie:session\", \"websocket:bearer\"]",
        "[edge]\nresource = \"https://api.acme.example\"\nexempt = [\"/health\"]",
    ] {
        parse(&with(witness))
            .unwrap()
            .into_builder()
            .build()
            .unwrap();
    }
    for (odd, line, word) in [
        ("[[witness]]\noptional = true", 14, "no place"),
        ("[[witness]]\npath = \"a\"\nquery = \"b\"", 14, "or several"),
        ("[[witness]]\nheader = \"x_tenant\"", 14, "x_tenant"),
        ("[edge]\ncredentials = []", 15, "names no place"),
        (
            "[edge]\ncredentials = [\"basic\"]",
            15,
            "no credential `basic`",
        ),
        (
            "[edge]\nresource = \"http://api.acme.example\"",
            15,
            "`https` address",
        ),
    ] {
        assert_refused(&with(odd), Some(line), &[word]);
    }
}

#[test]
fn a_signing_key_is_named_and_never_shown() {
    let folder = tempfile::tempdir().unwrap();
    let key = throughline_jose::SigningKey::generate().unwrap();
    let der = key.danger_to_pkcs8().unwrap();
    let packed = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, der);
    let pem = format!("-----BEGIN PRIVATE KEY-----\n{packed}\n-----END PRIVATE KEY-----\n");
    std::fs::write(folder.path().join("edge.pem"), &pem).unwrap();
    let named = WORKOS.replace(
        "\n[[issuer]]",
        "signing_key  = { file = \"edge.pem\" }\n\n[[issuer]]",
    );
    let config = EdgeConfig::parse(&named, folder.path()).unwrap();
    assert!(
        config
            .tokens()
            .jwks()
            .contains(key.public().kid().unwrap_or(key.kid()))
    );
    assert!(!format!("{config:?}").contains(packed.get(..16).unwrap()));

    std::fs::write(folder.path().join("edge.pem"), "not a key").unwrap();
    let error = EdgeConfig::parse(&named, folder.path()).unwrap_err();
    assert_eq!(error.line(), Some(3), "{error}");
    assert!(!error.to_string().contains("not a key"), "{error}");
    let missing = named.replace("edge.pem", "other.pem");
    let error = EdgeConfig::parse(&missing, folder.path()).unwrap_err();
    assert!(error.to_string().contains("other.pem"), "{error}");
    let both = named.replace("file = ", "env = \"X\", file = ");
    let error = EdgeConfig::parse(&both, folder.path()).unwrap_err();
    assert!(
        error.to_string().contains("one of `env` and `file`"),
        "{error}"
    );
}

#[test]
fn an_issuer_without_keys_is_one_whose_opaque_tokens_are_asked_about() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("secret"), "hunter2").unwrap();
    let oidc = WORKOS.replace("workos-authkit", "oidc").replace(
        "client_id = \"client_01J\"",
        "issuer    = \"https://id.example\"",
    );
    let none = oidc.replace("\n[ownership]", "keys      = \"none\"\n\n[ownership]");
    let parse = |text: &str| EdgeConfig::parse(text, folder.path());
    let error = parse(&none).unwrap_err();
    assert_eq!(error.line(), Some(10), "{error}");
    assert!(error.to_string().contains("nobody can pass"), "{error}");
    assert!(error.remedy().unwrap().contains("introspection"), "{error}");

    let asked = "introspection = { url = \"https://id.example/introspect\", client_id = \"orders\", \
                 client_secret = { file = \"secret\" } }\n\n[ownership]";
    let config = parse(&none.replace("\n[ownership]", asked)).unwrap();
    assert!(config.issuers().iter().all(|issuer| !issuer.signs()));
    assert!(config.issuers().is_ready());
    assert_eq!(config.opaque().len(), 1);
    // Its signed tokens count beside the opaque ones where it has keys.
    let both = parse(&oidc.replace("\n[ownership]", asked)).unwrap();
    assert!(both.issuers().iter().all(|issuer| issuer.signs()));
    assert_eq!(both.opaque().len(), 1);
    // No other word stands for it.
    let odd = none.replace("\"none\"\n\n[own", "\"None\"\n\n[own");
    parse(&odd.replace("\n[ownership]", asked)).unwrap_err();
}

#[test]
fn a_secret_that_stands_in_the_file_is_in_no_error() {
    const PEM: &str = "-----BEGIN PRIVATE KEY-----";
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("secret"), "hunter2").unwrap();
    let client = |value: &str| {
        let asked = format!(
            "introspection = {{ url = \"https://id.example/introspect\", client_id = \"orders\", \
             client_secret = {value}, answers_for_one_issuer = true }}"
        );
        WORKOS.replace("\n[ownership]", &format!("{asked}\n[ownership]"))
    };
    let signing = |value: &str| {
        let key = format!("signing_key = {value}\n\n[[issuer]]");
        WORKOS.replace("\n[[issuer]]", &key)
    };
    for value in [
        "\"hunter2\"",
        "'hunter2'",
        "[\"hunter2\"]",
        "hunter2",
        "\"hunter2",
        "4242424242",
        "4242.424242",
        "\"\"\"-----BEGIN PRIVATE KEY-----\nhunter2\n-----END PRIVATE KEY-----\"\"\"",
    ] {
        for text in [client(value), signing(value)] {
            let error = EdgeConfig::parse(&text, folder.path()).unwrap_err();
            assert!(error.line().is_some(), "{error}");
            for told in [
                error.to_string(),
                format!("{error:?}"),
                format!("{error:#?}"),
            ] {
                for secret in ["hunter2", "4242", PEM] {
                    assert!(!told.contains(secret), "{value}: {told}");
                }
            }
        }
    }
    for text in [client("\"hunter2\""), signing("\"hunter2\"")] {
        let error = EdgeConfig::parse(&text, folder.path())
            .unwrap_err()
            .to_string();
        assert!(error.contains("`{ env = … }` or `{ file = … }`"), "{error}");
    }
    // Named, it is read. `PATH` is in every environment that runs this test.
    for value in ["{ file = \"secret\" }", "{ env = \"PATH\" }"] {
        EdgeConfig::parse(&client(value), folder.path()).unwrap();
    }
    let error = EdgeConfig::parse(&signing("{ env = \"PATH\" }"), folder.path()).unwrap_err();
    assert!(error.to_string().contains("it is no PEM"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_slip_of_the_pen_is_told_before_any_key_is_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("throughline.toml");
    // Nobody listens there, so waiting for its keys takes all the time there is.
    let away = WORKOS.replace("workos-authkit", "oidc").replace(
        "client_id = \"client_01J\"",
        "issuer = \"http://127.0.0.1:1\"",
    );
    std::fs::write(&path, format!("{away}[edge]\nexempt = [\"health\"]\n")).unwrap();
    let error = AuthenticateLayer::from_config(&path).await.unwrap_err();
    assert!(error.to_string().contains("exempt path"), "{error}");
    std::fs::write(&path, format!("{away}[edge]\nexempt = [\"/health\"]\n")).unwrap();
    let error = AuthenticateLayer::from_config(&path).await.unwrap_err();
    assert!(
        error.to_string().contains("keys are not at hand"),
        "{error}"
    );
    let lazy = format!("{away}[edge]\nwait_for_keys = false\n");
    std::fs::write(&path, lazy).unwrap();
    AuthenticateLayer::from_config(&path).await.unwrap();
}

#[test]
fn an_error_names_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("throughline.toml");
    std::fs::write(&path, WORKOS.replace("workos-authkit", "workos")).unwrap();
    let error = EdgeConfig::read(&path).unwrap_err().to_string();
    assert!(error.contains("throughline.toml:6: "), "{error}");
    let absent = EdgeConfig::read(folder.path().join("absent.toml")).unwrap_err();
    assert!(absent.to_string().contains("cannot be read"), "{absent}");
}
