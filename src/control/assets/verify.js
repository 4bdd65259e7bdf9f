// The auditors' page: checks a recording against its proof in the browser, and sends nothing anywhere. Written from docs/specification.md;
// where two ways are open it goes that of Keyhush's own verifier, whose words it uses.
'use strict';
(() => {
  const encoder = new TextEncoder();
  const hex = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
  const unhex = (text) => Uint8Array.from(text.match(/../g) ?? [], (pair) => parseInt(pair, 16));
  const sha256 = async (bytes) => hex(new Uint8Array(await crypto.subtle.digest('SHA-256', bytes)));
  const joined = (...parts) => {
    const all = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
    let at = 0;
    for (const part of parts) {
      all.set(part, at);
      at += part.length;
    }
    return all;
  };
  const leafHash = (leaf) => sha256(joined([0], leaf));
  const nodeHash = (left, right) => sha256(joined([1], unhex(left), unhex(right)));

  // A document that is not one that Keyhush would write.
  class Malformed extends Error {}

  const one = (pattern) => (text) => (pattern.test(text) ? text : null);
  const word = one(/^[A-Za-z0-9._+-]{1,64}$/);
  const hash = one(/^[0-9a-f]{64}$/);
  const keyId = one(/^[0-9a-f]{32}$/);
  const signature = one(/^[0-9a-f]{128}$/);
  const among = (list) => (text) => (list.includes(text) ? text : null);
  const number = (text) => (/^(0|[1-9][0-9]{0,15})$/.test(text) && Number(text) < 2 ** 53 ? Number(text) : null);
  const line = (text) => {
    const ok = text !== '' && encoder.encode(text).length <= 512 && !/^ | $|[\u0000-\u001f\u007f-\u009f]/.test(text);
    return ok ? text : null;
  };

  class Lines {
    constructor(bytes) {
      this.count = 1;
      this.at = 0;
      try {
        this.text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
      } catch {
        this.wrong('UTF-8');
      }
    }

    wrong(wanted) {
      throw new Malformed(`line ${this.count}: ${wanted} was expected`);
    }

    peek() {
      const end = this.text.indexOf('\n', this.at);
      const found = end < 0 ? null : this.text.slice(this.at, end);
      return found !== null && encoder.encode(found).length <= 1024 ? found : null;
    }

    bare(wanted, read) {
      const found = this.peek();
      const value = found === null ? null : read(found);
      if (value === null) this.wrong(wanted);
      this.at += found.length + 1;
      this.count += 1;
      return value;
    }

    exactly(wanted) {
      this.bare(wanted, one(new RegExp(`^${wanted}$`)));
    }

    field(name, read) {
      return this.bare(name, (found) => (found.startsWith(`${name} `) ? read(found.slice(name.length + 1)) : null));
    }

    fields(name, most, read) {
      const values = [];
      while (this.peek()?.startsWith(`${name} `)) {
        if (values.length === most) this.wrong('no more of these lines');
        values.push(this.field(name, read));
      }
      return values;
    }

    end() {
      if (this.at !== this.text.length) this.wrong('the end of the document');
    }

    // The bytes read so far.
    read() {
      return encoder.encode(this.text.slice(0, this.at));
    }
  }

  // Keys

  // Points of small order, without their sign: under such a key, or with such a point in a signature, anything verifies.
  const weak = [
    '00'.repeat(32), `01${'00'.repeat(31)}`, `ec${'ff'.repeat(30)}7f`, `ed${'ff'.repeat(30)}7f`, `ee${'ff'.repeat(30)}7f`,
    '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
    'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
  ];
  const isWeak = (point) => {
    const plain = Uint8Array.from(point.subarray(0, 32));
    plain[31] &= 0x7f;
    return weak.includes(hex(plain));
  };

  class PublicKey {
    static async of(raw) {
      const self = new PublicKey();
      self.raw = raw;
      if (raw.length !== 32 || isWeak(raw)) throw new Malformed('no key');
      self.key = await crypto.subtle.importKey('raw', raw, 'Ed25519', true, ['verify']);
      self.id = (await sha256(raw)).slice(0, 32);
      return self;
    }

    static async ofPem(text) {
      const found = /^\s*-----BEGIN PUBLIC KEY-----([A-Za-z0-9+/=\s]+)-----END PUBLIC KEY-----\s*$/.exec(text);
      if (!found) throw new Malformed('no key');
      const der = Uint8Array.from(atob(found[1].replace(/\s/g, '')), (letter) => letter.charCodeAt(0));
      // RFC 8410 section 4: one way to write it.
      if (hex(der.subarray(0, 12)) !== '302a300506032b6570032100' || der.length !== 44) throw new Malformed('no key');
      return PublicKey.of(der.subarray(12));
    }

    async verifies(bytes, signed) {
      const raw = unhex(signed);
      return !isWeak(raw) && crypto.subtle.verify('Ed25519', this.key, raw, bytes);
    }
  }

  class Trust {
    keys = new Map();

    add(key) {
      if (!this.keys.has(key.id)) this.keys.set(key.id, { key, retired: null });
    }

    // The verdict on what a key signed; nothing where it is in order.
    async check(id, at, bytes, signed) {
      const known = this.keys.get(id);
      if (!known) return { verdict: 'unknown-key', key: id };
      if (!(await known.key.verifies(bytes, signed))) return { verdict: 'bad-signature' };
      return known.retired !== null && at > known.retired ? { verdict: 'retired-key', key: id } : null;
    }

    async follow(change) {
      const old = this.keys.get(change.from);
      const to = await PublicKey.of(unhex(change.to));
      if (!old) throw new Malformed('the old key is not known');
      const isSigned = (await old.key.verifies(change.signed, change.byOld)) && (await to.verifies(change.signed, change.byNew));
      const isKnown = this.keys.has(to.id);
      if (isSigned && old.retired === change.at && isKnown) return;
      if (!isSigned || old.retired !== null || isKnown) throw new Malformed('the roll-over does not follow');
      old.retired = change.at;
      this.add(to);
    }
  }

  const readRollOver = (bytes) => {
    const lines = new Lines(bytes);
    lines.exactly('keyhush-key-roll-over 1');
    const [from, to, at] = [lines.field('from', keyId), lines.field('to', hash), lines.field('at', number)];
    const signed = lines.read();
    const [byOld, byNew] = [lines.field('signature', signature), lines.field('signature', signature)];
    lines.end();
    return { from, to, at, signed, byOld, byNew };
  };

  // The proof

  const samples = { 'a-law': 1, 'mu-law': 1, 'pcm-u8': 1, 'pcm-16': 2, 'pcm-24': 3, 'pcm-32': 4 };
  const marks = ['secure-mode', 'suspended', 'gap'];
  const ascends = (list, compare) => list.every((item, index) => index === 0 || compare(list[index - 1], item) < 0);

  const readProof = (bytes) => {
    const lines = new Lines(bytes);
    const proof = {};
    lines.exactly('keyhush-proof 1');
    proof.recording = lines.field('recording', word);
    proof.origin = lines.field('origin', among(['recorded', 'imported']));
    proof.tenant = lines.field('tenant', line);
    proof.facts = lines.fields('fact', 64, (text) => {
      const [, name, value] = /^([^ ]*) (.*)$/s.exec(text) ?? [];
      return name !== undefined && word(name) && line(value) ? [name, value] : null;
    });
    if (!ascends(proof.facts, ([one], [next]) => (one < next ? -1 : 1))) lines.wrong('facts in the order of their names, each once');
    proof.encoding = lines.field('encoding', among(Object.keys(samples)));
    proof.rate = lines.field('rate', (text) => {
      const rate = number(text);
      return rate > 0 && rate < 2 ** 32 ? rate : null;
    });
    proof.channels = lines.fields('channel', 8, (text) => {
      const [label, ...codecs] = text.split(' ');
      const ok = word(label) && codecs.every(word) && codecs.length >= 1 && codecs.length <= 64;
      return ok ? label : null;
    });
    if (proof.channels.length === 0) lines.wrong('channel');
    for (const name of ['frames', 'began', 'signed']) proof[name] = lines.field(name, number);
    proof.intervals = lines.fields('interval', 65536, (text) => {
      const [mark, from, to, ...more] = text.split(' ');
      const [begin, end] = [number(from ?? ''), number(to ?? '')];
      return more.length === 0 && marks.includes(mark) && begin !== null && end !== null && begin < end ? { mark, from: begin, to: end } : null;
    });
    const order = (a, b) => a.from - b.from || a.to - b.to || marks.indexOf(a.mark) - marks.indexOf(b.mark);
    if (!ascends(proof.intervals, order)) lines.wrong('intervals in order, each once');
    proof.ending = lines.field('ending', among(['finished', 'interrupted']));
    proof.header = lines.field('header', hash);
    proof.root = lines.field('root', hash);
    proof.key = lines.field('key', keyId);
    proof.signedBytes = lines.read();
    proof.signature = lines.field('signature', signature);
    proof.total = Math.ceil(proof.frames / proof.rate);
    [proof.first, proof.end] = lines.field('seconds', (text) => {
      const [first, end, ...more] = text.split(' ').map(number);
      if (more.length || first === null || end === null || end === undefined) return null;
      const some = first < end || (first === 0 && end === 0 && proof.total === 0);
      return some && end <= proof.total ? [first, end] : null;
    });
    proof.seconds = [];
    for (let second = proof.first; second < proof.end; second += 1) {
      proof.seconds.push(lines.bare('the hashes of a second, by channel', (text) => {
        const row = text.split(' ');
        return row.length === proof.channels.length && row.every(hash) ? row : null;
      }));
    }
    proof.path = lines.fields('path', 128, hash);
    lines.end();
    return proof;
  };

  const leadsToRoot = async (proof) => {
    const count = proof.channels.length;
    const [first, end, size] = [proof.first * count, proof.end * count, proof.total * count];
    const leaves = proof.seconds.flat();
    const path = proof.path.values();
    const root = async (from, to) => {
      if (to <= first || end <= from) return path.next().value ?? null;
      if (to - from === 1) return leaves[from - first] ?? null;
      let half = 1;
      while (half * 2 < to - from) half *= 2;
      const left = await root(from, from + half);
      const right = await root(from + half, to);
      return left !== null && right !== null ? nodeHash(left, right) : null;
    };
    const found = size > 0 ? await root(0, size) : await sha256(new Uint8Array());
    return found === proof.root && path.next().done === true;
  };

  // The audio file

  const formats = { '6 8': 'a-law', '7 8': 'mu-law', '1 8': 'pcm-u8', '1 16': 'pcm-16', '1 24': 'pcm-24', '1 32': 'pcm-32' };
  const noWave = 'no WAV file';
  const otherSize = "a size in the file's header is not that of what is there";
  const otherChunks = 'the file has not one format and then one stretch of audio';
  const otherFormat = "the audio's format is not known, or contradicts itself";

  const readAudio = async (file) => {
    const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
    const name = (at) => String.fromCharCode(...file.subarray(at, at + 4));
    const length = file.length;
    if (name(0) !== 'RIFF' || name(8) !== 'WAVE') throw new Malformed(noWave);
    if (view.getUint32(4, true) !== length - 8) throw new Malformed(otherSize);
    let [format, data, at] = [null, null, 12];
    while (at < length) {
      if (at + 8 > length) throw new Malformed(otherSize);
      const [kind, size, begin] = [name(at), view.getUint32(at + 4, true), at + 8];
      if (begin + size > length) throw new Malformed(otherSize);
      if (kind === 'fmt ' && !format && !data) {
        if (size < 16) throw new Malformed(otherFormat);
        const [tag, channels, bits] = [0, 2, 14].map((offset) => view.getUint16(begin + offset, true));
        const [rate, aSecond, frame] = [view.getUint32(begin + 4, true), view.getUint32(begin + 8, true), view.getUint16(begin + 12, true)];
        const encoding = formats[`${tag} ${bits}`];
        const fits = encoding && channels >= 1 && channels <= 8 && rate > 0 && frame === samples[encoding] * channels && aSecond === rate * frame;
        if (!fits) throw new Malformed(otherFormat);
        format = { encoding, rate, channels, frame };
      } else if (kind === 'data' && format && !data) {
        data = [begin, begin + size];
      } else if (kind === 'fmt ' || kind === 'data') {
        throw new Malformed(otherChunks);
      }
      at = begin + size + size % 2;
    }
    if (at !== length) throw new Malformed(otherSize);
    if (!format || !data) throw new Malformed(otherChunks);
    if ((data[1] - data[0]) % format.frame) throw new Malformed(otherSize);
    const audio = { ...format, data, sample: samples[format.encoding], frames: (data[1] - data[0]) / format.frame };
    audio.header = await sha256(joined(file.subarray(0, data[0]), file.subarray(data[1])));
    return audio;
  };

  const separate = (file, audio) => {
    const { sample, frame, frames, data, channels } = audio;
    return Array.from({ length: channels }, (_, channel) => {
      const own = new Uint8Array(frames * sample);
      let from = data[0] + channel * sample;
      for (let to = 0; to < own.length; to += sample, from += frame) {
        for (let byte = 0; byte < sample; byte += 1) own[to + byte] = file[from + byte];
      }
      return own;
    });
  };

  // Naming the seconds

  const changedInARow = 10;

  class Alignment {
    constructor(proof, file, audio) {
      this.proof = proof;
      this.rate = proof.rate;
      this.sample = audio.sample;
      this.channels = separate(file, audio);
      this.seconds = proof.seconds.length;
      this.found = audio.frames;
      this.wanted = Math.min(proof.end * proof.rate, proof.frames) - Math.min(proof.first * proof.rate, proof.frames);
      this.budget = Math.floor(2 ** 29 / (proof.rate * audio.sample * audio.channels));
      this.hashed = new Map();
      this.findings = [];
      this.isRecognised = false;
      this.known = new Map();
      proof.seconds.forEach((row, second) => row.forEach((leaf, channel) => {
        const key = `${channel} ${leaf}`;
        if (!this.known.has(key)) this.known.set(key, []);
        this.known.get(key).push(second);
      }));
    }

    length(second) {
      return Math.min(this.rate, this.wanted - second * this.rate);
    }

    window(channel, at, length) {
      if (at < 0 || at + length > this.found) return null;
      return this.channels[channel].subarray(at * this.sample, (at + length) * this.sample);
    }

    async hash(channel, at, length) {
      const bytes = this.window(channel, at, length);
      if (!bytes) return null;
      const place = `${channel} ${at} ${length}`;
      if (!this.hashed.has(place)) this.hashed.set(place, await leafHash(bytes));
      return this.hashed.get(place);
    }

    isFlat(channel, at, length) {
      const bytes = this.window(channel, at, length);
      if (!bytes) return false;
      for (let index = this.sample; index < bytes.length; index += 1) {
        if (bytes[index] !== bytes[index - this.sample]) return false;
      }
      return true;
    }

    async isIn(channel, second, at, other = channel) {
      return (await this.hash(channel, at, this.length(second))) === this.proof.seconds[second][other];
    }

    async isSurely(second, at) {
      for (let channel = 0; channel < this.channels.length; channel += 1) {
        if ((await this.isIn(channel, second, at)) && !this.isFlat(channel, at, this.length(second))) return true;
      }
      return false;
    }

    async isInStep(second, at) {
      if (await this.isSurely(second, at)) {
        this.isRecognised = true;
        return true;
      }
      for (let channel = 0; channel < this.channels.length; channel += 1) {
        if (!(await this.isIn(channel, second, at))) return false;
      }
      return true;
    }

    async isInPlace(channelOf) {
      if (this.found !== this.wanted) return false;
      for (let second = 0; second < this.seconds; second += 1) {
        for (let channel = 0; channel < this.channels.length; channel += 1) {
          if (!(await this.isIn(channel, second, second * this.rate, channelOf(channel)))) return false;
        }
      }
      return true;
    }

    async run() {
      let [second, at] = [0, 0];
      while (second < this.seconds) {
        if (await this.isInStep(second, at)) {
          await this.compared(second, at);
          at += this.length(second);
          second += 1;
          continue;
        }
        const place = await this.seek(second, at);
        if (!place) break;
        await this.replaced(second, place[0], at, place[1]);
        [second, at] = place;
      }
      await this.replaced(second, this.seconds, at, this.found);
    }

    async replaced(second, next, at, nextAt) {
      const before = (count) => Math.min(count * this.rate, this.wanted);
      const [was, is] = [before(next) - before(second), nextAt - at];
      if (was > is) return this.note('missing', second, next, was - is, []);
      if (was < is) return this.note('inserted', second, next, is - was, []);
      for (let each = second; each < next; each += 1) await this.compared(each, at + (each - second) * this.rate);
    }

    async compared(second, at) {
      const changed = [];
      for (let channel = 0; channel < this.channels.length; channel += 1) {
        if (!(await this.isIn(channel, second, at))) changed.push(channel);
      }
      if (changed.length) this.note('changed', second, second + 1, 0, changed);
    }

    note(kind, begin, end, frames, channels) {
      const [from, to] = [this.proof.first + begin, this.proof.first + end];
      const last = this.findings.at(-1);
      const goesOn = last && kind === 'changed' && last.kind === kind && last.to === from && String(last.channels) === String(channels);
      if (goesOn) last.to = to;
      else this.findings.push({ kind, from, to, frames, channels });
    }

    async seek(second, at) {
      const inPlace = [];
      for (let count = 1; count <= changedInARow && second + count < this.seconds; count += 1) {
        inPlace.push([second + count, at + count * this.rate]);
      }
      for (const place of inPlace) if (await this.isSurely(...place)) return place;
      const most = Math.max(this.seconds, Math.floor(this.found / this.rate));
      for (let count = 1; count <= most; count += 1) {
        if (second + count < this.seconds && (await this.isSurely(second + count, at))) return [second + count, at];
        if (await this.isSurely(second, at + count * this.rate)) return [second, at + count * this.rate];
      }
      let byEnd = null;
      for (let next = second; next < this.seconds && !byEnd; next += 1) {
        const nextAt = next * this.rate + this.found - this.wanted;
        if (nextAt >= at && (await this.isSurely(next, nextAt))) byEnd = [next, nextAt];
      }
      if (byEnd && Math.min(byEnd[1] - at, (byEnd[0] - second) * this.rate) <= changedInARow * this.rate) return byEnd;
      for (const place of inPlace) if (await this.isInStep(...place)) return place;
      return (await this.seekByFrames(second, at)) ?? byEnd;
    }

    async seekByFrames(second, at) {
      for (let nextAt = at + 1; nextAt <= this.found - this.rate; nextAt += 1) {
        if (this.budget === 0) return null;
        this.budget -= 1;
        let best = null;
        for (let channel = 0; channel < this.channels.length; channel += 1) {
          if (this.isFlat(channel, nextAt, this.rate)) continue;
          const leaf = await leafHash(this.window(channel, nextAt, this.rate));
          const next = this.known.get(`${channel} ${leaf}`)?.find((each) => each >= second && this.length(each) === this.rate);
          if (next !== undefined && (best === null || next < best)) best = next;
        }
        if (best !== null) return [best, nextAt];
      }
      return null;
    }
  }

  // The verdict on a file and a proof, as bytes; and the proof as it was read.
  const verify = async (file, document, trust) => {
    let proof = null;
    let audio = null;
    try {
      proof = readProof(document);
    } catch (fault) {
      if (!(fault instanceof Malformed)) throw fault;
      return [{ verdict: 'bad-proof', reason: fault.message }, null];
    }
    const distrust = await trust.check(proof.key, proof.signed, proof.signedBytes, proof.signature);
    if (distrust) return [distrust, proof];
    if (!(await leadsToRoot(proof))) {
      return [{ verdict: 'bad-proof', reason: 'the hashes of the seconds do not lead to the signed root' }, proof];
    }
    try {
      audio = await readAudio(file);
    } catch (fault) {
      if (!(fault instanceof Malformed)) throw fault;
      return [{ verdict: 'unreadable', reason: fault.message }, proof];
    }
    const pairs = { encoding: proof.encoding, rate: proof.rate, channels: proof.channels.length };
    const difference = Object.keys(pairs).find((name) => audio[name] !== pairs[name]);
    if (difference) return [{ verdict: 'other-format', difference }, proof];
    const aligned = new Alignment(proof, file, audio);
    if (await aligned.isInPlace((channel) => channel)) {
      const isWhole = proof.first === 0 && proof.end === proof.total;
      const header = audio.header === proof.header ? 'as-made' : 'other';
      return [isWhole ? { verdict: 'genuine', header } : { verdict: 'excerpt', from: proof.first, to: proof.end }, proof];
    }
    if (audio.channels === 2 && (await aligned.isInPlace((channel) => 1 - channel))) return [{ verdict: 'channels-swapped' }, proof];
    await aligned.run();
    return [aligned.isRecognised ? { verdict: 'altered', findings: aligned.findings } : { verdict: 'not-ours' }, proof];
  };

  // In plain words, a line a finding.

  const clock = (seconds) => [seconds / 3600, seconds / 60 % 60, seconds % 60].map((part) => String(Math.floor(part)).padStart(2, '0')).join(':');

  const findingWords = (finding, proof) => {
    const [from, to] = [clock(finding.from), clock(finding.to)];
    const milliseconds = Math.floor(finding.frames * 1000 / proof.rate);
    const length = `${Math.floor(milliseconds / 1000)}.${String(milliseconds % 1000).padStart(3, '0')} s`;
    if (finding.kind === 'changed') return `changed at ${from}–${to} (${finding.channels.map((channel) => proof.channels[channel]).join(', ')})`;
    if (finding.kind === 'inserted') return `put in at ${from}–${to}: ${length} that were not recorded`;
    return finding.to === proof.total ? `cut after ${from}: ${length} are missing` : `cut at ${from}–${to}: ${length} are missing`;
  };

  const differences = { encoding: 'encoding', rate: 'sampling rate', channels: 'number of channels' };

  const wordsOf = (verdict, proof) => {
    switch (verdict.verdict) {
      case 'genuine':
        return verdict.header === 'as-made' ? 'genuine: the file as it was made' : 'genuine audio, in a file that other software has saved';
      case 'excerpt':
        return `genuine excerpt, ${clock(verdict.from)}–${clock(verdict.to)} of the recording`;
      case 'altered':
        return verdict.findings.map((finding) => findingWords(finding, proof)).join('\n');
      case 'channels-swapped':
        return 'altered: the channels have changed places';
      case 'other-format':
        return `altered: the file's ${differences[verdict.difference]} is not the recording's`;
      case 'not-ours':
        return 'not ours: nothing of the recording is in this file';
      case 'bad-proof':
        return `the proof is damaged or forged: ${verdict.reason}`;
      case 'bad-signature':
        return 'the proof is forged: its key did not sign it';
      case 'unknown-key':
        return `the proof is signed by the key ${verdict.key}, which is not known`;
      case 'retired-key':
        return `the proof was signed with the key ${verdict.key} after its last moment`;
      default:
        return `not checked: ${verdict.reason}`;
    }
  };

  // What a file of keys adds to those that are trusted; the name of the first that is of no use.
  const trustIn = async (files) => {
    const trust = new Trust();
    const changes = [];
    const keys = [];
    for (const { name, bytes } of files) {
      try {
        const text = new TextDecoder().decode(bytes);
        if (text.startsWith('keyhush-key-roll-over')) changes.push({ name, change: readRollOver(bytes) });
        else keys.push(await PublicKey.ofPem(text));
      } catch (fault) {
        if (fault.name === 'NotSupportedError') throw fault;
        return { trust, wrong: name };
      }
    }
    // A key that follows another is trusted through it, where the other is there.
    const ids = new Set(keys.map((key) => key.id));
    const follows = new Set();
    for (const { change } of changes) if (ids.has(change.from)) follows.add(change.to);
    keys.filter((key) => !follows.has(hex(key.raw))).forEach((key) => trust.add(key));
    changes.sort((a, b) => a.change.at - b.change.at);
    for (const { name, change } of changes) {
      try {
        await trust.follow(change);
      } catch {
        return { trust, wrong: name };
      }
    }
    return { trust, wrong: null };
  };

  globalThis.keyhush = { verify, trustIn, wordsOf };

  // The page

  const $ = (id) => document.getElementById(id);
  if (!document.body || document.body.dataset.page !== 'verify') return;
  const words = $('words').dataset;
  const form = $('verify');
  const chosen = { file: null, proof: null, keys: [] };
  let turn = 0;

  const say = (verdict, text) => {
    $('check').dataset.verdict = verdict;
    $('check-words').textContent = text;
  };

  const fact = (list, name, value) => {
    const pair = document.createElement('div');
    const [term, detail] = [document.createElement('dt'), document.createElement('dd')];
    [term.textContent, detail.textContent] = [name, value];
    pair.append(term, detail);
    list.append(pair);
  };

  const time = (microseconds) => new Date(microseconds / 1000).toISOString().replace('T', ' ').replace(/\.\d+Z$/, ' UTC');

  const tellStatement = (proof, isSigned) => {
    const list = $('statement');
    list.replaceChildren();
    list.hidden = !isSigned;
    if (!isSigned) return;
    fact(list, words.recording, proof.recording);
    fact(list, words.tenant, proof.tenant);
    proof.facts.forEach(([name, value]) => fact(list, name, value));
    fact(list, words.began, time(proof.began));
    fact(list, words.length, clock(proof.frames / proof.rate));
    fact(list, words.origin, proof.origin);
    fact(list, words.ending, proof.ending);
    proof.intervals.slice(0, 200).forEach(({ mark, from, to }) => fact(list, words.mark, `${mark} ${clock(from / 1000)}–${clock(Math.ceil(to / 1000))}`));
    fact(list, words.signed, time(proof.signed));
    fact(list, words.key, `${proof.key}. ${words.fingerprint}`);
  };

  const check = async () => {
    turn += 1;
    const own = turn;
    const missing = [[chosen.file, words.fileMissing], [chosen.proof, words.proofMissing], [chosen.keys.length, words.keysMissing]].find(([has]) => !has);
    $('findings').hidden = true;
    $('statement').hidden = true;
    if (missing) return say('none', missing[1]);
    say('waiting', words.waiting);
    try {
      const bytes = async (file) => new Uint8Array(await file.arrayBuffer());
      const keys = await Promise.all(chosen.keys.map(async (file) => ({ name: file.name, bytes: await bytes(file) })));
      const { trust, wrong } = await trustIn(keys);
      if (own !== turn) return;
      if (wrong !== null) return say('none', words.notAKey + wrong);
      const [verdict, proof] = await verify(await bytes(chosen.file), await bytes(chosen.proof), trust);
      if (own !== turn) return;
      const isGenuine = ['genuine', 'excerpt'].includes(verdict.verdict);
      const [first, ...more] = wordsOf(verdict, proof).split('\n');
      say(isGenuine ? 'genuine' : 'not-genuine', first.replace(/^[a-z]/, (letter) => letter.toUpperCase()));
      $('check').dataset.word = verdict.verdict;
      $('findings').replaceChildren(...more.map((text) => Object.assign(document.createElement('li'), { textContent: text })));
      $('findings').hidden = more.length === 0;
      const unsigned = ['bad-proof', 'bad-signature', 'unknown-key', 'retired-key'];
      tellStatement(proof, proof !== null && !unsigned.includes(verdict.verdict));
    } catch (fault) {
      if (own === turn) say('none', fault.name === 'NotSupportedError' ? words.noEd25519 : words.unread);
    }
  };

  $('file').addEventListener('change', ({ target }) => {
    chosen.file = target.files[0] ?? null;
    check();
  });
  $('proof').addEventListener('change', ({ target }) => {
    chosen.proof = target.files[0] ?? null;
    check();
  });
  $('keys').addEventListener('change', ({ target }) => {
    chosen.keys = [...target.files];
    check();
  });

  // The fields name what is checked, however it came.
  const fill = (field, files) => {
    const carried = new DataTransfer();
    files.filter(Boolean).forEach((file) => carried.items.add(file));
    field.files = carried.files;
  };

  // What is dropped is told apart by how it begins.
  const take = async (files) => {
    const keys = [];
    for (const file of files) {
      const begin = await file.slice(0, 16).text();
      if (begin.startsWith('RIFF')) chosen.file = file;
      else if (begin.startsWith('keyhush-proof')) chosen.proof = file;
      else keys.push(file);
    }
    if (keys.length) chosen.keys = keys;
    fill($('file'), [chosen.file]);
    fill($('proof'), [chosen.proof]);
    fill($('keys'), chosen.keys);
    check();
  };
  document.addEventListener('dragover', (event) => {
    event.preventDefault();
    form.dataset.over = '';
  });
  document.addEventListener('dragleave', () => delete form.dataset.over);
  document.addEventListener('drop', (event) => {
    event.preventDefault();
    delete form.dataset.over;
    take([...event.dataTransfer.files]);
  });
  form.addEventListener('submit', (event) => event.preventDefault());
})();
