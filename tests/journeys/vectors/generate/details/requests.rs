//! What stands around the token.

use throughline_testing::vectors::Vector;

use super::super::Case;
use super::changed;

pub(super) fn add(vectors: &mut Vec<Vector>) {
    fields(vectors);
    paths(vectors);
    hosts_and_queries(vectors);
    baggage(vectors);
}

fn field(case: &mut Case, name: &str, value: &str) {
    case.fields.push((name.into(), value.into()));
}

fn fields(vectors: &mut Vec<Vector>) {
    for name in [
        "txn_token",
        "txn.token",
        "txn-token-bin",
        "x.tenant.id",
        "x-tenant-id-bin",
    ] {
        let case = changed(&|case| field(case, name, "acme"));
        let place = format!("header `{name}`");
        vectors.push(case.refused(
            format!("{name} beside the token"),
            "context_ambiguous",
            Some(&place),
        ));
    }
    let case = changed(&|case| field(case, "x-tenant-id-2", "globex"));
    vectors.push(case.accepted("a name that only begins like an owned one"));
    for (option, stripped) in [
        ("baggage", true),
        ("x-tenant-id", true),
        ("keep-alive", false),
    ] {
        let case = changed(&|case| field(case, "connection", option));
        vectors.push(match stripped {
            true => case.refused(
                format!("connection names {option}"),
                "context_stripped",
                None,
            ),
            false => case.accepted("connection names something else"),
        });
    }
    let case = changed(&|case| field(case, "x-tenant-id", ""));
    let place = Some("header `x-tenant-id`");
    vectors.push(case.refused("an empty header", "context_malformed", place));
    let case = changed(&|case| field(case, "x-tenant-id", "ac me"));
    vectors.push(case.refused("a blank in a header", "context_malformed", place));
    // `!` is the first visible character, and no tenant.
    let case = changed(&|case| field(case, "x-tenant-id", "acme!"));
    vectors.push(case.refused("the first visible character", "tenant_mismatch", place));

    // One byte of a claim is one or two letters of the token, so the length of a header helps.
    let sized = |size: usize| {
        let near = (size - Case::good().owned_bytes()) / 4 * 3;
        (near - 30..near)
            .flat_map(|pad| [(pad, false), (pad, true)])
            .map(|(pad, witness)| {
                changed(&|case| {
                    case.claims["x"] = "y".repeat(pad).into();
                    if witness {
                        field(case, "x-tenant-id", "acme");
                    }
                })
            })
            .find(|case| case.owned_bytes() == size)
            .expect("some padding has this size")
    };
    vectors.push(sized(8_192).accepted("as large as the cap"));
    vectors.push(sized(8_193).refused("one byte over the cap", "context_oversized", None));
}

fn paths(vectors: &mut Vec<Vector>) {
    let place = Some("path parameter `tenant`");
    for (target, reason) in [
        ("/t/acme/invoices", "witness_missing"),
        ("/u/acme/orders", "witness_missing"),
        ("/t/acme", "witness_missing"),
        ("/t/acme/orders/7", "witness_missing"),
        ("/t/acme/orders/", "context_ambiguous"),
        ("/t//acme/orders", "context_ambiguous"),
        ("/t/acme/%6frders", "context_ambiguous"),
        ("/t/globex/../acme/orders", "context_ambiguous"),
        ("/t/acme/./orders", "context_ambiguous"),
        ("/t/%2e%2e/orders", "context_ambiguous"),
        ("/t/%FF/orders", "context_malformed"),
        ("/t/ACME/orders", "tenant_mismatch"),
        ("/t/acme%20/orders", "tenant_mismatch"),
        ("/t/%2561cme/orders", "tenant_mismatch"),
    ] {
        let case = changed(&|case| case.target = target.into());
        vectors.push(case.refused(format!("the path {target}"), reason, place));
    }
    let case = changed(&|case| case.target = "/health".into());
    vectors.push(case.accepted("an exempt path without its witness"));
}

fn hosts_and_queries(vectors: &mut Vec<Vector>) {
    let place = Some("subdomain of `acme.example`");
    for host in [
        "gateway.internal",
        "acme.example",
        "globex.example",
        "globexacme.example",
        "acme.acme.example.",
        "acme.acme.example:80",
    ] {
        let case = changed(&|case| field(case, "host", host));
        vectors.push(case.accepted(&format!("the host {host}")));
    }
    for host in [
        "a.acme.acme.example",
        "acme@acme.acme.example",
        "acme.acme.example:x",
        "acme..acme.example",
    ] {
        let case = changed(&|case| field(case, "host", host));
        vectors.push(case.refused(format!("the host {host}"), "context_malformed", place));
    }
    let case = changed(&|case| {
        field(case, "host", "acme.acme.example");
        field(case, "host", "acme.acme.example");
    });
    vectors.push(case.refused("two lines of the host", "context_ambiguous", place));

    let place = Some("query parameter `tenant`");
    for (query, reason) in [
        ("tenant=", "context_malformed"),
        ("tenant", "context_malformed"),
        ("tenant=%FF", "context_malformed"),
        ("TENANT=acme", "context_ambiguous"),
        ("tenant[]=acme", "context_ambiguous"),
        ("x=1;tenant=acme", "context_ambiguous"),
        ("tenant=acme;x=1", "context_ambiguous"),
        ("tenant=acme&%74enant=globex", "context_ambiguous"),
        ("tenant=ac+me", "tenant_mismatch"),
        ("tenant=%2561cme", "tenant_mismatch"),
    ] {
        let case = changed(&|case| case.target = format!("/t/acme/orders?{query}"));
        vectors.push(case.refused(format!("the query {query}"), reason, place));
    }
    for query in [
        "tenant=%61cme",
        "%74enant=acme",
        "tenants=globex",
        "x=tenant&y;z",
    ] {
        let case = changed(&|case| case.target = format!("/t/acme/orders?{query}"));
        vectors.push(case.accepted(&format!("the query {query}")));
    }
}

fn baggage(vectors: &mut Vec<Vector>) {
    let place = Some("baggage member `tenant.id`");
    for (member, reason) in [
        ("TENANT.ID=acme", "context_ambiguous"),
        ("tenant-id=acme", "context_ambiguous"),
        ("tenant.id=acme;p=1", "context_ambiguous"),
        ("tenant.id = acme", "context_ambiguous"),
        ("tenant.id =acme", "context_ambiguous"),
        ("tenant.id= acme", "context_ambiguous"),
        ("tenant.id=acme,TENANT_ID=acme", "context_ambiguous"),
        ("tenant.id=", "context_malformed"),
        ("tenant.id", "context_malformed"),
        ("tenant.id=%FF", "context_malformed"),
        ("tenant.id=%6", "context_malformed"),
        ("tenant.id=ACME", "tenant_mismatch"),
        ("tenant.id=%2561cme", "tenant_mismatch"),
    ] {
        let case = changed(&|case| field(case, "baggage", member));
        vectors.push(case.refused(format!("the baggage {member}"), reason, place));
    }
    for member in [
        "tenant.id=%61cme",
        "tenant.ids=globex",
        "a=b;tenant.id=globex",
        ",, a=b ,",
        "tenant.id=acme\t",
    ] {
        let case = changed(&|case| field(case, "baggage", member));
        vectors.push(case.accepted(&format!("the baggage {member:?}")));
    }
    let case = changed(&|case| field(case, "baggage", &["a=1"; 63].join(",")));
    vectors.push(case.accepted("64 members of the baggage"));
    let case = changed(&|case| field(case, "baggage", &["a=1"; 64].join(",")));
    vectors.push(case.refused("65 members of the baggage", "context_oversized", place));
    let case = changed(&|case| field(case, "baggage", &format!("a={}", "x".repeat(8_192 - 19))));
    vectors.push(case.accepted("8192 bytes of baggage"));
    let case = changed(&|case| field(case, "baggage", &format!("a={}", "x".repeat(8_192 - 18))));
    vectors.push(case.refused("8193 bytes of baggage", "context_oversized", place));

    let place = Some("baggage member `copy.tenant`");
    let case = changed(&|case| field(case, "baggage", "copy.tenant=acme"));
    vectors.push(case.refused("a copy twice", "context_ambiguous", place));
    let case = changed(&|case| case.fields = vec![("baggage".into(), "copy.tenant=%zz".into())]);
    vectors.push(case.refused("a copy that cannot be read", "context_malformed", place));
}
