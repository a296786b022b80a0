"""Prints the cases: key sets, and tokens with the class of mistake each stands for.

A class is what `reviewed.json` speaks about. A case belongs to a key set and to a layer: at `claims`
the whole token is judged, at `signature` only whether it is genuine, as the tokens of some corpora
have payloads that are no claims.
"""

import json
import sys
from pathlib import Path

import claim_mistakes
import corpora
import form_mistakes
import key_mistakes
import signature_mistakes
from forge import DOMAIN, ISSUER, NOW, SIGNERS


class Cases:
    def __init__(self):
        self.sets, self.cases = {}, []
        self.key_set("main", [key.jwk() for key in SIGNERS])

    def key_set(self, name, document):
        """A list of keys, or a document as text."""
        document = document if isinstance(document, str) else json.dumps({"keys": document})
        assert self.sets.setdefault(name, document) == document, name

    def add(self, klass, name, token, keys="main", layer="claims"):
        case = {"class": klass, "name": name, "token": token, "keys": keys, "layer": layer}
        self.cases.append(case)


def main(root):
    cases = Cases()
    form_mistakes.add(cases)
    signature_mistakes.add(cases)
    claim_mistakes.add(cases)
    key_mistakes.add(cases)
    corpora.add(cases, Path(root))
    names = [(case["class"], case["name"]) for case in cases.cases]
    twice = {name for name in names if names.count(name) > 1} if len(set(names)) < len(names) else ()
    assert not twice, f"named twice: {twice}"
    about = {"now": NOW, "audience": DOMAIN, "issuer": ISSUER}
    json.dump(about | {"sets": cases.sets, "cases": cases.cases}, sys.stdout)


if __name__ == "__main__":
    main(sys.argv[1])
