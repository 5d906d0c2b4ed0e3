// Draws #film-data into #film: a slider over the steps of training, the tokens of one pair under each method.
(() => {
  const data = JSON.parse(document.getElementById("film-data").textContent);
  const film = document.getElementById("film");
  const [button, slider, output, select] = ["button", "input", "output", "select"].map((tag) => film.querySelector(tag));
  const sides = ["chosen", "rejected"];
  const unsigned = (text) => text.replace(/^-(0\.?0*)$/, "$1").replace("-", "−");
  const fixed = (value, digits) => (value > 0 ? "+" : "") + unsigned(value.toFixed(digits));
  const sum = (values) => values.reduce((a, b) => a + b, 0);

  function create(parent, tag, name, text) {
    const node = parent.appendChild(document.createElement(tag));
    if (name) node.className = name;
    if (text !== undefined) node.textContent = text;
    return node;
  }

  function shape(parent, tag, attributes, text) {
    const node = parent.appendChild(document.createElementNS("http://www.w3.org/2000/svg", tag));
    for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
    if (text !== undefined) node.textContent = text;
    return node;
  }

  // White at 0, the root of the share of the limit towards blue or orange, as in film.py.
  function paint(node, gain) {
    const share = Math.min(1, Math.sqrt(Math.abs(gain) / data.limit));
    const end = gain > 0 ? [0, 114, 178] : [179, 88, 6];
    node.style.background = `rgb(${end.map((c) => Math.round(255 + (c - 255) * share)).join()})`;
    node.style.color = share > 0.7 ? "#fff" : "#1f2328";
  }

  function answer(card, pair, side) {
    const title = create(card, "p", "side");
    create(title, "b", "", side);
    const total = create(title, "span");
    const row = create(card, "p", "tokens");
    const tokens = pair[side].tokens.map((text, i) => {
      const token = create(row, "span", pair[side].marked[i] ? "token marked" : "token");
      if (i && text.startsWith(" ")) token.style.marginLeft = "0.4em";
      const word = create(token, "span", "word", text.trim() || " ");
      return { token, word, bar: create(create(token, "span", "kl"), "i") };
    });
    return { total, tokens };
  }

  // Phrases as lines; their names stand at the right end, pushed apart where they meet.
  function chart(card, method, p) {
    const svg = shape(card, "svg", { viewBox: "0 0 360 150", role: "img" });
    const last = data.steps.length - 1;
    const all = data.methods.flatMap((m) => m.margins.flatMap((frame) => frame[p])).concat(0);
    const low = Math.min(...all), high = Math.max(...all, low + 1);
    const x = (i) => 34 + (246 * data.steps[i]) / data.steps[last];
    const y = (v) => 130 - (110 * (v - low)) / (high - low);
    for (const v of new Set([low, 0, high])) {
      shape(svg, "line", { x1: 34, x2: 280, y1: y(v), y2: y(v), stroke: "#d8dee4" });
      const free = v === 0 || Math.abs(y(v) - y(0)) > 12;
      if (free) shape(svg, "text", { x: 30, y: y(v) + 4, "text-anchor": "end" }, fixed(v, 0));
    }
    shape(svg, "text", { x: 34, y: 146 }, "margin of each phrase, nats, over " + data.steps[last] + " steps");
    const names = data.pairs[p].phrases;
    const ends = names.map((name, k) => ({ name, at: y(method.margins[last][p][k]) })).sort((a, b) => a.at - b.at);
    const gap = Math.min(12, 120 / ends.length);
    ends.forEach((end, i) => { if (i) end.at = Math.max(end.at, ends[i - 1].at + gap); });
    const over = Math.max(0, (ends.at(-1)?.at ?? 0) - 136);
    for (const end of ends) shape(svg, "text", { x: 286, y: end.at - over + 4 }, end.name);
    const line = (stroke, width) => shape(svg, "polyline", { fill: "none", stroke, "stroke-width": width });
    const curve = (stroke, width) => names.map(() => line(stroke, width));
    const faint = curve("#d0d7de", 1.5), bold = curve(method.colour, 2);
    const point = (i, k) => `${x(i)},${y(method.margins[i][p][k])}`;
    const points = (k, end) => data.steps.slice(0, end + 1).map((_, i) => point(i, k)).join(" ");
    faint.forEach((node, k) => node.setAttribute("points", points(k, last)));
    return (step) => bold.forEach((node, k) => node.setAttribute("points", points(k, step)));
  }

  function build(p) {
    const place = film.querySelector(".methods");
    place.replaceChildren();
    return data.methods.map((method) => {
      const card = create(place, "section");
      create(card, "h4", "", method.label).style.borderColor = method.colour;
      const drawn = sides.map((side) => answer(card, data.pairs[p], side));
      return { method, drawn, margin: chart(card, method, p) };
    });
  }

  let cards = build(0), timer = null;

  function show() {
    const step = Number(slider.value), p = Number(select.value);
    output.textContent = "step " + data.steps[step];
    for (const { method, drawn, margin } of cards) {
      sides.forEach((side, s) => {
        const { gain, kl } = method.frames[step][p][side];
        drawn[s].total.textContent = ` gain ${fixed(sum(gain), 1)}, KL ${sum(kl).toFixed(2)} nats`;
        drawn[s].tokens.forEach(({ token, word, bar }, i) => {
          paint(word, gain[i]);
          bar.style.height = (18 * kl[i]) / data.kl_limit + "px";
          token.title = `gain ${fixed(gain[i], 2)}, KL ${kl[i].toFixed(3)} nats`;
        });
      });
      margin(step);
    }
  }

  function stop() {
    clearInterval(timer);
    timer = null;
    button.textContent = "▶ play";
  }

  button.addEventListener("click", () => {
    if (timer) return stop();
    if (slider.value === slider.max) slider.value = 0;
    show();
    button.textContent = "❚❚ stop";
    timer = setInterval(() => {
      slider.value = Number(slider.value) + 1;
      show();
      if (slider.value === slider.max) stop();
    }, 160);
  });
  slider.addEventListener("input", () => { stop(); show(); });
  select.addEventListener("change", () => { cards = build(Number(select.value)); show(); });
  show();
})();
