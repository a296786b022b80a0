"""Envelope and header: what is wrong before any key is looked for."""

import json

from forge import ED, NOW, b64, claims, header, text

HONEST = ED.seal(header(), claims())
H, P, S = HONEST.split(".")


def with_header(head):
    return ED.seal(head, claims())


def add(cases):
    cases.add("honest", "every claim is there", HONEST)
    headers(cases)
    key_ids(cases)
    shapes(cases)
    envelopes(cases)
    respelt(cases)


def headers(cases):
    def each(klass, member, values, **more):
        for value in values:
            name = " ".join([member, repr(value)[:60], *more])
            cases.add(klass, name, with_header(header(**more) | {member: value}))

    # RFC 7515 4.1.11, RFC 7797: what must be understood, and what changes the meaning of the payload.
    each(
        "header/crit", "crit", [["x"], [], "exp", "", [1], [None], ["alg"], ["b64"], {}, True, None, [["x"]]]
    )
    each("header/crit", "crit", [["exp"], ["exp", "exp"], ["x", "exp"]], exp=NOW + 60)
    each("header/crit names b64", "b64", [True, "true"], crit=["b64"])
    each("header/b64 false", "b64", [False], crit=["b64"])
    each("header/b64 without crit", "b64", [False, 0, "false"])
    each("header/b64 true", "b64", [True])
    unencoded = f"{b64(text(header(b64=False, crit=['b64'])))}.{json.dumps(claims())}"
    cases.add("header/b64 false", "payload as it is", f"{unencoded}.{b64(ED.sign(unencoded))}")
    detached = f"{b64(text(header(b64=False, crit=['b64'])))}."
    cases.add("header/b64 false", "detached", f"{detached}.{b64(ED.sign(detached + json.dumps(claims())))}")

    # RFC 8725 3.11: one signer makes many kinds of token.
    other_types = [
        "JWT",
        "at+jwt",
        "application/at+jwt",
        "logout+jwt",
        "secevent+jwt",
        "dpop+jwt",
        "txntoken",
        "txn_token",
        "txntoken+jwt ",
        "x/txntoken+jwt",
        "txntoken+jwt;v=1",
        "throughline-context+jwt",
        "",
    ]
    each("header/other typ", "typ", other_types)
    cases.add("header/other typ", "absent", with_header(header(typ=None)))
    each("header/typ of another type", "typ", [5, None, True, ["txntoken+jwt"], {}])
    each(
        "header/typ respelt",
        "typ",
        ["TXNTOKEN+JWT", "Txntoken+Jwt", "application/txntoken+jwt", "APPLICATION/TxnToken+JWT"],
    )

    jwk = ED.jwk()
    each("header/key brought along", "jwk", [jwk, {}, None])
    each("header/key brought along", "jku", ["https://attacker.example/jwks.json", ""])
    each("header/key brought along", "x5u", ["https://attacker.example/chain.pem"])
    each("header/key brought along", "x5c", [["MIIB"], []])
    each("header/wrapped payload", "cty", ["JWT", "jwt", "application/json"])
    each("header/wrapped payload", "zip", ["DEF", None])
    each("header/wrapped payload", "enc", ["A256GCM"])
    each("header/unknown member", "x-note", ["harmless", 7, None, {"a": [1]}])
    each("header/thumbprint", "x5t", ["AAAA"])

    alg = [None, 5, True, ["EdDSA"], {}]
    each("header/alg of another type", "alg", alg)
    cases.add("header/alg of another type", "absent", with_header({"typ": "txntoken+jwt", "kid": "ed"}))
    names = [
        "none",
        "None",
        "NONE",
        "nOnE",
        "",
        "eddsa",
        "EDDSA",
        "ed25519",
        "EdDSA ",
        " EdDSA",
        "EdDSA\0",
        "ES256",
        "ES256K",
        "ES512",
        "Ed448",
        "RS256",
        "PS256",
        "HS256",
        "HS512",
        "dir",
        "RSA-OAEP",
        "ML-DSA-44",
    ]
    each("header/another alg than the key's", "alg", names)
    for name in names[:5]:
        unsigned = f"{b64(text(header(alg=name)))}.{P}"
        cases.add("signature/none", f"alg {name!r}, no signature", unsigned + ".")
        cases.add("signature/none", f"alg {name!r}, two parts", unsigned)
        cases.add("signature/none", f"alg {name!r}, one byte", unsigned + ".AA")
        cases.add("signature/none", f"alg {name!r}, signature of another", f"{unsigned}.{S}")

    # RFC 7515 4: names in a header are unique.
    for name, double in [
        ("alg, same", '"alg":"EdDSA"'),
        ("alg, none first", '"alg":"none"'),
        ("kid, same", '"kid":"ed"'),
        ("kid, other first", '"kid":"p256"'),
        ("typ, same", '"typ":"txntoken+jwt"'),
        ("typ, other first", '"typ":"at+jwt"'),
        ("escaped kid", r'"k\u0069d":"ed"'),
        ("member nobody knows", '"x":1,"x":2'),
        ("nested", '"x":{"a":1,"a":2}'),
    ]:
        cases.add(
            "header/member twice", name, with_header(text(header()).replace("{", "{" + double + ",", 1))
        )
    last = text(header(typ="at+jwt"))[:-1] + ',"typ":"txntoken+jwt"}'
    cases.add("header/member twice", "typ, other last", with_header(last))


def key_ids(cases):
    def each(klass, values):
        for value in values:
            cases.add(
                klass,
                f"kid {repr(value)[:40]}, {len(text(value))} bytes",
                with_header(header() | {"kid": value}),
            )

    # Reaches files, queries and logs of who looks keys up by it.
    each(
        "header/kid that nobody has",
        [
            "",
            " ",
            "ED",
            "ed ",
            " ed",
            "ed\0",
            "e",
            "edd",
            "../ed",
            "../../../dev/null",
            "/etc/passwd",
            "' OR 1=1 --",
            "ed' OR '1'='1",
            "ed|id",
            "$(id)",
            "http://attacker.example/k",
            "еd",
            "ed\n",
            "stranger",
        ],
    )
    each("header/kid that nobody has", ["x" * 255])
    each("header/kid too long", ["x" * 300, "x" * 1_300])
    each("header/kid of another type", [5, None, True, ["ed"], {"kid": "ed"}])
    each("header/kid of another key", ["p256", "rs256"])
    cases.add("header/no kid, several keys", "absent", with_header(header(kid=None)))
    cases.key_set("one key", [ED.jwk()])
    cases.add("header/no kid, one key", "absent", with_header(header(kid=None)), keys="one key")
    cases.add("header/kid that nobody has", "one key", with_header(header(kid="other")), keys="one key")


def shapes(cases):
    for name, head in [
        ("array", "[]"),
        ("array of the values", '["EdDSA","txntoken+jwt","ed"]'),
        ("text", '"EdDSA"'),
        ("number", "7"),
        ("null", "null"),
        ("empty", ""),
        ("blank", " "),
        ("no json", "alg=EdDSA"),
        ("cut", text(header())[:-1]),
        ("single quotes", text(header()).replace('"', "'")),
        ("goes on", text(header()) + "{}"),
        ("a letter behind", text(header()) + "x"),
        ("a comma too many", text(header())[:-1] + ",}"),
        ("a comment", text(header()) + "/**/"),
        ("bad utf-8", text(header()).encode().replace(b"txn", b"\xff\xfe\xfa")),
        ("deep", '{"x":' + "[" * 5_000 + "]" * 5_000 + "}"),
    ]:
        cases.add("header/no object", name, with_header(head))
    cases.add("header/utf-16", "with a mark", with_header(text(header()).encode("utf-16")))
    cases.add("header/byte order mark", "bom", with_header(b"\xef\xbb\xbf" + text(header()).encode()))
    for name, extra in [
        ("NaN", '"x":NaN'),
        ("Infinity", '"x":-Infinity'),
        ("too large a number", '"x":1e999'),
    ]:
        cases.add(
            "header/number that is none", name, with_header(text(header()).replace("{", "{" + extra + ",", 1))
        )
    for name, extra in [
        ("lone surrogate", r'"x":"\ud800"'),
        ("surrogates in the wrong order", r'"x":"\udc00\ud800"'),
    ]:
        cases.add(
            "header/lone surrogate", name, with_header(text(header()).replace("{", "{" + extra + ",", 1))
        )
    deep = '"x":' + "[" * 60 + "]" * 60
    cases.add("header/deep", "60 levels", with_header(text(header()).replace("{", "{" + deep + ",", 1)))
    cases.add("header/long", "3 KiB", with_header(header() | {"x": "y" * 3_000}))
    cases.add("header/long", "600 bytes", with_header(header() | {"x": "y" * 600}))
    spaced = json.dumps(header(), indent=2)
    cases.add("header/blanks in the json", "indented", with_header(spaced))
    cases.add("header/blanks in the json", "line ends", with_header("\r\n\t " + text(header()) + " \n"))
    cases.add(
        "header/blanks in the json", "escaped name", with_header(text(header()).replace("alg", r"\u0061lg"))
    )


def envelopes(cases):
    for name, token in [
        ("nothing", ""),
        ("one part", H),
        ("two parts", f"{H}.{P}"),
        ("only dots", ".."),
        ("one dot", "."),
        ("many dots", "." * 4_000),
        ("no header", f".{P}.{S}"),
        ("no payload", f"{H}..{S}"),
        ("no signature", f"{H}.{P}."),
        ("only a payload", f".{P}."),
        ("four parts", HONEST + ".AA"),
        ("a dot behind", HONEST + "."),
        ("a dot in front", "." + HONEST),
        ("five parts", HONEST + ".AA.AA"),
        ("twice", f"{HONEST}.{HONEST}"),
        ("two in a list", f"{HONEST},{HONEST}"),
        ("parts exchanged", f"{P}.{H}.{S}"),
        ("flattened json", json.dumps({"payload": P, "protected": H, "signature": S})),
        ("general json", json.dumps({"payload": P, "signatures": [{"protected": H, "signature": S}]})),
        ("with its scheme", f"Bearer {HONEST}"),
        ("quoted", f'"{HONEST}"'),
    ]:
        cases.add("form/not three parts", name, token)
    cases.add("form/token as payload", "with cty", ED.seal(header(cty="JWT"), HONEST))
    cases.add("form/token as payload", "plain", ED.seal(header(), HONEST))
    for size in (9_000, 70_000, 1_000_000):
        cases.add("form/over 8 KiB", f"{size} bytes of a claim", ED.seal(header(), claims(x="y" * size)))


def respelt(cases):
    """The same bytes, or nearly, in another spelling."""
    parts = {"header": 0, "payload": 1, "signature": 2}

    def changed(part, change):
        pieces = HONEST.split(".")
        pieces[parts[part]] = change(pieces[parts[part]])
        return ".".join(pieces)

    def signed(part, change):
        pieces = changed(part, change).split(".")
        signing_input = ".".join(pieces[:2])
        return f"{signing_input}.{b64(ED.sign(signing_input))}"

    for part in parts:
        for n in (1, 2, 3):
            if changed(part, lambda piece: piece + "=" * n) != changed(
                part, lambda piece: piece + "=" * (-len(piece) % 4)
            ):
                cases.add(
                    "form/padding", f"{n} behind the {part}", changed(part, lambda piece: piece + "=" * n)
                )
        right = changed(part, lambda piece: piece + "=" * (-len(piece) % 4))
        if right != HONEST:
            cases.add("form/padding, as standard base64 has it", f"{part}", right)
    for part in ("header", "payload"):
        # Signed over the padded spelling. Blanks shift the length, so that there is padding to write.
        for n in range(3):
            body = text(header() if part == "header" else claims()) + " " * n
            if len(b64(body)) % 4:
                padded = b64(body) + "=" * (-len(b64(body)) % 4)
                cases.add("form/padding, signed", f"{part} with {n} blanks", signed(part, lambda _: padded))
                last = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
                respelt_end = b64(body)[:-1] + last[last.index(b64(body)[-1]) + 1]
                cases.add(
                    "form/spare bits, signed", f"{part} with {n} blanks", signed(part, lambda _: respelt_end)
                )
    last = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    for n in range(1, 16):
        # 64 bytes leave four bits of the last letter unused.
        cases.add(
            "form/spare bits of the signature",
            f"bits {n}",
            changed("signature", lambda p: p[:-1] + last[last.index(p[-1]) + n]),
        )
    for name, blank in [
        ("space", " "),
        ("tab", "\t"),
        ("return", "\r"),
        ("line end", "\n"),
        ("no-break space", "\u00a0"),
        ("zero width", "\u200b"),
        ("bom", "\ufeff"),
        ("nul", "\0"),
        ("comma", ","),
        ("plus", "+"),
        ("slash", "/"),
        ("percent", "%20"),
    ]:
        for where, token in [
            ("in front", blank + HONEST),
            ("behind", HONEST + blank),
            ("in the header", changed("header", lambda p: p[:8] + blank + p[8:])),
            ("in the payload", changed("payload", lambda p: p[:8] + blank + p[8:])),
            ("in the signature", changed("signature", lambda p: p[:8] + blank + p[8:])),
            ("before a dot", f"{H}{blank}.{P}.{S}"),
            ("behind a dot", f"{H}.{blank}{P}.{S}"),
        ]:
            cases.add("form/a character too many", f"{name} {where}", token)
            if where in ("in the header", "in the payload"):
                cases.add(
                    "form/a character too many",
                    f"{name} {where}, signed",
                    signed(where[7:], lambda p: p[:8] + blank + p[8:]),
                )
    standard = str.maketrans("-_", "+/")
    cases.add("form/standard base64", "whole token", HONEST.translate(standard))
    odd = ED.seal(header(), claims(x="ÿþ~~~???>>>"))
    if odd.translate(standard) != odd:
        cases.add("form/standard base64", "claims with both letters", odd.translate(standard))
