// Draws what `/api/v1/query` answers: a chart a metric, one of messages, and the table of the same rows.
'use strict';
(() => {
  const charts = document.getElementById('charts');
  if (!charts) return;
  const drawing = JSON.parse(charts.dataset.drawing);
  const plotlyAt = document.currentScript.dataset.plotly;
  const boxes = [...charts.querySelectorAll('.chart')];
  const whole = document.getElementById('whole'), closer = document.getElementById('closer');
  const table = document.getElementById('rows'), said = document.getElementById('drawn');
  const FIRST = 100;
  let rows = [], tag = null, zoomed = null, everything = false;

  // --- Times, by the clocks of the page. Plotly knows no zones: it is given what the clocks show.
  const utc = drawing.zone === 'UTC';
  const format = new Intl.DateTimeFormat('sv-SE', {
    timeZone: drawing.zone, hourCycle: 'h23',
    year: 'numeric', month: '2-digit', day: '2-digit', hour: '2-digit', minute: '2-digit', second: '2-digit',
  });
  const shown = text => {
    const seconds = utc ? text.slice(0, 19).replace('T', ' ') : format.format(new Date(text.slice(0, 19) + 'Z'));
    const micros = text.slice(19, -1).replace(/\.0+$/, '');
    return seconds + micros;
  };
  // A time alone says enough only within a day.
  const DAY = 86400000;
  const length = () => Date.parse(drawing.to.slice(0, 19) + 'Z') - Date.parse(drawing.from.slice(0, 19) + 'Z');
  const dated = () => drawing.minutes >= 1440 || length() > DAY;
  const clock = text => shown(text).slice(dated() ? 0 : 11);
  const offset = at => Date.parse(format.format(at).replace(' ', 'T') + 'Z') - at.getTime();
  // The moment at which the clocks show this, to the millisecond.
  const moment = reading => {
    const read = new Date(reading.replace(' ', 'T').replace(/(\.\d{3})\d*$/, '$1') + 'Z');
    return utc ? read : new Date(read.getTime() - offset(new Date(read.getTime() - offset(read))));
  };
  const lines = row => {
    const address = new URL(drawing.messages, location.href);
    return (metric) => {
      address.searchParams.set('service', row.service);
      address.searchParams.set('at', row['max_' + metric + '_time']);
      return address.pathname + address.search;
    };
  };

  // --- Series: a bucket without messages is a gap.
  function series(value) {
    const step = drawing.minutes * 60000;
    return drawing.services.map(service => {
      const found = { x: [], y: [], rows: [] };
      let before = null;
      for (const row of rows) {
        if (row.service !== service) continue;
        const at = Date.parse(row.time_stamp.slice(0, 19) + 'Z');
        if (before !== null && at - before > step) {
          found.x.push(shown(new Date(before + step).toISOString()));
          found.y.push(null);
          found.rows.push(null);
        }
        before = at;
        found.x.push(shown(row.time_stamp));
        found.y.push(value(row));
        found.rows.push(row);
      }
      return found;
    });
  }
  const escaped = text => text.replace(/[&<>]/g, c => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;' })[c]);
  // Right-to-left marks in a name must not turn the numbers beside it.
  const label = service => '\u2068' + escaped(service.length > 40 ? service.slice(0, 39) + '…' : service) + '\u2069';

  function traces(metric) {
    const line = (index, extra) => ({
      type: 'scatter', mode: 'lines', connectgaps: false, showlegend: false,
      line: { color: colour('--s' + index % 8), width: 1.6, dash: index >= 8 ? 'dash' : 'solid', ...extra },
    });
    // One point has no line: it is drawn as a dot.
    const dots = found => found.y.length < 3 ? { mode: 'lines+markers', marker: { size: 6 } } : {};
    if (!metric) {
      return series(row => row.msg_num).map((found, i) => ({
        ...line(i), ...dots(found), x: found.x, y: found.y, name: label(drawing.services[i]), meta: drawing.services[i],
        hovertemplate: label(drawing.services[i]) + '  %{y:,d}<extra></extra>',
      }));
    }
    const peaks = series(row => row['max_' + metric]).map((found, i) => ({
      ...line(i, { width: 1 }), ...dots(found), opacity: 0.55, x: found.x, y: found.y, name: label(drawing.services[i]) + ' peak', meta: drawing.services[i],
      hoverinfo: 'skip',
    }));
    // One line a service when hovered: both exact values, and when the peak was.
    const told = row => row && ['' + row['max_' + metric], clock(row['max_' + metric + '_time']), lines(row)(metric)];
    const means = series(row => row[metric + '_mean']).map((found, i) => ({
      ...line(i), ...dots(found), x: found.x, y: found.y, name: label(drawing.services[i]) + ' mean', meta: drawing.services[i],
      customdata: found.rows.map(told),
      hovertemplate: label(drawing.services[i]) + '  mean %{y:.6~f}, peak %{customdata[0]} at %{customdata[1]}<extra></extra>',
    }));
    return [...peaks, ...means];
  }

  // --- Looks, from the style sheet.
  const colour = name => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  function layout(low) {
    const quiet = colour('--quiet'), rule = colour('--line');
    const axis = { color: quiet, gridcolor: rule, linecolor: rule, zerolinecolor: rule, fixedrange: false, ticks: '' };
    return {
      margin: { l: 48, r: 8, t: 6, b: 36 },
      paper_bgcolor: 'rgba(0,0,0,0)', plot_bgcolor: 'rgba(0,0,0,0)',
      font: { family: 'system-ui, sans-serif', size: 12, color: colour('--ink') },
      hovermode: 'x unified', hoverlabel: { bgcolor: colour('--raised'), bordercolor: rule, font: { size: 12 }, namelength: -1 },
      xaxis: { ...axis, type: 'date', showgrid: false, hoverformat: '%Y-%m-%d %H:%M', range: zoomed || [shown(drawing.from), shown(drawing.to)] },
      yaxis: { ...axis, rangemode: 'tozero', fixedrange: true, nticks: low ? 4 : 6 },
      dragmode: 'zoom', autosize: true,
    };
  }
  const config = { displayModeBar: false, responsive: true, doubleClick: false, showTips: false };

  let busy = false;
  async function draw() {
    if (!window.Plotly) return;
    busy = true;
    for (const box of boxes) {
      await Plotly.react(box, traces(box.dataset.metric), layout(box.classList.contains('low')), config);
      if (!box.dataset.heard) listen(box);
    }
    busy = false;
    charts.dataset.ready = String(Number(charts.dataset.ready || 0) + 1);
  }
  function listen(box) {
    box.dataset.heard = 'yes';
    box.on('plotly_relayout', change => {
      if (!busy && change['xaxis.range[0]']) zoom([change['xaxis.range[0]'], change['xaxis.range[1]']]);
    });
    box.on('plotly_doubleclick', () => zoom(null));
    box.on('plotly_click', event => {
      const highest = event.points.filter(point => point.customdata).sort((a, b) => b.customdata[0] - a.customdata[0])[0];
      if (highest) location.href = highest.customdata[2];
    });
  }

  // --- A closer look: all charts together; and a link to that stretch, in finer points.
  async function zoom(range) {
    zoomed = range;
    whole.hidden = closer.hidden = !range;
    if (range) {
      const address = new URL(drawing.analytics, location.href);
      address.searchParams.set('from', moment(range[0]).toISOString());
      address.searchParams.set('to', moment(range[1]).toISOString());
      closer.href = address.pathname + address.search;
    }
    busy = true;
    for (const box of boxes) await Plotly.relayout(box, { 'xaxis.range': range || [shown(drawing.from), shown(drawing.to)] });
    busy = false;
  }
  whole.addEventListener('click', () => zoom(null));

  // --- The table: the newest rows first, as many as are asked for.
  const number = value => Math.abs(value) < 100 ? value.toFixed(3) : value.toFixed(1);
  function write() {
    const newest = [...rows].sort((a, b) => a.time_stamp < b.time_stamp ? 1 : a.time_stamp > b.time_stamp ? -1 : 0);
    const some = everything ? newest : newest.slice(0, FIRST);
    const cell = (row, text, kind) => {
      const made = row.appendChild(document.createElement(kind || 'td'));
      made.textContent = text;
      return made;
    };
    const grid = document.createElement('table'), head = grid.createTHead().insertRow();
    for (const name of ['Time', 'Service']) cell(head, name, 'th').scope = 'col';
    const numbers = ['messages', ...drawing.metrics.flatMap(metric => [metric + ' mean', metric + ' peak', 'at'])];
    for (const name of numbers) Object.assign(cell(head, name, 'th'), { scope: 'col', className: 'n' });
    const body = grid.createTBody();
    for (const row of some) {
      const line = body.insertRow(), to = lines(row);
      cell(line, shown(row.time_stamp).slice(0, 16));
      cell(line, row.service).dir = 'auto';
      cell(line, row.msg_num.toLocaleString('en').replaceAll(',', '\u202f')).className = 'n';
      for (const metric of drawing.metrics) {
        const mean = cell(line, number(row[metric + '_mean'])), peak = cell(line, '');
        mean.title = row[metric + '_mean'];
        mean.className = peak.className = 'n';
        const link = peak.appendChild(document.createElement('a'));
        Object.assign(link, { href: to(metric), textContent: number(row['max_' + metric]), title: row['max_' + metric] + ': the lines of that minute' });
        cell(line, clock(row['max_' + metric + '_time']).replace(/\.\d+$/, '')).className = 'n note';
      }
    }
    table.replaceChildren(grid);
    if (some.length < rows.length) {
      const more = table.appendChild(document.createElement('button'));
      more.type = 'button';
      more.textContent = 'All ' + rows.length.toLocaleString('en').replaceAll(',', '\u202f') + ' rows';
      more.addEventListener('click', () => { everything = true; write(); });
    }
  }

  // --- The answer. Asked again when more is covered, it costs nothing if it is the same.
  async function ask() {
    const answer = await fetch(drawing.query, { headers: { accept: 'application/json' } });
    if (!answer.ok) {
      const problem = await answer.json().catch(() => ({ detail: answer.statusText }));
      throw new Error(problem.detail);
    }
    const now = answer.headers.get('etag');
    if (now && now === tag) return false;
    tag = now;
    const body = await answer.json();
    [drawing.from, drawing.to, rows] = [body.from, body.to, body.rows];
    return true;
  }
  function plotly() {
    return new Promise((done, failed) => {
      const script = document.createElement('script');
      Object.assign(script, { src: plotlyAt, async: true, onload: done, onerror: () => failed(new Error('the script of the charts did not load')) });
      document.head.append(script);
    });
  }
  async function show() {
    try {
      if (!await ask()) return;
      write();
      await draw();
      said.textContent = '';
    } catch (error) {
      said.textContent = 'Not drawn: ' + error.message;
    }
  }
  // First the page, then what draws the charts.
  requestAnimationFrame(() => setTimeout(() => {
    const loaded = plotly();
    show();
    loaded.then(draw, error => { said.textContent = 'Not drawn: ' + error.message; });
  }));
  document.addEventListener('fresh', show);
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', draw);
})();
