"""Judges the cases of `tokens.py` by PyJWT and by joserfc, each as strict as it can be told to be.

Reads the cases from standard input and prints, for each of them in order, a list with what each peer
said: what it read where it accepts, else the name of its error.
"""

import json
import sys
import warnings
from datetime import datetime

import jwt
from joserfc import jws as joserfc_jws
from joserfc import jwt as joserfc_jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

# The algorithms of `throughline_jose::Algorithm`, under all their names.
ALGORITHMS = ["EdDSA", "Ed25519", "ES256", "ES384", "PS256", "PS384", "PS512", "RS256", "RS384", "RS512"]
REQUIRED = ["iss", "aud", "iat", "exp", "txn", "sub", "scope", "req_wl", "tctx", "rctx"]
SKEW = 30


def stop_the_clock(now):
    """PyJWT takes no time, so the clock that it reads is ours."""

    class Stopped(datetime):
        @classmethod
        def now(cls, tz=None):
            return cls.fromtimestamp(now, tz)

    jwt.api_jwt.datetime = Stopped


class PyJwt:
    """Keys by its own client of key sets, which hands each its one algorithm."""

    name = "pyjwt"
    refusals = (jwt.exceptions.PyJWTError,)

    def __init__(self, cases):
        self.cases, self.clients = cases, {}

    def client(self, name):
        document = self.cases["sets"][name]

        class Client(jwt.PyJWKClient):
            """Without the network."""

            def fetch_data(self):
                return jwt.PyJWKSet.from_dict(self._as_jwk_set_payload(json.loads(document)))

        if name not in self.clients:
            self.clients[name] = Client("https://keys.invalid/jwks.json", cooldown_duration=0)
            self.clients[name].get_jwk_set()
        return self.clients[name]

    def judge(self, case):
        # As `get_signing_key_from_jwt` does it, which also wants the payload to be claims.
        kid = jwt.get_unverified_header(case["token"]).get("kid")
        key = self.client(case["keys"]).get_signing_key(kid)
        algorithms = [name for name in ALGORITHMS if name == key.algorithm_name]
        if case["layer"] == "signature":
            options = {"enforce_minimum_key_length": True}
            jwt.PyJWS().decode(case["token"], key, algorithms=algorithms, options=options)
            return None
        options = {"require": REQUIRED, "strict_aud": True, "enforce_minimum_key_length": True}
        return jwt.decode(
            case["token"],
            key,
            algorithms=algorithms,
            options=options,
            audience=self.cases["audience"],
            issuer=self.cases["issuer"],
            leeway=SKEW,
        )


class Joserfc:
    name = "joserfc"
    refusals = (JoseError,)

    def __init__(self, cases):
        self.cases, self.sets = cases, {}
        claims = {name: {"essential": True} for name in REQUIRED}
        claims["scope"] |= {"allow_blank": True}
        claims["iss"] |= {"value": cases["issuer"]}
        claims["aud"] |= {"value": cases["audience"]}
        self.claims = joserfc_jwt.JWTClaimsRegistry(now=cases["now"], leeway=SKEW, **claims)

    def judge(self, case):
        if case["keys"] not in self.sets:
            self.sets[case["keys"]] = KeySet.import_key_set(json.loads(self.cases["sets"][case["keys"]]))
        keys = self.sets[case["keys"]]
        if case["layer"] == "signature":
            joserfc_jws.deserialize_compact(case["token"], keys, algorithms=ALGORITHMS)
            return None
        token = joserfc_jwt.decode(case["token"], keys, algorithms=ALGORITHMS)
        self.claims.validate(token.claims)
        return token.claims


def verdict(peer, case):
    try:
        claims = peer.judge(case)
    except peer.refusals as refused:
        return {"refused": type(refused).__name__}
    except Exception as crashed:  # noqa: BLE001
        # Whoever calls the library catches its errors and meets this one: no acceptance, and no
        # refusal that anybody foresaw.
        return {"refused": f"{type(crashed).__name__}, which is none of its own errors"}
    return {"accepted": claims and read(claims)}


def read(claims):
    """What our own verifier tells of a context, under the same names."""
    tctx = claims["tctx"] if isinstance(claims["tctx"], dict) else {}
    return {
        "tenant": tctx.get("tenant"),
        "principal": claims["sub"],
        "subject": tctx.get("sub"),
        "provider": tctx.get("idp"),
        "kind": tctx.get("kind"),
        "scope": claims["scope"],
        "txn": claims["txn"],
        "issuer": claims["iss"],
        "requester": claims["req_wl"],
    }


def main():
    warnings.simplefilter("ignore")
    cases = json.load(sys.stdin)
    stop_the_clock(cases["now"])
    peers = [PyJwt(cases), Joserfc(cases)]
    verdicts = [[verdict(peer, case) for peer in peers] for case in cases["cases"]]
    json.dump({"peers": [peer.name for peer in peers], "verdicts": verdicts}, sys.stdout)


if __name__ == "__main__":
    main()
