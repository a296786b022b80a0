"""Keys and tokens, made without any of the libraries under test.

Nothing here checks anything: header and claims are texts, so that what no library would write can be
written. Ed25519 keys come from fixed seeds, so that those tokens are the same in every run.
"""

import base64
import hashlib
import hmac
import json

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa, utils

NOW = 1_790_000_000
DOMAIN = "prod.example"
ISSUER = "https://tokens.example"


def b64(data):
    return base64.urlsafe_b64encode(data.encode() if isinstance(data, str) else data).rstrip(b"=").decode()


def uint(number, length=None):
    return number.to_bytes(length or (number.bit_length() + 7) // 8, "big")


class Key:
    """A signing key with its `kid` and the one algorithm it is published for."""

    def __init__(self, kid, alg, private):
        self.kid, self.alg, self.private = kid, alg, private

    def jwk(self, **changes):
        """The published key. A change to `None` removes the member."""
        public = self.private.public_key()
        if isinstance(public, ed25519.Ed25519PublicKey):
            raw = public.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
            jwk = {"kty": "OKP", "crv": "Ed25519", "x": b64(raw)}
        elif isinstance(public, rsa.RSAPublicKey):
            numbers = public.public_numbers()
            jwk = {"kty": "RSA", "n": b64(uint(numbers.n)), "e": b64(uint(numbers.e))}
        else:
            numbers = public.public_numbers()
            curve = {"secp256r1": "P-256", "secp384r1": "P-384", "secp521r1": "P-521"}
            length = (public.curve.key_size + 7) // 8
            jwk = {
                "kty": "EC",
                "crv": curve.get(public.curve.name, public.curve.name),
                "x": b64(uint(numbers.x, length)),
                "y": b64(uint(numbers.y, length)),
            }
        jwk |= {"use": "sig", "alg": self.alg, "kid": self.kid} | changes
        return {name: value for name, value in jwk.items() if value is not None}

    def pem(self):
        public = self.private.public_key()
        form = serialization.PublicFormat.SubjectPublicKeyInfo
        return public.public_bytes(serialization.Encoding.PEM, form)

    def sign(self, text, alg=None, salt=None):
        alg, data = alg or self.alg, text.encode()
        if isinstance(self.private, ed25519.Ed25519PrivateKey):
            return self.private.sign(data)
        digest = {"256": hashes.SHA256, "384": hashes.SHA384, "512": hashes.SHA512}[alg[2:5]]()
        if alg.startswith("RS"):
            return self.private.sign(data, padding.PKCS1v15(), digest)
        if alg.startswith("PS"):
            salt = digest.digest_size if salt is None else salt
            return self.private.sign(data, padding.PSS(padding.MGF1(digest), salt), digest)
        length = (self.private.key_size + 7) // 8
        r, s = utils.decode_dss_signature(self.private.sign(data, ec.ECDSA(digest)))
        return uint(r, length) + uint(s, length)

    def seal(self, header, claims, alg=None, salt=None):
        """A token over these texts as they are."""
        signing_input = f"{b64(text(header))}.{b64(text(claims))}"
        return f"{signing_input}.{b64(self.sign(signing_input, alg, salt))}"


def text(value):
    return value if isinstance(value, (str, bytes)) else json.dumps(value, separators=(",", ":"))


def seed(name):
    return ed25519.Ed25519PrivateKey.from_private_bytes(hashlib.sha256(name.encode()).digest())


def curve_key(name, curve):
    """A fixed point of the curve."""
    number = int.from_bytes(hashlib.sha512(name.encode()).digest(), "big")
    return ec.derive_private_key(number % (1 << (curve.key_size - 1)) + 1, curve)


ED = Key("ed", "EdDSA", seed("ed"))
STRANGER = Key("stranger", "EdDSA", seed("stranger"))
P256 = Key("p256", "ES256", curve_key("p256", ec.SECP256R1()))
P384 = Key("p384", "ES384", curve_key("p384", ec.SECP384R1()))
P521 = Key("p521", "ES512", curve_key("p521", ec.SECP521R1()))
K256 = Key("k256", "ES256K", curve_key("k256", ec.SECP256K1()))
# One number for all six algorithms: what a key may do is said by its `alg` alone.
RSA_PRIVATE = rsa.generate_private_key(65537, 2048)
RSA_SMALL = rsa.generate_private_key(65537, 1024)
RSA = {
    alg: Key(alg.lower(), alg, RSA_PRIVATE) for alg in ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")
}
SIGNERS = [ED, P256, P384, *RSA.values()]


def header(key=ED, **changes):
    members = {"typ": "txntoken+jwt", "alg": key.alg, "kid": key.kid} | changes
    return {name: value for name, value in members.items() if value is not None}


def claims(**changes):
    """What an honest service says; a change to `None` removes the claim."""
    members = {
        "iss": ISSUER,
        "aud": DOMAIN,
        "iat": NOW - 10,
        "exp": NOW + 290,
        "txn": "txn-1",
        "sub": "okta/acme/ada",
        "scope": "orders.read",
        "req_wl": "edge",
        "tctx": {"kind": "user", "tenant": "acme", "idp": "okta", "sub": "ada"},
        "rctx": {"as_of": NOW - 20, "sid": "open"},
    } | changes
    return {name: value for name, value in members.items() if value is not None}


def mac(head, body, secret, digest=hashlib.sha256):
    signing_input = f"{b64(text(head))}.{b64(text(body))}"
    return f"{signing_input}.{b64(hmac.new(secret, signing_input.encode(), digest).digest())}"
