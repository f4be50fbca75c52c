(function () {
  var root = document.documentElement;
  root.className = 'js';
  try {
    var t = localStorage.getItem('schism-theme');
    if (t === 'light' || t === 'dark') root.dataset.theme = t;
  } catch (e) { /* storage is off: the system's theme stays */ }
})();
