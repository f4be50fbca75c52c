(function () {
  'use strict';
  var doc = document, root = doc.documentElement;
  function one(s, r) { return (r || doc).querySelector(s); }
  function all(s, r) { return Array.prototype.slice.call((r || doc).querySelectorAll(s)); }

  // Theme: as the system, light, dark.
  var themes = ['auto', 'light', 'dark'], themeButton = one('.theme');
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

  // Copy and save.
  all('.copy').forEach(function (b) {
    b.addEventListener('click', function () {
      var code = b.previousElementSibling;
      function done() { b.textContent = 'Copied'; setTimeout(function () { b.textContent = 'Copy'; }, 1500); }
      function mark() {
        var r = doc.createRange(), s = getSelection();
        r.selectNodeContents(code); s.removeAllRanges(); s.addRange(r);
        try { if (doc.execCommand('copy')) done(); } catch (e) { /* it stays marked */ }
      }
      if (navigator.clipboard) navigator.clipboard.writeText(code.textContent).then(done, mark); else mark();
    });
  });
  all('.csv').forEach(function (b) {
    b.addEventListener('click', function () {
      var text = all('tr', b.parentNode).map(function (r) {
        return all('th,td', r).map(function (c) {
          var t = c.textContent;
          if (/^[=+@\t]/.test(t) || /^-[^0-9]/.test(t)) t = "'" + t; // no formula from a server's text
          return '"' + t.replace(/"/g, '""') + '"';
        }).join(',');
      }).join('\r\n');
      var a = doc.createElement('a'), u = URL.createObjectURL(new Blob([text], {type: 'text/csv'}));
      a.href = u; a.download = b.dataset.name + '.csv'; a.click();
      setTimeout(function () { URL.revokeObjectURL(u); }, 1000);
    });
  });

  // The section one reads.
  var links = all('.nav a'), sections = links.map(function (a) { return one(a.getAttribute('href')); });
  function section() {
    var k = -1;
    sections.forEach(function (s, i) { if (s && s.getBoundingClientRect().top < 120) k = i; });
    links.forEach(function (a, i) { if (i === k) a.setAttribute('aria-current', 'true'); else a.removeAttribute('aria-current'); });
  }
  addEventListener('scroll', section, {passive: true});
  section();

  // The timeline.
  var tl = one('#tl'), data = one('#data');
  if (!tl || !data) return;
  var D = JSON.parse(data.textContent), T0 = +D.T0, T1 = +D.T1, coarse = +D.Step;
  var series = {}, events = (D.Events || []).map(function (e) { return [+e[0], e[1]]; });
  function unpack(s) {
    var out = [];
    if (s === '') return out;
    s.split(',').forEach(function (tok) {
      var p = tok.split('*'), v = p[0] === '' ? null : +p[0], n = p[1] ? +p[1] : 1;
      while (n-- > 0) out.push(v);
    });
    return out;
  }
  Object.keys(D.Series).forEach(function (k) {
    var s = D.Series[k];
    series[k] = {unit: s.u, coarse: unpack(s.c), packed: s.f, step: +s.s};
  });
  function fine(s) { if (!s.fine) s.fine = unpack(s.packed); return s.fine; }

  var view = [T0, T1], undoStack = [], cursor = null;
  var cross = one('.cross', tl), sel = one('.sel', tl), reading = one('.reading'), undo = one('.undo');
  var zoomButtons = all('.zoom'), plots = all('.lp', tl), plot = plots[1] || plots[0];
  var nested = all('.z', tl), points = all('[data-t]', tl), spans = all('[data-a]', tl), curves = all('path[data-k]', tl), outs = all('b[data-k]', tl);
  var axes = all('.axis .lp svg', tl);
  outs.forEach(function (o) { o._whole = o.textContent; });
  curves.forEach(function (c) { c._whole = c.getAttribute('d'); c._sc = c.dataset.sc.split(','); });
  function whole() { return view[0] === T0 && view[1] === T1; }
  function pct(t) { return (t - view[0]) / (view[1] - view[0]) * 100; }

  function yOf(sc, v) {
    if (sc[0] === 'lin') return +sc[1] - (+sc[3] > 0 ? Math.min(v, +sc[3]) : v) * +sc[2];
    if (v <= 0) return +sc[5];
    var p = (Math.log10(v) - +sc[1]) / (+sc[2] - +sc[1]);
    p = Math.min(1, Math.max(0, p));
    return +sc[4] - (+sc[4] - +sc[3]) * p;
  }

  // level picks the bins for the present zoom: the coarse ones, or the fine ones joined to at most about 600.
  function level(s) {
    var w = view[1] - view[0];
    if (w / coarse > 150 || s.step >= coarse) return {step: coarse, v: s.coarse};
    var k = Math.max(1, Math.round(w / s.step / 600)), f = fine(s);
    if (k === 1) return {step: s.step, v: f};
    if (s.joined === k) return {step: s.step * k, v: s.join};
    var out = [], sum = s.unit === 'rate' || s.unit === 'count';
    for (var i = 0; i < f.length; i += k) {
      var acc = null;
      for (var j = i; j < Math.min(i + k, f.length); j++) {
        if (f[j] === null) continue;
        acc = acc === null ? f[j] : sum ? acc + f[j] : Math.max(acc, f[j]);
      }
      out.push(acc);
    }
    s.joined = k; s.join = out;
    return {step: s.step * k, v: out};
  }

  function drawCurve(c) {
    var s = series[c.dataset.k];
    if (!s) return;
    var l = level(s);
    if (l.v === s.coarse) { c.setAttribute('d', c._whole); return; }
    var from = Math.max(0, Math.floor((view[0] - T0) / l.step) - 60), to = Math.min(l.v.length, Math.ceil((view[1] - T0) / l.step) + 60);
    var d = [], i, sc = c._sc, u = l.step * 10;
    if (c.dataset.area) {
      d.push('M' + (from * u).toFixed(3) + ' ' + sc[1]);
      for (i = from; i < to; i++) d.push('H' + (i * u).toFixed(3) + 'V' + yOf(sc, (l.v[i] || 0) / l.step).toFixed(1));
      d.push('H' + (to * u).toFixed(3) + 'V' + sc[1] + 'Z');
    } else {
      var last = -1e9;
      for (i = from; i < to; i++) {
        if (l.v[i] === null || l.v[i] === undefined) continue;
        var x = ((i + .5) * u).toFixed(3), y = yOf(sc, l.v[i]).toFixed(1);
        d.push((i - last) * l.step > Math.max(.5, l.step * 1.5) ? 'M' + x + ' ' + y + 'h' + (u * .2).toFixed(3) : 'L' + x + ' ' + y);
        last = i;
      }
    }
    c.setAttribute('d', d.join(''));
  }

  function textWidth(e) { return e.textContent.length * 6.2 + 8; }

  function apply() {
    var w = view[1] - view[0], width = plot.clientWidth;
    nested.forEach(function (s) {
      var b = s.getAttribute('viewBox').split(' ');
      s.setAttribute('viewBox', (view[0] - T0) * 10 + ' 0 ' + w * 10 + ' ' + b[3]);
    });
    points.forEach(function (e) {
      var t = +e.dataset.t, p = pct(t), n = e.tagName, v = p + '%';
      if (n === 'line') { e.setAttribute('x1', v); e.setAttribute('x2', v); return; }
      if (n === 'circle') { e.setAttribute('cx', v); return; }
      e.setAttribute('x', v);
      if (n !== 'text') return;
      if (e._anchor === undefined) { e._anchor = e.getAttribute('text-anchor') || ''; e._dx = +(e.getAttribute('dx') || 0); }
      if (e._anchor === 'middle') return;
      var need = textWidth(e), x = p / 100 * width, right = x + need <= width, left = x - need >= 0;
      var end = e._anchor === 'end' ? left || !right : !right && left;
      e.setAttribute('text-anchor', end ? 'end' : 'start');
      e.setAttribute('dx', end ? -Math.abs(e._dx) : Math.abs(e._dx));
    });
    spans.forEach(function (e) {
      var a = +e.dataset.a, b = +e.dataset.b;
      if (e.tagName === 'text') {
        var from = Math.max(a, view[0]), to = Math.min(b, view[1]);
        e.setAttribute('x', pct(from) + '%');
        e.style.visibility = (to - from) / w * width > textWidth(e) ? 'visible' : 'hidden';
        return;
      }
      var l = Math.max(-2, pct(a)), r = Math.min(102, pct(b));
      e.setAttribute('x', l + '%');
      e.setAttribute('width', Math.max(0, r - l) + '%');
    });
    curves.forEach(drawCurve);
    tl.classList.toggle('near', w <= .5);
    drawAxes(w, width);
    undo.disabled = !undoStack.length;
    zoomButtons.forEach(function (b) {
      b.setAttribute('aria-pressed', String(Math.abs(+b.dataset.a - view[0]) < 1e-6 && Math.abs(+b.dataset.b - view[1]) < 1e-6));
    });
    place();
  }

  function drawAxes(w, width) {
    var step = 1e-3, k = 0, mult = [2, 2.5, 2];
    while (step / w * width < 64) { step *= mult[k % 3]; k++; }
    var dec = step < .0095 ? 3 : step < .095 ? 2 : step < .95 ? 1 : 0;
    axes.forEach(function (s) {
      while (s.firstChild) s.removeChild(s.firstChild);
      for (var t = Math.ceil(view[0] / step - 1e-9) * step; t <= view[1] + 1e-9; t += step) {
        var e = doc.createElementNS('http://www.w3.org/2000/svg', 'text'), p = pct(t);
        e.setAttribute('x', p + '%'); e.setAttribute('y', 15);
        e.setAttribute('text-anchor', p < 2 ? 'start' : p > 98 ? 'end' : 'middle');
        e.textContent = Math.abs(t) < 1e-9 ? '0' : t.toFixed(dec) + ' s';
        s.appendChild(e);
      }
    });
  }

  function keep() {
    try {
      history.replaceState(null, '', whole() ? location.pathname + location.search : '#t=' + view[0].toFixed(3) + '-' + view[1].toFixed(3));
    } catch (e) { /* a file may not */ }
  }
  function zoom(a, b, silent) {
    if (b - a < .02) { var m = (a + b) / 2; a = m - .01; b = m + .01; }
    a = Math.max(T0, a); b = Math.min(T1, b);
    if (a === view[0] && b === view[1] || b <= a) return;
    if (!silent) undoStack.push(view);
    view = [a, b]; keep(); apply();
  }
  function back() { if (undoStack.length) { view = undoStack.pop(); keep(); apply(); } }

  function digits(v) { return v >= 99.95 ? Math.round(v).toString() : v >= 9.995 ? v.toFixed(1) : v.toFixed(2); }
  function show(s, v, step) {
    if (v === null || v === undefined) return s.unit === 'rate' || s.unit === 'count' ? '0' : '–';
    if (s.unit === 'rate') return Math.round(v / step).toLocaleString('en-US') + '/s';
    if (s.unit === 'count') return Math.round(v).toLocaleString('en-US');
    if (s.unit === 'bytes') return v >= 1e6 ? (v / 1e6).toFixed(2) + ' MB' : v >= 1e3 ? (v / 1e3).toFixed(1) + ' kB' : Math.round(v) + ' B';
    return v === 0 ? '0' : v >= 999500 ? digits(v / 1e6) + ' s' : v >= 100 ? digits(v / 1e3) + ' ms' : Math.round(v) + ' µs';
  }
  function place() {
    if (cursor === null || cursor < view[0] || cursor > view[1]) {
      cross.style.display = 'none';
      outs.forEach(function (o) { o.textContent = o._whole; });
      reading.textContent = whole() ? '' : view[0].toFixed(2) + ' to ' + view[1].toFixed(2) + ' s';
      return;
    }
    var r = plot.getBoundingClientRect(), R = tl.getBoundingClientRect();
    cross.style.display = 'block';
    cross.style.left = (r.left - R.left + pct(cursor) / 100 * r.width) + 'px';
    outs.forEach(function (o) {
      var s = series[o.dataset.k];
      if (!s) return;
      var l = level(s);
      o.textContent = show(s, l.v[Math.floor((cursor - T0) / l.step)], l.step);
    });
    var near = events.filter(function (e) { return Math.abs(e[0] - cursor) < (view[1] - view[0]) / 1500; })[0];
    reading.textContent = cursor.toFixed(near ? 3 : 2) + ' s' + (near ? ': ' + near[1] : '');
  }
  function timeAt(x) {
    var r = plot.getBoundingClientRect();
    return view[0] + Math.min(1, Math.max(0, (x - r.left) / r.width)) * (view[1] - view[0]);
  }

  var drag = null;
  plots.forEach(function (p) {
    p.addEventListener('pointermove', function (e) {
      cursor = timeAt(e.clientX); place();
      if (drag === null) return;
      var r = plot.getBoundingClientRect(), R = tl.getBoundingClientRect(), a = Math.min(drag, cursor), b = Math.max(drag, cursor);
      sel.style.display = 'block';
      sel.style.left = (r.left - R.left + pct(a) / 100 * r.width) + 'px';
      sel.style.width = (b - a) / (view[1] - view[0]) * r.width + 'px';
    });
    p.addEventListener('pointerdown', function (e) {
      cursor = timeAt(e.clientX);
      if (e.pointerType !== 'mouse' || e.button !== 0) { place(); return; }
      drag = cursor; p.setPointerCapture(e.pointerId); e.preventDefault(); tl.focus({preventScroll: true});
    });
    p.addEventListener('pointerup', function (e) {
      if (drag === null) return;
      var t = timeAt(e.clientX), from = drag;
      drag = null; sel.style.display = 'none';
      if (Math.abs(t - from) > 6 * (view[1] - view[0]) / plot.clientWidth) zoom(Math.min(from, t), Math.max(from, t));
    });
    p.addEventListener('pointercancel', function () { drag = null; sel.style.display = 'none'; });
    p.addEventListener('dblclick', function () { zoom(T0, T1); });
    p.addEventListener('pointerleave', function (e) {
      if (drag === null && e.pointerType === 'mouse' && doc.activeElement !== tl) { cursor = null; place(); }
    });
  });
  zoomButtons.forEach(function (b) { b.addEventListener('click', function () { zoom(+b.dataset.a, +b.dataset.b); }); });
  undo.addEventListener('click', back);

  tl.addEventListener('keydown', function (e) {
    if (e.ctrlKey || e.metaKey || e.altKey) return;
    var w = view[1] - view[0], c = cursor === null ? (view[0] + view[1]) / 2 : cursor, eps = 6e-4;
    function go(t) {
      cursor = Math.max(T0, Math.min(T1, t));
      if (cursor < view[0]) zoom(cursor, cursor + w, true); else if (cursor > view[1]) zoom(cursor - w, cursor, true); else place();
    }
    var next, step = (e.shiftKey ? 2 : Math.min(.2, w / 200));
    switch (e.key) {
      case 'ArrowRight': go(c + step); break;
      case 'ArrowLeft': go(c - step); break;
      case 'Home': go(view[0]); break;
      case 'End': go(view[1]); break;
      case 'n': case 'N': if (cursor === null) c = view[0] - 1; next = events.filter(function (x) { return x[0] > c + eps; })[0]; if (next) go(next[0]); break;
      case 'p': case 'P': if (cursor === null) c = view[1] + 1; next = events.filter(function (x) { return x[0] < c - eps; }).pop(); if (next) go(next[0]); break;
      case '+': case '=': zoom(c - (c - view[0]) / 2, c + (view[1] - c) / 2); break;
      case '-': case '_': zoom(c - (c - view[0]) * 2, c + (view[1] - c) * 2); break;
      case 'Backspace': back(); break;
      case 'Escape': if (whole()) { cursor = null; place(); } else zoom(T0, T1); break;
      default: return;
    }
    e.preventDefault();
  });

  function fromHash() {
    var m = /^#t=([\d.]+)-([\d.]+)$/.exec(location.hash);
    if (!m || +m[2] <= +m[1]) return;
    var a = Math.max(T0, +m[1]), b = Math.min(T1, +m[2]);
    if (b - a < .01) return;
    undoStack.push(view); view = [a, b]; apply();
    one('#timeline').scrollIntoView();
  }
  addEventListener('hashchange', fromHash);
  addEventListener('resize', apply);
  addEventListener('beforeprint', function () { cursor = null; place(); });
  apply();
  fromHash();
})();
