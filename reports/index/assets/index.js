(function () {
  'use strict';
  var doc = document, root = doc.documentElement;
  function all(s, r) { return Array.prototype.slice.call((r || doc).querySelectorAll(s)); }
  var themes = ['auto', 'light', 'dark'], themeButton = doc.querySelector('.theme');
  function theme() { return root.dataset.theme || 'auto'; }
  function sayTheme() {
    themeButton.textContent = 'Theme: ' + theme();
    themeButton.setAttribute('aria-label', 'Theme: ' + theme() + '. Press to change');
  }
  themeButton.addEventListener('click', function () {
    var next = themes[(themes.indexOf(theme()) + 1) % 3];
    if (next === 'auto') delete root.dataset.theme; else root.dataset.theme = next;
    try {
      if (next === 'auto') localStorage.removeItem('schism-theme'); else localStorage.setItem('schism-theme', next);
    } catch (e) { /* not kept */ }
    sayTheme();
  });
  sayTheme();

  function openRuns() {
    var id = location.hash.slice(1), d = null;
    try { d = doc.getElementById(decodeURIComponent(id)); } catch (e) { /* not ours */ }
    if (d && d.tagName === 'DETAILS') { d.open = true; d.scrollIntoView(); }
  }
  window.addEventListener('hashchange', openRuns);
  openRuns();

  var q = doc.querySelector('#q'), picks = all('.pick'), clear = doc.querySelector('.clear'), none = doc.querySelector('.none');
  if (!q) return;
  function chosen() { return picks.filter(function (b) { return b.getAttribute('aria-pressed') === 'true'; }).map(function (b) { return b.dataset.v; }); }
  function apply() {
    var words = q.value.toLowerCase().split(/\s+/).filter(Boolean), vs = chosen(), left = 0;
    all('tr[data-row]').forEach(function (r) {
      var text = r.textContent.toLowerCase() + ' ' + all('td', r).map(function (c) { return c.dataset.l; }).join(' ').toLowerCase();
      var ok = words.every(function (w) { return text.indexOf(w) >= 0; });
      var cells = all('td', r).filter(function (c) {
        return vs.length === 0 || vs.some(function (v) { return v === 'changed' ? c.dataset.changed : c.dataset.verdict === v; });
      });
      r.hidden = !ok || cells.length === 0;
      r.style.display = r.hidden ? 'none' : '';
      if (!r.hidden) left++;
    });
    none.hidden = left > 0;
    clear.disabled = words.length + vs.length === 0;
    try {
      var h = words.length + vs.length === 0 ? '' : '#q=' + encodeURIComponent(q.value) + '&v=' + vs.join(',');
      history.replaceState(null, '', h || location.pathname + location.search);
    } catch (e) { /* a file may not */ }
  }
  function reset() { q.value = ''; picks.forEach(function (b) { b.setAttribute('aria-pressed', 'false'); }); apply(); }
  q.addEventListener('input', apply);
  picks.forEach(function (b) {
    b.addEventListener('click', function () { b.setAttribute('aria-pressed', String(b.getAttribute('aria-pressed') !== 'true')); apply(); });
  });
  clear.addEventListener('click', reset);
  doc.addEventListener('keydown', function (e) {
    if (e.key === '/' && doc.activeElement !== q) { e.preventDefault(); q.focus(); }
    if (e.key === 'Escape') reset();
  });
  var m = /^#q=([^&]*)&v=(.*)$/.exec(location.hash);
  if (m) {
    try { q.value = decodeURIComponent(m[1]); } catch (e) { /* not ours */ }
    m[2].split(',').forEach(function (v) { picks.forEach(function (b) { if (b.dataset.v === v) b.setAttribute('aria-pressed', 'true'); }); });
    apply();
  }
})();
