"""Tokens that others published: our golden vectors, Wycheproof and the examples of RFC 7520."""

import json


def add(cases, root):
    golden(cases, root)
    wycheproof(cases, root)


def golden(cases, root):
    """Each token once, however many requests carry it; steps after the fifth do not concern it."""
    vectors = json.loads((root / "crates/throughline-testing/vectors/hop.json").read_text())
    cases.key_set("golden", json.dumps(vectors["jwks"]))
    seen = set()
    for vector in vectors["vectors"]:
        tokens = [
            value for name, value in vector["fields"] if name == "txn-token" and not value.startswith("hex:")
        ]
        if len(tokens) != 1 or tokens[0] in seen or vector["now"] != 1_790_000_000:
            continue
        seen.add(tokens[0])
        honest = vector["verdict"]["is"] == "accepted"
        cases.add(
            f"golden/{vector['name']}" if honest else "golden", vector["name"], tokens[0], keys="golden"
        )


def wycheproof(cases, root):
    for file in ("json_web_signature_test", "json_web_crypto_test", "json_web_key_test"):
        groups = json.loads((root / f"tests/vectors/wycheproof/{file}.json").read_text())["testGroups"]
        for index, group in enumerate(groups):
            key = group.get("public") or group["private"]
            keys = key.get("keys") or [key]
            secret = any(key["kty"] == "oct" for key in keys)
            name = f"{file} {index} {group['comment']}"
            for case in group["tests"]:
                if "jws" not in case:
                    continue
                cases.key_set(name, keys)
                token = case["jws"] if isinstance(case["jws"], str) else json.dumps(case["jws"])
                klass = (
                    "wycheproof/secrets"
                    if secret
                    else f"wycheproof/{file.removeprefix('json_web_').removesuffix('_test')}"
                )
                verdict = case["result"]
                cases.add(klass, f"{file} {case['tcId']} {verdict}", token, keys=name, layer="signature")
