"use strict";
// Charts on SVG: drawn to the width there is, drawn again when it changes. Text goes in as text, never as markup.

const SVG = "http://www.w3.org/2000/svg";
const DAY = 86400000;
const HOUR = 3600000;

function element(tag, attributes, ...children) {
  const made = document.createElement(tag);
  fill(made, attributes, children);
  return made;
}

function shape(tag, attributes, ...children) {
  const made = document.createElementNS(SVG, tag);
  fill(made, attributes, children);
  return made;
}

function fill(made, attributes, children) {
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else made.setAttribute(name, value === true ? "" : String(value));
  }
  for (const child of children.flat(Infinity)) {
    if (child !== null && child !== undefined) made.append(child);
  }
}

function number(value, decimals) {
  if (value === null || value === undefined) return "-";
  return (value + 0).toLocaleString("en-US", { minimumFractionDigits: decimals, maximumFractionDigits: decimals });
}

function moment(ms) {
  return new Date(ms).toISOString().slice(0, 16).replace("T", " ");
}

// The same for a cell of a table: it breaks between day and time only.
function when(ms) {
  const [day, time] = moment(ms).split(" ");
  return [element("span", { class: "whole" }, day), ` ${time}`];
}

function range(lists) {
  let low = Infinity;
  let high = -Infinity;
  for (const list of lists) {
    for (const value of list) {
      if (value === null || value === undefined) continue;
      if (value < low) low = value;
      if (value > high) high = value;
    }
  }
  return low > high ? [0, 1] : [low, high];
}

function niceSteps(low, high, count) {
  const rough = (high - low) / Math.max(1, count) || 1;
  const power = Math.pow(10, Math.floor(Math.log10(rough)));
  const step = [1, 2, 2.5, 5, 10].map((each) => each * power).find((each) => each >= rough * 0.999);
  const ticks = [];
  for (let at = Math.ceil(low / step - 1e-9); at * step <= high + step * 1e-9; at++) ticks.push(at * step + 0);
  const decimals = Math.max(0, Math.min(6, -Math.floor(Math.log10(step) + 1e-9) + (step / power === 2.5 ? 1 : 0)));
  return { ticks, decimals };
}

function timeSteps(low, high, count) {
  const hours = [1, 2, 3, 6, 12].map((each) => each * HOUR);
  const days = [1, 2, 7, 14].map((each) => each * DAY);
  const step = [...hours, ...days].find((each) => (high - low) / each <= count);
  const ticks = [];
  if (step) {
    for (let at = Math.ceil(low / step) * step; at <= high; at += step) ticks.push(at);
  } else {
    const months = Math.max(1, Math.ceil((high - low) / (30.4 * DAY) / count));
    const start = new Date(low);
    for (let month = 0; ; month += months) {
      const at = Date.UTC(start.getUTCFullYear(), start.getUTCMonth() + 1 + month, 1);
      if (at > high) break;
      ticks.push(at);
    }
  }
  const name = (at) => {
    const text = new Date(at).toISOString();
    if (step < DAY && at % DAY) return text.slice(11, 16);
    return high - low > 400 * DAY ? text.slice(0, 7) : text.slice(5, 10);
  };
  return { ticks, name };
}

// A line through points; null breaks it. `step` holds the value that a point ends with since the point before.
function linePath(xs, ys, step) {
  let path = "";
  let pen = false;
  for (let i = 0; i < xs.length; i++) {
    if (ys[i] === null) {
      pen = false;
      continue;
    }
    const x = xs[i].toFixed(1);
    const y = ys[i].toFixed(1);
    if (!pen) path += `M${step && i > 0 ? xs[i - 1].toFixed(1) : x} ${y}H${x}`;
    else path += step ? `V${y}H${x}` : `L${x} ${y}`;
    pen = true;
  }
  return path;
}

function bandPath(xs, low, high) {
  const up = xs.map((x, i) => `${x.toFixed(1)} ${high[i].toFixed(1)}`);
  const down = xs.map((x, i) => `${x.toFixed(1)} ${low[i].toFixed(1)}`).reverse();
  return xs.length ? `M${up.join("L")}L${down.join("L")}Z` : "";
}

function dot(x, y, form, size) {
  const [a, b] = [x.toFixed(1), y.toFixed(1)];
  const s = size || 3;
  if (form === "cross") return `M${x - s} ${y - s}L${x + s} ${y + s}M${x - s} ${y + s}L${x + s} ${y - s}`;
  if (form === "down") return `M${a} ${y + s}L${x + s} ${y - s}H${x - s}Z`;
  if (form === "diamond") return `M${a} ${y - s}L${x + s} ${b}L${a} ${y + s}L${x - s} ${b}Z`;
  if (form === "square") return `M${x - s} ${y - s}H${x + s}V${y + s}H${x - s}Z`;
  if (form === "dash") return `M${x - 1.6 * s} ${b}H${x + 1.6 * s}`;
  if (form === "triangle") return `M${a} ${y - s}L${x + s} ${y + s}H${x - s}Z`;
  return `M${x - s} ${b}a${s} ${s} 0 1 0 ${2 * s} 0a${s} ${s} 0 1 0 ${-2 * s} 0Z`;
}

function legend(layers) {
  const named = layers.filter((layer) => layer.name);
  return element("ul", { class: "legend" }, named.map((layer) => {
    const swatch = shape("svg", { "aria-hidden": "true", viewBox: "0 0 30 12" });
    if (layer.kind === "band" || layer.kind === "bars") {
      swatch.append(shape("rect", { x: 2, y: 1, width: 26, height: 10, fill: layer.color, opacity: layer.kind === "band" ? 0.3 : 1 }));
    } else if (layer.kind === "dots" || layer.kind === "marks") {
      swatch.append(shape("path", { d: dot(15, 6, layer.form, 4), ...dotStyle(layer) }));
    } else {
      swatch.append(shape("path", { d: "M0 6H30", ...lineStyle(layer) }));
    }
    return element("li", {}, swatch, layer.name);
  }));
}

function lineStyle(layer) {
  return { fill: "none", stroke: layer.color, "stroke-width": layer.width || 1.75, "stroke-dasharray": layer.dash, "stroke-linejoin": "round" };
}

function dotStyle(layer) {
  return ["cross", "dash", "ring"].includes(layer.form)
    ? { fill: "none", stroke: layer.color, "stroke-width": layer.form === "dash" ? 3 : 2 }
    : { fill: layer.color, "fill-opacity": layer.fade || 0.75, stroke: "none" };
}

// A chart: `spec` has title, note, x and y {label, time, low, high}, layers, height, and cursor {xs, tell(i)}.
function chart(spec) {
  const readout = element("div", { class: "readout", "aria-hidden": "true" });
  const plot = element("div", { class: "plot" });
  const figure = element("figure", {},
    element("h3", {}, spec.title),
    spec.note ? element("figcaption", {}, spec.note) : null,
    spec.legend === false ? null : legend(spec.layers),
    plot,
    spec.cursor ? readout : null);
  const state = { at: null, drawn: 0, frame: null };
  const tell = (at) => {
    state.at = at;
    const text = at === null ? "" : spec.cursor.tell(at);
    readout.textContent = text;
    if (at !== null) plot.setAttribute("aria-valuetext", text);
    plot.setAttribute("aria-valuenow", String(at === null ? 0 : at));
    placeCursor(state, spec);
  };
  const draw = () => {
    const width = Math.floor(plot.clientWidth);
    if (!width || width === state.drawn) return;
    state.drawn = width;
    plot.replaceChildren(drawn(spec, width, state));
    placeCursor(state, spec);
  };
  if (spec.cursor && spec.cursor.xs.length) {
    listen(plot, spec, state, tell);
    tell(null);
  }
  new ResizeObserver(draw).observe(plot);
  return figure;
}

function drawn(spec, width, state) {
  const height = spec.height || 260;
  const [low, high] = spread(spec);
  const { ticks, decimals } = niceSteps(low, high, height / 48);
  const names = ticks.map((tick) => number(tick, decimals));
  const left = 12 + 7.2 * Math.max(...names.map((name) => name.length), 1);
  const box = { left, right: width - 14, top: 22, bottom: height - 40 };
  const [first, last] = [spec.x.low, spec.x.high === spec.x.low ? spec.x.low + 1 : spec.x.high];
  const across = (x) => box.left + ((x - first) / (last - first)) * (box.right - box.left);
  const down = (y) => box.bottom - ((y - low) / (high - low)) * (box.bottom - box.top);
  const svg = shape("svg", { viewBox: `0 0 ${width} ${height}`, height, role: "img", "aria-label": `${spec.title}. ${spec.note || ""}` });
  ticks.forEach((tick, i) => {
    svg.append(shape("path", { class: "grid", d: `M${box.left} ${down(tick).toFixed(1)}H${box.right}` }));
    svg.append(shape("text", { x: box.left - 6, y: down(tick) + 4, "text-anchor": "end" }, names[i]));
  });
  acrossAxis(svg, spec, box, across, width);
  svg.append(shape("text", { class: "label", x: 0, y: 11 }, spec.y.label));
  svg.append(shape("text", { class: "label", x: box.right, y: height - 4, "text-anchor": "end" }, spec.x.label));
  for (const layer of spec.layers) svg.append(...layerShapes(layer, across, down, box));
  state.line = shape("path", { stroke: "var(--ink)", "stroke-width": 1, "stroke-dasharray": "2 2", visibility: "hidden" });
  state.place = (x) => `M${across(x).toFixed(1)} ${box.top}V${box.bottom}`;
  state.value = (pixel) => first + ((pixel - box.left) / (box.right - box.left)) * (last - first);
  svg.append(state.line);
  return svg;
}

function spread(spec) {
  const lists = spec.layers.map((layer) => layer.span || layer.ys || []).concat(spec.layers.map((layer) => layer.lows || []));
  let [low, high] = range(lists.concat([spec.y.with || []]));
  const room = (high - low || Math.abs(high) || 1) * 0.05;
  low = spec.y.from === undefined ? low - room : Math.min(low, spec.y.from);
  high = spec.y.to === undefined ? high + room : Math.max(high, spec.y.to);
  return [low, high === low ? low + 1 : high];
}

function acrossAxis(svg, spec, box, across, width) {
  svg.append(shape("path", { class: "axis", d: `M${box.left} ${box.bottom}H${box.right}` }));
  const count = Math.max(2, Math.floor((box.right - box.left) / 74));
  const steps = spec.x.time ? timeSteps(spec.x.low, spec.x.high, count) : niceSteps(spec.x.low, spec.x.high, count);
  for (const tick of steps.ticks) {
    const x = across(tick);
    svg.append(shape("path", { class: "axis", d: `M${x.toFixed(1)} ${box.bottom}v4` }));
    const text = spec.x.time ? steps.name(tick) : number(tick, steps.decimals);
    const half = text.length * 3.4;
    svg.append(shape("text", { x: Math.min(Math.max(x, half), width - half), y: box.bottom + 17, "text-anchor": "middle" }, text));
  }
}

function layerShapes(layer, across, down, box) {
  if (layer.kind === "band") {
    const path = bandPath(layer.xs.map(across), layer.lows.map(down), layer.ys.map(down));
    return [shape("path", { class: "drawn", d: path, fill: layer.color, opacity: 0.3, stroke: "none" })];
  }
  if (layer.kind === "bars") {
    return layer.ys.map((count, i) => {
      const [x, end] = [across(layer.edges[i]) + 0.5, across(layer.edges[i + 1]) - 0.5];
      const style = { fill: layer.paint(i), class: "drawn" };
      return shape("rect", { x, y: down(count), width: Math.max(1, end - x), height: Math.max(0, box.bottom - down(count)), ...style });
    });
  }
  if (layer.kind === "dots") {
    const path = layer.xs.map((x, i) => dot(across(x), down(layer.ys[i]), layer.form, layer.size)).join("");
    return [shape("path", { class: "drawn", d: path, ...dotStyle(layer) })];
  }
  if (layer.kind === "marks") {
    // Each by itself, with its words, and with room around it to be pointed at.
    return layer.xs.map((x, i) => shape("g", {}, shape("title", {}, layer.titles[i]),
      shape("path", { d: dot(across(x), down(layer.ys[i]), "dot", 9), fill: "transparent" }),
      shape("path", { class: "drawn mark", d: dot(across(x), down(layer.ys[i]), layer.form, layer.size), ...dotStyle(layer) })));
  }
  if (layer.kind === "level") {
    return [shape("path", { class: "drawn guide", d: `M${box.left} ${down(layer.ys[0]).toFixed(1)}H${box.right}`, ...lineStyle(layer) })];
  }
  if (layer.kind === "upright") {
    return [shape("path", { class: "drawn guide", d: `M${across(layer.xs[0]).toFixed(1)} ${box.top}V${box.bottom}`, ...lineStyle(layer) })];
  }
  const ys = layer.ys.map((y) => (y === null ? null : down(y)));
  return [shape("path", { class: "drawn", d: linePath(layer.xs.map(across), ys, layer.step), ...lineStyle(layer) })];
}

function placeCursor(state, spec) {
  if (!state.line) return;
  state.line.setAttribute("visibility", state.at === null ? "hidden" : "visible");
  if (state.at !== null) state.line.setAttribute("d", state.place(spec.cursor.xs[state.at]));
}

function nearest(xs, value) {
  let [low, high] = [0, xs.length - 1];
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (xs[middle] < value) low = middle;
    else high = middle;
  }
  return value - xs[low] < xs[high] - value ? low : high;
}

function listen(plot, spec, state, tell) {
  const last = spec.cursor.xs.length - 1;
  const big = Math.max(1, Math.round(last / 20));
  const about = { tabindex: 0, role: "slider", "aria-label": `${spec.title}: read a point`, "aria-valuemin": 0, "aria-valuemax": last };
  fill(plot, about, []);
  plot.addEventListener("pointermove", (event) => {
    if (!state.value) return;
    const pixel = event.clientX - plot.getBoundingClientRect().left;
    tell(nearest(spec.cursor.xs, state.value(pixel)));
  });
  plot.addEventListener("keydown", (event) => {
    const from = state.at === null ? last : state.at;
    const moves = { ArrowLeft: from - 1, ArrowRight: from + 1, PageUp: from - big, PageDown: from + big, Home: 0, End: last };
    if (!(event.key in moves)) return;
    event.preventDefault();
    tell(Math.min(last, Math.max(0, moves[event.key])));
  });
}
