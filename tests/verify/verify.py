#!/usr/bin/env python3
"""Checks a recording against its proof: an independent verifier, written from docs/specification.md alone.

verify.py FILE PROOF KEY.pem... [--roll-over DOCUMENT]...     prints the verdict as JSON
verify.py --receipt RECEIPT KEY.pem...                        prints whether a ledger's receipt holds
verify.py --consistency DOCUMENT KEY.pem...                   the same of a consistency proof
verify.py --cases                                             the same for lines of arguments from standard input

Leaves with 0 if what was checked is genuine, else 1.
"""
import json
import re
import shlex
import struct
import sys
from hashlib import sha256

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key

NUMBER, HASH, KEY, SIGNATURE = r"(0|[1-9][0-9]{0,15})", r"([0-9a-f]{64})", r"([0-9a-f]{32})", r"([0-9a-f]{128})"
WORD, TEXT = r"([A-Za-z0-9._+-]{1,64})", r"([^\x00-\x1f\x7f-\x9f]+)"
FORMATS = {(6, 8): "a-law", (7, 8): "mu-law", (1, 8): "pcm-u8", (1, 16): "pcm-16", (1, 24): "pcm-24", (1, 32): "pcm-32"}
MARKS = ["secure-mode", "suspended", "gap"]


class Refused(Exception):
    """The verdict that is reached."""


def number(text):
    if int(text) >= 1 << 53:
        raise ValueError("a number is too large")
    return int(text)


def text(value):
    if len(value.encode()) > 512 or value != value.strip(" "):
        raise ValueError("no text")
    return value


class Lines:
    """Reads a document line by line, and remembers how many bytes."""

    def __init__(self, document):
        document.decode("utf-8")
        self.document, self.at = document, 0

    def match(self, pattern):
        end = self.document.find(b"\n", self.at)
        if end < 0 or end - self.at > 1024:
            return None
        return re.fullmatch(pattern, self.document[self.at:end].decode("utf-8"))

    def line(self, pattern):
        found = self.match(pattern)
        if not found:
            raise ValueError(f"{pattern} was expected at byte {self.at}")
        self.at = self.document.index(b"\n", self.at) + 1
        return found.groups() if len(found.groups()) != 1 else found.group(1)

    def lines(self, pattern, most, name):
        found = []
        while self.match(name + " .*"):
            found.append(self.line(pattern))
        if len(found) > most:
            raise ValueError("too many lines")
        return found

    def paths(self):
        return [bytes.fromhex(path) for path in self.lines("path " + HASH, 128, "path")]

    def end(self):
        if self.at != len(self.document):
            raise ValueError("more than a document")


# Hashes and keys

def leaf_hash(leaf):
    return sha256(b"\0" + leaf).digest()


def node(left, right):
    return sha256(b"\1" + left + right).digest()


def split(size):
    return 1 << ((size - 1).bit_length() - 1)


class Trust:
    def __init__(self, pems):
        self.keys = {}
        for pem in pems:
            self.add(load_pem_public_key(pem))

    @staticmethod
    def name(key):
        return sha256(key.public_bytes(Encoding.Raw, PublicFormat.Raw)).hexdigest()[:32]

    def add(self, key):
        self.keys.setdefault(self.name(key), [key, None])

    def check(self, name, at, signed, signature):
        if name not in self.keys:
            raise Refused({"verdict": "unknown-key", "key": name})
        key, retired = self.keys[name]
        try:
            key.verify(bytes.fromhex(signature), signed)
        except InvalidSignature:
            raise Refused({"verdict": "bad-signature"}) from None
        if retired is not None and at > retired:
            raise Refused({"verdict": "retired-key", "key": name})

    def follow(self, document):
        lines = Lines(document)
        lines.line("keyhush-key-roll-over 1")
        old, new, at = lines.line("from " + KEY), lines.line("to " + HASH), number(lines.line("at " + NUMBER))
        signed = document[:lines.at]
        by_old, by_new = lines.line("signature " + SIGNATURE), lines.line("signature " + SIGNATURE)
        lines.end()
        new = Ed25519PublicKey.from_public_bytes(bytes.fromhex(new))
        self.check(old, at, signed, by_old)
        Trust([new.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)]).check(self.name(new), at, signed, by_new)
        if self.keys[old][1] is not None or self.name(new) in self.keys:
            raise ValueError("a second successor, or a known one")
        self.keys[old][1] = at
        self.add(new)


# The proof

class Proof:
    def __init__(self, document):
        lines = Lines(document)
        lines.line("keyhush-proof 1")
        lines.line("recording " + WORD)
        lines.line("origin (recorded|imported)")
        text(lines.line("tenant " + TEXT))
        facts = lines.lines(f"fact {WORD} {TEXT}", 64, "fact")
        names = [name for name, value in facts if text(value)]
        if names != sorted(set(names)):
            raise ValueError("the order of facts")
        self.encoding = lines.line("encoding (%s)" % "|".join(FORMATS.values()))
        self.rate = number(lines.line("rate " + NUMBER))
        channels = lines.lines(f"channel {WORD}((?: {WORD}){{1,64}})", 8, "channel")
        self.channels = len(channels)
        self.frames = number(lines.line("frames " + NUMBER))
        number(lines.line("began " + NUMBER))
        self.signed_at = number(lines.line("signed " + NUMBER))
        intervals = lines.lines("interval (%s) %s %s" % ("|".join(MARKS), NUMBER, NUMBER), 65536, "interval")
        intervals = [(number(begin), number(end), MARKS.index(mark)) for mark, begin, end in intervals]
        if intervals != sorted(set(intervals)) or any(begin >= end for begin, end, _ in intervals):
            raise ValueError("the order of intervals")
        lines.line("ending (finished|interrupted)")
        self.header = lines.line("header " + HASH)
        self.root = bytes.fromhex(lines.line("root " + HASH))
        self.key = lines.line("key " + KEY)
        self.signed = document[:lines.at]
        self.signature = lines.line("signature " + SIGNATURE)
        self.first, self.end = map(number, lines.line(f"seconds {NUMBER} {NUMBER}"))
        if not 0 < self.rate < 1 << 32 or not self.channels:
            raise ValueError("rate and channels")
        self.total = -(-self.frames // self.rate)
        if not (self.first < self.end <= self.total or (self.first, self.end, self.total) == (0, 0, 0)):
            raise ValueError("seconds")
        row = " ".join([HASH] * self.channels)
        rows = (lines.line(row) for _ in range(self.first, self.end))
        rows = ((found,) if self.channels == 1 else found for found in rows)
        self.seconds = [[bytes.fromhex(leaf) for leaf in found] for found in rows]
        self.path = lines.paths()
        lines.end()

    def leads_to_root(self):
        leaves, path = [leaf for row in self.seconds for leaf in row], iter(self.path)
        first, end, size = (count * self.channels for count in (self.first, self.end, self.total))

        def root(begin, to):
            if to <= first or begin >= end:
                return next(path)
            if to - begin == 1:
                return leaves[begin - first]
            middle = begin + split(to - begin)
            return node(root(begin, middle), root(middle, to))

        try:
            return (root(0, size) if size else sha256(b"").digest()) == self.root and next(path, None) is None
        except (StopIteration, RuntimeError):
            return False


# The audio file

class Audio:
    def __init__(self, file):
        if file[:4] != b"RIFF" or file[8:12] != b"WAVE" or struct.unpack_from("<I", file, 4)[0] != len(file) - 8:
            raise ValueError("no WAV file")
        at, form, data = 12, None, None
        while at < len(file):
            name, size = struct.unpack_from("<4sI", file, at)
            if at + 8 + size > len(file):
                raise ValueError("a chunk's size")
            if name == b"fmt " and form is None:
                form = struct.unpack_from("<HHIIHH", file[:at + 8 + size], at + 8)
            elif name == b"data" and form and data is None:
                data = (at + 8, at + 8 + size)
            elif name in (b"fmt ", b"data"):
                raise ValueError("the order of chunks")
            at += 8 + size + size % 2
        if at != len(file) or not data:
            raise ValueError("chunks")
        tag, self.channels, self.rate, a_second, frame, bits = form
        self.encoding, self.sample = FORMATS[tag, bits], bits // 8
        if not 1 <= self.channels <= 8 or not self.rate or frame != self.channels * self.sample or a_second != self.rate * frame:
            raise ValueError("the format")
        if (data[1] - data[0]) % frame:
            raise ValueError("a part of a frame")
        self.frames = (data[1] - data[0]) // frame
        self.header = sha256(file[:data[0]] + file[data[1]:]).hexdigest()
        samples, self.separate = file[data[0]:data[1]], []
        for channel in range(self.channels):
            one = bytearray(self.frames * self.sample)
            for byte in range(self.sample):
                one[byte::self.sample] = samples[channel * self.sample + byte::frame]
            self.separate.append(bytes(one))


# Naming the seconds

class Search:
    def __init__(self, proof, audio):
        self.proof, self.audio, self.rate = proof, audio, proof.rate
        self.count, self.found = len(proof.seconds), audio.frames
        self.wanted = min(proof.end * proof.rate, proof.frames) - min(proof.first * proof.rate, proof.frames)
        self.budget = (1 << 29) // (proof.rate * audio.sample * audio.channels)
        self.known, self.cache, self.findings, self.recognised = {}, {}, [], False
        for second, row in enumerate(proof.seconds):
            for channel, leaf in enumerate(row):
                self.known.setdefault((channel, leaf), []).append(second)

    def length(self, second):
        return min(self.rate, self.wanted - second * self.rate)

    def window(self, channel, at, length):
        size = self.audio.sample
        return self.audio.separate[channel][at * size:(at + length) * size]

    def hash(self, channel, at, length):
        place = (channel, at, length)
        if place not in self.cache:
            self.cache[place] = leaf_hash(self.window(*place))
        return self.cache[place]

    def is_flat(self, *place):
        window = self.window(*place)
        return window[self.audio.sample:] == window[:-self.audio.sample]

    def surely(self, second, at):
        length, row = self.length(second), self.proof.seconds[second]
        return at + length <= self.found and any(
            self.hash(channel, at, length) == row[channel] and not self.is_flat(channel, at, length)
            for channel in range(len(row)))

    def in_step(self, second, at):
        surely = self.surely(second, at)
        self.recognised |= surely
        return surely or at + self.length(second) <= self.found and not self.changed(second, at)

    def changed(self, second, at):
        row = self.proof.seconds[second]
        return [channel for channel in range(len(row)) if self.hash(channel, at, self.length(second)) != row[channel]]

    def run(self):
        second = at = 0
        while second < self.count:
            if self.in_step(second, at):
                place = second + 1, at + self.length(second)
            else:
                place = self.seek(second, at)
            if not place:
                break
            self.replaced(second, place[0], at, place[1])
            second, at = place
        self.replaced(second, self.count, at, self.found)
        return self.findings

    def replaced(self, second, following, at, to):
        was = min(following * self.rate, self.wanted) - min(second * self.rate, self.wanted)
        more = to - at - was
        if more:
            self.note("missing" if more < 0 else "inserted", second, following, abs(more), [])
            return
        for each in range(second, following):
            changed = self.changed(each, at + (each - second) * self.rate)
            if changed:
                self.note("changed", each, each + 1, 0, changed)

    def note(self, kind, begin, end, frames, channels):
        begin, end, last = begin + self.proof.first, end + self.proof.first, self.findings[-1] if self.findings else None
        if last and kind == last["kind"] == "changed" and last["to"] == begin and last["channels"] == channels:
            last["to"] = end
        else:
            self.findings.append({"kind": kind, "from": begin, "to": end, "frames": frames, "channels": channels})

    def seek(self, second, at):
        rate = self.rate
        in_place = [(second + k, at + k * rate) for k in range(1, 11) if second + k < self.count]
        for place in in_place:
            if self.surely(*place):
                return place
        for k in range(1, max(self.count, self.found // rate) + 1):
            if second + k < self.count and self.surely(second + k, at):
                return second + k, at
            if self.surely(second, at + k * rate):
                return second, at + k * rate
        by_end = None
        for following in range(second, self.count):
            to = following * rate + self.found - self.wanted
            if to >= at and self.surely(following, to):
                by_end = following, to
                if min(to - at, (following - second) * rate) <= 10 * rate:
                    return by_end
                break
        for place in in_place:
            if self.in_step(*place):
                return place
        return self.by_frames(second, at) or by_end

    def by_frames(self, second, at):
        for to in range(at + 1, self.found - self.rate + 1):
            if self.budget == 0:
                return None
            self.budget -= 1
            seconds = []
            for channel in range(self.audio.channels):
                if not self.is_flat(channel, to, self.rate):
                    leaf = leaf_hash(self.window(channel, to, self.rate))
                    seconds += [j for j in self.known.get((channel, leaf), ()) if j >= second and self.length(j) == self.rate]
            if seconds:
                return min(seconds), to
        return None

    def swapped(self):
        return self.audio.channels == 2 and self.found == self.wanted and all(
            self.hash(channel, second * self.rate, self.length(second)) == row[1 - channel]
            for second, row in enumerate(self.proof.seconds) for channel in (0, 1))


def verify(file, document, trust):
    try:
        proof = Proof(document)
    except ValueError as error:
        return {"verdict": "bad-proof", "reason": str(error)}
    try:
        trust.check(proof.key, proof.signed_at, proof.signed, proof.signature)
    except Refused as refused:
        return refused.args[0]
    if not proof.leads_to_root():
        return {"verdict": "bad-proof", "reason": "the hashes do not lead to the root"}
    try:
        audio = Audio(file)
    except (ValueError, struct.error, KeyError) as error:
        return {"verdict": "unreadable", "reason": str(error)}
    for difference in ("encoding", "rate", "channels"):
        if getattr(audio, difference) != getattr(proof, difference):
            return {"verdict": "other-format", "difference": difference}
    search = Search(proof, audio)
    findings = search.run()
    if not findings and (proof.first, proof.end) == (0, proof.total):
        return {"verdict": "genuine", "header": "as-made" if audio.header == proof.header else "other"}
    if not findings:
        return {"verdict": "excerpt", "from": proof.first, "to": proof.end}
    if search.swapped():
        return {"verdict": "channels-swapped"}
    return {"verdict": "altered", "findings": findings} if search.recognised else {"verdict": "not-ours"}


# The ledger

def head(lines, trust):
    begin = lines.at
    lines.line("keyhush-ledger-head 1")
    name, size = lines.line("ledger " + WORD), number(lines.line("size " + NUMBER))
    root, at, key = bytes.fromhex(lines.line("root " + HASH)), number(lines.line("at " + NUMBER)), lines.line("key " + KEY)
    signed = lines.document[begin:lines.at]
    signature = lines.line("signature " + SIGNATURE)
    return name, size, root, at, lambda: trust.check(key, at, signed, signature)


def receipt(document, trust):
    lines = Lines(document)
    lines.line("keyhush-ledger-receipt 1")
    index = number(lines.line("index " + NUMBER))
    begin = lines.at
    lines.line("keyhush-ledger-entry 1")
    number(lines.line("at " + NUMBER))
    lines.line(f"(?:proof {WORD} {HASH}|(?:deleted|held|released) {WORD} {TEXT}|roll-over {KEY} {HASH})")
    leaf, path = leaf_hash(document[begin:lines.at]), lines.paths()
    _, size, root, _, check = head(lines, trust)
    lines.end()
    check()

    def climb(begin, end, path):
        """The root of the leaves from begin to end, of which the last step of the path is the other side."""
        if end - begin == 1:
            return None if path else leaf
        if not path:
            return None
        middle = begin + split(end - begin)
        half = climb(begin, middle, path[:-1]) if index < middle else climb(middle, end, path[:-1])
        return half and (node(half, path[-1]) if index < middle else node(path[-1], half))

    return index < size and climb(0, size, path) == root


def consistency(document, trust):
    lines = Lines(document)
    lines.line("keyhush-ledger-consistency 1")
    old_name, old, old_root, old_at, check_old = head(lines, trust)
    path = lines.paths()
    new_name, new, new_root, new_at, check_new = head(lines, trust)
    lines.end()
    check_old()
    check_new()
    if old_name != new_name or old_at > new_at or old > new:
        return False
    if old == 0 or old == new:
        return not path and old_root == (new_root if old else sha256(b"").digest())
    if old & (old - 1) == 0:
        path.insert(0, old_root)
    if not path:
        return False
    at, last = old - 1, new - 1
    while at & 1:
        at, last = at >> 1, last >> 1
    of_old = of_new = path[0]
    for step in path[1:]:
        if last == 0:
            return False
        if at & 1 or at == last:
            of_old, of_new = node(step, of_old), node(step, of_new)
            while at and not at & 1:
                at, last = at >> 1, last >> 1
        else:
            of_new = node(of_new, step)
        at, last = at >> 1, last >> 1
    return last == 0 and of_old == old_root and of_new == new_root


def read(path):
    with open(path, "rb") as file:
        return file.read()


def main(arguments):
    kind, changes = None, []
    while "--roll-over" in arguments:
        at = arguments.index("--roll-over")
        changes.append(arguments[at + 1])
        del arguments[at:at + 2]
    if arguments[0] in ("--receipt", "--consistency"):
        kind = {"--receipt": receipt, "--consistency": consistency}[arguments.pop(0)]
    files = 1 if kind else 2
    trust = Trust(map(read, arguments[files:]))
    for change in changes:
        trust.follow(read(change))
    if not kind:
        return verify(read(arguments[0]), read(arguments[1]), trust)
    try:
        return {"verdict": "holds" if kind(read(arguments[0]), trust) else "does-not-hold"}
    except Refused as refused:
        return refused.args[0]
    except ValueError as error:
        return {"verdict": "malformed", "reason": str(error)}


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    if sys.argv[1] == "--cases":
        for case in sys.stdin:
            print(json.dumps(main(shlex.split(case))), flush=True)
    else:
        verdict = main(sys.argv[1:])
        print(json.dumps(verdict))
        sys.exit(verdict["verdict"] not in ("genuine", "excerpt", "holds"))
