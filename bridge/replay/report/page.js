// The sections of the report. `DATA` is what bridge/replay/report/data.py made.

const DATA = JSON.parse(document.getElementById("data").textContent);
const RUNS = DATA.runs;
const COLORS = ["var(--red)", "var(--purple)", "var(--gold)", "var(--green)"];
const DASHES = ["6 3", "2 3", "9 3 2 3", "1 2"];
const PAGE = 20;
const SYMBOLS = 8;

function label(index) {
  return RUNS.length > 1 ? `${"AB"[index]}: ${RUNS[index].figures.name}` : null;
}

// Each run's part of a section, two beside each other.
function section(id, build) {
  const host = document.getElementById(id);
  RUNS.forEach((run, index) => {
    const title = label(index);
    const parts = build(run, index);
    host.append(element("div", {}, title ? element("p", { class: "quiet" }, element("strong", {}, title)) : null, parts));
  });
}

function nothing(text) {
  return element("p", { class: "quiet" }, text);
}

function money(run) {
  return run.figures.currency;
}

function period(lists) {
  const [low, high] = range(lists);
  return { time: true, label: "date (UTC)", low, high };
}

function ruleStyle(index) {
  return { color: COLORS[index % COLORS.length], dash: DASHES[index % DASHES.length] };
}

function equityChart(run) {
  const { curve, figures } = run;
  if (!curve.t.length) return nothing("No tick came in this run.");
  const layers = [
    { kind: "band", name: "lowest to highest", color: "var(--band)", xs: curve.t, lows: curve.low, ys: curve.high },
    { kind: "line", name: "equity", color: "var(--blue)", xs: curve.t, ys: curve.equity },
  ];
  Object.entries(curve.floors).forEach(([rule, ys], i) => {
    layers.push({ kind: "line", name: `floor: ${rule}`, xs: curve.t, ys, step: true, ...ruleStyle(i) });
  });
  if (figures.target !== null) {
    const goal = figures.initial_balance + figures.target;
    layers.push({ kind: "level", name: "profit target", color: "var(--green)", dash: "1 3", width: 2.5, ys: [goal] });
  }
  layers.push(...marks(figures));
  const tell = (i) => [`${moment(curve.t[i])}: equity ${number(curve.equity[i], 2)} (low ${number(curve.low[i], 2)}, high ${number(curve.high[i], 2)})`,
    ...Object.entries(curve.floors).map(([rule, ys]) => `${rule} ${number(ys[i], 2)}`)].join(", ");
  return chart({
    title: "Equity and the floors", height: 360, layers, x: period([curve.t]), y: { label: money(run) },
    note: "The band holds the lowest and the highest equity at any tick.", cursor: { xs: curve.t, tell },
  });
}

function marks(figures) {
  const made = [];
  if (figures.target_ms !== null && figures.target !== null) {
    const goal = figures.initial_balance + figures.target;
    made.push({ kind: "dots", form: "triangle", size: 6, fade: 1, name: "target reached", color: "var(--green)", xs: [figures.target_ms], ys: [goal] });
  }
  if (figures.breach) {
    const { time_ms, equity } = figures.breach;
    made.push({ kind: "dots", form: "cross", size: 7, name: "breach", color: "var(--red)", xs: [time_ms], ys: [equity] });
  }
  return made;
}

function headroomChart(run) {
  const { curve } = run;
  const rules = Object.entries(curve.rooms);
  if (!rules.length || !curve.t.length) return nothing("No loss rule.");
  const layers = rules.map(([rule, ys], i) => ({ kind: "line", name: rule, xs: curve.t, ys, ...ruleStyle(i) }));
  layers.push({ kind: "level", name: "0: breach", color: "var(--ink)", ys: [0] });
  const tell = (i) => `${moment(curve.t[i])}: ${rules.map(([rule, ys]) => `${rule} ${number(ys[i], 2)}`).join(", ")}`;
  return chart({
    title: "Headroom above each floor", layers, x: period([curve.t]), y: { label: money(run), with: [0] },
    note: "The least at any tick.", cursor: { xs: curve.t, tell },
  });
}

function drawdownChart(run) {
  const { curve } = run;
  if (!curve.t.length) return nothing("No tick came in this run.");
  const zero = curve.t.map(() => 0);
  const layers = [
    { kind: "band", color: "var(--band)", xs: curve.t, lows: curve.drawdown, ys: zero },
    { kind: "line", color: "var(--blue)", xs: curve.t, ys: curve.drawdown },
  ];
  const tell = (i) => `${moment(curve.t[i])}: ${number(curve.drawdown[i], 2)} ${money(run)}`;
  return [chart({
    title: "Drawdown from the highest equity", height: 200, layers, legend: false, x: period([curve.t]),
    y: { label: money(run), to: 0 }, cursor: { xs: curve.t, tell },
  }), fallsTable(run)];
}

function fallsTable(run) {
  if (!run.drawdowns.length) return nothing("Equity never fell below its peak.");
  const head = ["amount", "of the peak", "peak", "lowest", "made good"];
  const rows = run.drawdowns.map((fall) => [number(fall.amount, 2), `${number(fall.percent, 2)} %`, when(fall.peak_ms),
    when(fall.trough_ms), fall.recovered_ms === null ? "not yet" : when(fall.recovered_ms)]);
  return [element("h3", {}, `Deepest drawdowns (${money(run)})`), plainTable(head, rows, [0, 1])];
}

// What is too wide can be scrolled, by keys too.
function scroll(table) {
  return element("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "Table" }, table);
}

function plainTable(head, rows, right, kind) {
  const cell = (tag, text, i, more) => element(tag, { class: right.includes(i) ? "number" : null, ...more }, text);
  return scroll(element("table", { class: `list ${kind || ""}` },
    element("thead", {}, element("tr", {}, head.map((text, i) => cell("th", text, i, { scope: "col" })))),
    element("tbody", {}, rows.map((row) => element("tr", {}, row.map((text, i) => cell("td", text, i)))))));
}

function countBars(title, counts, thing, paint) {
  const entries = Object.entries(counts);
  if (!entries.length) return [element("h3", {}, title), nothing(`No ${thing}.`)];
  const most = Math.max(...entries.map(([, count]) => count));
  const all = entries.reduce((sum, [, count]) => sum + count, 0);
  const rows = entries.map(([name, count]) => element("tr", {},
    element("th", { scope: "row" }, breakable(name)), element("td", {}, element("div", { class: "track" }, bar(count / most, paint))),
    element("td", { class: "number" }, `${count} (${number((count / all) * 100, 1)} %)`)));
  return [element("h3", {}, title), element("table", { class: "list counts" }, element("tbody", {}, rows))];
}

function bar(share, kind) {
  const made = element("span", { class: `bar ${kind || ""}` });
  made.style.width = `${Math.max(0, Math.min(1, share)) * 100}%`;
  return made;
}

// What an instruction is drawn as: filled forms change the position, lines do not.
const MARKS = {
  modify_stop: { name: "stop moved to here", form: "dash", color: "var(--gold)", size: 3 },
  open_buy: { name: "opened long", form: "triangle", color: "var(--green)", size: 6 },
  open_sell: { name: "opened short", form: "down", color: "var(--purple)", size: 6 },
  close: { name: "closed", form: "cross", color: "var(--red)", size: 5 },
  close_partial: { name: "closed in part", form: "diamond", color: "var(--red)", size: 6 },
  cancel: { name: "order withdrawn", form: "square", color: "var(--gold)", size: 4 },
  undone: { name: "not carried out", form: "ring", color: "var(--quiet)", size: 5 },
};

function price(value) {
  return value === undefined ? "-" : value.toLocaleString("en-US", { maximumFractionDigits: 8 });
}

function instructionText(row) {
  const what = `${row.kind.replaceAll("_", " ")} ${row.side}${row.lots ? ` ${number(row.lots, 2)} lots` : ""}`;
  const stop = row.stop_loss === undefined ? "" : `, stop ${price(row.stop_loss)}`;
  const filled = row.fill_price === undefined ? "" : ` at ${price(row.fill_price)}`;
  return `${moment(row.done_ms || row.time_ms)}: ${what} ${row.symbol}${filled}${stop}, ${row.status}${row.note ? ` (${row.note})` : ""}. ${row.rule}: ${row.reason}`;
}

function instructionParts(run) {
  const told = run.instructions;
  if (!told) return nothing("No rules about open positions were asked.");
  if (!told.rows.length) return nothing("The rules ordered nothing.");
  const symbols = Object.keys(told.symbols);
  const made = symbols.slice(0, SYMBOLS).map((symbol) => priceChart(symbol, told));
  if (symbols.length > SYMBOLS) made.push(nothing(`Not drawn: ${symbols.slice(SYMBOLS).join(", ")}.`));
  return [made, instructionsTable(told)];
}

function priceChart(symbol, told) {
  const { t, close, low, high, marks } = told.symbols[symbol];
  const layers = [
    { kind: "band", name: "lowest to highest bid", color: "var(--band)", xs: t, lows: low, ys: high },
    { kind: "line", name: "bid", color: "var(--blue)", width: 1.25, xs: t, ys: close },
  ];
  for (const [as, look] of Object.entries(MARKS)) {
    const own = marks.filter((mark) => mark.as === as);
    if (!own.length) continue;
    layers.push({ kind: "marks", fade: 1, ...look, name: `${look.name} (${own.length})`, xs: own.map((mark) => mark.t),
      ys: own.map((mark) => mark.y), titles: own.map((mark) => instructionText(told.rows[mark.row])) });
  }
  const tell = (i) => instructionText(told.rows[marks[i].row]);
  return chart({
    title: symbol, height: 280, layers, x: period([t, marks.map((mark) => mark.t)]), y: { label: "price" },
    cursor: { xs: marks.map((mark) => mark.t), tell },
  });
}

function instructionsTable(told) {
  const rows = told.rows.map((row) => ({ row, found: instructionText(row).toLowerCase() }));
  const head = ["time (UTC)", "what", "position", "lots", "price", "stop", "became", "rule and reason"];
  const cells = ({ row }) => [when(row.time_ms), row.kind.replaceAll("_", " "), [`${row.side} ${row.symbol}`, row.ticket ? ` ${row.ticket}` : ""],
    row.filled ? number(row.filled, 2) : row.lots ? number(row.lots, 2) : "-", price(row.fill_price === undefined ? row.price : row.fill_price),
    price(row.stop_loss), row.note ? `${row.status}: ${row.note}` : row.status, [element("strong", {}, breakable(row.rule)), `: ${row.reason}`]];
  const state = { from: 0, word: "" };
  const shown = element("div", {});
  const place = element("span", { role: "status" });
  const turn = (by) => () => { state.from += by; show(); };
  const back = element("button", { type: "button", onclick: turn(-PAGE) }, "previous");
  const on = element("button", { type: "button", onclick: turn(PAGE) }, "next");
  const search = element("input", { type: "search", placeholder: "symbol, rule, kind, date ...", "aria-label": "Search the instructions",
    oninput: (event) => { state.word = event.target.value.toLowerCase().trim(); state.from = 0; show(); } });
  function show() {
    const found = rows.filter((each) => each.found.includes(state.word));
    shown.replaceChildren(plainTable(head, found.slice(state.from, state.from + PAGE).map(cells), [3, 4, 5], "instructions"));
    place.textContent = found.length ? `${state.from + 1} to ${Math.min(found.length, state.from + PAGE)} of ${found.length}` : "nothing found";
    back.disabled = state.from === 0;
    on.disabled = state.from + PAGE >= found.length;
  }
  show();
  const older = told.left_out ? nothing(`The ${told.left_out} oldest are left out here; the run's instructions.parquet has all.`) : null;
  return [element("div", { class: "tools" }, search, back, on, place), older, shown];
}

function lotsCharts(run) {
  const symbols = Object.keys(run.lots);
  if (!symbols.length) return nothing("No lots were given.");
  const x = period([run.curve.t, ...Object.values(run.lots).map((each) => each.t)]);
  const made = symbols.slice(0, SYMBOLS).map((symbol) => {
    const { t, lots } = run.lots[symbol];
    const layers = [{ kind: "dots", color: "var(--blue)", xs: t, ys: lots, size: 2.5 }];
    const tell = (i) => `${moment(t[i])}: ${number(lots[i], 2)} lots`;
    return chart({ title: symbol, height: 150, layers, legend: false, x, y: { label: "lots", from: 0 }, cursor: { xs: t, tell } });
  });
  if (symbols.length > SYMBOLS) made.push(nothing(`Not drawn: ${symbols.slice(SYMBOLS).join(", ")}.`));
  return made;
}

function multiplesChart(run) {
  const { edges, counts, mean } = run.multiples;
  if (!counts.length) return nothing("No closed trade with a known risk.");
  const paint = (i) => (edges[i] < 0 ? "var(--red)" : "var(--blue)");
  const layers = [
    { kind: "bars", edges, ys: counts, paint },
    { kind: "level", color: "var(--rule)", ys: [0] },
    { kind: "line", name: "losses", color: "var(--red)", width: 8, xs: [], ys: [] },
    { kind: "line", name: "gains", color: "var(--blue)", width: 8, xs: [], ys: [] },
    { kind: "upright", name: `mean ${number(mean, 2)} R`, color: "var(--ink)", dash: "5 3", xs: [mean] },
  ];
  const middles = counts.map((_, i) => (edges[i] + edges[i + 1]) / 2);
  const tell = (i) => `${number(edges[i], 2)} to ${number(edges[i + 1], 2)} R: ${counts[i]} trades`;
  return chart({
    title: "R-multiples of the trades", layers, x: { label: "net result / risk at the stop (R)", low: edges[0], high: edges[edges.length - 1] },
    y: { label: "trades", from: 0 }, cursor: { xs: middles, tell },
  });
}

function forecastChart(run) {
  const { forecast } = run.figures;
  const told = [["decided trades that are closed", forecast.compared], ["of these, losses", forecast.losses],
    ["losses beyond the money at the stop", forecast.beyond_stop], ["losses beyond the expected shortfall", forecast.beyond_shortfall],
    ["losses beyond the worst case that was reserved", forecast.beyond_worst_case]];
  const table = plainTable(["", "count"], told.map(([name, count]) => [name, String(count)]), [1]);
  const excess = forecast.mean_excess === null ? null
    : nothing(`Those beyond the expected shortfall lost ${number(forecast.mean_excess, 2)} times it on average.`);
  if (!run.forecasts.length) return [nothing("No decided trade has lost."), table];
  const split = { within: [], beyond: [] };
  for (const each of run.forecasts) split[each[3] > each[1] ? "beyond" : "within"].push(each);
  const dots = (name, form, color, list) => ({ kind: "dots", name, form, color, xs: list.map((each) => each[1]), ys: list.map((each) => each[3]), size: 3.5 });
  const top = Math.max(...run.forecasts.map((each) => each[1])) * 1.05;
  const layers = [
    { kind: "line", name: "loss = forecast", color: "var(--ink)", dash: "5 3", width: 1, xs: [0, top], ys: [0, top] },
    dots("loss within the forecast", "dot", "var(--blue)", split.within),
    dots("loss beyond it", "cross", "var(--red)", split.beyond),
  ];
  return [chart({
    title: "Losses against their forecast expected shortfall", height: 320, layers,
    x: { label: `forecast expected shortfall (${money(run)})`, low: 0, high: top }, y: { label: `loss (${money(run)})`, from: 0 },
  }), table, excess];
}

function momentParts(run) {
  if (!run.moments.length) return nothing("No loss rule was measured.");
  return run.moments.map((each) => {
    const title = each.breach
      ? `Breach of ${each.rule}, ${moment(each.t)} UTC: equity ${number(each.equity, 2)}, floor ${number(each.floor, 2)} ${money(run)}`
      : `Nearest to ${each.rule}: ${number(each.headroom, 2)} ${money(run)} left, ${moment(each.t)} UTC`;
    return [element("h3", {}, title), roomBefore(run, each), openTable(run, each)];
  });
}

function roomBefore(run, each) {
  if (!each.times.length) return null;
  const name = each.breach ? "the breach" : "the least";
  const layers = [
    { kind: "line", name: `headroom of ${each.rule}`, color: "var(--blue)", xs: each.times, ys: each.room, step: true },
    { kind: "level", name: "0: breach", color: "var(--red)", dash: "6 3", ys: [0] },
    { kind: "upright", name, color: "var(--ink)", dash: "2 2", xs: [each.t] },
  ];
  const tell = (i) => `${moment(each.times[i])}: ${number(each.room[i], 2)} ${money(run)}`;
  return chart({ title: "The day before", height: 190, layers, x: period([each.times, [each.t]]), y: { label: money(run), with: [0] }, cursor: { xs: each.times, tell } });
}

function openTable(run, each) {
  if (!each.open.length) return nothing("No position was open then.");
  const head = ["decision", "position", "opened", "closed", "by", `worst (${money(run)})`, `net (${money(run)})`];
  const rows = each.open.map((trade) => [trade.decision < 0 ? `ticket ${trade.ticket}` : `#${trade.decision}`,
    `${trade.side} ${number(trade.lots, 2)} ${trade.symbol}`, when(trade.opened_ms), when(trade.closed_ms), trade.reason,
    number(trade.worst, 2), number(trade.net, 2)]);
  return [element("h4", {}, `Open then: ${each.open.length}`), plainTable(head, rows, [5, 6])];
}

const COLUMNS = [
  { name: "#", key: "number", right: true },
  { name: "time (UTC)", key: "time_ms", text: (row) => when(row.time_ms) },
  { name: "symbol", key: "symbol", text: (row) => [row.symbol, element("span", { class: "narrow" }, ` ${row.side}`)] },
  { name: "side", key: "side", aside: true },
  { name: "lots", key: "lots", right: true, text: (row) => number(row.lots, 2) },
  { name: "base lots", key: "base_lots", right: true, aside: true, text: (row) => number(row.base_lots, 2) },
  { name: "bound by, or refused", key: "why", text: (row) => breakable(row.why) },
  { name: "risk", key: "risk_amount", right: true, aside: true, text: (row) => number(row.risk_amount, 2) },
  { name: "risk %", key: "risk_percent", right: true, aside: true, text: (row) => number(row.risk_percent, 2) },
  { name: "shortfall", key: "expected_shortfall", right: true, aside: true, text: (row) => number(row.expected_shortfall, 2) },
  { name: "net", key: "net", right: true, aside: true, text: (row) => number(row.net, 2) },
  { name: "R", key: "r", right: true, text: (row) => number(row.r, 2) },
];

// A name that may be broken after its underscores.
function breakable(name) {
  return name.split("_").flatMap((word, i) => (i ? ["_", element("wbr"), word] : [word]));
}

function compareBy(key, down) {
  return (a, b) => {
    const [x, y] = [a[key], b[key]];
    if (x === y) return a.number - b.number;
    if (x === undefined) return 1;
    if (y === undefined) return -1;
    return (x < y ? -1 : 1) * (down ? -1 : 1);
  };
}

function decisionsTable(run, index) {
  for (const row of run.decisions) {
    row.why = row.code || row.binding || "";
    row.found = [`#${row.number}`, moment(row.time_ms), row.symbol, row.side, row.why, row.runner_up, row.message, row.outcome].join(" ").toLowerCase();
  }
  const first = run.decisions.find((row) => !row.code);
  const state = { key: "number", down: false, from: 0, word: "", open: first ? first.number : null };
  const body = element("tbody", {});
  const place = element("span", { role: "status" });
  const turn = (by) => () => { state.from += by; show(); };
  const back = element("button", { type: "button", onclick: turn(-PAGE) }, "previous");
  const on = element("button", { type: "button", onclick: turn(PAGE) }, "next");
  const search = element("input", { type: "search", placeholder: "symbol, cap, code, date ...", "aria-label": "Search the decisions",
    oninput: (event) => { state.word = event.target.value.toLowerCase().trim(); state.from = 0; show(); } });
  const heads = COLUMNS.map((column) => element("th", { scope: "col", class: classes(column) },
    element("button", { type: "button", onclick: () => { state.down = state.key === column.key && !state.down; state.key = column.key; state.from = 0; show(); } }, column.name)));
  const choose = (chosen) => {
    state.open = state.open === chosen ? null : chosen;
    show();
    const button = body.querySelector(`button[data-number="${chosen}"]`);
    if (button) button.focus();
  };
  function show() {
    const rows = run.decisions.filter((row) => row.found.includes(state.word)).sort(compareBy(state.key, state.down));
    body.replaceChildren(...rows.slice(state.from, state.from + PAGE).flatMap((row) => decisionRows(run, index, row, state.open === row.number, choose)));
    place.textContent = rows.length ? `${state.from + 1} to ${Math.min(rows.length, state.from + PAGE)} of ${rows.length}` : "nothing found";
    back.disabled = state.from === 0;
    on.disabled = state.from + PAGE >= rows.length;
    heads.forEach((head, i) => {
      const sorted = COLUMNS[i].key === state.key;
      head.setAttribute("aria-sort", sorted ? (state.down ? "descending" : "ascending") : "none");
      head.firstChild.textContent = COLUMNS[i].name + (sorted ? (state.down ? " ▾" : " ▴") : "");
    });
  }
  show();
  const older = run.left_out ? nothing(`The ${run.left_out} oldest decisions are left out here; the run's decisions.parquet has all.`) : null;
  return [element("div", { class: "tools" }, search, back, on, place), older,
    scroll(element("table", { class: "list decisions" }, element("thead", {}, element("tr", {}, heads)), body))];
}

function classes(column) {
  return [column.right ? "number" : "", column.aside ? "aside" : ""].join(" ").trim() || null;
}

function decisionRows(run, index, row, open, choose) {
  const cells = COLUMNS.map((column, i) => {
    const text = column.text ? column.text(row) : String(row[column.key]);
    const own = i ? text : element("button", { type: "button", "data-number": row.number, "aria-expanded": String(open),
      "aria-label": `Waterfall of decision ${row.number}`, onclick: () => choose(row.number) }, text);
    return element("td", { class: classes(column) }, own);
  });
  const line = element("tr", { class: open ? "chosen" : null }, cells);
  if (!open) return [line];
  return [line, element("tr", { class: "detail" }, element("td", { colspan: COLUMNS.length }, element("div", { class: "panel" }, waterfall(run, row))))];
}

function waterfall(run, row) {
  const told = run.waterfalls[row.number];
  const parts = [row.message ? element("p", {}, row.message) : null, facts(run, row)];
  if (!told) return [...parts, nothing("Its waterfall is left out here: lotbridge explain has it, from the run's journal.")];
  if (told.factors.length) parts.push(element("h4", {}, "What scaled the risk"), factorsTable(told.factors));
  if (told.caps.length) parts.push(element("h4", {}, `What limited the lots: base ${number(row.base_lots, 4)}, given ${number(row.lots, 2)}`), ...capsTable(told.caps, row));
  return parts;
}

function facts(run, row) {
  const told = [["entry", row.entry], ["stop", row.stop_loss], ["target", row.take_profit], ["confidence", row.confidence],
    ["market score", row.market_score], ["equity", row.equity], ["worst case", row.worst_case], ["expected shortfall", row.expected_shortfall]];
  const known = told.filter(([, value]) => value !== undefined).map(([name, value]) => `${name} ${value.toLocaleString("en-US", { maximumFractionDigits: 5 })}`);
  const after = row.net === undefined ? row.outcome.replaceAll("_", " ") : `net ${number(row.net, 2)} ${money(run)}`;
  return nothing(`${known.join(", ")}; ${after}`);
}

function factorsTable(factors) {
  const rows = factors.map(([name, value, detail]) => {
    const made = element("span", { class: `bar ${value < 1 ? "less" : "more"}` });
    const reach = Math.min(1, Math.abs(value - 1)) * 50;
    made.style.left = `${value < 1 ? 50 - reach : 50}%`;
    made.style.width = `${reach}%`;
    made.hidden = Math.abs(value - 1) < 0.005;
    const scale = element("div", { class: "scale", role: "img", "aria-label": `times ${number(value, 2)}` }, made);
    return element("tr", {}, element("th", { scope: "row" }, name), element("td", { class: "number" }, `× ${number(value, 2)}`),
      element("td", {}, scale), element("td", {}, detail));
  });
  return element("table", { class: "list falls" }, element("tbody", {}, rows));
}

function capsTable(caps, row) {
  const limits = caps.filter((cap) => cap[1] !== null).sort((a, b) => a[1] - b[1]);
  const free = caps.filter((cap) => cap[1] === null).map(([name, , detail]) => `${name} (${detail})`);
  const binding = caps.find((cap) => cap[0] === row.binding);
  const top = Math.max(row.base_lots, binding && binding[1] ? binding[1] : 0, row.lots, 0.01) * 2;
  const rows = limits.map(([name, lots, detail]) => {
    const mark = name === row.binding ? "binds" : name === row.runner_up ? "next" : "";
    const track = element("div", { class: `track ${lots > top ? "cut" : ""}` }, bar(lots / top, mark || (lots > top ? "rest" : "")));
    return element("tr", { class: mark === "binds" ? "binds" : null }, element("th", { scope: "row" }, breakable(name), mark ? ` (${mark})` : ""),
      element("td", { class: "number" }, number(Math.floor(lots * 1e4 + 1e-6) / 1e4, 4)), element("td", {}, track), element("td", {}, detail));
  });
  return [element("table", { class: "list caps" }, element("tbody", {}, rows)),
    free.length ? nothing(`No limit from: ${free.join(", ")}.`) : null];
}

function comparison() {
  const host = document.getElementById("compared");
  const [a, b] = RUNS;
  const layers = [
    { kind: "line", name: label(0), color: "var(--blue)", xs: a.curve.t, ys: a.curve.equity },
    { kind: "line", name: label(1), color: "var(--red)", dash: "6 3", xs: b.curve.t, ys: b.curve.equity },
  ];
  const tell = (i) => {
    const other = b.curve.t.length ? number(b.curve.equity[nearest(b.curve.t, a.curve.t[i])], 2) : "-";
    return `${moment(a.curve.t[i])}: A ${number(a.curve.equity[i], 2)}, B ${other}`;
  };
  host.append(chart({
    title: "Equity of both", height: 320, layers, x: period([a.curve.t, b.curve.t]), y: { label: money(a) }, cursor: { xs: a.curve.t, tell },
  }));
  const { count, rows } = DATA.changes;
  host.append(element("h3", {}, `Decisions that differ: ${count}`));
  if (!count) return;
  const shown = element("div", {});
  const state = { from: 0 };
  const step = (by) => () => { state.from += by; show(); };
  const back = element("button", { type: "button", onclick: step(-PAGE) }, "previous");
  const on = element("button", { type: "button", onclick: step(PAGE) }, "next");
  const place = element("span", { role: "status" });
  const said = (answer) => (answer ? [number(answer.lots, 2), answer.why || "", `#${answer.number}`] : ["not asked", "", ""]);
  function show() {
    const part = rows.slice(state.from, state.from + PAGE);
    const cells = part.map((each) => [when(each.t), `${each.side} ${each.symbol}`, ...said(each.a).slice(0, 2), ...said(each.b).slice(0, 2)]);
    shown.replaceChildren(plainTable(["time (UTC)", "wish", "A lots", "A bound by, or refused", "B lots", "B bound by, or refused"], cells, [2, 4], "changes"));
    place.textContent = `${state.from + 1} to ${Math.min(rows.length, state.from + PAGE)} of ${rows.length}${count > rows.length ? " (the first)" : ""}`;
    back.disabled = state.from === 0;
    on.disabled = state.from + PAGE >= rows.length;
  }
  show();
  host.append(element("div", { class: "tools" }, back, on, place), shown);
}

if (RUNS.length > 1) comparison();
section("equity", equityChart);
if (document.getElementById("instructions")) section("instructions", instructionParts);
section("headroom", headroomChart);
section("drawdown", drawdownChart);
section("breach", momentParts);
section("decisions", decisionsTable);
section("caps", (run) => [countBars("Granted: which cap bound", run.figures.bound, "granted decision"),
  countBars("Refused: by which code", run.figures.refused, "refusal", "binds")]);
section("lots", lotsCharts);
section("multiples", multiplesChart);
section("forecast", forecastChart);
document.documentElement.dataset.ready = "yes";
