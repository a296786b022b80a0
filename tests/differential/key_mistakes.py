"""Keys as they are published, each with a good token of its owner.

`alone` asks whether the key is admitted, `beside` whether a good key survives it in the same set.
"""

import base64
import json

from cryptography.hazmat.primitives import serialization

from forge import ED, K256, P256, P384, P521, RSA, RSA_SMALL, STRANGER, Key, b64, claims, header, mac, uint


def add(cases):
    def alone(klass, name, jwk, token):
        cases.key_set(f"{klass}: {name}", [jwk])
        cases.add(klass, name, token, keys=f"{klass}: {name}")

    def beside(klass, name, jwk):
        """A good key after the odd one, and one in front of it."""
        for where, keys in [("behind", [jwk, P256.jwk()]), ("before", [P256.jwk(), jwk])]:
            cases.key_set(f"{klass}: {name}, {where}", keys)
            cases.add(
                f"{klass}, a good one {where} it",
                name,
                P256.seal(header(P256), claims()),
                keys=f"{klass}: {name}, {where}",
            )

    good = ED.seal(header(), claims())
    rs256 = RSA["RS256"].seal(header(RSA["RS256"]), claims())
    es256 = P256.seal(header(P256), claims())

    for name, changes in [
        ("no use", {"use": None}),
        ("no alg", {"alg": None}),
        ("Ed25519", {"alg": "Ed25519"}),
        ("unknown members", {"status": "active", "nbf": 1}),
        ("key_ops", {"use": None, "key_ops": ["verify"]}),
        ("use and key_ops", {"key_ops": ["verify"]}),
        ("both operations", {"key_ops": ["sign", "verify"]}),
    ]:
        alone("keys/honest", name, ED.jwk(**changes), good)
    alone("keys/honest", "no alg, P-256", P256.jwk(alg=None), es256)
    alone("keys/honest", "no alg, P-384", P384.jwk(alg=None), P384.seal(header(P384), claims()))
    alone("keys/no alg on an RSA key", "RS256", RSA["RS256"].jwk(alg=None), rs256)
    alone(
        "keys/no alg on an RSA key",
        "PS256",
        RSA["PS256"].jwk(alg=None),
        RSA["PS256"].seal(header(RSA["PS256"]), claims()),
    )
    cases.key_set("keys/no kid", [ED.jwk(kid=None)])
    cases.add("keys/no kid", "neither in the token", ED.seal(header(kid=None), claims()), keys="keys/no kid")
    cases.add("keys/kid only in the token", "one key", good, keys="keys/no kid")

    for use in ["enc", "SIG", "sign", ""]:
        alone("keys/for another use", f"use {use!r}", ED.jwk(use=use), good)
    for ops in [["sign"], ["encrypt"], []]:
        alone("keys/for another use", f"key_ops {ops}", ED.jwk(use=None, key_ops=ops), good)
    alone("keys/key_ops twice", "verify", ED.jwk(use=None, key_ops=["verify", "verify"]), good)
    for alg in ["ES256", "RS256", "HS256", "none", "", "eddsa", "ECDH-ES"]:
        alone("keys/alg that is not the key's", f"Ed25519 says {alg!r}", ED.jwk(alg=alg), good)
    alone(
        "keys/alg that is not the key's",
        "P-256 says ES384",
        P256.jwk(alg="ES384"),
        P256.seal(header(P256, alg="ES384"), claims(), alg="ES384"),
    )
    alone("keys/alg that is not the key's", "P-256 says ES384, token ES256", P256.jwk(alg="ES384"), es256)
    alone(
        "keys/alg that is not the key's", "RSA says RS512, token RS256", RSA["RS256"].jwk(alg="RS512"), rs256
    )
    alone(
        "keys/alg that is not the key's", "RSA says PS256, token RS256", RSA["RS256"].jwk(alg="PS256"), rs256
    )
    alone(
        "keys/alg that is not the key's",
        "RSA for encryption",
        RSA["RS256"].jwk(alg="RSA-OAEP", use=None),
        rs256,
    )

    seed = ED.private.private_bytes(
        serialization.Encoding.Raw, serialization.PrivateFormat.Raw, serialization.NoEncryption()
    )
    alone("keys/private", "Ed25519", ED.jwk(d=b64(seed)), good)
    number = P256.private.private_numbers().private_value
    alone("keys/private", "P-256", P256.jwk(d=b64(uint(number, 32))), es256)

    secret = b"a secret of this very set, of 47 bytes or so .."
    oct_key = {"kty": "oct", "k": b64(secret), "alg": "HS256", "kid": "oct", "use": "sig"}
    token = mac({"typ": "txntoken+jwt", "alg": "HS256", "kid": "oct"}, claims(), secret)
    alone("keys/secret in a published set", "alone", oct_key, token)
    cases.key_set("keys/secret beside a key", [ED.jwk(), oct_key])
    cases.add("keys/secret in a published set", "beside a key", token, keys="keys/secret beside a key")
    beside("keys/secret", "oct", oct_key)
    for name, weak in [("empty", b""), ("short", b"secret"), ("pem", ED.pem())]:
        jwk = oct_key | {"k": b64(weak)}
        alone(
            "keys/weak secret in a published set",
            name,
            jwk,
            mac({"typ": "txntoken+jwt", "alg": "HS256", "kid": "oct"}, claims(), weak),
        )

    small = Key("small", "RS256", RSA_SMALL)
    alone("keys/RSA of 1024 bits", "RS256", small.jwk(), small.seal(header(small), claims()))
    one = {"kty": "RSA", "n": RSA["RS256"].jwk()["n"], "e": "AQ", "alg": "RS256", "kid": "one", "use": "sig"}
    forged = pkcs1_of_exponent_one(claims())
    alone("keys/RSA with exponent one", "forged by anybody", one, forged)
    even = one | {"e": "AQAA"}
    alone("keys/RSA with exponent one", "an even one", even, forged)
    for curve, key in (("P-521", P521), ("secp256k1", K256)):
        alone("keys/algorithm that we lack", curve, key.jwk(), key.seal(header(key), claims()))
    alone("keys/EC without curve", "P-256", P256.jwk(crv=None), es256)
    alone(
        "keys/of another curve",
        "P-256 says P-384",
        P256.jwk(crv="P-384", alg="ES384"),
        P256.seal(header(P256, alg="ES384"), claims(), alg="ES384"),
    )
    point = P256.jwk()
    x = base64.urlsafe_b64decode(point["x"] + "=")
    alone("keys/EC off the curve", "another y", P256.jwk(y=point["x"]), es256)
    alone("keys/coordinate of another length", "a zero in front", P256.jwk(x=b64(b"\0" + x)), es256)
    raw = base64.urlsafe_b64decode(ED.jwk()["x"] + "=")
    for name, value in [
        ("five bytes", raw[:5]),
        ("31 bytes", raw[:31]),
        ("33 bytes", raw + b"\0"),
        ("empty", b""),
    ]:
        alone("keys/coordinate of another length", f"Ed25519, {name}", ED.jwk(x=b64(value)), good)
    for name, value in [("padding", ED.jwk()["x"] + "="), ("a blank", " " + ED.jwk()["x"])]:
        alone("keys/coordinate spelt loosely", name, ED.jwk(x=value), good)
    spare = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    loose = ED.jwk()["x"]
    alone(
        "keys/coordinate spelt loosely",
        "spare bits",
        ED.jwk(x=loose[:-1] + spare[spare.index(loose[-1]) + 1]),
        good,
    )
    # The neutral point: its every signature is 1, 0 in every message.
    neutral = ED.jwk(x=b64(b"\1" + bytes(31)))
    head = header()
    text = f"{b64(json.dumps(head))}.{b64(json.dumps(claims()))}"
    alone("keys/Ed25519 of small order", "neutral point", neutral, f"{text}.{b64(bytes([1]) + bytes(63))}")
    for name, change in [
        ("kid", {"kid": 5}),
        ("use", {"use": 5}),
        ("alg", {"alg": 5}),
        ("alg null", {}),
        ("key_ops", {"key_ops": "verify", "use": None}),
        ("x5c", {"x5c": "MIIB"}),
        ("kty", {"kty": 5}),
        ("x", {"x": 5}),
    ]:
        jwk = ED.jwk(**change) | ({"alg": None} if name == "alg null" else {})
        alone("keys/member of another type", name, jwk, good)
        beside("keys/member of another type", name, jwk)
    for name, jwk in [
        ("AKP", {"kty": "AKP", "alg": "ML-DSA-44", "pub": "AA", "kid": "pq"}),
        ("X25519", {"kty": "OKP", "crv": "X25519", "x": ED.jwk()["x"], "kid": "x"}),
        ("Ed448", {"kty": "OKP", "crv": "Ed448", "x": "AA", "kid": "448"}),
        ("no x", ED.jwk(x=None)),
        ("no kty", ED.jwk(kty=None)),
    ]:
        beside("keys/unknown or unusable", name, jwk)
    for name, entry in [("null", None), ("text", "key"), ("number", 5), ("list", [])]:
        beside("keys/no key at all", name, entry)
    documents(cases, good)


def documents(cases, good):
    """Sets as a whole."""

    def document(klass, name, text, token=good):
        cases.key_set(f"{klass}: {name}", text)
        cases.add(klass, name, token, keys=f"{klass}: {name}")

    one, other = json.dumps(ED.jwk()), json.dumps(STRANGER.jwk(kid="ed"))
    document("keys/honest", "members beside keys", f'{{"issuer":"x","keys":[{one}]}}')
    for name, text in [
        ("no keys", "{}"),
        ("empty", '{"keys":[]}'),
        ("keys of another type", '{"keys":{}}'),
        ("null", '{"keys":null}'),
        ("array", f"[{one}]"),
        ("a key alone", one),
        ("html", "<html>sign in</html>"),
        ("nothing", ""),
        ("cut", f'{{"keys":[{one}]'),
        ("a comma too many", f'{{"keys":[{one},]}}'),
    ]:
        document("keys/no set", name, text)
    document("keys/keys twice", "the last is empty", f'{{"keys":[{one}],"keys":[]}}')
    document("keys/keys twice", "the first is empty", f'{{"keys":[],"keys":[{one}]}}')
    document("keys/member of a key twice", "kid", '{"keys":[%s]}' % one.replace("{", '{"kid":"x",', 1))
    document(
        "keys/member of a key twice",
        "x, of a stranger",
        '{"keys":[%s]}' % one.replace("{", '{"x":"%s",' % STRANGER.jwk()["x"], 1),
    )
    stranger = STRANGER.seal(header(), claims())
    for name, text in [
        ("ours first", f'{{"keys":[{one},{other}]}}'),
        ("ours last", f'{{"keys":[{other},{one}]}}'),
    ]:
        document("keys/two under one kid", f"{name}, ours signs", text)
        document("keys/two under one kid", f"{name}, the other signs", text, stranger)
    document("keys/the same twice", "one key", f'{{"keys":[{one},{one}]}}')


def pkcs1_of_exponent_one(body):
    """With `e` = 1 the padded digest is its own signature."""
    import hashlib

    head = {"typ": "txntoken+jwt", "alg": "RS256", "kid": "one"}
    text = f"{b64(json.dumps(head))}.{b64(json.dumps(body))}"
    digest = bytes.fromhex("3031300d060960864801650304020105000420") + hashlib.sha256(text.encode()).digest()
    padded = b"\0\1" + b"\xff" * (256 - 3 - len(digest)) + b"\0" + digest
    return f"{text}.{b64(padded)}"
