// Fetches the page again every few seconds and changes what differs. The scroll position, the
// focus, what is typed, ticked, opened or marked stay as they are.
(() => {
  'use strict';
  const every = 5000;
  const live = document.getElementById('live');
  const same = (a, b) => a.nodeType === b.nodeType && a.nodeName === b.nodeName && (a.id || '') === (b.id || '');

  function attributes(a, b) {
    for (const { name } of [...a.attributes]) {
      if (!b.hasAttribute(name) && name !== 'open') a.removeAttribute(name);
    }
    for (const { name, value } of b.attributes) {
      if (a.getAttribute(name) !== value && name !== 'open') a.setAttribute(name, value);
    }
  }

  function change(a, b) {
    if (a.nodeType !== Node.ELEMENT_NODE) {
      if (a.nodeValue !== b.nodeValue) a.nodeValue = b.nodeValue;
      return;
    }
    if (a.isEqualNode(b)) return;
    if (a.hasAttribute('data-own')) return; // the script's own
    attributes(a, b);
    const named = new Map([...a.children].filter(c => c.id).map(c => [c.id, c]));
    let at = a.firstChild;
    for (const want of [...b.childNodes]) {
      let have = want.id ? named.get(want.id) : at;
      if (!have || !same(have, want)) {
        a.insertBefore(document.importNode(want, true), at);
        continue;
      }
      if (have === at) at = at.nextSibling;
      else a.insertBefore(have, at);
      change(have, want);
    }
    while (at) {
      const next = at.nextSibling;
      at.remove();
      at = next;
    }
  }

  const marking = () => {
    const s = getSelection();
    return s && !s.isCollapsed;
  };

  let since = null;
  async function refresh() {
    if (document.hidden || marking()) return;
    try {
      const answer = await fetch(location.pathname + location.search, { headers: { Accept: 'text/html' }, cache: 'no-store', signal: AbortSignal.timeout(10000) });
      if (!answer.ok) throw new Error(answer.status);
      const page = new DOMParser().parseFromString(await answer.text(), 'text/html');
      const main = page.querySelector('main');
      if (!main) throw new Error('no page');
      if (page.documentElement.dataset.build !== document.documentElement.dataset.build) {
        location.reload(); // another version of the program: its style is not allowed here
        return;
      }
      if (marking()) return;
      const focused = document.activeElement;
      change(document.querySelector('main'), main);
      if (focused && focused !== document.activeElement && focused.isConnected) focused.focus({ preventScroll: true });
      document.title = page.title;
      since = null;
      live.textContent = '';
    } catch {
      since ||= new Date();
      live.textContent = `No answer from the service since ${since.toLocaleTimeString()}. Trying again.`;
    }
  }

  const all = () => document.getElementById('all');
  const boxes = () => [...document.querySelectorAll('input[name=task]')];
  document.addEventListener('change', e => {
    if (e.target === all()) boxes().forEach(b => { b.checked = all().checked; });
    else if (all() && e.target.name === 'task') all().checked = boxes().every(b => b.checked);
  });
  if (all()) all().parentElement.hidden = false;

  (async function loop() {
    for (;;) {
      await new Promise(done => setTimeout(done, every));
      await refresh();
    }
  })();
  document.addEventListener('visibilitychange', refresh);
})();
