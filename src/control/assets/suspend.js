// The page on which agents suspend recordings. Every text comes from the server: in the view, or in the template's #words element.
'use strict';
(() => {
  const $ = (id) => document.getElementById(id);
  const words = $('words').dataset;
  const patience = 8000;
  // Pulses come by the stream, but no script sees them: now and then it is asked how things stand.
  const look = 15000;
  let source = null;
  let view = null;
  let ends = 0;
  let retry = 0;
  let looked = 0;

  const write = (element, text) => {
    // Written again, a live region would be heard again.
    if (element.textContent !== text) element.textContent = text;
  };
  const show = (element, shown) => {
    if (element.hidden === shown) element.hidden = !shown;
  };
  const ask = (path, options) =>
    fetch(path, {
      credentials: 'same-origin', cache: 'no-store', redirect: 'error', signal: AbortSignal.timeout(patience), ...options,
    });

  const lost = () => {
    write($('lost'), words.lost);
    show($('lost'), true);
    clearTimeout(retry);
    retry = setTimeout(load, 1000);
  };

  const take = (next) => {
    const isNew = view?.stage !== next.stage;
    view = next;
    ends = performance.now() + (next.left_s ?? 0) * 1000;
    $('suspension').dataset.stage = next.stage;
    write($('headline'), next.headline);
    write($('say'), next.say);
    if (isNew) write($('status'), `${next.headline}. ${next.say}`);
    show($('reference-box'), next.reference !== null);
    write($('reference'), (next.reference ?? '').replace(/(\d{3})(?=\d{2})/g, '$1 '));
    show($('call'), next.call !== null);
    write($('call-number'), next.call?.number ?? '');
    write($('call-since'), next.call?.since ?? '');
    show($('suspend'), next.may.suspend);
    show($('resume'), next.may.resume);
    show($('another'), next.may.reference);
    $('another').classList.toggle('primary', !next.may.suspend && !next.may.resume);
    show($('lost'), false);
    paintTime();
  };

  const paintTime = () => {
    const hasTime = view !== null && view.left_s !== null;
    show($('left'), hasTime);
    if (!hasTime) return;
    const left = Math.max(0, Math.round((ends - performance.now()) / 1000));
    write($('left'), `${view.left_text} ${Math.floor(left / 60)}:${String(left % 60).padStart(2, '0')}`);
  };

  const load = async () => {
    source?.close();
    source = null;
    clearTimeout(retry);
    looked = performance.now();
    try {
      const response = await ask('/api/suspension');
      if (response.status === 401) return location.assign('/sign-in');
      if (!response.ok) return lost();
      const { view: next, last } = await response.json();
      take(next);
      if (last) listen(last);
    } catch {
      lost();
    }
    return undefined;
  };

  const listen = (last) => {
    const events = new EventSource(`/api/suspension/events?last=${encodeURIComponent(last)}`);
    source = events;
    const on = (name, run) => events.addEventListener(name, (event) => {
      if (source === events) run(event);
    });
    on('view', (event) => take(JSON.parse(event.data)));
    on('reset', load);
    on('error', lost);
  };

  const button = (id, click) => $(id).addEventListener('click', async () => {
    if ($(id).getAttribute('aria-busy') === 'true') return;
    $(id).setAttribute('aria-busy', 'true');
    write($('click-error'), '');
    try {
      const body = JSON.stringify({ click });
      const response = await ask('/api/suspension', { method: 'POST', headers: { 'content-type': 'application/json' }, body });
      if (response.status === 401) return location.assign('/sign-in');
      if (!response.ok) write($('click-error'), (await response.json()).error || words.failed);
      await load();
    } catch {
      write($('click-error'), words.failed);
    } finally {
      $(id).removeAttribute('aria-busy');
    }
    return undefined;
  });
  button('suspend', 'suspend');
  button('resume', 'resume');
  button('another', 'reference');

  setInterval(() => {
    paintTime();
    if (performance.now() - looked > look) load();
  }, 250);
  window.addEventListener('pagehide', () => source?.close());
  window.addEventListener('pageshow', (event) => {
    if (event.persisted) load();
  });
  load();
})();
