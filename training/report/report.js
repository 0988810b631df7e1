(function () {
  "use strict";
  var data = JSON.parse(document.getElementById("data").textContent);
  var words = data.words;
  var french = data.language === "fr";
  var touch = window.matchMedia("(pointer: coarse)").matches;
  var dark = window.matchMedia("(prefers-color-scheme: dark)");
  var equityBox = document.getElementById("equity-chart");
  var candleBox = document.getElementById("candle-chart");
  var drawn = {};
  var chosen = { symbol: 0, trade: -1 };

  // The page's own months and order of day and month; plotly brings American ones.
  Plotly.register({
    moduleType: "locale", name: "page", dictionary: {},
    format: {
      days: words.days, shortDays: words.days, months: data.months, shortMonths: data.months, date: "%-d %b %Y",
      year: "%Y", month: "%b %Y", dayMonth: "%-d %b", dayMonthYear: "%-d %b %Y"
    }
  });

  // Numbers and moments, as the page's own text has them.
  function number(value, least, most) {
    return value.toLocaleString(french ? "fr-FR" : "en-US", { minimumFractionDigits: least, maximumFractionDigits: most })
      .replace(/\u202f/g, "\u00a0").replace(/^-/, "\u2212");
  }
  function signed(value, least, most) { return (value > 0 ? "+" : "") + number(value, least, most); }
  function decimals(value) {
    var size = Math.abs(value);
    return size >= 1000 || size === 0 ? 2 : Math.max(0, Math.min(12, 5 - Math.floor(Math.log10(size))));
  }
  function price(value) { return value === null ? "\u2013" : number(value, 0, decimals(value)); }
  function money(value) {
    if (value === null) return "\u2013";
    var small = value !== 0 && Math.abs(value) < 1;
    return signed(value, 2, small ? Math.max(2, decimals(value) - 2) : 2) + (data.quote ? "\u00a0" + data.quote : "");
  }
  function percent(value) { return value === null ? "\u2013" : signed(100 * value, 1, 1) + (french ? "\u00a0%" : "%"); }
  function moment(ms) {
    var at = new Date(ms);
    function two(n) { return (n < 10 ? "0" : "") + n; }
    var day = at.getUTCDate();
    return day + (french && day === 1 ? "er" : "") + " " + data.months[at.getUTCMonth()] + " " + at.getUTCFullYear() + " " +
      two(at.getUTCHours()) + ":" + two(at.getUTCMinutes());
  }
  function fill(key, values) {
    return words[key].replace(/\{(\w+)\}/g, function (whole, name) { return name in values ? values[name] : whole; });
  }
  // Plotly reads tags in the texts it draws; names of the document have none.
  function plain(text) {
    return String(text).replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
  }
  function times(packed) {
    var found = [packed.first], at = packed.first;
    packed.steps.forEach(function (step) { at += step * packed.unit; found.push(at); });
    return found;
  }

  function colours() {
    var style = getComputedStyle(document.documentElement);
    var found = {};
    ["paper", "card", "ink", "muted", "line", "gain", "loss", "hold", "up", "down", "wick"].forEach(function (name) {
      found[name] = style.getPropertyValue("--" + name).trim();
    });
    return found;
  }
  function layout(c, more) {
    var base = {
      paper_bgcolor: c.paper, plot_bgcolor: c.paper, font: { color: c.ink, size: 12, family: getComputedStyle(document.body).fontFamily },
      margin: { l: 8, r: 8, t: 30, b: 8 }, separators: french ? ",\u00a0" : ".,", hovermode: "x unified",
      hoversubplots: "axis",
      dragmode: touch ? false : "zoom", showlegend: true,
      legend: { orientation: "h", x: 0, xanchor: "left", y: 1, yanchor: "bottom", yref: "container", itemclick: false, itemdoubleclick: false },
      hoverlabel: { bgcolor: c.card, bordercolor: c.line, font: { color: c.ink, family: getComputedStyle(document.body).fontFamily }, align: "left", namelength: -1 }
    };
    Object.keys(more).forEach(function (key) { base[key] = more[key]; });
    return base;
  }
  function axis(c, more) {
    var base = {
      gridcolor: c.line, linecolor: c.line, zeroline: false, automargin: true, fixedrange: touch,
      tickfont: { color: c.muted }, nticks: 6
    };
    Object.keys(more).forEach(function (key) { base[key] = more[key]; });
    return base;
  }
  function heading(c, text, y) {
    return {
      text: plain(text), showarrow: false, xref: "paper", yref: "paper", x: 0, xanchor: "left", y: y, yanchor: "bottom",
      font: { color: c.muted, size: 12 }
    };
  }
  function config() {
    return {
      responsive: true, displaylogo: false, displayModeBar: false, locale: "page",
      // Without a bar of buttons nothing of the page can be sent to a chart service either.
      showSendToCloud: false, showEditInChartStudio: false
    };
  }

  function drawEquity() {
    var c = colours(), e = data.equity, t = times(e.t);
    var kind = document.querySelector("button[data-axis=log]").getAttribute("aria-pressed") === "true" ? "log" : "linear";
    function line(key, name, more) {
      var trace = { type: "scatter", mode: "lines", x: t, y: e[key], name: name, hovertemplate: "%{y:" + (key === "equity" || key === "hold" ? ",.2f}" : ".1f}" + (french ? "\u00a0%" : "%")) + "<extra>" + plain(name) + "</extra>" };
      Object.keys(more).forEach(function (k) { trace[k] = more[k]; });
      return trace;
    }
    var traces = [];
    if (e.hold.length) {
      traces.push(line("hold", words["line.hold"], { line: { color: c.hold, width: 1.5, dash: "dot" } }));
    }
    traces.push(line("equity", words["line.bot"], { line: { color: c.gain, width: 2 } }));
    traces.push(line("drawdown", words["line.drawdown"], {
      yaxis: "y2", fill: "tozeroy", showlegend: false, line: { color: c.loss, width: 1 }
    }));
    if (e.exposure.length) {
      traces.push(line("exposure", words["line.exposure"], {
        yaxis: "y3", fill: "tozeroy", showlegend: false, line: { color: c.hold, width: 1, shape: "hv" }
      }));
    }
    var low = e.exposure.length ? [[0.47, 0.91], [0.235, 0.39], [0, 0.155]] : [[0.36, 0.91], [0, 0.28], [0, 0]];
    var notes = [heading(c, words["panel.equity"], low[0][1] + 0.005), heading(c, words["panel.drawdown"], low[1][1] + 0.005)];
    if (e.exposure.length) notes.push(heading(c, words["panel.exposure"], low[2][1] + 0.005));
    var last = e.exposure.length ? "y3" : "y2";
    var more = {
      annotations: notes,
      xaxis: axis(c, { type: "date", anchor: last, showgrid: false, hoverformat: "%-d %b %Y %H:%M" }),
      yaxis: axis(c, { type: kind, domain: low[0], tickformat: spread(e) ? ",.0f" : ",~g" }),
      yaxis2: axis(c, { domain: low[1], rangemode: "tozero", nticks: 4, ticksuffix: "" }),
      legend: { orientation: "h", x: 0, xanchor: "left", y: 0.955, yanchor: "bottom", traceorder: "reversed", itemclick: false, itemdoubleclick: false },
      margin: { l: 8, r: 8, t: 4, b: 8 }
    };
    if (e.exposure.length) more.yaxis3 = axis(c, { domain: low[2], rangemode: "tozero", nticks: 4 });
    Plotly.react(equityBox, traces, layout(c, more), config());
  }
  // Whole units on the axis where the curve spans enough of them.
  function spread(e) {
    var low = Infinity, high = -Infinity;
    e.equity.forEach(function (v) { low = Math.min(low, v); high = Math.max(high, v); });
    return high - low >= 10;
  }

  function story(one) {
    var parts = [fill("trade.bought", { moment: moment(one[0]), price: price(one[2]) })];
    if (one[7]) parts[0] += " (" + one[7] + ")";
    if (one[1] === null) parts.push(words["trade.open"]);
    else {
      parts.push(fill("trade.sold", { moment: moment(one[1]), price: price(one[3]), reason: words.exits[one[6]] || one[6] }));
      parts.push(fill("trade.result", { pnl: money(one[4]), percent: percent(one[5]) }));
    }
    return parts;
  }
  function drawCandles() {
    var c = colours(), s = data.symbols[chosen.symbol], t = times(s.t);
    var traces = [{
      type: "candlestick", x: t, open: s.o, high: s.h, low: s.l, close: s.c, showlegend: false, hoverinfo: "skip", whiskerwidth: 0,
      increasing: { line: { color: c.wick, width: 1 }, fillcolor: c.up }, decreasing: { line: { color: c.wick, width: 1 }, fillcolor: c.down }
    }];
    var kinds = {
      entry_won: ["triangle-up", c.gain], entry_lost: ["triangle-up", c.loss], entry_open: ["diamond-open", c.ink],
      exit_won: ["circle", c.gain], exit_lost: ["x", c.loss]
    };
    var found = {};
    Object.keys(kinds).forEach(function (kind) { found[kind] = { x: [], y: [], text: [] }; });
    var paths = { won: { x: [], y: [] }, lost: { x: [], y: [] } };
    function mark(kind, x, y, text) {
      if (y === null) return;
      found[kind].x.push(x); found[kind].y.push(y); found[kind].text.push(text);
    }
    s.trades.forEach(function (one) {
      var text = story(one).map(plain).join("<br>");
      if (one[1] === null) { mark("entry_open", one[0], one[2], text); return; }
      var result = one[4] !== null && one[4] > 0 ? "won" : "lost";
      mark("entry_" + result, one[0], one[2], text);
      mark("exit_" + result, one[1], one[3], text);
      paths[result].x.push(one[0], one[1], null);
      paths[result].y.push(one[2], one[3], null);
    });
    Object.keys(paths).forEach(function (result) {
      traces.push({
        type: "scatter", mode: "lines", x: paths[result].x, y: paths[result].y, showlegend: false, hoverinfo: "skip",
        line: { color: result === "won" ? c.gain : c.loss, width: 1, dash: result === "won" ? "solid" : "dot" }
      });
    });
    Object.keys(kinds).forEach(function (kind) {
      if (!found[kind].x.length) return;
      traces.push({
        type: "scatter", mode: "markers", x: found[kind].x, y: found[kind].y, text: found[kind].text, hoverinfo: "text",
        name: words["marker." + kind],
        marker: { symbol: kinds[kind][0], color: kinds[kind][1], size: touch ? 11 : 10, line: { color: c.paper, width: 1 } }
      });
    });
    var title = fill("panel.price_each", { symbol: s.name, timeframe: s.timeframe }) + (data.quote ? " (" + data.quote + ")" : "");
    var view = window_(s, t);
    var more = {
      hovermode: "closest", hoverdistance: 25,
      annotations: [heading(c, title, 1.005)],
      margin: { l: 8, r: 8, t: 24, b: 8 },
      legend: { orientation: "h", x: 0, xanchor: "left", y: -0.15, yanchor: "top", itemclick: false, itemdoubleclick: false },
      xaxis: axis(c, { type: "date", rangeslider: { visible: false }, showgrid: false }),
      yaxis: axis(c, { tickformat: "," })
    };
    if (view) { more.xaxis.range = view.x; more.yaxis.range = view.y; }
    Plotly.react(candleBox, traces, layout(c, more), config());
    tell(s);
  }
  // What is seen while stepping: the trade, and as much before and after it.
  function window_(s, t) {
    var one = s.trades[chosen.trade];
    if (!one) return null;
    var step = t.length > 1 ? (t[t.length - 1] - t[0]) / (t.length - 1) : 3600000;
    var end = one[1] === null ? t[t.length - 1] : one[1];
    var room = Math.max(20 * step, 0.6 * (end - one[0]));
    var x = [one[0] - room, end + room], low = Infinity, high = -Infinity;
    t.forEach(function (at, place) {
      if (at < x[0] || at > x[1]) return;
      low = Math.min(low, s.l[place]); high = Math.max(high, s.h[place]);
    });
    [one[2], one[3]].forEach(function (value) {
      if (value !== null) { low = Math.min(low, value); high = Math.max(high, value); }
    });
    var rim = 0.06 * (high - low) || 0.01 * high || 1;
    return { x: x, y: [low - rim, high + rim] };
  }
  function tell(s) {
    var line = document.getElementById("trade"), one = s.trades[chosen.trade];
    if (!s.count) line.textContent = words["trade.none"];
    else if (one) {
      var place = fill("trade.place", { place: number(chosen.trade + 1, 0, 0), count: number(s.trades.length, 0, 0) });
      line.textContent = [place].concat(story(one)).join(" \u00b7 ");
    } else {
      var key = s.count > s.trades.length ? "trade.most" : "trade.some";
      line.textContent = fill(key, { count: number(s.count, 0, 0), shown: number(s.trades.length, 0, 0) });
    }
    document.querySelectorAll("button[data-step]").forEach(function (button) { button.disabled = !s.trades.length; });
  }

  function draw(box, make) {
    if (!box) return;
    var key = box.id;
    function now() { drawn[key] = make; make(); }
    if (!("IntersectionObserver" in window)) { now(); return; }
    var watcher = new IntersectionObserver(function (seen) {
      if (!seen.some(function (one) { return one.isIntersecting; })) return;
      watcher.disconnect();
      now();
    }, { rootMargin: "400px" });
    watcher.observe(box);
  }
  function again() { Object.keys(drawn).forEach(function (key) { drawn[key](); }); }

  document.querySelectorAll("button[data-axis]").forEach(function (button) {
    button.addEventListener("click", function () {
      document.querySelectorAll("button[data-axis]").forEach(function (one) {
        one.setAttribute("aria-pressed", String(one === button));
      });
      drawEquity();
    });
  });
  document.querySelectorAll("button[data-step]").forEach(function (button) {
    button.addEventListener("click", function () {
      var step = Number(button.getAttribute("data-step")), count = data.symbols[chosen.symbol].trades.length;
      if (!step || !count) chosen.trade = -1;
      else if (chosen.trade < 0) chosen.trade = step > 0 ? 0 : count - 1;
      else chosen.trade = (chosen.trade + step + count) % count;
      drawCandles();
    });
  });
  document.querySelectorAll("button[data-whole]").forEach(function (button) {
    button.addEventListener("click", function () { if (drawn["equity-chart"]) drawEquity(); });
  });
  var select = document.getElementById("symbol");
  if (select) {
    select.addEventListener("change", function () {
      chosen = { symbol: Number(select.value), trade: -1 };
      drawCandles();
    });
  }
  if (dark.addEventListener) dark.addEventListener("change", again);
  if (data.equity) draw(equityBox, drawEquity);
  if (data.symbols.length) draw(candleBox, drawCandles);
})();
