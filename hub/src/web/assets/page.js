// Searches the organizations, and in `serve` replaces what is new. Without it, all of the page is there, too.
(() => {
  'use strict';
  const root = document.documentElement;
  const form = document.getElementById('search');
  const bad = ['di', 'un', 'he', 'er', 'dr', 'ne', 'st'];

  const wanted = (one, text, state) => {
    if (text && !one.textContent.toLowerCase().includes(text)) return false;
    if (!state) return true;
    const classes = state === 'bad' ? bad : [state];
    return classes.some((name) => one.querySelector('.s.' + name));
  };

  const search = () => {
    const text = form.elements.text.value.trim().toLowerCase();
    const state = form.elements.state.value;
    const asked = Boolean(text || state);
    let found = 0;
    for (const bunch of document.querySelectorAll('.bunch')) {
      let here = 0;
      for (const one of bunch.querySelectorAll('.org')) {
        const shown = !asked || wanted(one, text, state);
        one.hidden = !shown;
        here += shown;
      }
      bunch.hidden = asked && here === 0;
      if (asked) bunch.open = here > 0;
      found += here;
    }
    document.getElementById('found').textContent = asked ? found + (found === 1 ? ' organization' : ' organizations') : '';
  };

  if (form) {
    form.hidden = false;
    form.addEventListener('submit', (event) => event.preventDefault());
    let waiting;
    form.addEventListener('input', () => {
      clearTimeout(waiting);
      waiting = setTimeout(search, 150);
    });
  }

  // What is open stays open: each has an id in what it hides.
  const key = (details) => details.querySelector(':scope > [id]')?.id;

  const replace = (text) => {
    const fresh = new DOMParser().parseFromString(text, 'text/html');
    const open = new Map([...document.querySelectorAll('details')].map((details) => [key(details), details.open]));
    const focused = document.activeElement;
    const inside = focused?.closest('details');
    const place = inside && [key(inside), focused.tagName, focused.getAttribute('href')];
    for (const part of fresh.querySelectorAll('[data-part]')) {
      const old = document.querySelector('[data-part="' + part.dataset.part + '"]');
      // A page that could show nothing yet, and one that can: they have other parts.
      if (!old) return location.reload();
      old.replaceWith(document.adoptNode(part));
    }
    for (const details of document.querySelectorAll('details')) {
      const was = open.get(key(details));
      if (was !== undefined) details.open = was;
    }
    if (place) {
      const hidden = document.getElementById(place[0]);
      const again = hidden && [...hidden.parentElement.querySelectorAll(place[1])];
      again?.find((one) => one.getAttribute('href') === place[2])?.focus({ preventScroll: true });
    }
    root.dataset.tag = fresh.documentElement.dataset.tag;
    if (form) {
      form.hidden = false;
      if (form.elements.text.value || form.elements.state.value) search();
    }
  };

  const look = async () => {
    if (document.hidden) return;
    let problem = '';
    try {
      const answer = await fetch('/', { headers: { 'If-None-Match': '"' + root.dataset.tag + '"' }, cache: 'no-store' });
      if (answer.status !== 304) replace(await answer.text());
      // The clock of the page is this machine's.
      const age = Math.round((Date.now() - new Date(document.querySelector('#seen time').dateTime)) / 1000);
      if (age > 3 * root.dataset.every) problem = 'What you see is ' + age + ' s old: the ledger does not answer.';
    } catch {
      problem = 'pmp-hub does not answer any more. What you see stays as it was.';
    }
    const live = document.getElementById('live');
    if (live && problem && live.textContent !== problem) live.textContent = problem;
  };

  if (root.dataset.every) {
    setInterval(look, root.dataset.every * 1000);
    document.addEventListener('visibilitychange', look);
  }
})();
