"""What a genuine token says and must not: types, times, names, and members that stand twice."""

import json

from forge import DOMAIN, ED, ISSUER, NOW, claims, header, text


def sealed(body):
    return ED.seal(header(), body)


def raw(member, value):
    """The claims with one member written as it stands here."""
    return text(claims() | {member: "\0"}).replace(json.dumps("\0"), value)


def add(cases):
    issuers_and_audiences(cases)
    times(cases)
    missing_and_mistyped(cases)
    twice(cases)
    shapes(cases)
    our_own(cases)


def issuers_and_audiences(cases):
    # CVE-2026-25537, GHSA-75c5-xw7c-p5pm.
    for value in [
        [ISSUER],
        ["https://attacker.example", ISSUER],
        [ISSUER, ISSUER],
        [],
        {"iss": ISSUER},
        5,
        True,
        [[ISSUER]],
    ]:
        cases.add("claims/iss of another type", text(value), sealed(claims(iss=value)))
    other = [
        ISSUER + "/",
        ISSUER[:-1],
        ISSUER + ".attacker.example",
        ISSUER.upper(),
        ISSUER.replace("https", "http"),
        ISSUER + " ",
        " " + ISSUER,
        ISSUER + "\0",
        "",
        ISSUER.replace("e", "е", 1),
        ISSUER + "?x",
        "https://tokens.example:443",
        ISSUER + "#",
    ]
    for value in other:
        cases.add("claims/another iss", repr(value), sealed(claims(iss=value)))
    for value in [
        DOMAIN.upper(),
        DOMAIN[:-1],
        DOMAIN + ".",
        "staging.example",
        "",
        DOMAIN + " ",
        "*",
        "https://" + DOMAIN,
        [],
        [""],
        ["staging.example"],
    ]:
        cases.add("claims/another aud", repr(value), sealed(claims(aud=value)))
    for value in [5, True, {"aud": DOMAIN}, [5], [[DOMAIN]], [None], [DOMAIN, 5]]:
        cases.add("claims/aud of another type", text(value), sealed(claims(aud=value)))
    cases.add("claims/aud as a list of one", "array", sealed(claims(aud=[DOMAIN])))
    for name, value in [
        ("ours first", [DOMAIN, "staging.example"]),
        ("ours last", ["staging.example", DOMAIN]),
        ("ours twice", [DOMAIN, DOMAIN]),
        ("a thousand", [DOMAIN] * 300),
    ]:
        cases.add("claims/several aud", name, sealed(claims(aud=value)))


def times(cases):
    for name, value in [
        ("past", NOW - 60),
        ("at the skew", NOW - 30),
        ("zero", 0),
        ("negative", -1),
        ("of 2001", 1_000_000_000),
    ]:
        cases.add(
            "claims/expired" if name != "negative" else "claims/negative time",
            f"exp {name}",
            sealed(claims(exp=value, iat=min(value - 1, NOW - 10) if value > 100 else NOW - 10)),
        )
    cases.add(
        "claims/expired",
        "exp a fraction before the skew",
        sealed(claims(exp=NOW - 30.5, iat=NOW - 100, rctx={"as_of": NOW - 100})),
    )
    cases.add(
        "claims/within the skew",
        "exp",
        sealed(claims(exp=NOW - 29, iat=NOW - 100, rctx={"as_of": NOW - 100})),
    )
    cases.add("claims/within the skew", "iat", sealed(claims(iat=NOW + 29)))
    cases.add("claims/within the skew", "nbf", sealed(claims(nbf=NOW + 29)))
    for name, value in [("in the future", NOW + 60), ("in a day", NOW + 86_400)]:
        cases.add("claims/iat in the future", name, sealed(claims(iat=value, exp=value + 60)))
        cases.add("claims/nbf in the future", name, sealed(claims(nbf=value)))
    cases.add("claims/over the cap of a lifetime", "exp in a day", sealed(claims(exp=NOW + 86_400)))
    cases.add(
        "claims/over the cap of a lifetime", "exp in a century", sealed(claims(exp=NOW + 3_000_000_000))
    )
    cases.add(
        "claims/over the cap of a lifetime",
        "old iat",
        sealed(claims(iat=NOW - 5_000, rctx={"as_of": NOW - 5_000})),
    )
    cases.add("claims/exp before iat", "of one second", sealed(claims(iat=NOW + 20, exp=NOW + 10)))
    cases.add("claims/exp before iat", "the same second", sealed(claims(iat=NOW + 20, exp=NOW + 20)))
    cases.add("claims/as_of after iat", "of one second", sealed(claims(rctx={"as_of": NOW - 5})))
    cases.add("claims/too old a chain", "two days", sealed(claims(rctx={"as_of": NOW - 2 * 86_400})))
    # RFC 7519 2, NumericDate: a number of seconds, fractions allowed.
    for name, value in [
        ("half a second", NOW + 290.5),
        ("written with an exponent", "1.79000029e9"),
        ("minus nothing", f"{NOW + 290}.0"),
    ]:
        cases.add("claims/fraction of a second", f"exp {name}", sealed(raw("exp", str(value))))
    cases.add("claims/fraction of a second", "iat", sealed(claims(iat=NOW - 10.25)))
    for name, value in [
        ("milliseconds", (NOW + 290) * 1_000),
        ("the largest of 64 bits", 2**64 - 1),
        ("more than 64 bits", 2**70),
        ("the year 10000", 253_402_300_800),
    ]:
        cases.add("claims/exp out of range", name, sealed(claims(exp=value)))
        cases.add("claims/exp out of range", f"{name}, as a fraction", sealed(raw("exp", f"{value}.5")))
    cases.add("claims/exp out of range", "1e30", sealed(raw("exp", "1e30")))
    cases.add(
        "claims/iat in the future",
        "milliseconds",
        sealed(claims(iat=(NOW - 10) * 1_000, exp=(NOW + 290) * 1_000)),
    )
    cases.add("claims/negative time", "nbf", sealed(claims(nbf=-1)))
    cases.add("claims/negative time", "iat", sealed(claims(iat=-1, rctx={"as_of": 0})))
    for name in ("exp", "iat", "nbf"):
        for value in ["NaN", "Infinity", "-Infinity", "1e999", "-1e999"]:
            cases.add(f"claims/{name} that is no number", value, sealed(raw(name, value)))
        for value in [str(NOW + 20), f"{NOW + 20}.0", "", "soon", f" {NOW}"]:
            cases.add(f"claims/{name} as a text", repr(value), sealed(claims(**{name: value})))
        for value in [True, [NOW], {"": NOW}, [], {}]:
            cases.add(f"claims/{name} of another type", text(value), sealed(claims(**{name: value})))


def missing_and_mistyped(cases):
    for name in claims():
        cases.add(f"claims/missing", name, sealed(claims(**{name: None})))
        cases.add(f"claims/null", name, sealed(raw(name, "null")))
    cases.add("claims/null", "nbf", sealed(raw("nbf", "null")))
    cases.add("claims/null", "jti", sealed(raw("jti", "null")))
    for name in ("sub", "jti"):
        for value in [5, True, ["okta/acme/ada"], {"sub": "x"}]:
            klass = "claims/sub of another type" if name == "sub" else "claims/jti of another type"
            cases.add(klass, f"{name} {text(value)}", sealed(claims(**{name: value})))
    for name in ("txn", "scope", "req_wl", "tctx", "rctx", "act"):
        for value in [5, True, [], ["x"], {"x": 1}, "x"]:
            # Texts for texts, and objects for objects, are no mistake of type.
            if isinstance(value, str if name in ("txn", "scope", "req_wl") else dict):
                continue
            cases.add(
                "claims/our own of another type", f"{name} {text(value)}", sealed(claims(**{name: value}))
            )
    for value in [{"y": [1]}, "text", None, 7.5, [], True, "ü€😀"]:
        cases.add("claims/unknown claim", text(value), sealed(claims() | {"x": value}))


def twice(cases):
    """RFC 7519 4: unique names, or the last one, and every reader must take the same."""
    body = text(claims())
    other = {
        "iss": '"https://attacker.example"',
        "aud": '"staging.example"',
        "exp": str(NOW - 600),
        "iat": str(NOW + 600),
        "sub": '"okta/globex/eve"',
        "txn": '"other"',
        "scope": '"admin"',
        "req_wl": '"other"',
        "tctx": '{"tenant":"globex"}',
        "rctx": "{}",
    }
    for name, value in other.items():
        same = json.dumps(claims()[name], separators=(",", ":"))
        for what, first in [("another first", value), ("the same", same)]:
            cases.add(
                "claims/member twice", f"{name}, {what}", sealed(body.replace("{", f'{{"{name}":{first},', 1))
            )
        cases.add(
            "claims/member twice, the last is another", name, sealed(body[:-1] + f',"{name}":{value}}}')
        )
    nested = '"tenant":"acme"'
    for name, change in [
        ("tenant", '"tenant":"globex","tenant":"acme"'),
        ("tenant, escaped", r'"ten\u0061nt":"globex","tenant":"acme"'),
        ("tenant, the last is another", '"tenant":"acme","tenant":"globex"'),
    ]:
        cases.add("claims/member twice, nested", name, sealed(body.replace(nested, change)))
    cases.add(
        "claims/member twice, nested", "in a claim nobody knows", sealed(body[:-1] + ',"x":[{"a":1,"a":2}]}')
    )
    cases.add("claims/member twice, nested", "empty names", sealed(body[:-1] + ',"x":{"":1,"":2}}'))


def shapes(cases):
    body = text(claims())
    for name, value in [
        ("array", "[]"),
        ("array of the claims", f"[{body}]"),
        ("text", '"claims"'),
        ("number", "5"),
        ("true", "true"),
        ("null", "null"),
        ("empty", ""),
        ("cut", body[:-1]),
        ("goes on", body + "{}"),
        ("a comma too many", body[:-1] + ",}"),
        ("single quotes", body.replace('"', "'")),
        ("a comment", body + "//"),
        ("control character", body.replace("txn-1", "txn\x01")),
        ("line end in a text", body.replace("txn-1", "txn\n")),
        ("bad escape", body.replace("txn-1", r"\x41")),
        ("bad utf-8", body.encode().replace(b"txn-1", b"\xff\xfe")),
        ("overlong utf-8", body.encode().replace(b"txn-1", b"\xc0\xaf")),
        ("leading zero", body.replace(str(NOW + 290), "0" + str(NOW + 290))),
        ("deep", body[:-1] + ',"x":' + "[" * 3_000 + "]" * 3_000 + "}"),
    ]:
        cases.add("claims/no object", name, sealed(value))
    cases.add("claims/utf-16", "with a mark", sealed(body.encode("utf-16")))
    cases.add("claims/utf-16", "big end first", sealed(body.encode("utf-16-be")))
    cases.add("claims/byte order mark", "utf-8", sealed(b"\xef\xbb\xbf" + body.encode()))
    for name, value in [
        ("lone", r'"\ud800"'),
        ("low one first", r'"\udc00\ud800"'),
        ("as bytes", b'"\xed\xa0\x80"'),
    ]:
        joined = (
            body[:-1].encode() + b',"x":' + (value if isinstance(value, bytes) else value.encode()) + b"}"
        )
        cases.add("claims/lone surrogate", name, sealed(joined))
    for value in ["NaN", "Infinity", "-Infinity", "1e999"]:
        cases.add("claims/number that is none", value, sealed(body[:-1] + f',"x":{value}}}'))
    cases.add("claims/deep", "31 levels", sealed(body[:-1] + ',"x":' + "[" * 31 + "]" * 31 + "}"))
    cases.add("claims/too deep", "40 levels", sealed(body[:-1] + ',"x":' + "[" * 40 + "]" * 40 + "}"))
    cases.add("claims/blanks in the json", "indented", sealed(json.dumps(claims(), indent=4)))
    cases.add("claims/blanks in the json", "around", sealed(" \r\n\t" + body + "\n"))


def our_own(cases):
    """Rules of a transaction token that no reader of JWTs can know."""

    def tctx(**changes):
        tenant = changes.get("tenant", "acme")
        honest = {"kind": "user", "tenant": "acme", "idp": "okta", "sub": "ada"}
        return claims(
            tctx=honest | changes, sub=f"okta/{tenant}/ada" if isinstance(tenant, str) else "okta/acme/ada"
        )

    for tenant in [
        "",
        "-acme",
        " acme",
        "acme ",
        "ac/me",
        "ac,me",
        "é",
        "a" * 129,
        "acme\0",
        "*",
        "../acme",
        "${tenant}",
    ]:
        cases.add("claims/tenant outside its grammar", repr(tenant[:20]), sealed(tctx(tenant=tenant)))
    for tenant in [5, None, ["acme"], {"id": "acme"}, True]:
        cases.add("claims/our own of another type", f"tenant {text(tenant)}", sealed(tctx(tenant=tenant)))
    for tenant in ["a", "org_01H.x:y~z-0", "A" * 128]:
        body = tctx(tenant=tenant)
        body["sub"] = f"okta/{tenant.replace(':', '%3A')}/ada"
        cases.add("honest", f"tenant {tenant[:16]}", sealed(body))
    cases.add(
        "claims/sub that differs from its parts", "another subject", sealed(claims(sub="okta/acme/mallory"))
    )
    cases.add(
        "claims/sub that differs from its parts", "another tenant", sealed(claims(sub="okta/globex/ada"))
    )
    cases.add("claims/sub that differs from its parts", "another case", sealed(claims(sub="okta/ACME/ada")))
    cases.add("claims/unknown kind", "admin", sealed(tctx(kind="admin")))
    cases.add("claims/unknown kind", "an agent that no chain names", sealed(tctx(kind="delegated_agent")))
    actor = {"sub": "agents/acme/a", "kind": "agent"}
    cases.add("claims/chain of actors", "a loop", sealed(claims(act=actor | {"act": actor})))
    deep = None
    for n in range(9):
        deep = {"sub": f"agents/acme/a{n}", "kind": "agent"} | ({"act": deep} if deep else {})
    cases.add("claims/chain of actors", "nine deep", sealed(claims(act=deep)))
    cases.add("honest", "a service acts", sealed(claims(act={"sub": "svc/acme/billing", "kind": "service"})))
