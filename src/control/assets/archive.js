// The archive's pages: the waveform, the player's place in it, and what a check finds. Every text comes from the server.
'use strict';
(() => {
  const $ = (id) => document.getElementById(id);
  const words = $('words')?.dataset ?? {};
  const patience = 120000;

  const ask = (path, options) =>
    fetch(path, {
      credentials: 'same-origin', cache: 'no-store', redirect: 'error', signal: AbortSignal.timeout(patience), ...options,
    });

  // One recording is read through at a time: who comes while another is asks again.
  const askInTurn = async (path) => {
    for (let left = 20; ; left -= 1) {
      const response = await ask(path);
      if (response.status !== 429 || left === 0) return response;
      await new Promise((done) => setTimeout(done, 500 + 1000 * Math.random()));
    }
  };

  $('sign-out')?.addEventListener('click', async () => {
    try {
      await ask('/api/sign-out', { method: 'POST' });
    } finally {
      location.assign('/sign-in');
    }
  });

  const { recording: name, duration } = document.body.dataset;
  const player = $('player');
  if (!name || !player) return;
  const length = Math.max(1, Number(duration));
  const base = `/api/recordings/${encodeURIComponent(name)}`;
  const width = 1000;
  const height = 160;

  const shape = (kind, attributes) => {
    const element = document.createElementNS($('wave').namespaceURI, kind);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    return element;
  };

  // One voice, from the middle of its half to both sides. Loudness is heard by its ratio, so quiet speech is drawn larger than it is.
  const voice = (peaks, middle, half, step) => {
    const at = (index) => ((index * step) / length * width).toFixed(2);
    const size = (peak) => Math.max(0.5, Math.sqrt(peak / 255) * half);
    const above = peaks.map((peak, index) => `${at(index)} ${(middle - size(peak)).toFixed(2)}`);
    const below = peaks.map((peak, index) => `${at(index)} ${(middle + size(peak)).toFixed(2)}`).reverse();
    return above.length ? `M${above.concat(below).join('L')}Z` : '';
  };

  const seek = (milliseconds) => {
    player.currentTime = milliseconds / 1000;
    player.play().catch(() => {});
  };

  const wave = async () => {
    const picture = $('wave');
    try {
      const response = await askInTurn(`${base}/waveform`);
      if (!response.ok) throw new Error(String(response.status));
      const { caller, agent, step_ms: step } = await response.json();
      for (const mark of document.querySelectorAll('#marks li')) {
        const { mark: kind, from, to } = mark.dataset;
        const x = Number(from) / length * width;
        const wide = Math.max(2, (Number(to) - Number(from)) / length * width);
        picture.append(shape('rect', { class: 'wave-mark', 'data-mark': kind, x, y: 0, width: wide, height }));
      }
      picture.append(shape('path', { class: 'wave-voice caller', d: voice(caller, height / 4, height / 4 - 4, step) }));
      picture.append(shape('path', { class: 'wave-voice agent', d: voice(agent, height * 3 / 4, height / 4 - 4, step) }));
      const now = shape('line', { class: 'wave-now', x1: 0, x2: 0, y1: 0, y2: height });
      picture.append(now);
      const follow = () => {
        const x = Math.min(1, player.currentTime * 1000 / length) * width;
        now.setAttribute('x1', x);
        now.setAttribute('x2', x);
      };
      player.addEventListener('timeupdate', follow);
      player.addEventListener('seeking', follow);
      picture.addEventListener('click', (event) => {
        const box = picture.getBoundingClientRect();
        seek((event.clientX - box.left) / box.width * length);
      });
      picture.dataset.drawn = String(caller.length);
    } catch {
      $('wave-error').textContent = words.noWave;
    }
  };

  const check = async () => {
    const box = $('check');
    const say = (verdict, text, key = '') => {
      box.dataset.verdict = verdict;
      $('check-words').textContent = text;
      $('check-key').textContent = key;
    };
    try {
      const response = await askInTurn(`${base}/verification`);
      const told = await response.json();
      if (!response.ok) return say('unchecked', told.error ?? words.unchecked);
      const key = told.key ? `${words.signed} ${told.signed ?? ''} ${words.withKey} ${told.key}` : '';
      say(told.is_genuine ? 'genuine' : 'not-genuine', told.is_genuine ? told.words.replace(/^g/, 'G') : `${words.notGenuine}: ${told.words}`, key);
    } catch {
      say('unchecked', words.failed);
    }
  };

  for (const button of document.querySelectorAll('button.seek')) {
    button.addEventListener('click', () => seek(Number(button.dataset.at)));
  }
  wave().then(check);
})();
