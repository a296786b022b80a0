"""Runs the golden vectors of the hop without any library of ours.

Written from `crates/throughline-testing/vectors/README.md`; the numbers are those of its checks. Needs
`cryptography` for Ed25519 and nothing else beyond the standard library.

    python hop.py ../../../crates/throughline-testing/vectors/hop.json
"""

import base64
import collections
import json
import re
import sys
from urllib.parse import quote, unquote, unquote_to_bytes, urlsplit

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

Refused = collections.namedtuple("Refused", "reason place")
# What is seen at a place, where it is no text.
ABSENT, AMBIGUOUS, OVERSIZED, UNREADABLE = object(), object(), object(), object()

STATUS = {
    "tenant_suspended": 403,
    "revoked": 403,
    "tenant_mismatch": 403,
    "context_oversized": 431,
    "freshness_unknown": 503,
}
DANGEROUS = {"b64", "crit", "cty", "enc", "jku", "jwk", "x5c", "x5u", "zip"}
KINDS = {"user", "delegated_agent", "autonomous_agent", "workload", "platform"}
LAST_SECOND = 253_402_300_799


class Refusal(Exception):
    def __init__(self, reason, kind=None, name=None):
        self.reason, self.place = reason, kind and f"{kind} `{name}`"


def main(path):
    with open(path, encoding="utf-8") as file:
        document = json.load(file)
    keys = {key["kid"]: key for key in document["jwks"]["keys"]}
    wrong = 0
    for vector in document["vectors"]:
        found = judge(document["services"][vector["service"]], keys, vector)
        if found != vector["verdict"]:
            wrong += 1
            print(f"{vector['name']}: {found}, expected {vector['verdict']}")
    print(f"{len(document['vectors'])} vectors, {wrong} wrong")
    return wrong == 0


def judge(service, keys, vector):
    fields = [(name, field_bytes(value)) for name, value in vector["fields"]]
    target = urlsplit(vector["target"])
    exempt = target.path in service["exempt"]
    try:
        token = read_totally(service, fields)
        if token is None and exempt:
            return {"is": "anonymous"}
        check_presence(token)
        payload = open_envelope(token.decode(), keys)
        claims = parse_claims(payload)
        check_claims(service, claims, vector["now"])
        check_freshness(service["freshness"], claims, vector["now"])
        check_witnesses(service, claims, target, fields, exempt)
        check_copies(service, claims, fields)
    except Refusal as refusal:
        status = STATUS.get(refusal.reason, 400)
        return {"is": "refused", "reason": refusal.reason, "place": refusal.place, "status": status}
    tctx = claims["tctx"]
    return {
        "is": "accepted",
        "tenant": tctx.get("tenant"),
        "principal": claims["sub"],
        "transaction": claims["txn"],
        "kind": tctx["kind"],
    }


def field_bytes(value):
    return bytes.fromhex(value[4:]) if value.startswith("hex:") else value.encode()


# 1, 2


def folded(name):
    return re.sub("[_.]", "-", name.lower())


def looks_like(own, name):
    return folded(name) in (folded(own), folded(own) + "-bin")


def read_totally(service, fields):
    places = [witness["place"] for witness in service["witnesses"]]
    owned = ["txn-token"] + [place["header"] for place in places if "header" in place]
    shared = ["baggage"] if service["relies_on"] or any("baggage" in place for place in places) else []
    ours = [(name, value) for name, value in fields if any(looks_like(own, name) for own in owned)]
    if sum(len(name) + len(value) for name, value in ours) > service["max_bytes"]:
        raise Refusal("context_oversized")
    seen = set()
    for name, value in ours:
        if name not in owned or name in seen or b"," in value:
            raise Refusal("context_ambiguous", "header", name)
        seen.add(name)
    for name, value in fields:
        if name == "connection":
            for option in value.decode("latin-1").split(","):
                if any(looks_like(own, option.strip()) for own in owned + shared):
                    raise Refusal("context_stripped")
    return next((value for name, value in ours if name == "txn-token"), None)


def check_presence(token):
    if token is None:
        raise Refusal("context_missing")
    if not token or not is_visible(token):
        raise Refusal("context_malformed", "header", "txn-token")


def is_visible(value):
    return all(0x21 <= byte <= 0x7E for byte in value)


# 3, 4


def open_envelope(token, keys):
    parts = token.split(".")
    if len(parts) != 3 or not all(re.fullmatch("[A-Za-z0-9_-]*", part) for part in parts):
        raise Refusal("context_malformed")
    header, payload = decoded(parts[0]), decoded(parts[1])
    try:
        header = parse_json(header)
    except ValueError as error:
        raise Refusal("context_malformed") from error
    texts = isinstance(header, dict) and all(
        isinstance(header.get(name, ""), str) for name in ("alg", "kid", "typ")
    )
    if not texts or "alg" not in header or DANGEROUS & header.keys():
        raise Refusal("context_malformed")
    if header.get("typ", "").lower().removeprefix("application/") != "txntoken+jwt":
        raise Refusal("type_refused")

    if "kid" not in header and len(keys) == 1:
        [key] = keys.values()
    elif (key := keys.get(header.get("kid"))) is None:
        raise Refusal("key_unknown")
    if header["alg"] not in ("EdDSA", "Ed25519"):
        raise Refusal("algorithm_refused")
    if len(parts[2]) < 86:
        raise Refusal("context_truncated")
    signature = decoded(parts[2])
    try:
        public = Ed25519PublicKey.from_public_bytes(decoded(key["x"]))
        public.verify(signature, f"{parts[0]}.{parts[1]}".encode())
    except InvalidSignature as error:
        raise Refusal("signature_invalid") from error
    return payload


def decoded(part):
    """Strict base64url: what it decodes to is encoded as this and nothing else."""
    try:
        data = base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
    except ValueError as error:
        raise Refusal("context_malformed") from error
    if base64.urlsafe_b64encode(data).rstrip(b"=") != part.encode():
        raise Refusal("context_malformed")
    return data


# 5


def parse_json(data):
    def unique(pairs):
        if len(dict(pairs)) < len(pairs):
            raise ValueError("a member stands twice")
        return dict(pairs)

    def no_number(name):
        raise ValueError(f"{name} is no number")

    text = data.decode("utf-8")
    value = json.loads(text, object_pairs_hook=unique, parse_constant=no_number)
    check_values(value, 0)
    return value


def check_values(value, depth):
    if isinstance(value, str):
        value.encode()  # A lone surrogate is a ValueError.
    elif isinstance(value, float) and value in (float("inf"), float("-inf")):
        raise ValueError("a number is too large")
    elif isinstance(value, (dict, list)):
        if depth == 32:
            raise ValueError("nests too deep")
        for member in value:
            check_values(member, depth + 1)
            if isinstance(value, dict):
                check_values(value[member], depth + 1)


def is_text(value):
    return isinstance(value, str)


def is_texts(value):
    return isinstance(value, list) and all(map(is_text, value))


def is_number(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def is_object(value):
    return isinstance(value, dict)


TYPES = {
    "": dict.fromkeys(("iss", "txn", "sub", "scope", "req_wl"), is_text)
    | dict.fromkeys(("iat", "nbf", "exp"), is_number)
    | {"aud": lambda value: is_text(value) or is_texts(value), "tctx": is_object, "rctx": is_object},
    "tctx": dict.fromkeys(("kind", "tenant", "idp", "sub"), is_text) | {"proj": is_texts},
    "rctx": {"as_of": is_number, "sid": is_text},
}


def parse_claims(payload):
    try:
        claims = parse_json(payload)
    except ValueError as error:
        raise Refusal("claim_invalid") from error
    if not is_object(claims):
        raise Refusal("claim_invalid")
    for parent, types in TYPES.items():
        members = claims.get(parent, {}) if parent else claims
        for name, has_type in types.items():
            if name in members and not has_type(members[name]):
                raise Refusal("claim_invalid")
    return claims


def require(members, name, parent=""):
    if name not in members:
        raise Refusal("claim_missing", "claim", parent + name)
    return members[name]


def check_claims(service, claims, now):
    if service["issuer"] is not None and require(claims, "iss") != service["issuer"]:
        raise Refusal("issuer_untrusted", "claim", "iss")
    if require(claims, "aud") not in (service["trust_domain"], [service["trust_domain"]]):
        raise Refusal("audience_mismatch", "claim", "aud")
    check_times(service, claims, now)

    for name in ("txn", "sub", "scope", "req_wl"):
        require(claims, name)
    tctx = require(claims, "tctx")
    if require(tctx, "kind", "tctx.") not in KINDS:
        raise Refusal("claim_invalid", "claim", "tctx.kind")
    require(tctx, "idp", "tctx.")
    require(tctx, "sub", "tctx.")
    if tctx["kind"] != "platform" or "tenant" in tctx:
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._~:-]{0,127}", require(tctx, "tenant", "tctx.")):
            raise Refusal("tenant_invalid", "claim", "tctx.tenant")
    # `quote` leaves letters, digits and `_.-~` as they are.
    parts = (tctx["idp"], tctx.get("tenant", ""), tctx["sub"])
    if claims["sub"] != "/".join(quote(part, safe="") for part in parts):
        raise Refusal("claim_invalid", "claim", "sub")
    if tctx["kind"] == "platform" and "tenant" in tctx:
        raise Refusal("claim_invalid", "claim", "tctx.tenant")


def check_times(service, claims, now):
    def second(members, name, parent=""):
        value = require(members, name, parent)
        if not 0 <= value <= LAST_SECOND:
            raise Refusal("claim_invalid", "claim", parent + name)
        return int(value)

    rctx = require(claims, "rctx")
    iat = second(claims, "iat")
    nbf = second(claims, "nbf") if "nbf" in claims else 0
    exp = second(claims, "exp")
    as_of = second(rctx, "as_of", "rctx.")
    skew = service["skew_seconds"]
    for reason, claim, broken in [
        ("context_not_yet_valid", "iat", iat > now + skew),
        ("context_not_yet_valid", "nbf", nbf > now + skew),
        ("context_expired", "exp", exp <= now - skew),
        ("claim_invalid", "exp", exp <= iat),
        ("lifetime_excessive", "exp", exp - iat > service["max_lifetime_seconds"]),
        ("claim_invalid", "rctx.as_of", as_of > iat),
        ("lifetime_excessive", "rctx.as_of", as_of < now - skew - service["max_chain_age_seconds"]),
    ]:
        if broken:
            raise Refusal(reason, "claim", claim)


# 6


def check_freshness(freshness, claims, now):
    as_of = int(claims["rctx"]["as_of"])
    if "lifetime_only_seconds" in freshness:
        if now - as_of > freshness["lifetime_only_seconds"]:
            raise Refusal("freshness_unknown")
        return
    feed, tenant = freshness["feed"], claims["tctx"].get("tenant")
    if tenant in feed["suspended"]:
        raise Refusal("tenant_suspended")
    complete_to = feed["complete_to"].get(tenant)
    if complete_to is None or abs(now - complete_to) > feed["budget_seconds"]:
        raise Refusal("freshness_unknown")
    links = [
        ("tenant", {"tenant": tenant}),
        ("session", {"tenant": tenant, "session": claims["rctx"].get("sid")}),
        ("principal", {"composed": claims["sub"]}),
    ]
    for kind, link in links:
        for mark in (revoked[kind] for revoked in feed["revoked"] if kind in revoked):
            if mark == link | {"at": mark["at"]} and as_of <= mark["at"]:
                raise Refusal("revoked")


# 7, 8


def check_witnesses(service, claims, target, fields, exempt):
    for witness in service["witnesses"]:
        place, seen = look_at(witness["place"], target, fields)
        if seen is ABSENT:
            if not witness["optional"] and not exempt:
                raise Refusal("witness_missing", *place)
            continue
        check_readable(seen, place)
        aliases = witness.get("aliases")
        if (aliases.get(seen) if aliases else seen) != claims["tctx"].get("tenant"):
            raise Refusal("tenant_mismatch", *place)


def check_copies(service, claims, fields):
    for copy in service["relies_on"]:
        key = copy.removeprefix("tenant@baggage:")
        place, seen = look_at({"baggage": key}, None, fields)
        if copy not in claims["tctx"].get("proj", []) or seen is ABSENT:
            raise Refusal("projection_truncated", *place)
        check_readable(seen, place)
        if seen != claims["tctx"].get("tenant"):
            raise Refusal("projection_mismatch", *place)


def check_readable(seen, place):
    if seen is AMBIGUOUS:
        raise Refusal("context_ambiguous", *place)
    if seen is OVERSIZED:
        raise Refusal("context_oversized", *place)
    if seen is UNREADABLE:
        raise Refusal("context_malformed", *place)


def look_at(place, target, fields):
    [(kind, of)] = place.items()
    lines = [
        value for name, value in fields if name == {"header": of, "subdomain_of": "host"}.get(kind, kind)
    ]
    if kind == "path":
        return ("path parameter", of["parameter"]), path_parameter(of, target.path)
    if kind == "query":
        return ("query parameter", of), query_parameter(of, target.query)
    if kind == "header":
        return ("header", of), one(lines, is_visible)
    if kind == "baggage":
        return ("baggage member", of), baggage_member(of, lines)
    return ("subdomain of", of), subdomain(of, one(lines, is_visible))


def one(values, is_readable=lambda value: True):
    """The only value as a text, or why there is none."""
    if len(values) != 1:
        return AMBIGUOUS if values else ABSENT
    try:
        return values[0].decode() if values[0] and is_readable(values[0]) else UNREADABLE
    except UnicodeDecodeError:
        return UNREADABLE


def path_parameter(of, path):
    names, parameter = of["template"].split("/"), "{" + of["parameter"] + "}"

    def matches(segments):
        fits = [name == segment or (name == parameter and segment) for name, segment in zip(names, segments)]
        return len(names) == len(segments) and all(fits)

    tidied = unquote(path, errors="replace").split("/")
    if "." in tidied or ".." in tidied:
        return AMBIGUOUS
    if matches(path.split("/")):
        return one([unquote_to_bytes(path.split("/")[names.index(parameter)])])
    return AMBIGUOUS if matches([""] + [segment for segment in tidied if segment]) else ABSENT


def query_parameter(of, query):
    found = []
    for piece in query.split("&"):
        for pair in piece.split(";"):
            name, _, value = pair.replace("+", " ").partition("=")
            name = unquote(name, errors="replace")
            if looks_like(of, name.partition("[")[0]):
                if name != of or ";" in piece:
                    return AMBIGUOUS
                found.append(unquote_to_bytes(value))
    return one(found)


def subdomain(domain, host):
    if not isinstance(host, str):
        return host
    host = re.sub(r":\d*$", "", host).removesuffix(".").lower()
    if not all(re.fullmatch("[a-z0-9_-]+", label) for label in host.split(".")):
        return UNREADABLE
    label, dot, _ = host.rpartition("." + domain)
    if not dot or not host.endswith(dot):
        return ABSENT
    return UNREADABLE if "." in label else label


def baggage_member(key, lines):
    joined = b",".join(lines)
    members = [member.strip(b" \t") for member in joined.split(b",")]
    members = [member for member in members if member]
    if len(joined) > 8_192 or len(members) > 64:
        return OVERSIZED
    found = []
    for member in members:
        bare, semicolon, _ = member.partition(b";")
        name, equals, value = bare.partition(b"=")
        spelt = name.decode("latin-1")
        if folded(spelt.strip()) == folded(key):
            blanks = spelt != spelt.strip() or value != value.strip()
            found.append(AMBIGUOUS if spelt.strip() != key or semicolon or blanks else value)
    if len(found) == 1 and found[0] is not AMBIGUOUS:
        cut = re.search(rb"%(?![0-9A-Fa-f]{2})", found[0])
        return UNREADABLE if cut else one([unquote_to_bytes(found[0])])
    return AMBIGUOUS if found else ABSENT


if __name__ == "__main__":
    sys.exit(0 if main(sys.argv[1]) else 1)
