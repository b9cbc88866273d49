// What every page does beside showing itself: stay fresh, filter, remember whose clocks. Works on what the server wrote;
// without it every page still says the same.
'use strict';
(() => {
  const one = (selector, within = document) => within.querySelector(selector);
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];

  // --- Search: hides what does not match, at once; the address keeps what was typed.
  const filter = one('[data-filter]');
  function search() {
    if (!filter) return;
    const wanted = filter.value.trim().toLowerCase();
    const rows = all('tbody tr', document.getElementById(filter.dataset.filter));
    let found = 0;
    for (const row of rows) {
      const ticked = one('input', row).checked;
      row.hidden = !(ticked || one('th', row).textContent.toLowerCase().includes(wanted));
      if (!row.hidden) found++;
    }
    const count = n => n.toLocaleString('en').replaceAll(',', '\u202f') + (n === 1 ? ' service' : ' services');
    one('#found').textContent = wanted ? found + ' of ' + count(rows.length) : count(rows.length);
    ticks();
  }
  if (filter) {
    filter.addEventListener('input', () => {
      search();
      const address = new URL(location.href);
      filter.value ? address.searchParams.set('search', filter.value) : address.searchParams.delete('search');
      history.replaceState(null, '', address);
    });
    document.addEventListener('keydown', event => {
      const typing = event.target.matches('input:not([type=checkbox]), select, textarea');
      if (event.key === '/' && !typing && !event.ctrlKey && !event.metaKey) {
        event.preventDefault();
        filter.focus();
      }
    });
  }

  // --- Ticks: the button says how many are compared.
  function ticks() {
    const ticked = all('input[name=service]:checked').length;
    const show = one('#show');
    if (show && one('#services')) show.textContent = ticked ? 'Show ' + ticked + ' selected' : 'Show';
  }
  document.addEventListener('change', event => {
    if (event.target.name === 'service') ticks();
    if (event.target.name === 'tz') clocks(event.target.value);
  });

  // --- Clocks: the browser's own zone can be chosen; a range that does not move stays the same moments.
  const zones = one('select[name=tz]');
  const own = Intl.DateTimeFormat().resolvedOptions().timeZone;
  if (zones && own && !all('option', zones).some(option => option.value === own)) zones.add(new Option(own, own));
  function clocks(zone) {
    const address = new URL(location.href);
    zone === 'UTC' ? address.searchParams.delete('tz') : address.searchParams.set('tz', zone);
    const charts = one('#charts');
    const drawing = charts && JSON.parse(charts.dataset.drawing);
    if (drawing && !drawing.moving) {
      address.searchParams.set('from', drawing.from);
      address.searchParams.set('to', drawing.to);
    }
    location.href = address;
  }

  // --- Copying a command.
  for (const button of all('[data-copy]')) {
    button.addEventListener('click', async () => {
      const text = document.getElementById(button.dataset.copy);
      try {
        await navigator.clipboard.writeText(text.textContent);
        button.textContent = 'Copied';
      } catch {
        getSelection().selectAllChildren(text);
      }
    });
  }

  // --- Freshness: the server tells when more is covered; then what shows it is fetched again, and put in place.
  const line = one('#freshness');
  let source = null, timer = null, last = 0;
  const every = 5000, anyway = 60000;

  async function refresh() {
    timer = null;
    last = Date.now();
    let fresh;
    try {
      const answer = await fetch(location.href, { headers: { accept: 'text/html' } });
      if (!answer.ok) return;
      fresh = new DOMParser().parseFromString(await answer.text(), 'text/html');
    } catch {
      return;
    }
    const parts = all('[data-refresh]', fresh), shown = all('[data-refresh]');
    if (parts.length !== shown.length || parts.some((part, i) => part.id !== shown[i].id)) return location.reload();
    const ticked = new Set(all('input[name=service]:checked').map(box => box.value));
    const focus = document.activeElement;
    const same = element => focus.matches('a') ? element.getAttribute('href') === focus.getAttribute('href') : element.value === focus.value;
    // A link to a range that moved on has another address, and the same words.
    const named = element => focus.matches('a') && element.textContent === focus.textContent;
    parts.forEach((part, i) => {
      const inside = shown[i].contains(focus);
      for (const box of all('input[name=service]', part)) box.checked = ticked.has(box.value);
      shown[i].replaceWith(part);
      if (inside) {
        const alike = all(focus.localName, part);
        (alike.find(same) ?? alike.find(named))?.focus({ preventScroll: true });
      }
    });
    search();
    document.dispatchEvent(new CustomEvent('fresh'));
  }
  function soon() {
    if (timer === null && !document.hidden && one('[data-refresh]')) {
      timer = setTimeout(refresh, Math.max(0, last + every - Date.now()));
    }
  }
  function listen() {
    if (source || document.hidden || !line) return;
    source = new EventSource(line.dataset.live);
    source.addEventListener('open', () => line.classList.remove('lost'));
    source.addEventListener('error', () => line.classList.add('lost'));
    source.addEventListener('coverage', event => {
      line.innerHTML = event.data;
      if (event.lastEventId !== line.dataset.mark) {
        line.dataset.mark = event.lastEventId;
        soon();
      }
    });
  }
  // A page that nobody sees holds no connection.
  document.addEventListener('visibilitychange', () => {
    if (document.hidden) {
      source?.close();
      source = null;
    } else {
      listen();
    }
  });
  addEventListener('pagehide', () => source?.close());
  // Ages grow without a message, too.
  setInterval(() => { if (Date.now() - last >= anyway) soon(); }, anyway / 4);
  last = Date.now();
  if (line?.dataset.mark) listen();
  search();
  ticks();
})();
