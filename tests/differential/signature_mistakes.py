"""Who signed, with what, and what became of the signature on the way."""

import hashlib
import json

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils

from forge import ED, P256, P384, RSA, SIGNERS, STRANGER, b64, claims, header, mac, text, uint

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
P384_ORDER = int(
    "ffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973", 16
)
ED_ORDER = 2**252 + 27742317777372353535851937790883648493


def add(cases):
    algorithms(cases)
    confusion(cases)
    strangers(cases)
    edges(cases)
    cuts_and_flips(cases)


def algorithms(cases):
    for key in SIGNERS:
        for n in range(3):
            cases.add("honest", f"{key.alg} {n}", key.seal(header(key), claims(txn=f"txn-{n}")))
    cases.add("signature/the newer name of EdDSA", "Ed25519", ED.seal(header(alg="Ed25519"), claims()))
    # The right number, and the algorithm of another key of the set.
    for key in RSA.values():
        for other in RSA.values():
            if key is not other:
                token = other.seal(header(key, alg=other.alg), claims())
                cases.add("signature/another alg of the same key", f"{key.alg} key, {other.alg} token", token)
                token = key.seal(header(key), claims(), alg=other.alg)
                cases.add("signature/says one alg, made with another", f"{key.alg}, {other.alg}", token)
    for salt in (0, 20, 31, 33, 64):
        token = RSA["PS256"].seal(header(RSA["PS256"]), claims(), salt=salt)
        cases.add("signature/salt of another length", f"{salt} bytes", token)


def confusion(cases):
    """CVE-2015-9235, CVE-2022-29217, CVE-2026-34950: what is public as a secret."""
    body = claims()
    for key in SIGNERS:
        if key.alg not in ("EdDSA", "ES256", "RS256"):
            continue
        jwk = key.jwk()
        secrets = {
            "nothing": b"",
            "a nul": b"\0",
            "the pem": key.pem(),
            "the pem without its end": key.pem().rstrip(),
            "the jwk": text(jwk).encode(),
            "the jwk, sorted": json.dumps(jwk, sort_keys=True).encode(),
            "the jwks": json.dumps({"keys": [jwk]}).encode(),
            "a blank and the pem": b"\n" + key.pem(),
            "the coordinate": jwk.get("x", jwk.get("n")).encode(),
            "the kid": key.kid.encode(),
        }
        for name, secret in secrets.items():
            for alg, digest in (("HS256", hashlib.sha256), ("HS512", hashlib.sha512)):
                token = mac(header(key, alg=alg), body, secret, digest)
                cases.add("signature/public key as secret", f"{key.alg}: {name} with {alg}", token)
            token = mac(header(key), body, secret)
            cases.add("signature/mac under an asymmetric alg", f"{key.alg}: {name}", token)


def strangers(cases):
    """CVE-2018-0114: a good signature of somebody else."""
    body = claims()
    cases.add("signature/of a stranger", "under a known kid", STRANGER.seal(header(), body))
    cases.add("signature/of a stranger", "under its own kid", STRANGER.seal(header(STRANGER), body))
    cases.add("signature/of a stranger", "without kid", STRANGER.seal(header(kid=None), body))
    brought = STRANGER.seal(header(jwk=STRANGER.jwk()), body)
    cases.add("signature/of a stranger", "whose key comes along", brought)
    cases.add(
        "signature/of a stranger",
        "whose key comes along under the kid",
        STRANGER.seal(header(jwk=STRANGER.jwk(kid="ed")), body),
    )
    for key, other in [(P256, P384), (ED, P256), (RSA["RS256"], ED)]:
        cases.add(
            "signature/of a stranger", f"{other.alg} key, {key.alg} header", other.seal(header(key), body)
        )
    h, p, s = ED.seal(header(), body).split(".")
    for name, other in [("tenant", "globex"), ("scope", "orders.write")]:
        changed = (
            claims(scope=other)
            if name == "scope"
            else claims(tctx={"kind": "user", "tenant": other, "idp": "okta", "sub": "ada"})
        )
        cases.add("signature/over other claims", name, f"{h}.{b64(text(changed))}.{s}")
    cases.add("signature/over other claims", "header", f"{b64(text(header(x=1)))}.{p}.{s}")


def edges(cases):
    """Values at the edges of what a signature can be; CVE-2022-21449."""
    h, p, s = ED.seal(header(), claims()).split(".")
    raw = ED.sign(f"{h}.{p}")
    number = int.from_bytes(raw[32:], "little")
    small = {"all zero": bytes(64), "all ones": b"\xff" * 64, "identity and zero": b"\x01" + bytes(63)}
    small["not reduced"] = raw[:32] + (number + ED_ORDER).to_bytes(32, "little")
    small["negated"] = raw[:32] + (ED_ORDER - number).to_bytes(32, "little")
    small["halves exchanged"] = raw[32:] + raw[:32]
    for name, value in small.items():
        cases.add("signature/edge of EdDSA", name, f"{h}.{p}.{b64(value)}")
    for n in (1, 2, 32, 64):
        cases.add(
            "signature/longer than its alg makes it", f"EdDSA, {n} zeros", f"{h}.{p}.{b64(raw + bytes(n))}"
        )
    for key, order in ((P256, P256_ORDER), (P384, P384_ORDER)):
        length = (key.private.key_size + 7) // 8
        h, p, s = key.seal(header(key), claims()).split(".")
        raw = key.sign(f"{h}.{p}")
        r, s = (int.from_bytes(half, "big") for half in (raw[:length], raw[length:]))
        numbers = {"0": 0, "1": 1, "n-1": order - 1, "n": order, "n+1": order + 1, "max": 256**length - 1}
        for name_r, value_r in numbers.items():
            for name_s, value_s in numbers.items():
                value = uint(value_r, length) + uint(value_s, length)
                cases.add(
                    "signature/edge of ECDSA",
                    f"{key.alg}: r is {name_r}, s is {name_s}",
                    f"{h}.{p}.{b64(value)}",
                )
        cases.add(
            "signature/edge of ECDSA",
            f"{key.alg}: r and s exchanged",
            f"{h}.{p}.{b64(raw[length:] + raw[:length])}",
        )
        cases.add("signature/longer than its alg makes it", key.alg, f"{h}.{p}.{b64(raw + bytes(2))}")
        cases.add(
            "signature/longer than its alg makes it",
            f"{key.alg}, zeros before each half",
            f"{h}.{p}.{b64(bytes(1) + raw[:length] + bytes(1) + raw[length:])}",
        )
        # ECDSA has two good signatures for each; JOSE asks for neither of them.
        cases.add(
            "signature/the other of ECDSA",
            key.alg,
            f"{h}.{p}.{b64(uint(r, length) + uint(order - s, length))}",
        )
        der = utils.encode_dss_signature(r, s)
        cases.add("signature/ecdsa as asn.1", key.alg, f"{h}.{p}.{b64(der)}")
        digest = hashes.SHA384() if key is P256 else hashes.SHA256()
        other = utils.decode_dss_signature(key.private.sign(f"{h}.{p}".encode(), ec.ECDSA(digest)))
        cases.add(
            "signature/says one alg, made with another",
            f"{key.alg} with another digest",
            f"{h}.{p}.{b64(uint(other[0], length) + uint(other[1], length))}",
        )
    for alg in ("RS256", "PS256"):
        h, p, _ = RSA[alg].seal(header(RSA[alg]), claims()).split(".")
        raw = RSA[alg].sign(f"{h}.{p}")
        modulus = RSA[alg].private.public_key().public_numbers().n
        for name, value in [
            ("zero", bytes(256)),
            ("one", uint(1, 256)),
            ("modulus", uint(modulus, 256)),
            ("ones", b"\xff" * 256),
        ]:
            cases.add("signature/edge of RSA", f"{alg}: {name}", f"{h}.{p}.{b64(value)}")
        plus = int.from_bytes(raw, "big") + modulus
        cases.add("signature/edge of RSA", f"{alg}: not reduced", f"{h}.{p}.{b64(uint(plus, 257))}")
        cases.add(
            "signature/longer than its alg makes it",
            f"{alg}, a zero in front",
            f"{h}.{p}.{b64(bytes(1) + raw)}",
        )
        cases.add(
            "signature/longer than its alg makes it",
            f"{alg}, a zero behind",
            f"{h}.{p}.{b64(raw + bytes(1))}",
        )


def cuts_and_flips(cases):
    """One token, at every place; of the others, the signature."""
    token = ED.seal(header(), claims())
    for place in range(len(token)):
        cases.add("damage/cut", f"after {place} letters", token[:place])
        cases.add("damage/a letter missing", f"at {place}", token[:place] + token[place + 1 :])
        if token[place] != ".":
            # The bit of the letter that always counts, and the one that may be a spare one.
            letter = LETTERS.index(token[place])
            for bit, klass in ((32, "damage/a high bit"), (1, "damage/a low bit")):
                changed = token[:place] + LETTERS[letter ^ bit] + token[place + 1 :]
                cases.add(klass, f"at {place}", changed)
    for key in (P256, RSA["RS256"], RSA["PS256"]):
        token = key.seal(header(key), claims())
        start = token.rindex(".") + 1
        for place in range(start, len(token), 1 if key is P256 else 7):
            letter = LETTERS.index(token[place])
            cases.add(
                "damage/a high bit",
                f"{key.alg}, signature at {place - start}",
                token[:place] + LETTERS[letter ^ 32] + token[place + 1 :],
            )
            cases.add("damage/cut", f"{key.alg}, signature after {place - start} letters", token[:place])
