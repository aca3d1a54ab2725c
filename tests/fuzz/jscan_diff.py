#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""Compares jscan with a strict reading by Python's json on mutated documents.

    python3 tests/fuzz/jscan_diff.py [--cases 120000] [--seed 1] [--cflags ...]

The reference: UTF-8 decoded strictly, no byte order mark, no NaN or Infinity,
at most 128 levels; a request has no key twice in its top-level object.  The
compact form that jout makes must mean the same to Python.
"""
import argparse
import json
import os
import pathlib
import random
import shlex
import struct
import subprocess
import sys
import tempfile

TOP = pathlib.Path(__file__).resolve().parents[2]
SOURCES = ["tests/fuzz/jscan_cat.c"] + [
    f"daemon/base/{m}.c" for m in ("jscan", "jout", "hash", "str", "xmalloc")]
DEPTH = 128
TOKENS = [b'"', b"\\", b"\\u", b"\\ud83d", b"\\ude00", b"\\u0000", b"\\n",
          b"{", b"}", b"[", b"]", b",", b":", b"0", b"-", b"e", b".", b"1",
          b"true", b"null", b" ", b"\n", b"\x00", b"\x1f", b"\x7f", b"\x80",
          b"\xc2", b"\xe0", b"\xed\xa0\x80", b"\xf4", b"\xe2\x82\xac",
          b'"model":"x",', b'"a":1', b"abcdefgh", b"\\/", b"E+1", b"0.5"]


class Members(list):
    """The members of an object in order, doubles kept."""


def seeds():
    corpus = TOP / "tests/fuzz/corpus/jscan"
    found = [p.read_bytes() for p in sorted(corpus.iterdir())]
    for k in (1, 63, 64, 65, 126, 127, 128, 129, 200):
        found.append(b"[" * k + b"]" * k)
        found.append(b'{"a":' * k + b"1" + b"}" * k)
        found.append(b'{"x":' + b"[" * k + b"]" * k + b"}")
    return found


def depth_of(value):
    deepest, todo = 0, [(value, 1)]
    while todo:
        v, d = todo.pop()
        if isinstance(v, Members):
            todo += [(x, d + 1) for _, x in v]
        elif isinstance(v, list):
            todo += [(x, d + 1) for x in v]
        else:
            continue
        deepest = max(deepest, d)
    return deepest


def refuse(constant):
    raise ValueError(constant)


def reference(doc):
    """(verdict, value): 0 no JSON, 1 JSON, 3 and no key twice."""
    try:
        text = doc.decode("utf-8")
        if text.startswith("\ufeff"):
            return 0, None
        value = json.loads(text, parse_constant=refuse,
                           object_pairs_hook=Members)
    except (ValueError, RecursionError):
        return 0, None
    if depth_of(value) > DEPTH:
        return 0, None
    if isinstance(value, Members):
        # A lone surrogate is U+FFFD to llmd.
        keys = ["".join("\ufffd" if 0xd800 <= ord(c) < 0xe000 else c
                        for c in k) for k, _ in value]
        if len(set(keys)) != len(keys):
            return 1, value
    return 3, value


def mutate(rng, doc):
    b = bytearray(doc)
    for _ in range(rng.randint(1, 4)):
        i, r = rng.randint(0, len(b)), rng.random()
        if r < .35:
            b[i:i] = rng.choice(TOKENS)
        elif r < .6:
            del b[i:i + rng.randint(1, 3)]
        elif r < .8 and i < len(b):
            b[i] = rng.randrange(256)
        else:
            j = rng.randint(0, len(b))
            b[i:i] = b[j:j + rng.randint(0, 20)]
    return bytes(b)


def build(flags, folder):
    exe = os.path.join(folder, "jscan_cat")
    cc = shlex.split(os.environ.get("CC", "cc"))
    subprocess.run(cc + ["-std=gnu11", "-D_GNU_SOURCE", "-I.", "-Idaemon",
                         "-O1", "-g", *flags, "-o", exe, *SOURCES, "-lm"],
                   cwd=TOP, check=True)
    return exe


def run(exe, cases):
    feed = b"".join(struct.pack("=I", len(c)) + c for c in cases)
    out = subprocess.run([exe], input=feed, check=True,
                         stdout=subprocess.PIPE).stdout
    at = 0
    for _ in cases:
        verdict, n = struct.unpack_from("=BI", out, at)
        yield verdict, out[at + 5:at + 5 + n]
        at += 5 + n
    assert at == len(out)


def main():
    args = argparse.ArgumentParser()
    args.add_argument("--cases", type=int, default=120000)
    args.add_argument("--seed", type=int, default=1)
    args.add_argument("--cflags", default="")
    args = args.parse_args()
    sys.setrecursionlimit(10000)
    rng = random.Random(args.seed)
    start = seeds()
    cases = start + [mutate(rng, rng.choice(start))
                     for _ in range(args.cases - len(start))]
    with tempfile.TemporaryDirectory() as folder:
        exe = build(shlex.split(args.cflags), folder)
        answers = list(run(exe, cases))
    wrong = 0
    count = {0: 0, 1: 0, 3: 0}
    for doc, (got, compact) in zip(cases, answers):
        want, value = reference(doc)
        count[want] += 1
        same = got == want and (not want or value == json.loads(
            compact.decode("utf-8"), object_pairs_hook=Members))
        if not same:
            wrong += 1
            if wrong <= 10:
                print("MISMATCH", doc[:200], "want", want, "got", got,
                      compact[:200])
    print(f"{len(cases)} documents: {count[0]} refused, {count[1]} with a key "
          f"twice, {count[3]} accepted; {wrong} differences")
    return wrong != 0


if __name__ == "__main__":
    sys.exit(main())
