// The agents' pages. Every text comes from the server: in the page's view, or in the template's #words element.
'use strict';
(() => {
  const $ = (id) => document.getElementById(id);
  const words = $('words')?.dataset ?? {};
  const origins = (document.body.dataset.origins || '').split(' ').filter(Boolean);
  const kinds = { off: '#i-off', awaited: '#i-awaited', on: '#i-on', stop: '#i-stop' };
  // The longest time without a word from Keyhush while the icon is on, in milliseconds; beats come every 200.
  const silence = 1500;
  // Without beats, how long nothing is heard before it is asked whether Keyhush is there; and how long it may take.
  const quiet = 15000;
  const patience = 8000;

  const write = (element, text) => {
    // Written again, a live region would be heard again.
    if (element.textContent !== text) element.textContent = text;
  };
  const show = (element, shown) => {
    if (element.hidden === shown) element.hidden = !shown;
  };
  const make = (name, className, text) => {
    const element = document.createElement(name);
    if (className) element.className = className;
    if (text !== undefined) element.textContent = text;
    return element;
  };
  const ask = (path, options) =>
    fetch(path, {
      credentials: 'same-origin', cache: 'no-store', redirect: 'error', signal: AbortSignal.timeout(patience), ...options,
    });
  const post = (path, body) =>
    ask(path, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });
  const read = async (response) => {
    try {
      return await response.json();
    } catch {
      return {};
    }
  };

  // A page that frames this one is told how far it is; never what was keyed or typed.
  const tell = (stage, outcome) => {
    if (window.parent === window) return;
    // Where the browser says who it is, nobody else is tried.
    const parent = location.ancestorOrigins?.[0];
    for (const origin of origins) {
      if (!parent || parent === origin) window.parent.postMessage({ keyhush: 1, stage, outcome }, origin);
    }
  };

  const signInAt = document.body.dataset.signIn || '/sign-in';
  const toSignIn = (id) => location.assign(id ? `${signInAt}#/payments/${id}` : signInAt);

  // Beside each field of a form, what is wrong with it. Whether anything is.
  const showErrors = (form, errors) => {
    let first = null;
    for (const field of form.elements) {
      const place = field.name && $(`${field.name}-error`);
      if (!place) continue;
      const text = Object.hasOwn(errors, field.name) ? String(errors[field.name]) : '';
      write(place, text);
      show(place, text !== '');
      if (text) field.setAttribute('aria-invalid', 'true');
      else field.removeAttribute('aria-invalid');
      if (text && !first && !field.closest('[hidden]')) first = field;
    }
    first?.focus();
    return first !== null;
  };

  // Runs one request of a form or button at a time.
  const once = (element, run) => async (event) => {
    event?.preventDefault();
    if (element.getAttribute('aria-busy') === 'true') return;
    element.setAttribute('aria-busy', 'true');
    try {
      await run();
    } finally {
      element.removeAttribute('aria-busy');
    }
  };

  const signIn = () => {
    const form = $('sign-in');
    tell('sign_in', null);
    form.addEventListener('submit', once(form, async () => {
      write($('sign-in-error'), '');
      try {
        const response = await post('/api/sign-in', {
          user_name: form.elements.user_name.value,
          password: form.elements.password.value,
        });
        if (response.ok) {
          const back = location.hash.slice(1);
          location.assign(/^\/payments\/[\w-]+$/.test(back) ? back : '/');
          return;
        }
        write($('sign-in-error'), (await read(response)).error || words.failed);
      } catch {
        write($('sign-in-error'), words.failed);
      }
      form.elements.password.value = '';
      form.elements.password.focus();
    }));
  };

  const payments = () => {
    const root = $('payment');
    let id = document.body.dataset.payment;
    let view = null;
    let source = null;
    let retry = 0;
    let attempts = 0;
    let isLost = false;
    let isSilent = false;
    let lastWord = 0;
    let lastProbe = 0;
    let lastSeen = '';
    let lapses = null;
    let ownClick = -Infinity;
    let painted = {};
    let told = '';
    let later = 0;

    // ---- what is heard -------------------------------------------------------------------------------------------------

    const announce = (text, isUrgent) => {
      clearTimeout(later);
      write(isUrgent ? $('alert') : $('status'), text);
    };
    // Keys come quickly: only how many there are, once it is quiet for a moment.
    const announceLater = (text) => {
      clearTimeout(later);
      later = setTimeout(() => write($('status'), text), 900);
    };

    // ---- what is shown -------------------------------------------------------------------------------------------------

    const groups = (digits, size) => {
      const parts = [];
      let rest = digits;
      while (rest) {
        // No digit stands alone at the end.
        const take = size === 3 && (rest.length === 4 || rest.length === 2) ? 2 : size;
        parts.push(rest.slice(0, take));
        rest = rest.slice(take);
      }
      return parts;
    };

    const paintReference = (now) => {
      const digits = now.reference || '';
      show($('reference-box'), digits !== '');
      if ($('reference').dataset.digits !== digits) {
        $('reference').dataset.digits = digits;
        $('reference').classList.toggle('long', digits.length > 6);
        $('reference').replaceChildren(...groups(digits, 3).flatMap((part) => [make('span', '', part), ' ']));
      }
    };

    const paintTime = () => {
      if (lapses === null) return write($('reference-time'), '');
      const seconds = Math.max(0, Math.round((lapses - performance.now()) / 1000));
      const time = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`;
      return write($('reference-time'), `${words.valid} ${time}`);
    };

    const newField = (kind) => {
      const row = make('li', 'keyed');
      row.dataset.kind = kind;
      const label = make('span', 'keyed-label');
      const digits = make('span', 'digits');
      digits.setAttribute('aria-hidden', 'true');
      const said = make('span', 'heard');
      const badge = make('span', 'badge');
      badge.setAttribute('aria-hidden', 'true');
      const state = make('span', 'keyed-state');
      state.setAttribute('aria-hidden', 'true');
      const problem = make('span', 'error keyed-problem');
      problem.setAttribute('aria-hidden', 'true');
      const reset = make('button', 'button small');
      reset.type = 'button';
      reset.append(make('span', '', words.reset), make('span', 'heard', ''), ' ', make('kbd', '', 'Alt R'));
      reset.lastChild.setAttribute('aria-hidden', 'true');
      reset.addEventListener('click', once(reset, () => click({ click: 'reset', field: kind })));
      row.append(label, digits, said, badge, state, reset, problem);
      return row;
    };

    const paintField = (row, field, now) => {
      const [label, digits, said, badge, state, reset, problem] = row.children;
      row.dataset.state = field.state;
      write(label, field.label);
      write(said, field.said);
      write(state, field.state_text);
      write(problem, field.problem || '');
      show(problem, Boolean(field.problem));
      const brand = field.kind === 'pan' ? now.brand || '' : '';
      write(badge, brand);
      show(badge, brand !== '');
      if (digits.dataset.shown !== field.shown) {
        const before = (digits.dataset.shown || '').length;
        digits.dataset.shown = field.shown;
        let place = 0;
        digits.replaceChildren(...groups(field.shown, 4).map((part) => {
          const group = make('span', 'group');
          for (const letter of part) {
            const isHidden = letter === '•';
            const mark = make('span', isHidden ? 'dot' : 'digit', letter);
            if (place >= before) mark.classList.add('fresh');
            place += 1;
            group.append(mark);
          }
          return group;
        }));
      }
      // What is wrong says more than that something is.
      show(state, !field.problem);
      show(reset, field.may_reset);
      write(reset.children[1], ` (${field.label})`);
      const isOpen = now.open === field.kind;
      if (isOpen) reset.setAttribute('aria-keyshortcuts', 'Alt+R');
      else reset.removeAttribute('aria-keyshortcuts');
      show(reset.lastChild, isOpen);
      reset.classList.toggle('primary', field.state === 'refused');
    };

    const paintFields = (now) => {
      const list = $('fields');
      show(list, now.fields.length > 0);
      const rows = new Map([...list.children].map((row) => [row.dataset.kind, row]));
      for (const [kind, row] of rows) {
        if (!now.fields.some((field) => field.kind === kind)) row.remove();
      }
      now.fields.forEach((field, place) => {
        const row = rows.get(field.kind) || newField(field.kind);
        if (list.children[place] !== row) list.insertBefore(row, list.children[place] || null);
        paintField(row, field, now);
      });
      write($('dropped'), now.dropped_text || '');
      show($('dropped'), Boolean(now.dropped_text));
    };

    const paintDetails = (now) => {
      const form = $('details');
      show(form, now.stage === 'details');
      for (const place of form.querySelectorAll('[data-typed]')) {
        show(place, now.typed.includes(place.dataset.typed));
      }
      // What was typed of one caller must not stand there for the next.
      if (now.stage === 'ended' || now.result?.outcome === 'approved') {
        form.reset();
        showErrors(form, {});
      }
    };

    const paintResult = (now) => {
      const result = now.stage === 'result' ? now.result : null;
      const facts = [];
      const add = (name, value) => {
        if (!value) return;
        const fact = make('div');
        fact.append(make('dt', '', name), make('dd', '', value));
        facts.push(fact);
      };
      if (result) {
        add(words.pspReference, result.psp_reference);
        if (result.outcome === 'unknown') add(words.ownReference, result.reference);
      }
      $('result').replaceChildren(...facts);
      show($('result'), facts.length > 0);
      const icons = { approved: '#i-tick', unknown: '#i-ask' };
      show($('verdict'), result !== null);
      if (result) $('verdict-icon').setAttribute('href', icons[result.outcome] || '#i-cross');
    };

    const paintActions = (now) => {
      const may = now.may;
      show($('pay'), may.pay);
      write($('pay-amount'), now.amount);
      show($('next'), may.next);
      show($('ask_again'), may.ask_again);
      show($('start_again'), may.start_again);
      write($('start_again-text'), now.start_again);
      show($('cancel'), may.cancel);
      write($('cancel-text'), now.cancel);
      show($('cancel-key'), now.stage === 'result');
      show($('another'), now.stage === 'ended');
      // One button is the thing to do now.
      const isAfter = now.stage === 'result' || now.stage === 'stopped';
      const isRefused = now.fields.some((field) => field.state === 'refused');
      const first = [
        [may.pay, 'pay'],
        [may.next && !isRefused, 'next'],
        [may.ask_again, 'ask_again'],
        [may.start_again && isAfter, 'start_again'],
        [may.cancel && now.stage === 'result', 'cancel'],
        [now.stage === 'ended', 'another'],
      ].find(([may]) => may)?.[1];
      for (const name of ['pay', 'next', 'ask_again', 'start_again', 'cancel', 'another']) {
        $(name).classList.toggle('primary', name === first);
        $(name).classList.toggle('quiet', name === 'cancel' && name !== first);
      }
    };

    const paintSide = (now) => {
      write($('sum'), now.amount);
      write($('order-shown'), now.order);
      show($('order-fact'), now.order !== '');
      show($('calls'), now.calls.length > 0);
      show($('calls-hint'), ['securing', 'keying', 'details'].includes(now.stage));
      const key = JSON.stringify(now.calls);
      if ($('calls-list').dataset.key !== key) {
        $('calls-list').dataset.key = key;
        $('calls-list').replaceChildren(...now.calls.map((call) => {
          const item = make('li');
          item.append(make('strong', 'number', call.number), make('span', '', `${call.side}, ${call.since}`));
          return item;
        }));
      }
    };

    const paintSteps = (now) => {
      [...$('steps').children].forEach((step, place) => {
        step.dataset.at = now.step === null ? 'none' : place < now.step ? 'done' : place === now.step ? 'now' : 'later';
        if (place === now.step) step.setAttribute('aria-current', 'step');
        else step.removeAttribute('aria-current');
      });
    };

    const paint = () => {
      if (!view) return;
      const now = isSilent
        ? { ...view, icon: 'stop', icon_text: words.stop, loud: true, tone: 'stop', headline: words.silentHeadline, say: words.silentSay }
        : view;
      const focused = document.activeElement;
      root.dataset.tone = now.tone;
      root.dataset.stage = now.stage;
      root.dataset.outcome = now.result?.outcome || '';
      document.body.classList.toggle('loud', now.loud);
      $('secure').dataset.icon = now.icon;
      $('secure-icon').setAttribute('href', kinds[now.icon]);
      write($('secure-text'), now.icon_text);
      write($('headline'), now.headline);
      write($('say'), now.say);
      write($('stop-word'), now.loud ? words.stop : '');
      write($('stop-headline'), now.loud ? now.headline : '');
      show($('stop'), now.loud);
      show($('lost'), isLost && !now.loud);
      write($('lost'), isLost && !now.loud ? words.lost : '');
      paintSteps(now);
      paintReference(now);
      paintFields(now);
      paintDetails(now);
      paintResult(now);
      paintActions(now);
      paintSide(now);
      document.title = `${now.icon_text} – ${now.headline}`;
      paintWhatIsHeard(now);
      paintFocus(now, focused);
      painted = now;
    };

    const paintWhatIsHeard = (now) => {
      const open = now.fields.find((field) => field.kind === now.open);
      if (now.headline !== painted.headline || now.icon !== painted.icon || now.tone !== painted.tone) {
        // STOP is heard from its banner.
        if (now.loud) announce('', true);
        else if (now.tone === 'bad') announce(`${now.headline}. ${now.say}`, true);
        else {
          write($('alert'), '');
          announce(`${now.icon_text}. ${now.headline}. ${now.say}`, false);
        }
      } else if (open && open.length > 0 && open.said !== painted.fields?.find((field) => field.kind === open.kind)?.said) {
        announceLater(open.said);
      }
    };

    // Focus moves on the agent's own click, into the step that it has opened, and out of what is not there any more.
    const paintFocus = (now, focused) => {
      const isElsewhere = now.stage !== painted.stage || now.open !== painted.open;
      const isOwn = isElsewhere && performance.now() - ownClick < 4000;
      const isGone = focused && focused !== document.body && (!focused.isConnected || focused.closest('[hidden]'));
      if (!isOwn && !isGone) return;
      if (isOwn) ownClick = -Infinity;
      const inputs = now.stage === 'details' ? [...$('details').elements] : [];
      const empty = inputs.find((input) => input.name && !input.value && !input.closest('[hidden]'));
      (empty || $('headline')).focus();
    };

    const take = (next) => {
      const isSameReference = view?.reference === next.reference && view?.reference_seconds === next.reference_seconds;
      view = next;
      if (!isSameReference || lapses === null) {
        lapses = next.reference_seconds === null ? null : performance.now() + next.reference_seconds * 1000;
      }
      paintTime();
      paint();
      const outcome = next.result?.outcome || null;
      if (told !== `${next.stage} ${outcome}`) {
        told = `${next.stage} ${outcome}`;
        tell(next.stage, outcome);
      }
    };

    // ---- what comes ----------------------------------------------------------------------------------------------------

    // The stream is there.
    const connected = () => {
      attempts = 0;
      if (!isLost) return;
      isLost = false;
      paint();
      if (!isSilent) announce(words.back, false);
    };

    // Keyhush has said how things stand.
    const heard = () => {
      lastWord = performance.now();
      connected();
      if (!isSilent) return;
      isSilent = false;
      paint();
    };

    const again = () => {
      source?.close();
      source = null;
      clearTimeout(retry);
      isLost = true;
      paint();
      // Not all at once, where all have lost it at once.
      const wait = Math.min(5000, 300 * 2 ** attempts) * (1 + Math.random() / 2);
      attempts += 1;
      retry = setTimeout(load, wait);
    };

    // Keyhush does not know the payment any more: it was started again, or the payment was over long ago.
    const gone = () => {
      const none = { next: false, reset: false, start_again: false, pay: false, ask_again: false, cancel: false };
      const stage = view?.stage;
      // The caller may be keying: nobody takes it, and nobody vouches for what is masked.
      const isKeying = ['securing', 'keying', 'details'].includes(stage) || ['awaited', 'on', 'stop'].includes(view?.icon);
      const isSent = stage === 'sending' || stage === 'resolving';
      const isOpen = isKeying || stage === 'waiting' || stage === 'reference';
      const said = isSent ? words.lostSent : isOpen ? words.lostSay : words.goneSay;
      const head = isSent ? words.lostSentHeadline : isKeying ? words.silentHeadline : isOpen ? words.lostHeadline : words.gone;
      isLost = false;
      isSilent = false;
      take({
        stage: 'ended', step: null, reference: null, reference_seconds: null, icon: isKeying ? 'stop' : 'off',
        icon_text: isKeying ? words.stop : 'Keyhush', loud: isKeying, headline: head, say: said,
        tone: isKeying ? 'stop' : 'bad', calls: [], fields: [], brand: null, open: null, dropped_keys: 0, dropped_text: null,
        typed: [], amount: view?.amount || '', order: view?.order || '', result: null, may: none, start_again: '', cancel: '',
      });
    };

    const load = async () => {
      // Until it is answered nobody else asks.
      source?.close();
      source = null;
      clearTimeout(retry);
      try {
        const response = await ask(`/api/payments/${id}`);
        if (response.status === 401) return toSignIn(id);
        if (response.status === 404) return gone();
        if (!response.ok) return again();
        const { view: next, last } = await response.json();
        // While it is silent, beats alone say that the icon is true.
        if (!isSilent) lastWord = performance.now();
        take(next);
        return listen(last);
      } catch {
        return again();
      }
    };

    const listen = (last) => {
      lastSeen = last;
      const events = new EventSource(`/api/payments/${id}/events?last=${encodeURIComponent(last)}`);
      source = events;
      const on = (name, run) => events.addEventListener(name, (event) => {
        if (source === events) run(event);
      });
      on('open', connected);
      on('beat', heard);
      on('view', (event) => {
        lastSeen = event.lastEventId || lastSeen;
        heard();
        take(JSON.parse(event.data));
      });
      on('reset', load);
      on('error', again);
    };

    const watch = () => {
      paintTime();
      if (view?.icon === 'on' && !isSilent && performance.now() - lastWord > silence) {
        isSilent = true;
        paint();
      }
      const since = Math.max(lastWord, lastProbe);
      if (source && view?.stage !== 'ended' && performance.now() - since > quiet) probe();
    };

    // A stream that nothing comes by may be cut somewhere: whether anything was missed is asked for beside it.
    const probe = async () => {
      lastProbe = performance.now();
      const probed = source;
      try {
        const response = await ask(`/api/payments/${id}`);
        const { last } = response.ok ? await response.json() : {};
        if (source === probed && (isSilent || last !== lastSeen)) load();
      } catch {
        if (source === probed) again();
      }
    };

    // ---- what the agent does -------------------------------------------------------------------------------------------

    const click = async (body) => {
      write($('click-error'), '');
      ownClick = performance.now();
      try {
        const response = await post(`/api/payments/${id}/clicks`, body);
        if (response.ok) return true;
        ownClick = -Infinity;
        if (response.status === 401) return toSignIn(id);
        const answer = await read(response);
        const isBeside = answer.errors && showErrors($('details'), answer.errors);
        if (!isBeside) write($('click-error'), answer.error || Object.values(answer.errors || {})[0] || words.failed);
      } catch {
        ownClick = -Infinity;
        write($('click-error'), words.failed);
      }
      return false;
    };

    const button = (name, run) => $(name).addEventListener('click', once($(name), run));
    button('next', () => click({ click: 'next' }));
    button('ask_again', () => click({ click: 'ask_again' }));
    button('start_again', () => click({ click: 'start_again' }));
    button('cancel', async () => {
      const isOver = view?.stage === 'result';
      if ((await click({ click: 'cancel' })) && isOver) {
        tell('ended', null);
        location.assign('/');
      }
    });
    button('sign-out', async () => {
      try {
        await post('/api/sign-out', {});
        toSignIn();
      } catch {
        write($('click-error'), words.failed);
      }
    });

    $('details').addEventListener('submit', once($('details'), async () => {
      const details = {};
      for (const field of $('details').elements) {
        if (field.name) details[field.name] = field.closest('[hidden]') ? '' : field.value;
      }
      showErrors($('details'), {});
      await click({ click: 'pay', details });
    }));

    $('new-form').addEventListener('submit', once($('new-form'), async () => {
      const form = $('new-form');
      const { amount, currency, order } = form.elements;
      write($('new-error'), '');
      showErrors(form, {});
      try {
        const response = await post('/api/payments', { amount: amount.value, currency: currency.value, order: order.value });
        if (response.status === 401) return toSignIn();
        const answer = await read(response);
        if (response.ok && answer.id) {
          id = answer.id;
          history.pushState(null, '', `/payments/${encodeURIComponent(id)}`);
          form.reset();
          show($('new'), false);
          show(root, true);
          ownClick = performance.now();
          return load();
        }
        if (!showErrors(form, answer.errors || {})) write($('new-error'), answer.error || words.failed);
      } catch {
        write($('new-error'), words.failed);
      }
      return undefined;
    }));

    // Keys that do what buttons do, wherever the focus is.
    const keys = {
      n: () => [$('next'), $('another'), ...(view?.stage === 'result' ? [$('cancel')] : [])],
      a: () => [$('ask_again')],
      s: () => [$('start_again')],
      r: () => [...$('fields').querySelectorAll('button[aria-keyshortcuts]')],
    };
    document.addEventListener('keydown', (event) => {
      if (!event.altKey || event.ctrlKey || event.metaKey || event.shiftKey || event.repeat) return;
      const letter = /^[a-z]$/i.test(event.key) ? event.key.toLowerCase() : event.code.slice(-1).toLowerCase();
      const target = Object.hasOwn(keys, letter) && keys[letter]().find((element) => !element.closest('[hidden]'));
      if (!target) return;
      event.preventDefault();
      target.click();
    });

    window.addEventListener('popstate', () => location.reload());
    window.addEventListener('pagehide', () => source?.close());
    window.addEventListener('pageshow', (event) => {
      if (event.persisted && id) load();
    });
    setInterval(watch, 250);
    if (id) load();
    else tell('new', null);
  };

  const pages = { 'sign-in': signIn, payment: payments };
  pages[document.body.dataset.page]?.();
})();
